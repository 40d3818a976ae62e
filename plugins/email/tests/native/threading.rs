//! Which conversation a mail belongs to, and what is none.

use crate::support::{
    ADDRESS, FORWARDING, KEY, SITI, channel, event, host, ignored, item, items_in, mail, message, with,
};
use sambung_plugin_email::Email;
use sambung_sdk::inbound::Happening;
use sambung_sdk::outbound::{Outbound, Outgoing};
use sambung_sdk::types::{Content, Mail, Mailbox};

fn answer(id: &str, to: &str, references: &[&str]) -> Mail {
    let mut mail = mail(id);
    mail.in_reply_to = vec![to.to_owned()];
    mail.references = references.iter().map(|id| (*id).to_owned()).collect();
    mail
}

#[test]
fn a_mail_and_its_answers_have_one_key_in_whatever_order_they_come() {
    let _host = host();
    let first = message(mail("m1@customer.example")).thread;
    let second =
        message(answer("m2@customer.example", "ours@shop.example", &["m1@customer.example", "ours@shop.example"]));
    assert_eq!(second.thread.key, first.key, "the first of all references is the same mail");
    assert_eq!(
        second.thread.joins,
        ["ours@shop.example", "m1@customer.example"],
        "what it answers, then the newest first"
    );
    assert_eq!(second.reply_to.map(|target| target.id).as_deref(), Some("ours@shop.example"));
}

#[test]
fn several_ids_in_one_field_are_all_tried() {
    let _host = host();
    let mut mail = answer("m3@x", "a@x", &[]);
    mail.in_reply_to.push("b@x".to_owned());
    assert_eq!(message(mail).thread.joins, ["a@x", "b@x"]);
}

#[test]
fn an_attempt_whose_answer_was_lost_is_found_by_its_key() {
    let _host = host();
    let own = format!("{KEY}@shop.example");
    assert_eq!(message(answer("m4@x", &own, &[])).thread.joins, [own.as_str(), KEY]);
}

#[test]
fn somebody_else_who_answers_has_a_conversation_of_their_own() {
    let _host = host();
    let siti = message(answer("m5@x", "ours@shop.example", &["root@x"])).thread;
    let mut other = answer("m6@x", "ours@shop.example", &["root@x"]);
    other.from = vec![Mailbox::new("budi@customer.example")];
    let budi = message(other).thread;
    assert_ne!(siti.key, budi.key);
    for thread in [siti, budi] {
        assert!(thread.extra.contains(&("person".to_owned(), "\"one\"".to_owned())), "joins are one person's");
    }
}

#[test]
fn the_signed_address_goes_before_everything_and_only_where_it_is_signed() {
    let host = host();
    let thread = message(mail("m7@x")).thread;
    let key = thread.key.clone();
    Email::send(vec![Outgoing::new(KEY, thread, Content::text("Ya"))], channel());
    let reply = host.mails()[0].0.reply_to[0].address.clone();
    assert!(reply.starts_with(FORWARDING.split('@').next().unwrap()) && reply.ends_with("@in.example"), "{reply}");
    assert!(reply.split('@').next().unwrap().len() <= 64, "RFC 5321: a local part has at most 64 octets");

    let mut stranger = mail("m8@x");
    stranger.from = vec![Mailbox::new("other@customer.example")];
    stranger.envelope.as_mut().unwrap().recipients = vec![reply.to_uppercase()];
    assert_eq!(message(stranger.clone()).thread.key, key, "whoever has the address, in any case of letters");
    stranger.envelope.as_mut().unwrap().recipients = vec![FORWARDING.to_owned()];
    stranger.cc = vec![Mailbox::new(&reply)];
    assert_eq!(message(stranger.clone()).thread.key, key, "also in Cc");
    let last = if reply.contains("0@") { "1@" } else { "0@" };
    let at = reply.find('@').unwrap();
    stranger.cc = vec![Mailbox::new(format!("{}{last}{}", &reply[..at - 1], &reply[at + 1..]))];
    assert_ne!(message(stranger).thread.key, key, "a forged signature counts for nothing");
}

#[test]
fn the_same_mail_is_the_same_event_and_one_without_an_id_too() {
    let _host = host();
    assert_eq!(event(item(mail("m9@x"))).id, event(item(mail("m9@x"))).id);
    let mut nameless = mail("x");
    nameless.message_id = None;
    let id = event(item(nameless.clone())).id;
    assert_eq!(event(item(nameless.clone())).id, id);
    nameless.text = Some("Another text".to_owned());
    assert_ne!(event(item(nameless)).id, id);
}

#[test]
fn a_mail_without_a_sender_is_a_message_all_the_same() {
    let _host = host();
    let mut mail = mail("m10@x");
    mail.from.clear();
    assert!(message(mail).sender.is_none());
}

#[test]
fn the_person_is_who_wrote_and_not_who_forwarded() {
    let _host = host();
    let sender = message(mail("m11@x")).sender.unwrap();
    assert_eq!((sender.identities[0].scheme.as_str(), sender.identities[0].value.as_str()), ("email", SITI));
    assert_eq!(sender.name.as_deref(), Some("Siti"));
}

#[test]
fn our_own_mail_that_comes_back_is_no_message() {
    let _host = host();
    let mut own = mail("m12@x");
    own.from = vec![Mailbox::new(ADDRESS.to_uppercase())];
    assert!(ignored(own).contains("loop"));
    assert!(ignored(with(mail("m13@x"), "X-Loop", ADDRESS)).contains("loop"));
}

#[test]
fn programs_open_no_conversation_and_are_shown_where_they_answer_ours() {
    let _host = host();
    for (name, value) in [
        ("Auto-Submitted", "auto-generated; x=y"),
        ("Auto-Submitted", "auto-replied"),
        ("X-Autoreply", "yes"),
        ("Precedence", "auto_reply"),
        ("Return-Path", "<>"),
        ("X-Apple-Action", "VACATION"),
    ] {
        assert!(ignored(with(mail("a@x"), name, value)).contains("program"), "{name}: {value}");
        let mut ours = with(mail("b@x"), name, value);
        ours.in_reply_to = vec![format!("{KEY}@shop.example")];
        let message = message(ours);
        let said = crate::support::content(&message).extra.iter().any(|(name, _)| name == "automatic");
        assert!(said, "{name}: {value}");
    }
    message(with(mail("c@x"), "Auto-Submitted", "no"));
}

#[test]
fn a_group_address_of_the_companys_is_a_list_and_its_mail_is_kept() {
    let _host = host();
    let message = message(with(mail("l@x"), "List-Id", "<support.shop.example>"));
    let mail = crate::support::content(&message);
    assert!(mail.extra.contains(&("automatic".to_owned(), "\"list\"".to_owned())));
}

#[test]
fn the_first_mail_proves_the_forwarding_whatever_it_is() {
    let _host = host();
    let mut waiting = channel();
    waiting.account = None;
    waiting.features = "{}".to_owned();
    let mut own = mail("m14@x");
    own.from = vec![Mailbox::new(ADDRESS)];
    for mail in [mail("m15@x"), own] {
        let items = items_in(mail, waiting.clone());
        assert_eq!(items.len(), 2);
        match event(items.into_iter().nth(1).unwrap()).what {
            Happening::Notice(notice) => assert_eq!(notice.code, "forwarding-works"),
            other => panic!("{other:?}"),
        }
    }
}
