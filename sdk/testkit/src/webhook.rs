//! A provider's webhook as it arrives, and what a host makes of it.

use sambung_runtime::contract::inbound::{Event, Item, ItemResult, Outcome};
use sambung_runtime::manifest::AddressKind;

/// A request as the provider sends it.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// Upper case.
    pub method: String,
    /// Below the address: "" or begins with a slash.
    pub path: String,
    /// Without the question mark.
    pub query: String,
    /// In order.
    pub headers: Vec<(String, String)>,
    /// The bytes that a signature is over.
    pub body: Vec<u8>,
    /// Whose address was called.
    pub address: AddressKind,
}

impl Webhook {
    /// `POST` to the channel's own address.
    pub fn post(body: impl Into<Vec<u8>>) -> Self {
        Self {
            method: "POST".to_owned(),
            path: String::new(),
            query: String::new(),
            headers: Vec::new(),
            body: body.into(),
            address: AddressKind::Channel,
        }
    }

    /// `GET` of the channel's own address: a handshake.
    pub fn get(query: impl Into<String>) -> Self {
        Self { method: "GET".to_owned(), query: query.into(), ..Self::post(Vec::new()) }
    }

    /// To the address of the registration that channels share.
    pub fn to_app(mut self) -> Self {
        self.address = AddressKind::App;
        self
    }

    /// Below the address.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = path.into();
        self
    }

    /// Adds a header.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What a host answers the provider, and what the plugin made of the request.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WebhookAnswer {
    /// HTTP status; 404 where no recipe has this method and path.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// Why it was not taken for the provider's; the plugin never saw it then.
    pub refused: Option<&'static str>,
    /// The translation; none for a handshake and for what was refused.
    pub outcome: Option<Outcome>,
}

impl WebhookAnswer {
    /// The items, in order; none for a handshake and for what was refused.
    pub fn items(&self) -> &[Item] {
        self.outcome.as_ref().map_or(&[], |outcome| &outcome.items)
    }

    /// The events of all items, in order.
    pub fn events(&self) -> Vec<&Event> {
        self.items()
            .iter()
            .filter_map(|item| match &item.outcome {
                ItemResult::Events(events) => Some(events),
                ItemResult::Ignored(_) | ItemResult::Failed(_) | ItemResult::Other(_) => None,
            })
            .flatten()
            .collect()
    }
}
