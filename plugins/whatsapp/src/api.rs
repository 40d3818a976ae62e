//! Where the APIs are, how their requests are authorized, and what they say when they refuse.

use crate::settings::{ACCESS_TOKEN, ChannelSettings, Cloud, Gateway, TOKEN};
use sambung_sdk::http::{Request, Response};
use sambung_sdk::secrets;
use sambung_sdk::types::Fault;
use serde::Deserialize;

/// The Graph API. Its version is the one constant to change: payloads of v23 to v25 are the same here.
pub const GRAPH: &str = "https://graph.facebook.com/v24.0";

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

/// What an API says when it refuses, in any of the shapes that are met.
#[derive(Default, Debug)]
pub struct Refusal {
    /// The provider's code; 0: none was given.
    pub code: i64,
    /// What more it says with a code; 0: nothing.
    pub subcode: i64,
    /// The provider's words, or the status where it said nothing.
    pub words: String,
}

#[derive(Deserialize)]
struct Body {
    error: Option<GraphError>,
    errors: Option<Vec<OnPremisesError>>,
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct GraphError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    code: i64,
    #[serde(default)]
    error_subcode: i64,
    error_user_msg: Option<String>,
    error_data: Option<ErrorData>,
}

#[derive(Deserialize)]
struct ErrorData {
    details: Option<String>,
}

#[derive(Deserialize)]
struct OnPremisesError {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    title: String,
    details: Option<String>,
}

#[derive(Deserialize)]
struct Meta {
    developer_message: Option<String>,
    #[serde(rename = "developerMessage")]
    developer_message_camel: Option<String>,
}

impl Refusal {
    /// Reads an answer that is no success.
    pub fn of(response: &Response) -> Self {
        let said = response.json::<Body>().ok().and_then(Body::said).filter(|said| !said.words.is_empty());
        said.unwrap_or_else(|| Self {
            words: format!("the provider answered with status {}", response.status),
            ..Self::default()
        })
    }
}

impl Body {
    fn said(self) -> Option<Refusal> {
        if let Some(error) = self.error {
            let details = error.error_user_msg.or(error.error_data.and_then(|data| data.details));
            return Some(Refusal {
                code: error.code,
                subcode: error.error_subcode,
                words: join(error.message, details),
            });
        }
        if let Some(error) = self.errors.and_then(|errors| errors.into_iter().next()) {
            return Some(Refusal { code: error.code, subcode: 0, words: join(error.title, error.details) });
        }
        let meta = self.meta?;
        let words = meta.developer_message.or(meta.developer_message_camel)?;
        Some(Refusal { words, ..Refusal::default() })
    }
}

fn join(words: String, details: Option<String>) -> String {
    match details.filter(|details| !details.is_empty() && *details != words) {
        Some(details) if words.is_empty() => details,
        Some(details) => format!("{words}: {details}"),
        None => words,
    }
}

/// Sends a request and takes anything but 2xx for a fault.
///
/// # Errors
/// Why there is no answer, or what the provider said.
pub fn ask(request: &Request) -> Result<Response, Fault> {
    let response = request.send()?;
    if response.is_success() { Ok(response) } else { Err(crate::errors::fault(&response)) }
}
