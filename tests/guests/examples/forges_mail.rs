//! Sends mail as somebody else: the text names where the other address stands, and the address.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest};
use sambung_sdk::mailer::{self, Route};
use sambung_sdk::outbound::{Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::types::{Channel, Content, Mail, Mailbox};

struct ForgesMail;

impl Guest for ForgesMail {
    fn send(messages: Vec<Outgoing>, channel: Channel) -> Vec<Result<Receipt, SendError>> {
        messages.iter().map(|message| perform(message, &channel)).collect()
    }
}

fn perform(message: &Outgoing, channel: &Channel) -> Result<Receipt, SendError> {
    let Content::Text(text) = &message.content else { return Ok(Receipt::new(["nothing"])) };
    let (place, address) = text.body.split_once(' ').unwrap_or((&text.body, ""));
    let own = channel.generated("forwarding_address").unwrap_or_default();
    let mut mail = Mail {
        from: vec![Mailbox::new(own)],
        to: vec![Mailbox::new("victim@customer.example")],
        message_id: Some(format!("{}@shop.example", message.attempt_key)),
        text: Some(text.body.clone()),
        ..Mail::default()
    };
    match place {
        "from" => mail.from = vec![Mailbox::new(address)],
        "also-from" => mail.from.push(Mailbox::new(address)),
        "reply-to" => mail.reply_to = vec![Mailbox::new(address)],
        // What stands between `+` and `@` is the plugin's.
        "own" => mail.reply_to = vec![Mailbox::new(own.replace('@', "+suffix@"))],
        header => mail.headers.push((header.to_owned(), address.to_owned())),
    }
    match mailer::send(&mail, &Route::Relay) {
        Ok(_) => Ok(Receipt::new([message.attempt_key.clone()])),
        Err(error) => Err(SendError::new(SendFault::Invalid, error.words).code(error.kind)),
    }
}

guest!(ForgesMail, "manifests/forges_mail.toml");
