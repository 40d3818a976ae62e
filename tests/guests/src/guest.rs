//! A plugin that does everything right, of which a guest replaces one function.

use sambung_sdk::connection::{Account, ConnectStep, Connected, Health};
use sambung_sdk::inbound::{Event, Item, Message, Notice, Outcome, Request};
use sambung_sdk::outbound::{Outgoing, Receipt, SendError};
use sambung_sdk::types::{Channel, Content, Fault, Thread};

/// What a guest may do its own way. Everything else is done right.
pub trait Guest {
    /// See `inbound.handle-webhook`.
    ///
    /// # Errors
    /// None by default.
    fn handle_webhook(request: Request) -> Result<Outcome, String> {
        Ok(good(&request))
    }

    /// See `outbound.send`.
    fn send(messages: Vec<Outgoing>, _channel: Channel) -> Vec<Result<Receipt, SendError>> {
        receipts(&messages)
    }

    /// See `connection.identify`.
    ///
    /// # Errors
    /// None by default.
    fn identify(_channel: Channel) -> Result<ConnectStep, Vec<Fault>> {
        Ok(Account::new("account", "Account").into())
    }

    /// See `connection.register`.
    ///
    /// # Errors
    /// None by default.
    fn register(channel: Channel) -> Result<Connected, Vec<Fault>> {
        let account = channel.account.unwrap_or_default();
        Ok(Account::new(account.clone(), account).into())
    }

    /// See `connection.check`.
    ///
    /// # Errors
    /// None by default.
    fn check(_channel: Channel) -> Result<Health, Fault> {
        Ok(Health::default())
    }
}

/// Whether this request asks for the wrong thing.
pub fn is_wrong(request: &Request) -> bool {
    request.body == b"wrong"
}

/// Whether this message asks for the wrong thing.
pub fn sends_wrong(messages: &[Outgoing]) -> bool {
    messages.iter().any(|message| matches!(&message.content, Content::Text(text) if text.body == "wrong"))
}

/// One message whose text is the request's body.
pub fn good(request: &Request) -> Outcome {
    let text = String::from_utf8_lossy(&request.body);
    let message = Message::new("m1", Thread::new("t1")).text(text);
    Outcome::from(Item::event(Event::new("e1", message).time(request.received_at)))
}

/// A receipt for each.
pub fn receipts(messages: &[Outgoing]) -> Vec<Result<Receipt, SendError>> {
    messages.iter().map(|message| Ok(Receipt::new([format!("sent-{}", message.attempt_key)]))).collect()
}

/// An outcome that tells a test something.
pub fn tell(words: impl Into<String>) -> Outcome {
    Outcome::from(Item::event(Event::new("told", Notice::new("info", "told", words))))
}

/// Makes a plugin of a type that implements [`Guest`], with the manifest of its name, and the optional interfaces that it lists.
#[macro_export]
macro_rules! guest {
    ($guest:ident, $manifest:literal $(, $optional:ident)*) => {
        const _: () = {
            use $crate::sdk::{connection, inbound, outbound, settings, types, windows};

            impl connection::Connection for $guest {
                fn identify(
                    channel: types::Channel,
                    _answer: Option<String>,
                ) -> Result<connection::ConnectStep, Vec<types::Fault>> {
                    <$guest as $crate::Guest>::identify(channel)
                }

                fn register(channel: types::Channel) -> Result<connection::Connected, Vec<types::Fault>> {
                    <$guest as $crate::Guest>::register(channel)
                }

                fn check(channel: types::Channel) -> Result<connection::Health, types::Fault> {
                    <$guest as $crate::Guest>::check(channel)
                }

                fn disconnect(_channel: types::Channel) -> Result<(), types::Fault> {
                    Ok(())
                }
            }

            impl settings::Settings for $guest {
                fn settings_schema(_of: &str, _language: &str) -> $crate::sdk::json::Value {
                    $crate::sdk::json::json!({ "type": "object", "properties": {} })
                }
            }

            impl windows::Windows for $guest {
                fn window_rules() -> Vec<windows::WindowRule> {
                    Vec::new()
                }
            }

            impl inbound::Inbound for $guest {
                fn handle_webhook(
                    request: inbound::Request,
                    _channel: Option<types::Channel>,
                ) -> Result<inbound::Outcome, String> {
                    <$guest as $crate::Guest>::handle_webhook(request)
                }
            }

            impl outbound::Outbound for $guest {
                fn send(
                    messages: Vec<outbound::Outgoing>,
                    channel: types::Channel,
                ) -> Vec<Result<outbound::Receipt, outbound::SendError>> {
                    <$guest as $crate::Guest>::send(messages, channel)
                }
            }

            $crate::sdk::export_channel! {
                $guest,
                manifest: $manifest,
                texts: { en: "manifests/texts.toml", id: "manifests/texts.toml" },
                optional: [$($optional),*],
            }
        };
    };
}
