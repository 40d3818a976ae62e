//! Connecting: the way out at once, the way in by the first mail.

use crate::support::{ADDRESS, FORWARDING, channel, host};
use sambung_plugin_email::Email;
use sambung_sdk::connection::{ConnectStep, Connection};
use sambung_sdk::json::{Value, json};
use sambung_sdk::mailer::MailError;
use sambung_sdk::testing::connect;
use sambung_sdk::types::Channel;

fn new() -> Channel {
    Channel { account: None, features: "{}".to_owned(), ..channel() }
}

fn with_account(mut channel: Channel) -> Channel {
    let settings = json!({
        "address": ADDRESS, "sending": "account", "smtp_host": "smtp.shop.example", "smtp_port": 587,
        "smtp_security": "starttls", "smtp_user": "u",
    });
    channel.settings = settings.to_string();
    channel
}

fn told(mut channel: Channel, findings: Value) -> Channel {
    channel.extra.push(("findings".to_owned(), findings.to_string()));
    channel
}

fn error(kind: &str) -> MailError {
    MailError { kind: kind.to_owned(), words: "words".to_owned(), ..MailError::default() }
}

#[test]
fn a_new_channel_waits_with_the_address_to_copy() {
    let _host = host();
    match Email::identify(new(), None).unwrap() {
        ConnectStep::Wait(waiting) => {
            assert!(waiting.instructions.iter().any(|step| step.copy.as_deref() == Some(FORWARDING)));
            assert_eq!(waiting.account.unwrap().id, ADDRESS, "an address that another channel has is refused at once");
        }
        other => panic!("{other:?}"),
    }
    assert!(Email::check(new()).unwrap().account.is_none(), "nothing has come through");
}

#[test]
fn it_is_connected_once_a_mail_came_through() {
    let _host = host();
    let health =
        Email::check(told(new(), json!([{ "code": "forwarding-works", "level": "info", "words": "w", "fix": null }])))
            .unwrap();
    let account = health.account.unwrap();
    assert_eq!(account.id, ADDRESS);
    let features: Value = serde_json::from_str(&account.features).unwrap();
    assert_eq!((&features["forwarding"], &features["text"]), (&json!(true), &json!(true)));
    assert!(health.findings.is_empty());
}

#[test]
fn a_question_of_the_providers_connects_it_and_stays_until_a_mail_came() {
    let _host = host();
    let asked = json!({ "code": "forwarding-confirmation", "level": "info", "words": "w",
        "fix": { "text": "w", "link": "https://mail.google.com/mail/vf-x", "copy": "104729338" } });
    let health = Email::check(told(new(), json!([asked]))).unwrap();
    assert!(health.account.is_some());
    assert_eq!(health.findings[0].fix.as_ref().and_then(|fix| fix.copy.as_deref()), Some("104729338"));
    let works = json!({ "code": "forwarding-works", "level": "info", "words": "w", "fix": null });
    let health = Email::check(told(new(), json!([asked, works]))).unwrap();
    assert!(health.findings.is_empty());
}

#[test]
fn a_wrong_password_belongs_to_its_field_and_later_needs_attention() {
    let host = host();
    host.mail_answer(Err(error("unauthorized")));
    let faults = Email::identify(with_account(new()), None).unwrap_err();
    assert_eq!((faults[0].kind.as_str(), faults[0].field.as_deref()), ("refused", Some("smtp_password")));
    host.mail_answer(Err(error("unauthorized")));
    assert_eq!(Email::check(with_account(channel())).unwrap_err().kind, "unauthorized");
    host.mail_answer(Err(error("again")));
    assert_eq!(Email::identify(with_account(new()), None).unwrap_err()[0].kind, "unavailable");
    host.mail_answer(Err(error("blocked")));
    assert_eq!(Email::identify(with_account(new()), None).unwrap_err()[0].field.as_deref(), Some("smtp_host"));
}

#[test]
fn without_a_relay_it_receives_and_offers_nothing_to_write() {
    let host = host();
    host.mail_answer(Err(error("not-configured")));
    assert!(matches!(Email::identify(new(), None).unwrap(), ConnectStep::Wait(_)));
    host.mail_answer(Err(error("not-configured")));
    let health = Email::check(channel()).unwrap();
    let features: Value = serde_json::from_str(&health.account.unwrap().features).unwrap();
    assert_eq!(features["text"], false);
    assert_eq!(health.findings[0].code, "no-relay");
}

#[test]
fn a_change_of_a_connected_channel_does_not_wait_for_another_mail() {
    let _host = host();
    assert_eq!(connect::<Email>(channel(), None).unwrap().account.id, ADDRESS);
}
