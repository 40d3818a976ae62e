//! Bounces, complaints, receipts, and a provider's question.

use crate::support::{KEY, channel, event, host, ignored, item, items_in, mail, with};
use sambung_sdk::inbound::{Delivery, Happening, ItemResult};
use sambung_sdk::json::{Value, json};
use sambung_sdk::types::{Authentication, Mail, Mailbox, ReportPart};

fn part(mime: &str, text: &str) -> ReportPart {
    ReportPart { mime: mime.to_owned(), text: text.to_owned(), ..ReportPart::default() }
}

fn bounce(status: &str) -> Mail {
    let mut bounce = mail("bounce@mx.example");
    bounce.from = vec![Mailbox::new("MAILER-DAEMON@mx.example")];
    bounce.report = vec![
        part("message/delivery-status", status),
        part("text/rfc822-headers", &format!("Subject: x\r\nMessage-ID:\r\n <{KEY}@shop.example>\r\n")),
    ];
    bounce
}

fn delivery(mail: Mail) -> Delivery {
    match event(item(mail)).what {
        Happening::Delivery(delivery) => delivery,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_bounce_is_the_status_of_the_mail_that_came_back() {
    let _host = host();
    let said = delivery(bounce(
        "Reporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; a@x\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550\n  no such user\n",
    ));
    assert_eq!((said.state.as_str(), said.correlation.as_deref()), ("failed", Some(KEY)));
    assert_eq!(said.id, Some(format!("{KEY}@shop.example")));
    let failure: Value = serde_json::from_str(&said.failure.unwrap()).unwrap();
    assert_eq!((&failure["fault"], &failure["code"]), (&json!("unreachable"), &json!("5.1.1")));
    assert_eq!(failure["words"], "smtp; 550 no such user");
}

#[test]
fn what_is_late_has_not_failed_and_of_several_recipients_the_worst_counts() {
    let _host = host();
    assert_eq!(delivery(bounce("\nAction: delayed\nStatus: 4.4.1\n")).state, "delayed");
    assert_eq!(delivery(bounce("\nAction: delivered\n\nAction: failed\nStatus: 5.2.2\n")).state, "failed");
    assert_eq!(delivery(bounce("\nAction: relayed\n")).state, "delivered");
}

#[test]
fn a_bounce_from_before_the_standard_is_read_from_its_text() {
    let _host = host();
    let mut old = with(mail("b2@x"), "Return-Path", "<>");
    old.text =
        Some(format!("Hi. I could not deliver it.\n\n--- Below is a copy.\n\nMessage-Id: <{KEY}@shop.example>\n"));
    assert_eq!(delivery(old.clone()).state, "failed");
    old.text = Some(format!("It will be retried.\n\nMessage-Id: <{KEY}@shop.example>\n"));
    assert_eq!(delivery(old).state, "delayed");
}

/// Servers on the way give a mail an id of their own.
#[test]
fn a_bounce_is_found_whatever_id_a_relay_gave_the_mail() {
    let _host = host();
    let own = format!("{KEY}@shop.example");
    let changed = "Message-ID: <1.2@relay.example>\r\n";
    let mut beside = bounce("\nAction: failed\n");
    beside.report[1].text = format!("{changed}x-sambung-id: {own}\r\n");
    let mut envelope = bounce(&format!("Original-Envelope-Id: {own}\n\nAction: failed\n"));
    envelope.report.truncate(1);
    let mut both = bounce(&format!("Original-Envelope-Id: {own}\n\nAction: failed\n"));
    both.report[1].text = changed.to_owned();
    let mut old = with(mail("b2@x"), "Return-Path", "<>");
    old.text = Some(format!("It came back.\n\nMessage-ID: <1.2@relay.example>\nX-Sambung-Id: {own}\n"));
    for report in [beside, envelope, both, old] {
        let said = delivery(report);
        assert_eq!((said.id.as_deref(), said.correlation.as_deref()), (Some(own.as_str()), Some(KEY)));
    }
    let mut foreign = bounce("Original-Envelope-Id: QQ314159\n\nAction: failed\n");
    foreign.report.truncate(1);
    assert!(ignored(foreign).contains("does not name"), "it names no mail");
}

#[test]
fn a_bounce_that_names_no_mail_is_told_as_such() {
    let _host = host();
    let mut nameless = bounce("\nAction: failed\n");
    nameless.report.truncate(1);
    assert!(ignored(nameless).contains("does not name"));
}

#[test]
fn a_complaint_is_shown_to_the_admin_and_a_receipt_is_a_reading() {
    let _host = host();
    let mut complaint = mail("c@x");
    complaint.report = vec![part("message/feedback-report", "Feedback-Type: abuse\n")];
    match event(item(complaint)).what {
        Happening::Notice(notice) => {
            assert_eq!((notice.level.as_str(), notice.code.as_str()), ("warning", "spam-complaint"))
        }
        other => panic!("{other:?}"),
    }
    let mut receipt = mail("r@x");
    let fields = |what: &str| {
        format!("Original-Message-ID: <{KEY}@shop.example>\nDisposition: manual-action/MDN-sent-manually; {what}\n")
    };
    receipt.report = vec![part("message/disposition-notification", &fields("displayed"))];
    assert_eq!(delivery(receipt.clone()).state, "read");
    receipt.report = vec![part("message/disposition-notification", &fields("deleted"))];
    assert!(ignored(receipt).contains("receipt"));
}

fn question(subject: &str, text: &str) -> Mail {
    let mut mail = mail("q@mail.example");
    mail.from = vec![Mailbox::new("forwarding-noreply@google.com")];
    mail.subject = Some(subject.to_owned());
    mail.text = Some(text.to_owned());
    mail.authentication = vec![Authentication {
        method: "dkim".to_owned(),
        verdict: "pass".to_owned(),
        domain: Some("google.com".to_owned()),
        ..Authentication::default()
    }];
    mail
}

#[test]
fn the_providers_question_shows_its_code_and_the_link_that_agrees() {
    let _host = host();
    let text = "Confirmation code: 104729338\nhttps://mail-settings.google.com/mail/vf-%5Bx%5D-y\nhttps://mail-settings.google.com/mail/uf-no\n\
                http://support.google.com/mail/bin/answer.py?answer=184973";
    for (subject, text, code, link) in [
        (
            "(#104729338) Confirmation",
            text,
            Some("104729338"),
            Some("https://mail-settings.google.com/mail/vf-%5Bx%5D-y"),
        ),
        ("(Confirmation", text, Some("104729338"), Some("https://mail-settings.google.com/mail/vf-%5Bx%5D-y")),
        (
            "(Gmail) 转发确认",
            "https://mail.google.com/mail/vf-a answer=184973",
            None,
            Some("https://mail.google.com/mail/vf-a"),
        ),
        (
            "x",
            "https://evil.example/mail/vf-a http://mail.google.com/mail/vf-b https://mail.google.com.evil.example/mail/vf-c",
            None,
            None,
        ),
    ] {
        match event(item(question(subject, text))).what {
            Happening::Notice(notice) => {
                assert_eq!((notice.copy.as_deref(), notice.link.as_deref()), (code, link), "{subject}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_question_that_google_did_not_sign_is_not_believed() {
    let _host = host();
    for verdict in [
        None,
        Some(("dkim", "fail", "google.com")),
        Some(("dkim", "pass", "evil.example")),
        Some(("spf", "pass", "google.com")),
    ] {
        let mut forged = question("(#104729338) x", "https://mail.google.com/mail/vf-a");
        forged.authentication = verdict
            .map(|(method, verdict, domain)| Authentication {
                method: method.to_owned(),
                verdict: verdict.to_owned(),
                domain: Some(domain.to_owned()),
                ..Authentication::default()
            })
            .into_iter()
            .collect();
        let mut waiting = channel();
        waiting.features = "{}".to_owned();
        let items = items_in(forged, waiting);
        assert_eq!(items.len(), 1, "nor does it prove anything");
        assert!(matches!(&items[0].outcome, ItemResult::Ignored(reason) if reason.contains("did not sign")));
    }
}
