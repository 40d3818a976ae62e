//! Every recorded payload and what it becomes. Nothing is dropped in silence: a payload that is not in the table fails the
//! test, and so does a row without its payload.

use std::collections::BTreeSet;

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
    let mut seen = BTreeSet::new();
    for part in ["x-twitter/chatwoot-mit", "x-twitter/synthetic"] {
        let Some(folder) = sambung_fixtures::folder("every_recorded_payload_becomes_what_the_table_says", part) else {
            return;
        };
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{part}/{}", path.file_name().unwrap().to_str().unwrap());
            let row = TABLE.iter().find(|(known, _)| *known == name);
            let outcome = translate(&std::fs::read(&path).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
            let (_, expected) =
                row.unwrap_or_else(|| panic!("{name} is in no row of the table: {:?}", summary(&outcome)));
            assert_eq!(summary(&outcome), *expected, "{name}");
            assert!(outcome.items.iter().all(|item| item.routes.len() == 1), "{name} names no account");
            seen.insert(name);
        }
    }
    let missing: Vec<&str> = TABLE.iter().map(|(name, _)| *name).filter(|name| !seen.contains(*name)).collect();
    assert!(missing.is_empty(), "rows without their payloads: {missing:?}");
}
