//! Messages in and out of a channel by the hour: counted as they come, shown by the API and on the pages.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use sambung::auth::Role;
use sambung::retention::Retention;
use serde_json::json;

use crate::console::{page, person, sign_in};
use crate::outbound::Story;

/// How long the server may take for a page.
const QUICK: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_day_of_messages_is_told_by_the_hour_on_pages_and_by_the_api() {
    let mut story = Story::begin().await;
    let path = format!("/v1/channels/{}/traffic", story.channel);
    story.customer_writes("Apakah buka?").await;
    let message = story.text("Ya").await;
    story.becomes(&message, "sent").await;
    let (status, traffic) = story.host.get(&path).await;
    assert_eq!(status, StatusCode::OK, "{traffic}");
    assert_eq!((&traffic["received"], &traffic["sent"]), (&json!(2), &json!(1)), "{traffic}");
    let hours = traffic["hours"].as_array().unwrap();
    assert_eq!(hours.len(), 24);
    let last_two: u64 = hours[22..].iter().map(|hour| hour["received"].as_u64().unwrap()).sum();
    assert_eq!(last_two, 2, "they came just now: {traffic}");

    let host = &story.host;
    person(host, "agent@toko.example", "agent").await;
    let agent = sign_in(host, "agent@toko.example").await;
    let (_, html) = page(host, &format!("/integrations/{}", story.channel), &agent).await;
    assert!(html.contains("Last 24 hours") && html.contains("with 2 in and 1 out"), "{html}");
    assert!(html.contains("<path class=\"spark-line\""), "{html}");
    let (_, html) = page(host, "/integrations", &agent).await;
    assert!(html.contains("Messages of the last 24 hours: 2 in, 1 out"), "{html}");

    let stranger = host.token_for("other", Role::Operator).await;
    assert_eq!(host.call_as(&stranger, Method::GET, &path, None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(host.get("/v1/channels/ch_none/traffic").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn hours_of_long_ago_are_not_kept_and_much_of_everything_keeps_the_pages_quick() {
    let mut story = Story::begin().await;
    let db = rusqlite::Connection::open(story.host.data.join("sambung.db")).unwrap();
    db.busy_timeout(Duration::from_secs(10)).unwrap();
    let account: i64 = db.query_row("SELECT account_id FROM channels", [], |row| row.get(0)).unwrap();
    db.execute("INSERT INTO traffic VALUES (?1, 1, 7, 7)", [account]).unwrap();
    // Ten thousand conversations with a message each, as their arrival leaves them.
    db.execute_batch(
        "BEGIN;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
         INSERT INTO conversations (id, workspace_id, account_id, thread_key, created_at, last_message_at)
         SELECT i, (SELECT id FROM workspaces), (SELECT account_id FROM channels), 'k' || i, i, i FROM n;
         INSERT INTO messages (id, workspace_id, account_id, conversation_id, direction, content, at, received_at)
         SELECT id, workspace_id, account_id, id, 'inbound', '[]', 1, (SELECT max(received_at) FROM messages)
         FROM conversations WHERE id <= 10000;
         UPDATE traffic SET received = received + 10000 WHERE hour > 1;
         COMMIT;",
    )
    .unwrap();
    let kept = |hour: &str| -> i64 {
        db.query_row(&format!("SELECT count(*) FROM traffic WHERE hour {hour}"), [], |row| row.get(0)).unwrap()
    };
    story.customer_writes("Halo lagi").await;
    let state = &story.host.state;
    let retention = Retention::new(state.db.clone(), state.media.clone(), state.clock.clone(), &state.config.retention);
    retention.round(&state.stop).await.unwrap();
    assert_eq!(kept("= 1"), 0, "it is gone with the next round");
    assert!(kept("> 1") <= 2);
    let host = &story.host;
    person(host, "agent@toko.example", "agent").await;
    let agent = sign_in(host, "agent@toko.example").await;
    for path in ["/integrations".to_owned(), format!("/integrations/{}", story.channel)] {
        let mut best = Duration::MAX;
        for _ in 0..5 {
            let begun = Instant::now();
            let (status, html) = page(host, &path, &agent).await;
            best = best.min(begun.elapsed());
            assert!(status == StatusCode::OK && html.contains("10002"), "{html}");
        }
        assert!(best < QUICK, "{path} took {best:?}");
    }
}
