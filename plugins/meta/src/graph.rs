//! Where the Graph API is, how its requests are authorized, and what it says when it refuses.

use crate::errors;
use sambung_sdk::crypto::{self, Piece};
use sambung_sdk::http::{Request, Response};
use sambung_sdk::json::Value;
use sambung_sdk::secrets;
use sambung_sdk::types::Fault;
use serde::Deserialize;
use std::fmt::Write;

/// The Graph API. Its version is the one constant to change; a version lives for about two years.
pub const GRAPH: &str = "https://graph.facebook.com/v25.0";
/// The same for accounts that signed in with Instagram.
pub const INSTAGRAM: &str = "https://graph.instagram.com/v25.0";

/// The secret of an app: proves the app itself to the API, and signs what Meta posts.
pub const APP_SECRET: &str = "app_secret";

/// Which API is asked, and by which secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access {
    /// [`GRAPH`] or [`INSTAGRAM`].
    pub base: &'static str,
    /// The secret that authorizes every call.
    pub token: &'static str,
    /// The secret that proves the caller to be the app itself, where the API takes such a proof.
    pub proof: Option<&'static str>,
}

impl Access {
    /// The Graph API, with the token that this secret holds.
    pub fn graph(token: &'static str) -> Self {
        Self { base: GRAPH, token, proof: Some(APP_SECRET) }
    }

    /// A request below the API's version, proved where the app's secret is set.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let request = Request::new(method, format!("{}/{path}", self.base)).bearer(self.token);
        match self.proof() {
            Some(proof) => request.query("appsecret_proof", &proof),
            None => request,
        }
    }

    /// HMAC-SHA256 of the token with the app's secret, in hex (Graph API, "Securing requests"). Without it a token that was
    /// stolen works anywhere; an app may insist on it.
    fn proof(&self) -> Option<String> {
        let secret = self.proof.filter(|secret| secrets::has(secret))?;
        let mac = crypto::hmac("sha256", &[Piece::named(secret)], &[Piece::named(self.token)]).ok()?;
        Some(mac.iter().fold(String::new(), |mut hex, byte| {
            // Writing to a string cannot fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }
}

/// What the API says when it refuses (Graph API, "Handling errors").
#[derive(Default, Debug)]
pub struct Refusal {
    /// The provider's code; 0: none was given.
    pub code: i64,
    /// Its second code; 0: none was given.
    pub subcode: i64,
    /// It says itself that trying again helps.
    pub transient: bool,
    /// The provider's words, or the status where it said nothing.
    pub words: String,
}

impl Refusal {
    /// Reads an answer that is no success.
    pub fn of(response: &Response) -> Self {
        Self::read(&response.value()["error"]).unwrap_or_else(|| Self {
            words: format!("Meta answered with status {}", response.status),
            ..Self::default()
        })
    }

    /// Reads the object that stands under `error` in an answer.
    pub fn read(error: &Value) -> Option<Self> {
        error.as_object()?;
        let number = |name: &str| error[name].as_i64().unwrap_or_default();
        let more = error["error_user_msg"].as_str().or(error["error_data"]["details"].as_str());
        Some(Self {
            code: number("code"),
            subcode: number("error_subcode"),
            transient: error["is_transient"] == true,
            words: join(error["message"].as_str(), more),
        })
    }

    /// Both codes as Meta's pages write them.
    pub fn code_text(&self, status: u16) -> String {
        match (self.code, self.subcode) {
            (0, _) => status.to_string(),
            (code, 0) => code.to_string(),
            (code, subcode) => format!("{code}-{subcode}"),
        }
    }
}

/// What is said first, and what more is said where it is not the same.
pub fn join(first: Option<&str>, more: Option<&str>) -> String {
    let first = first.unwrap_or_default();
    match more.filter(|more| !more.is_empty() && *more != first) {
        Some(more) if first.is_empty() => more.to_owned(),
        Some(more) => format!("{first}: {more}"),
        None => first.to_owned(),
    }
}

/// Sends a request and takes anything but 2xx for a fault.
///
/// # Errors
/// Why there is no answer, or what the provider said.
pub fn ask(request: &Request) -> Result<Response, Fault> {
    let response = request.send()?;
    if response.is_success() { Ok(response) } else { Err(errors::fault(&response)) }
}

/// As [`ask`], with the answer read.
///
/// # Errors
/// Those of [`ask`], or that the answer is another than the API's pages say.
pub fn read<T: for<'de> Deserialize<'de>>(request: &Request) -> Result<T, Fault> {
    ask(request)?.json().map_err(Fault::unavailable)
}
