//! Batches: every entry, change, message and status is an item of its own.

use crate::support::{ACCOUNT, CUSTOMER, NUMBER, item, items, only, text, translate};
use sambung_sdk::inbound::{Happening, ItemResult, Message};
use sambung_sdk::json::json;
use sambung_sdk::types::{Content, Identity};

fn message(event: sambung_sdk::inbound::Event) -> Message {
    match event.what {
        Happening::Message(message) => message,
        other => panic!("not a message: {other:?}"),
    }
}

/// One address is shared by many numbers: each item says whose it is, and one that is broken holds back no other.
#[test]
fn one_bad_item_among_good_ones_of_two_numbers_falls_alone() {
    let body = json!({ "object": "whatsapp_business_account", "entry": [
        { "id": "1", "changes": [{ "field": "messages", "value": {
            "metadata": { "phone_number_id": "11" }, "messages": [text("m1", "one"), { "id": 7 }, text("m2", "two")],
        }}]},
        { "id": "2", "changes": [{ "field": "messages", "value": {
            "metadata": { "phone_number_id": "22" },
            "statuses": [{ "id": "out1", "status": "sent", "timestamp": "1780000000", "recipient_id": CUSTOMER }],
        }}]},
    ]});
    let items = translate(body.to_string().as_bytes()).unwrap().items;
    let told: Vec<String> = items.iter().map(item).collect();
    assert_eq!(told[0], "message text opens customer-service");
    assert!(told[1].starts_with("failed: the message cannot be read"), "{told:?}");
    assert_eq!(told[2], "message text opens customer-service");
    assert_eq!(told[3], "sent");
    let routes: Vec<&str> = items.iter().map(|item| item.routes[0].as_str()).collect();
    assert_eq!(routes, ["11", "11", "11", "22"]);
    assert_eq!(items[2].raw.as_deref(), Some("/entry/0/changes/0/value/messages/2"));
}

/// A value of a shape nobody expects is one failed item, and the entry beside it stands.
#[test]
fn a_change_that_cannot_be_read_falls_alone() {
    let body = json!({ "entry": [{ "id": "1", "changes": [
        { "field": "messages", "value": { "messages": "none" } },
        { "field": "messages", "value": { "metadata": { "phone_number_id": "11" }, "messages": [text("m1", "one")] } },
    ]}]});
    let items = translate(body.to_string().as_bytes()).unwrap().items;
    assert!(item(&items[0]).starts_with("failed: the messages cannot be read"));
    assert_eq!(items[0].routes, ["waba:1"]);
    assert_eq!(item(&items[1]), "message text opens customer-service");
}

#[test]
fn what_is_no_json_is_an_error_of_the_whole_request() {
    assert!(translate(b"{").is_err());
    assert!(translate(b"\xff\xfe").is_err());
}

/// The provider's time counts, in milliseconds, and the id is the provider's, so that a duplicate is known.
#[test]
fn a_message_keeps_the_providers_id_and_time() {
    let event = only(json!({ "messages": [text("wamid.A", "hi")] }));
    assert_eq!((event.id.as_str(), event.time), ("wamid.A", Some(1_780_000_000_000)));
    let message = message(event);
    assert_eq!(message.thread.key, CUSTOMER);
    assert_eq!(message.sender.unwrap().identities, [Identity::phone(CUSTOMER)]);
}

/// Somebody without a phone number is known by the business-scoped id; somebody with both stays in the conversation that
/// the number began.
#[test]
fn people_without_a_phone_number_are_reached_by_their_user_id() {
    let contacts = json!([{ "user_id": "US.1", "profile": { "name": "Ana", "username": "ana" } }]);
    let hidden = json!({ "from_user_id": "US.1", "id": "m1", "timestamp": "1780000000", "type": "text", "text": { "body": "hi" } });
    let first = message(only(json!({ "contacts": contacts, "messages": [hidden] })));
    assert_eq!(first.thread.key, "US.1");
    let sender = first.sender.unwrap();
    assert_eq!(sender.identities, [Identity::new("whatsapp-user", ACCOUNT, "US.1")]);
    assert_eq!(sender.name.as_deref(), Some("Ana"));

    let contacts = json!([{ "user_id": "US.1", "wa_id": CUSTOMER, "profile": { "name": "Ana" } }]);
    let both = message(only(json!({ "contacts": contacts, "messages": [text("m2", "hi")] })));
    assert_eq!((both.thread.key.as_str(), both.thread.aliases), ("US.1", vec![CUSTOMER.to_owned()]));
    assert_eq!(both.sender.unwrap().identities.len(), 2);
}

/// Brazil and Mexico write a number in two ways; both are the same person.
#[test]
fn a_number_written_in_two_ways_is_one_person() {
    let contacts = json!([{ "wa_id": "5511987654321", "profile": { "name": "Rui" } }]);
    let mut one = text("m1", "oi");
    one["from"] = json!("551187654321");
    let message = message(only(json!({ "contacts": contacts, "messages": [one] })));
    let values: Vec<String> = message.sender.unwrap().identities.into_iter().map(|identity| identity.value).collect();
    assert_eq!(values, ["551187654321", "5511987654321"]);
    assert_eq!(message.thread.aliases, ["5511987654321"]);
}

#[test]
fn reactions_edits_and_deletions_name_their_message() {
    let base = |kind: &str, own: sambung_sdk::json::Value| {
        let mut value = json!({ "from": CUSTOMER, "id": "x1", "timestamp": "1780000000", "type": kind });
        value[kind] = own;
        only(json!({ "messages": [value] })).what
    };
    let Happening::Reaction(reaction) = base("reaction", json!({ "message_id": "m1" })) else { panic!("no reaction") };
    assert!(reaction.emojis.is_empty(), "an absent emoji takes the reaction back");
    let edit = json!({ "original_message_id": "m1", "message": { "type": "text", "text": { "body": "new" } } });
    let Happening::Message(edited) = base("edit", edit) else { panic!("no edit") };
    assert_eq!((edited.kind.as_str(), edited.id.as_str(), &edited.content[0]), ("edited", "m1", &Content::text("new")));
    let Happening::Deleted(target) = base("revoke", json!({ "original_message_id": "m1" })) else {
        panic!("no deletion")
    };
    assert_eq!(target.id, "m1");
}

#[test]
fn a_changed_number_names_both() {
    let system = json!({ "from": "1", "id": "s1", "timestamp": "1780000000", "type": "system",
        "system": { "body": "changed", "wa_id": "2", "type": "user_changed_number" } });
    let Happening::IdentityChanged(change) = only(json!({ "messages": [system] })).what else { panic!("no change") };
    assert_eq!((change.old, change.new), (vec![Identity::phone("1")], vec![Identity::phone("2")]));
}

/// The attempt key comes back in the status, and a window that the provider says is shut is closed.
#[test]
fn a_failed_status_says_which_attempt_and_closes_the_window() {
    let status = json!({ "id": "out1", "status": "failed", "timestamp": "1780000000", "recipient_id": CUSTOMER,
        "biz_opaque_callback_data": "key-1",
        "errors": [{ "code": 131047, "title": "Re-engagement message" }] });
    let event = only(json!({ "statuses": [status] }));
    assert_eq!(event.closes, ["customer-service"]);
    let Happening::Delivery(delivery) = event.what else { panic!("no delivery") };
    assert_eq!(delivery.correlation.as_deref(), Some("key-1"));
    assert!(delivery.failure.unwrap().contains("window-closed"));
}

/// An advertisement's window ends when the provider says.
#[test]
fn a_free_entry_point_ends_when_the_provider_says() {
    let status = json!({ "id": "out1", "status": "sent", "timestamp": "1780000000", "recipient_id": CUSTOMER,
        "conversation": { "id": "c", "expiration_timestamp": "1780259200", "origin": { "type": "referral_conversion" } } });
    let event = only(json!({ "statuses": [status] }));
    assert_eq!(event.opens[0].rule, "free-entry-point");
    assert_eq!(event.opens[0].closes_at, Some(1_780_259_200_000));
}

/// Messages that the business sent from its phone come as echoes, in the customer's conversation.
#[test]
fn an_echo_stands_in_the_customers_conversation() {
    let echo = json!({ "from": "15550783881", "to": CUSTOMER, "id": "e1", "timestamp": "1780000000", "type": "text",
        "text": { "body": "from the phone" } });
    let items = items(json!({ "message_echoes": [echo] }));
    let ItemResult::Events(events) = &items[0].outcome else { panic!("no event") };
    let Happening::Message(message) = &events[0].what else { panic!("no echo") };
    assert_eq!(message.thread.key, CUSTOMER);
    assert_eq!(items[0].routes, [NUMBER]);
}

/// A kind that nobody knows yet is kept and shown.
#[test]
fn a_kind_that_is_new_is_kept_with_a_line_for_people() {
    let new = json!({ "from": CUSTOMER, "id": "n1", "timestamp": "1780000000", "type": "hologram", "hologram": {} });
    let message = message(only(json!({ "messages": [new] })));
    let Content::Other(open) = &message.content[0] else { panic!("not kept") };
    assert!(open.line.contains("hologram"));
}

/// Gateways post the bare value, without an entry around it.
#[test]
fn the_bare_value_of_a_gateway_is_read_too() {
    let body =
        json!({ "contacts": [{ "wa_id": CUSTOMER, "profile": { "name": "Budi" } }], "messages": [text("g1", "halo")] });
    let items = translate(body.to_string().as_bytes()).unwrap().items;
    assert_eq!(item(&items[0]), "message text opens customer-service");
    assert!(items[0].routes.is_empty());
}
