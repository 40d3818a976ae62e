//! Members of a group: each who writes and has no name is looked up, once, by the group.

use sambung_tests::api::{now_ms, until};
use sambung_tests::host::{hook, with_line};
use sambung_tests::providers::line::{Line, Source, message_event};
use serde_json::json;

const GROUP: &str = "Ca56f94637cc4347f90a25382909b24b9";

#[tokio::test(flavor = "multi_thread")]
async fn everybody_who_writes_in_a_group_is_looked_up_once() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let api = host.api();
    let users: Vec<String> = (0..4).map(|number| format!("U{number:032x}")).collect();
    for (number, user) in users.iter().enumerate() {
        line.profile(user, json!({ "userId": user, "displayName": format!("Member {number}") }));
    }
    for round in 0..2 {
        for user in &users {
            let said = json!({ "type": "text", "text": format!("round {round}"), "quoteToken": "q" });
            let event = message_event(&line, Source::Group(GROUP, user), now_ms(), said);
            assert_eq!(line.post(&hook(api, &channel), &[event]).await.unwrap(), 200);
        }
        until("everybody has a name", async || {
            let messages = api.all_messages().await;
            let named = messages.iter().filter(|message| message["from"]["name"].is_string()).count();
            (named == users.len() * (round + 1)).then_some(())
        })
        .await;
    }
    for user in &users {
        let asked: Vec<String> =
            line.recorded().iter().map(|one| one.url.clone()).filter(|url| url.contains(user.as_str())).collect();
        assert_eq!(asked.len(), 1, "once: {asked:?}");
        assert!(asked[0].ends_with(&format!("/v2/bot/group/{GROUP}/member/{user}")), "{asked:?}");
    }
}
