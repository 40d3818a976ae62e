//! A relay that gives mails an id of its own: what comes back from it is the status of the mail all the same.

use super::{messages, stage};

/// Has no mailbox.
const GONE: &str = "gone@customer.example";
/// A relay that takes mail for anybody, gives each an id of its own, and finds out later that nobody is there.
const REWRITES: &str = "smtpd_reject_unlisted_recipient = no\n";

/// An answer to somebody without a mailbox, through a relay with these header checks: it fails with Postfix's words.
async fn comes_back(test: &str, checks: &str, more: &str) {
    let more = format!(
        "{REWRITES}header_checks = regexp:{{ {{/^Message-ID:.*@shop\\.example/ REPLACE Message-ID: <its.own@relay.example>}} {checks} }}\n{more}"
    );
    let Some((postfix, host, first)) = stage(test, GONE, &more).await else { return };
    let api = host.api();
    let sent = api.reply(first["conversation_id"].as_str().unwrap(), "Besok.").await;
    let failed = api.message_when(&sent, "failed").await;
    assert!(failed["error"].to_string().contains("nknown user"), "{failed}");
    assert_eq!(failed["attempts"].as_array().unwrap().len(), 1, "{failed}");
    postfix.is_idle().await;
    assert_eq!(messages(api, 2).await.len(), 2, "nobody wrote the bounce");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_of_a_mail_whose_id_the_relay_changed_is_found_by_a_header_of_its_own() {
    let test = "a_bounce_of_a_mail_whose_id_the_relay_changed_is_found_by_a_header_of_its_own";
    comes_back(test, "", "smtpd_discard_ehlo_keywords = dsn\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_of_a_mail_whose_headers_the_relay_took_away_is_found_by_its_envelope() {
    let test = "a_bounce_of_a_mail_whose_headers_the_relay_took_away_is_found_by_its_envelope";
    comes_back(test, "{/^X-Sambung-Id:/ IGNORE}", "").await;
}
