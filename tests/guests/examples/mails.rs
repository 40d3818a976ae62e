//! Sends the message's text as a mail, and traps where the text says so: `before` it leaves, or `after` it has left.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest};
use sambung_sdk::mailer::{self, Route};
use sambung_sdk::outbound::{Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::types::{Channel, Content, Mail, Mailbox};

struct Mails;

impl Guest for Mails {
    fn send(messages: Vec<Outgoing>, channel: Channel) -> Vec<Result<Receipt, SendError>> {
        messages.iter().map(|message| perform(message, &channel)).collect()
    }
}

fn perform(message: &Outgoing, channel: &Channel) -> Result<Receipt, SendError> {
    let Content::Text(text) = &message.content else { return Ok(Receipt::new(["nothing"])) };
    assert!(text.body != "before", "it traps before anything has left");
    let mail = Mail {
        from: vec![Mailbox::new(channel.generated("forwarding_address").unwrap_or_default())],
        to: vec![Mailbox::new("siti@customer.example")],
        message_id: Some(format!("{}@shop.example", message.attempt_key)),
        text: Some(text.body.clone()),
        ..Mail::default()
    };
    if let Err(error) = mailer::send(&mail, &Route::Relay) {
        return Err(SendError::new(SendFault::Unavailable, error.words));
    }
    assert!(text.body != "after", "it traps after the mail has left");
    Ok(Receipt::new([message.attempt_key.clone()]))
}

guest!(Mails, "manifests/mails.toml");
