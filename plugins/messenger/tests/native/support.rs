//! What the tests share.

use sambung_plugin_messenger::Messenger;
use sambung_sdk::inbound::{Event, Inbound, Item, Outcome, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::Channel;

use crate::told;

/// The API.
pub const GRAPH: &str = "https://graph.facebook.com/v25.0";
/// A page.
pub const PAGE: &str = "1067280970047460";
/// Somebody, by the id that the page has for them.
pub const PERSON: &str = "25000000000000001";
/// What a page is asked to deliver.
pub const FIELDS: &str = "messages%2Cmessaging_postbacks%2Cmessage_deliveries%2Cmessage_reads%2Cmessage_echoes%2C\
message_reactions%2Cmessage_edits%2Cmessaging_referrals%2Cmessaging_optins%2Cmessaging_handovers%2Cstandby%2C\
messaging_policy_enforcement";

/// A channel whose token was typed by hand.
pub fn by_token() -> Channel {
    Channel::with_settings("ch_1", &json!({ "mode": "token", "page_id": PAGE }))
}

/// A channel of somebody who signs in.
pub fn by_sign_in() -> Channel {
    Channel::with_settings("ch_1", &json!({ "mode": "sign-in", "human_agent": true }))
}

/// Translates a body.
pub fn translate(body: &[u8]) -> Result<Outcome, String> {
    Messenger::handle_webhook(Request::new("events", body), None)
}

/// One event of the person's, with what it is about.
pub fn event(name: &str, own: Value) -> Value {
    let mut event =
        json!({ "sender": { "id": PERSON }, "recipient": { "id": PAGE }, "timestamp": 1_789_459_199_876_u64 });
    event[name] = own;
    event
}

/// The item of an event.
pub fn item(name: &str, own: Value) -> Item {
    let body = json!({ "object": "page", "entry": [{ "id": PAGE, "time": 1, "messaging": [event(name, own)] }] });
    let mut items = translate(body.to_string().as_bytes()).unwrap().items;
    assert_eq!(items.len(), 1);
    items.remove(0)
}

/// The one event that an event becomes.
pub fn only(name: &str, own: Value) -> Event {
    told::only(&item(name, own))
}
