//! What leaves, and what a server's answer means.

use crate::support::{ADDRESS, FORWARDING, KEY, SITI, channel, content, host, mail, message};
use sambung_plugin_email::Email;
use sambung_sdk::json::json;
use sambung_sdk::mailer::{MailError, Route};
use sambung_sdk::outbound::{Outbound, Outgoing, Receipt, SendError, SendFault};
use sambung_sdk::types::{Channel, Content, Identity, Mail, MediaRef, Thread};

fn send(contents: Vec<Content>, thread: Option<Thread>) -> Vec<Result<Receipt, SendError>> {
    let outgoing = contents.into_iter().enumerate().map(|(index, content)| {
        let key = if index == 0 { KEY.to_owned() } else { format!("{index}-{KEY}") };
        Outgoing {
            thread: thread.clone(),
            to: vec![Identity::new("email", "", SITI)],
            ..Outgoing::new(key, Thread::default(), content)
        }
    });
    Email::send(outgoing.collect(), channel())
}

#[test]
fn an_answer_goes_to_who_asked_and_refers_to_what_was_asked() {
    let host = host();
    let mut asked = mail("m2@customer.example");
    asked.references = vec!["m1@customer.example".to_owned()];
    let thread = message(asked).thread;
    let receipt = send(vec![Content::text("Sudah dikirim.")], Some(thread.clone())).remove(0).unwrap();
    let (mail, route) = host.mails().remove(0);
    assert_eq!(route, Route::Relay);
    assert_eq!((mail.from[0].address.as_str(), mail.from[0].name.as_deref()), (ADDRESS, Some("Shop")));
    assert_eq!(mail.to[0].address, SITI);
    assert_eq!(mail.subject.as_deref(), Some("Re: Pesanan"));
    assert_eq!(mail.in_reply_to, ["m2@customer.example"]);
    assert_eq!(mail.references, ["m1@customer.example", "m2@customer.example"]);
    assert_eq!(mail.message_id.as_deref(), Some(format!("{KEY}@shop.example").as_str()));
    assert_eq!(receipt.ids, [format!("{KEY}@shop.example")]);
    assert_eq!(receipt.thread.map(|thread| thread.key), Some(thread.key));
    let id = format!("{KEY}@shop.example");
    assert_eq!(mail.headers, [("X-Sambung-Id".to_owned(), id)], "a person wrote it");
}

#[test]
fn re_is_written_once_and_a_long_history_keeps_its_begin_and_its_end() {
    let host = host();
    let mut asked = mail("m99@x");
    asked.subject = Some("RE: Pesanan".to_owned());
    asked.references = (0..60).map(|number| format!("m{number}@x")).collect();
    send(vec![Content::text("Ya")], Some(message(asked).thread));
    let mail = &host.mails()[0].0;
    assert_eq!(mail.subject.as_deref(), Some("RE: Pesanan"));
    assert_eq!(mail.references.len(), 20);
    assert_eq!((mail.references[0].as_str(), mail.references[19].as_str()), ("m0@x", "m99@x"));
}

#[test]
fn who_asks_to_be_answered_elsewhere_is() {
    let host = host();
    let mut asked = mail("m3@x");
    asked.reply_to = vec![sambung_sdk::types::Mailbox::new("office@customer.example")];
    send(vec![Content::text("Ya")], Some(message(asked).thread));
    assert_eq!(host.mails()[0].0.to[0].address, "office@customer.example");
}

/// A mail that asks to be answered at many addresses is answered at the first that is not ours; all of them are shown.
#[test]
fn an_answer_goes_to_one_address_however_many_are_asked_for() {
    let host = host();
    let mut asked = mail("m3@x");
    let strangers =
        (0..100).map(|number| sambung_sdk::types::Mailbox::new(format!("stranger{number}@customer.example")));
    asked.reply_to = [ADDRESS, FORWARDING].map(sambung_sdk::types::Mailbox::new).into_iter().chain(strangers).collect();
    let seen = message(asked);
    let shown = content(&seen);
    assert_eq!(shown.reply_to.len(), 102);
    assert!(
        shown.extra.contains(&("answered-at".to_owned(), "\"stranger0@customer.example\"".to_owned())),
        "{:?}",
        shown.extra
    );
    send(vec![Content::text("Ya")], Some(seen.thread));
    let to: Vec<String> = host.mails()[0].0.to.iter().map(|to| to.address.clone()).collect();
    assert_eq!(to, ["stranger0@customer.example"]);

    let mut asked = mail("m4@x");
    asked.reply_to = vec![sambung_sdk::types::Mailbox::new(FORWARDING)];
    send(vec![Content::text("Ya")], Some(message(asked).thread));
    assert_eq!(host.mails()[1].0.to[0].address, SITI, "never to ourselves");
}

#[test]
fn what_is_written_together_leaves_as_one_mail() {
    let host = host();
    let file = MediaRef::new("document").blob("md_1").name("bon.pdf".to_owned());
    let contents = vec![Content::text("Ini bonnya."), Content::media_with_caption(file, "Bon".to_owned())];
    let receipts = send(contents, Some(message(mail("m4@x")).thread));
    assert_eq!(host.mails().len(), 1);
    let mail = &host.mails()[0].0;
    assert_eq!((mail.text.as_deref(), mail.files.len()), (Some("Ini bonnya.\n\nBon"), 1));
    assert_eq!(receipts.len(), 2);
    assert!(receipts[1].as_ref().unwrap().ids.is_empty(), "one mail has one id");
}

#[test]
fn a_conversation_that_the_business_begins_is_found_by_its_answer() {
    let host = host();
    let own = Mail { subject: Some("Penawaran".to_owned()), text: Some("Halo".to_owned()), ..Mail::default() };
    let receipt = send(vec![Content::mail(own)], None).remove(0).unwrap();
    assert_eq!(host.mails()[0].0.subject.as_deref(), Some("Penawaran"));
    let mut answer = mail("m5@x");
    answer.in_reply_to = vec![receipt.ids[0].clone()];
    answer.references = answer.in_reply_to.clone();
    assert_eq!(Some(message(answer).thread.key), receipt.thread.map(|thread| thread.key));
}

#[test]
fn a_programs_mail_says_so() {
    let host = host();
    let outgoing =
        Outgoing { human: false, ..Outgoing::new(KEY, message(mail("m6@x")).thread, Content::text("Otomatis")) };
    Email::send(vec![outgoing], channel()).remove(0).unwrap();
    assert!(host.mails()[0].0.headers.contains(&("Auto-Submitted".to_owned(), "auto-generated".to_owned())));
}

#[test]
fn the_channels_own_account_is_used_where_it_has_one() {
    let host = host();
    let settings = json!({
        "address": ADDRESS, "sending": "account", "smtp_host": "smtp.shop.example", "smtp_port": 465,
        "smtp_security": "tls", "smtp_user": "u",
    });
    let channel = Channel { settings: settings.to_string(), ..channel() };
    Email::send(vec![Outgoing::new(KEY, message(mail("m7@x")).thread, Content::text("Ya"))], channel)
        .remove(0)
        .unwrap();
    match &host.mails()[0].1 {
        Route::Account(account) => {
            assert_eq!(
                (account.host.as_str(), account.port, account.password.as_str()),
                ("smtp.shop.example", 465, "smtp_password")
            );
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_servers_answer_decides_whether_it_is_tried_again() {
    let error = |kind: &str, status: Option<&str>, dispatched: bool| MailError {
        kind: kind.to_owned(),
        status: status.map(str::to_owned),
        dispatched,
        words: "words".to_owned(),
        ..MailError::default()
    };
    for (error, fault, retryable, scope) in [
        (error("again", Some("4.2.1"), false), SendFault::Unavailable, true, "message"),
        (error("refused", Some("5.1.1"), false), SendFault::Unreachable, false, "recipient"),
        (error("refused", Some("5.2.2"), false), SendFault::Unreachable, false, "recipient"),
        (error("refused", Some("5.3.4"), false), SendFault::TooLarge, false, "message"),
        (error("refused", Some("5.4.5"), false), SendFault::Quota, false, "channel"),
        (error("refused", Some("5.7.1"), false), SendFault::Invalid, false, "message"),
        (error("unauthorized", Some("5.7.8"), false), SendFault::Unauthorized, false, "channel"),
        (error("lost", None, true), SendFault::Unknown, false, "message"),
        (error("not-configured", None, false), SendFault::Invalid, false, "channel"),
    ] {
        let host = host();
        let kind = error.kind.clone();
        host.mail_answer(Err(error));
        let refused = send(vec![Content::text("Ya")], Some(message(mail("m8@x")).thread)).remove(0).unwrap_err();
        assert_eq!((refused.fault, refused.retryable, refused.scope.as_str()), (fault, retryable, scope), "{kind}");
    }
}

#[test]
fn what_no_mail_can_hold_is_refused_before_anything_leaves() {
    let host = host();
    let refused = send(vec![Content::location(1.0, 2.0)], Some(message(mail("m9@x")).thread)).remove(0).unwrap_err();
    assert_eq!(refused.fault, SendFault::Invalid);
    assert!(refused.words.contains("location"), "{}", refused.words);
    assert!(host.mails().is_empty());
}

#[test]
fn what_no_mail_can_hold_stays_behind_alone() {
    let host = host();
    let contents = vec![Content::location(1.0, 2.0), Content::text("Halo"), Content::text("dunia")];
    let results = send(contents, Some(message(mail("m10@x")).thread));
    assert_eq!(results[0].as_ref().unwrap_err().fault, SendFault::Invalid);
    assert_eq!(results[1].as_ref().unwrap().ids, [format!("1-{KEY}@shop.example")]);
    assert!(results[2].as_ref().unwrap().ids.is_empty(), "one mail has one id");
    let mails = host.mails();
    assert_eq!(mails.iter().map(|(mail, _)| mail.text.as_deref()).collect::<Vec<_>>(), [Some("Halo\n\ndunia")]);
}
