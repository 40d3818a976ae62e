//! Every recorded payload and what it becomes.

use sambung_fixtures::table;

use crate::support::{summary, translate};

/// Payload, and what each of its items becomes.
const TABLE: &[(&str, &[&str])] = &[
    ("x-twitter/chatwoot-mit/dm-image.json", &["message image with caption"]),
    ("x-twitter/chatwoot-mit/dm-text.json", &["message text"]),
    // A post in which the account is mentioned is no message.
    (
        "x-twitter/chatwoot-mit/tweet-create.json",
        &["ignored: tweet_create_events: only direct messages are read, not posts, mentions or followers"],
    ),
    ("x-twitter/synthetic/aaa_dm_escaped_text.json", &["message text"]),
    ("x-twitter/synthetic/aaa_dm_outgoing_echo.json", &["echo text"]),
    ("x-twitter/synthetic/aaa_dm_photo.json", &["message image with caption"]),
    ("x-twitter/synthetic/aaa_dm_quick_reply_response.json", &["message choice"]),
    ("x-twitter/synthetic/aaa_dm_two_events.json", &["message text", "message text"]),
    ("x-twitter/synthetic/aaa_dm_video.json", &["message video with caption"]),
];

#[test]
fn every_recorded_payload_becomes_what_the_table_says() {
    table::hold("", &["x-twitter/chatwoot-mit", "x-twitter/synthetic"], TABLE, |name, payload| {
        let outcome = translate(payload).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(outcome.items.iter().all(|item| item.routes.len() == 1), "{name} names no account");
        Some(summary(&outcome))
    });
}
