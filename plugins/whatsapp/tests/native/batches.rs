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

/// A list, an entry or a change of a shape nobody expects is one failed item, and what stands beside it stands.
#[test]
fn a_change_that_cannot_be_read_falls_alone() {
    let body = json!({ "entry": [{ "id": "1", "changes": [
        { "field": "messages", "value": { "messages": "none" } },
        { "field": "messages" },
        { "field": "messages", "value": { "metadata": { "phone_number_id": 11 }, "messages": [text("m1", "one")] } },
    ]}, 7, { "id": 2, "changes": null }]});
    let items = translate(body.to_string().as_bytes()).unwrap().items;
    assert!(item(&items[0]).starts_with("failed: the message cannot be read"));
    assert!(item(&items[1]).starts_with("failed: the change cannot be read"));
    assert_eq!((&items[0].routes[0], &items[1].routes[0]), (&"waba:1".to_owned(), &"waba:1".to_owned()));
    assert_eq!(item(&items[2]), "message text opens customer-service");
    assert_eq!(items[2].routes, ["11"]);
    assert!(item(&items[3]).starts_with("failed: the entry cannot be read"));
    assert_eq!(items.len(), 4);
}

/// A field that cannot be read takes nothing else of its object with it.
#[test]
fn what_stands_beside_a_bad_field_is_kept() {
    let mut odd = text("m1", "one");
    odd["context"] = json!("none");
    odd["group_id"] = json!(7);
    odd["errors"] = json!([{ "code": "131051", "title": 5 }, "none"]);
    odd["referral"] = json!(null);
    let contacts = json!([7, { "wa_id": CUSTOMER, "user_id": {}, "profile": { "name": "Ana", "username": [] } }]);
    let message = message(only(json!({ "contacts": contacts, "messages": [odd] })));
    assert_eq!((&message.content[0], message.thread.key.as_str()), (&Content::text("one"), CUSTOMER));
    assert_eq!(message.sender.unwrap().name.as_deref(), Some("Ana"));
    let status = json!({ "id": "out1", "status": "failed", "timestamp": "1780000000", "recipient_id": CUSTOMER,
        "conversation": { "id": "c", "origin": {} }, "recipient_user_id": 7, "errors": [{ "code": "131047" }] });
    assert_eq!(item(&items(json!({ "statuses": [status] }))[0]), "failed closes customer-service");
}

/// A value that cannot be read is told of, and not stored as an empty one.
#[test]
fn a_value_that_cannot_be_read_is_told_of_and_not_emptied() {
    for (field, value) in [
        ("account_update", r#"{"event":"DISABLED_UPDATE","n":1e999}"#),
        ("message_template_status_update", r#"{"event":"APPROVED","n":1e999}"#),
        ("something_new", r#"{"n":1e999}"#),
        ("group_settings_update", r#"{"groups":[{"group_id":"1","n":1e999}]}"#),
        ("user_preferences", r#"{"user_preferences":[{"wa_id":"1","n":1e999}]}"#),
    ] {
        let body = format!(r#"{{"entry":[{{"id":"1","changes":[{{"field":"{field}","value":{value}}}]}}]}}"#);
        let told = item(&translate(body.as_bytes()).unwrap().items[0]);
        assert!(told.starts_with("failed: the value cannot be read"), "{field}: {told}");
    }
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

fn changed(event: sambung_sdk::inbound::Event) -> (Vec<Identity>, Vec<Identity>, String) {
    let Happening::IdentityChanged(change) = event.what else { panic!("no change: {:?}", event.what) };
    let (name, thread) = change.extra.into_iter().next().unwrap();
    assert_eq!(name, "thread");
    (change.old, change.new, thread)
}

/// Who shares no number is named by the ids alone: by fields, or in the words of the platform's first version.
#[test]
fn a_changed_user_id_names_both_and_the_conversation() {
    let user = |id: &str| Identity::new("whatsapp-user", ACCOUNT, id);
    let words = "User Ana changed from US.1 to Bandung changed from US.1 to US.2";
    let base = json!({ "body": words, "user_id": "US.2", "type": "user_changed_user_id" });
    let mut told = base.clone();
    told["previous_user_id"] = json!("US.1");
    for system in [told, base.clone()] {
        let message = json!({ "id": "s1", "timestamp": "1780000000", "type": "system", "system": system });
        let event = only(json!({ "messages": [message] }));
        assert_eq!((event.id.as_str(), event.time), ("s1", Some(1_780_000_000_000)));
        let (old, new, thread) = changed(event);
        assert_eq!((old, new), (vec![user("US.1")], vec![user("US.2")]));
        assert_eq!(thread, json!({ "key": "US.2", "aliases": ["US.1"] }).to_string());
    }
    let mut both = base;
    both["wa_id"] = json!(CUSTOMER);
    let message = json!({ "from": CUSTOMER, "id": "s1", "timestamp": "1780000000", "type": "system", "system": both });
    let (old, new, thread) = changed(only(json!({ "messages": [message] })));
    assert_eq!((old, new), (vec![user("US.1")], vec![user("US.2"), Identity::phone(CUSTOMER)]));
    assert_eq!(thread, json!({ "key": "US.2", "aliases": [CUSTOMER, "US.1"] }).to_string());
    let nobody = json!({ "id": "s1", "type": "system", "system": { "type": "user_changed_user_id" } });
    assert!(item(&items(json!({ "messages": [nobody] }))[0]).starts_with("failed: somebody's number or id changed"));
}

/// A changed number changes the id as well.
#[test]
fn a_changed_number_changes_the_id_with_it() {
    let user = |id: &str| Identity::new("whatsapp-user", ACCOUNT, id);
    let system = json!({ "from": "1", "id": "s1", "timestamp": "1780000000", "type": "system", "system": {
        "body": "changed", "wa_id": "2", "user_id": "US.2", "previous_user_id": "US.1", "type": "user_changed_number" } });
    let (old, new, thread) = changed(only(json!({ "messages": [system] })));
    assert_eq!((old, new), (vec![user("US.1"), Identity::phone("1")], vec![user("US.2"), Identity::phone("2")]));
    assert_eq!(thread, json!({ "key": "US.2", "aliases": ["2", "US.1", "1"] }).to_string());
}

#[test]
fn an_updated_user_id_names_both_and_the_conversation() {
    let update = json!({ "wa_id": CUSTOMER, "detail": "The id of Ana was updated.", "timestamp": "1780000000",
        "user_id": { "previous": "US.1", "current": "US.2" }, "parent_user_id": { "previous": "US.ENT.1", "current": "US.ENT.2" } });
    let told = |update: sambung_sdk::json::Value| {
        let mut body = crate::support::change(json!({ "user_id_update": [update, 7] }));
        body["entry"][0]["changes"][0]["field"] = json!("user_id_update");
        translate(body.to_string().as_bytes()).unwrap().items
    };
    let items = told(update.clone());
    assert_eq!(items[0].routes, [NUMBER]);
    assert!(item(&items[1]).starts_with("failed: "));
    let again = told(update);
    let ItemResult::Events(mut events) = items.into_iter().next().unwrap().outcome else { panic!("no event") };
    let ItemResult::Events(second) = &again[0].outcome else { panic!("no event") };
    assert_eq!(events[0].id, second[0].id);
    assert_eq!(events[0].time, Some(1_780_000_000_000));
    let (old, new, thread) = changed(events.remove(0));
    assert_eq!(old, [Identity::new("whatsapp-user", ACCOUNT, "US.1")]);
    assert_eq!(new, [Identity::new("whatsapp-user", ACCOUNT, "US.2"), Identity::phone(CUSTOMER)]);
    assert_eq!(thread, json!({ "key": "US.2", "aliases": [CUSTOMER, "US.1"] }).to_string());
}

#[test]
fn the_states_of_calls_are_ignored_with_the_reason() {
    for (kind, status) in [(json!("call"), "RINGING"), (json!("call"), "ENDED"), (json!(null), "REJECTED")] {
        let status = json!({ "id": "wacid.1", "type": kind, "status": status, "timestamp": "1780000000", "recipient_id": CUSTOMER });
        let mut body = crate::support::change(json!({ "statuses": [status] }));
        body["entry"][0]["changes"][0]["field"] = json!("calls");
        let told = item(&translate(body.to_string().as_bytes()).unwrap().items[0]);
        assert!(told.starts_with("ignored: the state of a call"), "{told}");
    }
    let unknown = json!({ "id": "m1", "status": "evaporated", "timestamp": "1780000000", "recipient_id": CUSTOMER });
    assert!(item(&items(json!({ "statuses": [unknown] }))[0]).starts_with("failed: "));
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

/// The business changes and takes back what it wrote in its own app; it may say no more of a deletion than which message.
#[test]
fn an_echo_may_be_an_edit_a_deletion_or_a_reaction() {
    let echo = |kind: &str, own: sambung_sdk::json::Value| {
        let mut value =
            json!({ "from": "15550783881", "to": CUSTOMER, "id": "e1", "timestamp": "1780000000", "type": kind });
        value[kind] = own;
        value
    };
    let told = |echo: sambung_sdk::json::Value| {
        let mut items = items(json!({ "message_echoes": [echo] }));
        match items.remove(0).outcome {
            ItemResult::Events(mut events) => events.remove(0),
            other => panic!("no event: {other:?}"),
        }
    };
    let edit = json!({ "original_message_id": "m1", "message": { "type": "text", "text": { "body": "new" } } });
    let event = told(echo("edit", edit));
    assert_eq!(event.id, "e1");
    let edited = message(event);
    assert_eq!((edited.kind.as_str(), edited.id.as_str(), &edited.content[0]), ("edited", "m1", &Content::text("new")));
    assert_eq!(edited.thread.key, CUSTOMER);
    let mut revoke = echo("revoke", json!({ "original_message_id": "m1" }));
    revoke.as_object_mut().unwrap().remove("to");
    let Happening::Deleted(target) = told(revoke).what else { panic!("no deletion") };
    assert_eq!(target.id, "m1");
    let Happening::Reaction(reaction) = told(echo("reaction", json!({ "message_id": "m1", "emoji": "👍" }))).what
    else {
        panic!("no reaction")
    };
    assert_eq!((reaction.emojis, reaction.who), (vec!["👍".to_owned()], None));
    let mut hidden = echo("text", json!({ "body": "hi" }));
    hidden["to"] = json!("");
    hidden["to_user_id"] = json!("US.1");
    assert_eq!(message(told(hidden)).thread.key, "US.1");
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
