//! What the tests share.

use sambung_plugin_instagram::Instagram;
use sambung_sdk::inbound::{Event, Inbound, Item, Outcome, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::Channel;

use crate::told;

/// The API of pages.
pub const GRAPH: &str = "https://graph.facebook.com/v25.0";
/// The API of accounts that signed in with Instagram.
pub const OWN: &str = "https://graph.instagram.com/v25.0";
/// A professional account.
pub const ACCOUNT: &str = "17841400000000001";
/// Somebody, by the id that the account has for them.
pub const PERSON: &str = "1234567890123456";

/// A channel of this mode.
pub fn channel(mode: &str) -> Channel {
    Channel::with_settings("ch_1", &json!({ "mode": mode }))
}

/// Translates a body.
pub fn translate(body: &[u8]) -> Result<Outcome, String> {
    Instagram::handle_webhook(Request::new("events", body), None)
}

/// The item of an event of the person's, in an entry with this id.
pub fn item_in(entry: &str, name: &str, own: Value) -> Item {
    let mut event =
        json!({ "sender": { "id": PERSON }, "recipient": { "id": ACCOUNT }, "timestamp": 1_789_459_199_876_u64 });
    event[name] = own;
    let body = json!({ "object": "instagram", "entry": [{ "id": entry, "time": 1, "messaging": [event] }] });
    let mut items = translate(body.to_string().as_bytes()).unwrap().items;
    assert_eq!(items.len(), 1);
    items.remove(0)
}

/// The item of an event of the person's.
pub fn item(name: &str, own: Value) -> Item {
    item_in(ACCOUNT, name, own)
}

/// The one event that an event becomes.
pub fn only(name: &str, own: Value) -> Event {
    told::only(&item(name, own))
}
