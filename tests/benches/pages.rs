//! What the console's pages cost with ten thousand conversations: the time until a page is there and its size. Run with
//! `cargo bench -p sambung-tests --bench pages`.
//!
//! Every conversation is made by webhooks, as a provider delivers them. A page is asked for by a person who is signed in, one after
//! the other; the time is the client's, so the server's is less.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT_ENCODING, COOKIE, SET_COOKIE};
use sambung_tests::api::Api;
use sambung_tests::bench::load::{Load, What};
use sambung_tests::bench::servers::Sambung;
use sambung_tests::bench::table::{head, median, row};
use sambung_tests::bench::{self, amount};
use sambung_tests::providers::http_client;
use serde_json::{Value, json};

/// Each has one conversation with two messages.
const CUSTOMERS: usize = 10_000;
const OF_EACH: usize = 2;
/// How often each page is asked for.
const READS: usize = 100;
/// What a page may take on the server.
const AIM: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    bench::main(measure)
}

async fn measure() {
    let mut load = Load::start();
    let sambung = Sambung::start("").await;
    let customers = amount(CUSTOMERS);
    let count = customers * OF_EACH;
    let first = load.number(count);
    let what = What::Webhooks { path: sambung.hook.clone(), first, count, customers: customers as u64 };
    load.run(sambung.address(), what).await;
    sambung.drained().await;
    let api = sambung.server.api();
    let cookie = signed_in(&api).await;

    let conversation = api.first_conversation().await;
    let (conversation, contact) = (id(&conversation), id(&conversation["contact"]));
    let channel = id(&api.get("/v1/channels").await["items"][0]);
    let pages = [
        ("the inbox", "/inbox".to_owned()),
        ("mine", "/inbox?of=mine".to_owned()),
        ("unread", "/inbox?unread=1".to_owned()),
        ("a search that finds", "/inbox?q=u".to_owned()),
        ("a search that finds nothing", "/inbox?q=zzzzzz".to_owned()),
        ("a conversation", format!("/inbox/{conversation}")),
        ("contacts", "/contacts".to_owned()),
        ("a search for contacts", "/contacts?q=zzzzzz".to_owned()),
        ("a contact", format!("/contacts/{contact}")),
        ("integrations", "/integrations".to_owned()),
        ("a channel", format!("/integrations/{channel}")),
        ("settings of a channel", format!("/integrations/{channel}/settings")),
        ("the audit log", "/settings/audit".to_owned()),
    ];
    head(
        &format!("{customers} conversations, aim {} ms", AIM.as_millis()),
        &["median ms", "p99 ms", "KB", "KB packed"],
    );
    for (name, path) in pages {
        let asked = Asked { url: api.url(&path), cookie: &cookie };
        let mut times = Vec::new();
        for _ in 0..READS {
            let began = Instant::now();
            asked.bytes("identity").await;
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        let worst = times[times.len() * 99 / 100];
        let sizes = [asked.bytes("identity").await, asked.bytes("gzip").await];
        let [whole, packed] = sizes.map(|bytes| format!("{:.1}", bytes as f64 / 1e3));
        row(name, &[format!("{:.1}", median(&times)), format!("{worst:.1}"), whole, packed]);
    }
}

fn id(shown: &Value) -> String {
    shown["id"].as_str().expect("what is shown has an id").to_owned()
}

/// The cookie of an operator who is signed in.
async fn signed_in(api: &Api) -> String {
    let (email, password) = ("pages@example.com", "a password for pages");
    let person = json!({ "email": email, "name": "Pages", "role": "operator", "password": password });
    api.expect(201, "POST", "/v1/users", person).await;
    let sent = http_client().post(api.url("/v1/session")).json(&json!({ "email": email, "password": password })).send();
    let answer = sent.await.expect("the server answers");
    let cookie = answer.headers()[SET_COOKIE].to_str().expect("a cookie is text");
    cookie.split(';').next().unwrap_or_default().to_owned()
}

struct Asked<'a> {
    url: String,
    cookie: &'a str,
}

impl Asked<'_> {
    /// Asks for the page: its bytes.
    async fn bytes(&self, encoding: &str) -> usize {
        let request = http_client().get(&self.url).header(COOKIE, self.cookie).header(ACCEPT_ENCODING, encoding);
        let answer = request.send().await.expect("the server answers");
        assert_eq!(answer.status(), 200, "{}", self.url);
        answer.bytes().await.expect("the page is whole").len()
    }
}
