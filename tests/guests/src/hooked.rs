//! A channel of a provider that is told an address, does everything right, and passes the conformance suite: [`crate::hooked!`] puts
//! the functions that a guest leaves as they are into its [`crate::Guest`].
//!
//! `GET /me` is whose credential it is, `GET` and `PUT /hook` the address that the provider delivers to.

use sambung_sdk::connection::{Account, ConnectStep, Connected, Health};
use sambung_sdk::http::Request as Http;
use sambung_sdk::inbound::{Event, Item, Message, Outcome, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::types::{Channel, Content, Fault, Finding, Identity, Thread};

/// The provider.
pub const PROVIDER: &str = "https://api.provider.example";

/// See `connection.identify`.
///
/// # Errors
/// What the provider said.
pub fn identify(_channel: &Channel) -> Result<ConnectStep, Vec<Fault>> {
    account().map(ConnectStep::from).map_err(|fault| vec![fault])
}

/// See `connection.register`.
///
/// # Errors
/// What the provider said.
pub fn register(channel: &Channel) -> Result<Connected, Vec<Fault>> {
    let account = account().map_err(|fault| vec![fault])?;
    put("hook", &address(channel)).map_err(|fault| vec![fault])?;
    Ok(account.into())
}

/// See `connection.check`.
///
/// # Errors
/// What the provider said.
pub fn check(channel: &Channel) -> Result<Health, Fault> {
    let health = Health::of(account()?);
    let elsewhere = registered()? != address(channel);
    Ok(if elsewhere { health.finding(Finding::elsewhere("The provider delivers elsewhere.")) } else { health })
}

/// See `inbound.handle-webhook`.
///
/// # Errors
/// The body is not the provider's.
pub fn translate(request: &Request) -> Result<Outcome, String> {
    let body: Value = request.json()?;
    let events = body["events"].as_array().ok_or("the body has no events")?;
    Ok(events.iter().map(item).collect())
}

fn item(event: &Value) -> Item {
    let (Some(id), Some(text)) = (event["id"].as_str(), event["text"].as_str()) else {
        return Item::ignored("an event of a kind that this plugin does not know");
    };
    let message = Message::new(id, Thread::new("t1")).sender(Identity::new("hooked-user", "", "u1")).text(text);
    Item::event(Event::new(id, message).time(event["time"].as_u64()))
}

/// See `outbound.send`: every text is taken.
pub fn send(messages: &[Outgoing]) -> Vec<Result<Receipt, SendError>> {
    let taken = |message: &Outgoing| match &message.content {
        Content::Text(_) => Ok(Receipt::new([format!("sent-{}", message.attempt_key)])),
        other => Err(SendError::new(SendFault::Invalid, format!("the provider takes no {}", other.kind()))),
    };
    messages.iter().map(taken).collect()
}

/// The address that the host hands out for the channel.
pub fn address(channel: &Channel) -> String {
    channel.webhook_url.clone().unwrap_or_default()
}

/// Tells the provider an address at this place.
///
/// # Errors
/// What the provider said.
pub fn put(place: &str, address: &str) -> Result<(), Fault> {
    ask(&Http::new("PUT", format!("{PROVIDER}/{place}")).json(&json!({ "url": address }))).map(drop)
}

fn account() -> Result<Account, Fault> {
    let me = ask(&Http::get(format!("{PROVIDER}/me")))?;
    Ok(Account::new(me["id"].as_str().unwrap_or_default(), "Hooked"))
}

fn registered() -> Result<String, Fault> {
    Ok(ask(&Http::get(format!("{PROVIDER}/hook")))?["url"].as_str().unwrap_or_default().to_owned())
}

fn ask(request: &Http) -> Result<Value, Fault> {
    let response = request.send()?;
    match response.is_success() {
        true => Ok(response.value()),
        false => Err(Fault::new("forbidden", format!("the provider answered with {}", response.status))),
    }
}

/// Functions of [`crate::Guest`] as the macro `hooked!` does them.
#[macro_export]
macro_rules! hooked {
    (identify) => {
        fn identify(
            channel: $crate::sdk::types::Channel,
        ) -> Result<$crate::sdk::connection::ConnectStep, Vec<$crate::sdk::types::Fault>> {
            $crate::hooked::identify(&channel)
        }
    };
    (register) => {
        fn register(
            channel: $crate::sdk::types::Channel,
        ) -> Result<$crate::sdk::connection::Connected, Vec<$crate::sdk::types::Fault>> {
            $crate::hooked::register(&channel)
        }
    };
    (check) => {
        fn check(
            channel: $crate::sdk::types::Channel,
        ) -> Result<$crate::sdk::connection::Health, $crate::sdk::types::Fault> {
            $crate::hooked::check(&channel)
        }
    };
    (handle_webhook) => {
        fn handle_webhook(request: $crate::sdk::inbound::Request) -> Result<$crate::sdk::inbound::Outcome, String> {
            $crate::hooked::translate(&request)
        }
    };
    (send) => {
        fn send(
            messages: Vec<$crate::sdk::outbound::Outgoing>,
            _channel: $crate::sdk::types::Channel,
        ) -> Vec<Result<$crate::sdk::outbound::Receipt, $crate::sdk::outbound::SendError>> {
            $crate::hooked::send(&messages)
        }
    };
    ($($function:ident),+ $(,)?) => { $($crate::hooked!($function);)+ };
}
