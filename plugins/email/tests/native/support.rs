//! What the tests share.

use sambung_plugin_email::Email;
use sambung_sdk::inbound::{Event, Happening, Inbound, Item, ItemResult, Message, Request};
use sambung_sdk::json::json;
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Channel, Content, Envelope, Mail, Mailbox};

/// Where customers write to.
pub const ADDRESS: &str = "support@shop.example";
/// Where the host receives it.
pub const FORWARDING: &str = "abcdefghijkmnopqrstuv2@in.example";
/// A customer.
pub const SITI: &str = "siti@customer.example";
/// An attempt's key.
pub const KEY: &str = "0198c0de-1111-4222-8333-444455556666";

/// A host that holds the key that signs reply addresses.
pub fn host() -> Host {
    let host = Host::new();
    host.secret("reply_key", "a key of forty-three characters, more or less");
    host
}

/// A channel that sends by the operator's relay, connected and proved.
pub fn channel() -> Channel {
    let settings = json!({ "address": ADDRESS, "display_name": "Shop", "sending": "relay" });
    Channel {
        account: Some(ADDRESS.to_owned()),
        features: json!({ "forwarding": true }).to_string(),
        generated: vec![("forwarding_address".to_owned(), FORWARDING.to_owned())],
        ..Channel::with_settings("ch_1", &settings)
    }
}

/// A mail of Siti's.
pub fn mail(id: &str) -> Mail {
    Mail {
        envelope: Some(Envelope {
            sender: "owner+caf_=x@mail.example".to_owned(),
            recipients: vec![FORWARDING.to_owned()],
            ..Envelope::default()
        }),
        from: vec![Mailbox::new(SITI).name("Siti".to_owned())],
        to: vec![Mailbox::new(ADDRESS)],
        subject: Some("Pesanan".to_owned()),
        message_id: Some(id.to_owned()),
        text: Some("Halo".to_owned()),
        date: Some(1_780_000_000_000),
        ..Mail::default()
    }
}

/// With this header.
pub fn with(mut mail: Mail, name: &str, value: &str) -> Mail {
    mail.headers.push((name.to_owned(), value.to_owned()));
    mail
}

/// The items of a mail.
pub fn items_in(mail: Mail, channel: Channel) -> Vec<Item> {
    let mut request = Request::new("mail", b"");
    request.mail = Some(mail);
    Email::handle_webhook(request, Some(channel)).unwrap().items
}

/// The one item of a mail.
pub fn item(mail: Mail) -> Item {
    let mut items = items_in(mail, channel());
    assert_eq!(items.len(), 1);
    items.remove(0)
}

/// The one event of an item.
pub fn event(item: Item) -> Event {
    match item.outcome {
        ItemResult::Events(mut events) if events.len() == 1 => events.remove(0),
        other => panic!("not one event: {other:?}"),
    }
}

/// The message that a mail becomes.
pub fn message(mail: Mail) -> Message {
    match event(item(mail)).what {
        Happening::Message(message) => message,
        other => panic!("no message: {other:?}"),
    }
}

/// Why a mail is not stored.
pub fn ignored(mail: Mail) -> String {
    match item(mail).outcome {
        ItemResult::Ignored(reason) => reason,
        other => panic!("not ignored: {other:?}"),
    }
}

/// The mail that a message holds.
pub fn content(message: &Message) -> &Mail {
    match &message.content[..] {
        [Content::Mail(mail)] => mail,
        other => panic!("no mail: {other:?}"),
    }
}
