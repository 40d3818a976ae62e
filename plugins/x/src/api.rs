//! Where the API is, how its requests are authorized, and what it says when it refuses.

use crate::errors;
use crate::settings::{
    ACCESS_TOKEN, ACCESS_TOKEN_SECRET, APP_BEARER, APP_KEY, APP_SECRET, CONSUMER_KEY, CONSUMER_SECRET, Mode,
    OWN_BEARER, USER_TOKEN,
};
use sambung_sdk::http::{Request, Response};
use sambung_sdk::json::Value;
use sambung_sdk::secrets;
use sambung_sdk::types::Fault;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where both of the API's versions are.
pub const API: &str = "https://api.x.com";

/// A request to the API that nothing authorizes yet.
pub fn to(method: &str, path: &str) -> Request {
    Request::new(method, format!("{API}{path}"))
}

impl Mode {
    /// Has the account authorize a request.
    pub fn as_user(self, request: Request) -> Request {
        match self {
            Mode::SignIn => request.bearer(USER_TOKEN),
            Mode::OwnApp => request.oauth1((CONSUMER_KEY, CONSUMER_SECRET), (ACCESS_TOKEN, ACCESS_TOKEN_SECRET)),
        }
    }

    /// The secret that speaks for the app, not for an account.
    pub fn bearer(self) -> &'static str {
        match self {
            Mode::SignIn => APP_BEARER,
            Mode::OwnApp => OWN_BEARER,
        }
    }
}

/// Exchanges an app's key and secret for its own token ("OAuth 2.0 Application-Only"), which shows whether they are right.
/// The same token comes each time.
///
/// # Errors
/// The provider's refusal, at the key's setting.
pub fn exchange(mode: Mode) -> Result<(), Fault> {
    let (key, secret) = match mode {
        Mode::SignIn => (APP_KEY, APP_SECRET),
        Mode::OwnApp => (CONSUMER_KEY, CONSUMER_SECRET),
    };
    let request = to("POST", "/oauth2/token")
        .basic(key, secret)
        .form(&[("grant_type", "client_credentials")])
        .capture("/access_token", "bearer");
    ask(&request).map_err(|fault| match fault.kind.as_str() {
        // Both 401 and 403 have been seen for a pair that does not fit.
        "unauthorized" | "forbidden" => Fault { kind: "unauthorized".to_owned(), ..fault }.field(CONSUMER_KEY),
        _ => fault,
    })?;
    secrets::keep("bearer", mode.bearer(), None).map_err(Fault::unavailable)
}

/// Sends a request and takes anything but a success for a fault.
///
/// # Errors
/// Why there is no answer, or what the provider said.
pub fn ask(request: &Request) -> Result<Response, Fault> {
    let response = request.send()?;
    if response.is_success() && !is_refused(&response) { Ok(response) } else { Err(errors::fault(&response)) }
}

/// Problems may come with 200, in `errors` where `data` should be.
fn is_refused(response: &Response) -> bool {
    response.json::<Value>().is_ok_and(|body| body.get("errors").is_some() && body.get("data").is_none())
}

/// What the API says when it refuses, in any of the shapes that are met: a problem, a list of problems, the older API's
/// coded errors, and OAuth's.
#[derive(Default, Debug)]
pub struct Refusal {
    /// The older API's code; 0: none was given.
    pub code: i64,
    /// The last word of the problem's type: `client-forbidden`.
    pub problem: String,
    /// The provider's words, or the status where it said nothing.
    pub words: String,
    /// Letters and digits of all that it said, in lower case.
    said: String,
}

impl Refusal {
    /// Reads an answer that is no success.
    pub fn of(response: &Response) -> Self {
        let body: Value = response.json().unwrap_or_default();
        let error = body["errors"].as_array().and_then(|errors| errors.first()).unwrap_or(&body);
        let word = |name: &str| error[name].as_str().or(body[name].as_str()).filter(|word| !word.is_empty());
        let words = word("detail").or(word("message")).or(word("error_description")).or(word("title"));
        let problem = word("type").or(word("error")).unwrap_or_default();
        Self {
            code: error["code"].as_i64().unwrap_or_default(),
            problem: problem.rsplit('/').next().unwrap_or_default().to_owned(),
            words: words.map_or_else(|| format!("X answered with status {}", response.status), str::to_owned),
            said: plain(&response.text()),
        }
    }

    /// Whether it names this error, however it is spelled: `WebhookLimitExceeded`.
    pub fn names(&self, error: &str) -> bool {
        self.said.contains(&plain(error))
    }
}

fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Counters that an answer may carry: this call's, and those of a day.
const COUNTERS: [&str; 3] = ["x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour"];

/// How long a used-up limit lasts: the API names the second at which it is whole again.
pub fn reset_after_ms(response: &Response) -> Option<u64> {
    let number = |name: String| response.header(&name)?.trim().parse::<u64>().ok();
    let used_up = |counter: &&&str| number(format!("{counter}-remaining")).is_none_or(|left| left == 0);
    let reset = COUNTERS.iter().filter(used_up).filter_map(|counter| number(format!("{counter}-reset"))).max()?;
    Some(reset.saturating_mul(1000).saturating_sub(now_ms()).max(1000))
}

/// Milliseconds since 1970.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
