//! A browser's part in a sign-in: it keeps cookies, goes where it is sent, and meets hosts where they are reached from here.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A browser.
pub struct Browser {
    client: reqwest::Client,
    leads: Vec<(String, String)>,
    cookies: Mutex<BTreeMap<String, String>>,
}

/// A page may send on so often.
const MOST_HOPS: usize = 10;

impl Browser {
    /// One for which what begins with the first of a pair is at the second.
    ///
    /// # Panics
    /// When the client cannot be built, which would be a fault of the build.
    pub fn new(leads: impl IntoIterator<Item = (String, String)>) -> Self {
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        Self {
            client: client.expect("a client without special options can be built"),
            leads: leads.into_iter().collect(),
            cookies: Mutex::default(),
        }
    }

    /// Opens an address and follows where it leads: the last page's status and words.
    ///
    /// # Panics
    /// When somebody does not answer, or sends it around in circles.
    pub async fn open(&self, url: &str) -> (u16, String) {
        let mut url = url.to_owned();
        for _ in 0..MOST_HOPS {
            // What stands behind `#` is the browser's own.
            let address = self.reached(url.split('#').next().unwrap_or_default());
            let answer = self.client.get(&address).header("cookie", self.cookies()).send().await;
            let answer = answer.unwrap_or_else(|error| panic!("{address}: {error}"));
            self.keep(&answer);
            match answer.headers().get("location").and_then(|next| next.to_str().ok()) {
                Some(next) => url = next.to_owned(),
                None => return (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
            }
        }
        panic!("sent around in circles: {url}");
    }

    fn reached(&self, url: &str) -> String {
        let lead = self.leads.iter().find_map(|(from, to)| Some(format!("{to}{}", url.strip_prefix(from.as_str())?)));
        lead.unwrap_or_else(|| url.to_owned())
    }

    fn cookies(&self) -> String {
        let jar = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        jar.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep(&self, answer: &reqwest::Response) {
        let mut jar = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        let set = answer.headers().get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
        for (name, value) in set.filter_map(|pair| pair.split(';').next()?.split_once('=')) {
            jar.insert(name.to_owned(), value.to_owned());
        }
    }
}
