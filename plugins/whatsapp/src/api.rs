//! Where the APIs are, how their requests are authorized, and what they say when they refuse.

use crate::settings::{ACCESS_TOKEN, ChannelSettings, Cloud, Gateway, TOKEN};
use sambung_meta::graph::{GRAPH, Refusal, join};
use sambung_sdk::http::{Request, Response};
use sambung_sdk::json::Value;
use sambung_sdk::secrets;
use sambung_sdk::types::Fault;

/// Which of the two shapes an API has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Cloud API bodies, which say `messaging_product`.
    Cloud,
    /// On-Premises bodies, below a path that ends with `/v1`.
    OnPremises,
}

impl ChannelSettings {
    /// Which shape the bodies have.
    pub fn shape(&self) -> Shape {
        match self {
            ChannelSettings::Cloud(_) => Shape::Cloud,
            ChannelSettings::Gateway(gateway) => gateway.shape(),
        }
    }

    /// A request below the number: `messages`, `media`.
    ///
    /// # Errors
    /// No token is set.
    pub fn number(&self, method: &str, path: &str) -> Result<Request, Fault> {
        match self {
            ChannelSettings::Cloud(Cloud { phone_number_id, .. }) => {
                Ok(graph(method, &format!("{phone_number_id}/{path}")))
            }
            ChannelSettings::Gateway(gateway) => gateway.request(method, path),
        }
    }
}

impl Gateway {
    /// On-Premises clients and proxies for them live below `/v1`.
    pub fn shape(&self) -> Shape {
        if self.base().ends_with("/v1") { Shape::OnPremises } else { Shape::Cloud }
    }

    /// The address without a slash at its end.
    pub fn base(&self) -> &str {
        self.base_url.trim_end_matches('/')
    }

    /// A request below the base.
    ///
    /// # Errors
    /// No token is set.
    pub fn request(&self, method: &str, path: &str) -> Result<Request, Fault> {
        self.authorize(Request::new(method, format!("{}/{path}", self.base())))
    }

    /// Gives a request the token, in the header that the provider wants.
    ///
    /// # Errors
    /// No token is set.
    pub fn authorize(&self, request: Request) -> Result<Request, Fault> {
        match self.key_header() {
            None => Ok(request.bearer(TOKEN)),
            Some(header) => {
                let marker = secrets::marker(TOKEN, "raw").map_err(|words| Fault::refused(TOKEN, words))?;
                Ok(request.header(header, marker))
            }
        }
    }
}

/// A request to the Graph API with the channel's token.
pub fn graph(method: &str, path: &str) -> Request {
    Request::new(method, format!("{GRAPH}/{path}")).bearer(ACCESS_TOKEN)
}

/// What an API says when it refuses, in any of the shapes that are met: the Graph API's, the On-Premises API's, and what
/// gateways say beside both. Words: the provider's, or the status where it said nothing.
pub fn refusal(response: &Response) -> Refusal {
    let answer = response.value();
    let said = Refusal::read(&answer["error"])
        .or_else(|| on_premises(&answer["errors"][0]))
        .or_else(|| gateways(&answer["meta"]))
        .filter(|said| !said.words.is_empty());
    said.unwrap_or_else(|| Refusal {
        words: format!("the provider answered with status {}", response.status),
        ..Refusal::default()
    })
}

fn on_premises(error: &Value) -> Option<Refusal> {
    error.as_object()?;
    let words = join(error["title"].as_str(), error["details"].as_str());
    Some(Refusal { code: error["code"].as_i64().unwrap_or_default(), words, ..Refusal::default() })
}

fn gateways(meta: &Value) -> Option<Refusal> {
    let words = meta["developer_message"].as_str().or(meta["developerMessage"].as_str())?;
    Some(Refusal { words: words.to_owned(), ..Refusal::default() })
}

/// The text that stands under this name in an answer.
///
/// # Errors
/// There is none.
pub fn word(response: &Response, name: &str) -> Result<String, Fault> {
    let word = response.value()[name].as_str().map(str::to_owned);
    word.ok_or_else(|| Fault::unavailable(format!("the answer: no `{name}`")))
}

/// Sends a request and takes anything but 2xx for a fault.
///
/// # Errors
/// Why there is no answer, or what the provider said.
pub fn ask(request: &Request) -> Result<Response, Fault> {
    let response = request.send()?;
    if response.is_success() { Ok(response) } else { Err(crate::errors::fault(&response)) }
}
