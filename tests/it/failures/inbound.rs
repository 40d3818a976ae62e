//! What customers write, on every channel: in batches, twice, late, of unknown kinds, and while the credential is bad.

use sambung_tests::api::{now_ms, until};
use serde_json::{Value, json};

use super::stage::{of_every_channel, of_those, picture, text};

const MINUTE_MS: u64 = 60_000;

/// What a list of the journal's rows says became of them.
async fn journal(stage: &super::stage::Stage, state: &str) -> Vec<Value> {
    stage.api().all(&format!("/v1/journal?state={state}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_every_message_of_everybody_in_it() {
    of_every_channel(async |stage| {
        let now = now_ms();
        let events: Vec<Value> = (0..6)
            .map(|number| {
                stage.provider.text(1 + number % 2, now + u64::from(number) * 1000, &format!("number {number}"))
            })
            .collect();
        stage.deliver(&events).await;
        stage.api().translated().await;
        let mut texts = stage.texts().await;
        texts.sort();
        assert_eq!(texts, (0..6).map(|number| format!("number {number}")).collect::<Vec<_>>());
        let messages = stage.messages().await;
        let mut conversations: Vec<&Value> = messages.iter().map(|message| &message["conversation_id"]).collect();
        conversations.sort_by_key(|id| id.to_string());
        conversations.dedup();
        assert_eq!(conversations.len(), 2, "one for each of the two customers");
        assert!(journal(&stage, "parked").await.is_empty());
    })
    .await;
}

/// One after the other, and as many at once as a provider sends that heard no answer.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_again_and_all_at_once_is_one_message_of_one_conversation() {
    of_every_channel(async |stage| {
        let [first, second] = ["once", "at once"].map(|words| stage.provider.text(1, now_ms(), words));
        stage.deliver(std::slice::from_ref(&first)).await;
        stage.deliver(std::slice::from_ref(&first)).await;
        let both = [first, second];
        let deliveries = (0..12).map(|_| stage.provider.deliver(stage.api(), &stage.channel, &both));
        let taken = futures_util::future::join_all(deliveries).await;
        assert!(
            taken.iter().filter(|taken| **taken).count() > 1,
            "mail servers have a limit of connections, and come again"
        );
        stage.deliver(&both).await;
        stage.api().translated().await;
        let mut texts = stage.texts().await;
        texts.sort();
        assert_eq!(texts, ["at once", "once"]);
        let messages = stage.messages().await;
        assert_eq!(messages[0]["conversation_id"], messages[1]["conversation_id"]);
        let named = |one: &Value| one["id"] == messages[0]["from"]["id"];
        assert_eq!(stage.api().all("/v1/contacts").await.iter().filter(|one| named(one)).count(), 1);
    })
    .await;
}

/// By the provider's time, where it tells one; what came last is not what was said last.
#[tokio::test(flavor = "multi_thread")]
async fn what_comes_late_takes_its_place() {
    of_those(
        |provider| provider.tells_time(),
        async |stage| {
            let now = now_ms();
            for minutes in [3, 1, 5, 2, 4] {
                let event = stage.provider.text(1, now - minutes * MINUTE_MS, &format!("{minutes} minutes ago"));
                stage.deliver(&[event]).await;
            }
            stage.api().translated().await;
            let newest_first: Vec<_> = (1..=5).map(|minutes| format!("{minutes} minutes ago")).collect();
            assert_eq!(stage.texts().await, newest_first);
            let id = stage.find("1 minutes ago").await["conversation_id"].as_str().unwrap().to_owned();
            let shown = stage.api().get(&format!("/v1/conversations/{id}")).await;
            assert!(shown["last_message"]["preview"].as_str().is_some_and(|words| words.starts_with('1')), "{shown}");
        },
    )
    .await;
}

/// It counts as unread as everything else does, says in words that there is something, and its raw form is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_an_unknown_kind_is_kept_and_shown_and_holds_nothing_back() {
    of_every_channel(async |stage| {
        let now = now_ms() - MINUTE_MS;
        let odd = stage.provider.oddity(1, now);
        stage
            .deliver(&[stage.provider.text(1, now - 2000, "before"), odd, stage.provider.text(1, now + 2000, "after")])
            .await;
        stage.api().translated().await;
        let messages = stage.messages().await;
        assert_eq!(messages.len(), 3, "{messages:#?}");
        let odd = messages.iter().find(|one| !["before", "after"].contains(&text(one).as_str())).unwrap();
        let id = odd["conversation_id"].as_str().unwrap();
        // A mail is shown with whatever it has.
        if stage.provider.plugin() != "email" {
            assert!(["unsupported", "other"].contains(&odd["content"]["type"].as_str().unwrap()), "{odd}");
            assert!(odd["content"]["line"].as_str().is_some_and(|line| !line.is_empty()), "{odd}");
            assert!(odd["content"]["data"].to_string().contains("hologram"), "its raw form: {odd}");
        }
        assert_eq!(odd["conversation_id"], messages[0]["conversation_id"]);
        let seen = stage.api().expect(200, "POST", &format!("/v1/conversations/{id}/read"), json!({})).await;
        assert_eq!(seen["unread"], 0, "{seen}");
        // Written before that was read, and on its way until now.
        stage.deliver(&[stage.provider.oddity(1, now + 4000)]).await;
        until("it counts as unread", async || {
            (stage.api().get(&format!("/v1/conversations/{id}")).await["unread"] == 1).then_some(())
        })
        .await;
        assert!(journal(&stage, "parked").await.is_empty());
    })
    .await;
}

/// Neither the message nor its conversation waits for what the provider does not give: names and files come when it does.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_writes_is_heard_while_the_credential_is_bad() {
    of_every_channel(async |stage| {
        if !stage.provider.revoke() {
            return;
        }
        let checked = stage.api().ask("POST", &format!("{}/check", stage.path()), &Value::Null).await.unwrap();
        assert_eq!(stage.now().await["state"], "needs_attention", "{checked:?}");
        let sent = stage.provider.picture(2, now_ms(), &picture());
        stage.deliver(&[stage.provider.text(1, now_ms(), "Ada orang?"), sent]).await;
        stage.find("Ada orang?").await;
        let file = async || {
            let all = stage.messages().await;
            let contents = all.iter().map(|message| message["content"].clone());
            contents
                .flat_map(|content| content["files"].as_array().cloned().unwrap_or(vec![content]))
                .find(|file| file["state"].is_string())
        };
        let file = until("the picture's message is shown", file).await;
        assert!(["pending", "failed", "stored"].contains(&file["state"].as_str().unwrap()), "{file}");
        assert_eq!(stage.messages().await.len(), 2);
    })
    .await;
}
