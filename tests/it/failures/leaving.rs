//! Forms, disconnecting, and coming back, on every channel.

use sambung_tests::api::until;
use serde_json::{Value, json};

use super::stage::{messages_of, of_every_channel, of_those};

/// The channel and its secrets go; what was said stays, to be read and not to be written to, until the same account is there
/// again.
#[tokio::test(flavor = "multi_thread")]
async fn conversations_stay_readable_and_go_on_when_the_same_account_comes_back() {
    of_every_channel(async |mut stage| {
        let conversation = stage.begin("sebelum").await;
        let reply = stage.api().reply(&conversation, "balasan").await;
        stage.api().message_when(&reply, "sent").await;
        let shown = async || stage.api().get(&format!("/v1/conversations/{conversation}")).await;
        let before = shown().await;
        stage.api().expect(204, "DELETE", &stage.path(), Value::Null).await;
        assert_eq!(stage.api().all("/v1/channels").await, Vec::<Value>::new());

        let alone = shown().await;
        assert_eq!((&alone["channel"], &alone["account"]), (&Value::Null, &before["account"]), "{alone}");
        assert_eq!(
            (&alone["window"]["reason"], &alone["composer"]["contents"]),
            (&json!("disconnected"), &json!([])),
            "{alone}"
        );
        let mut texts = stage.texts().await;
        texts.sort();
        assert_eq!(texts, ["balasan", "sebelum"]);
        let text = json!({ "content": { "type": "text", "text": "ke mana?" } });
        let refused = stage.api().expect(409, "POST", &messages_of(&conversation), text).await;
        assert_eq!(refused["code"], "channel-disconnected", "{refused}");

        stage.channel = stage.provider.connect(stage.api()).await;
        assert_eq!(stage.channel["state"], "connected", "{}", stage.channel);
        let again = stage.api().get(&format!("/v1/conversations/{conversation}")).await;
        assert_eq!(again["channel"]["id"], stage.channel["id"], "{again}");
        assert_eq!(stage.begin("sesudah").await, conversation, "the same conversation goes on");
        let reply = stage.api().reply(&conversation, "selamat datang lagi").await;
        stage.api().message_when(&reply, "sent").await;
        assert_eq!(stage.seen(), ["balasan", "selamat datang lagi"]);
    })
    .await;
}

/// Everything that is wrong is told at once. What was typed as a secret is never told again, and stays where the field is left
/// empty.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_tells_every_fault_at_once_and_a_secret_never_and_keeps_it_where_it_is_left_empty() {
    of_those(
        |provider| !provider.secrets().is_empty(),
        async |stage| {
            let secrets = stage.provider.secrets();
            let mut empty = stage.provider.form();
            for name in secrets {
                empty[*name] = json!("");
            }
            empty["no_such_field"] = json!("x");
            let channel = json!({ "plugin": stage.provider.plugin(), "name": "", "settings": empty });
            let refused = stage.api().expect(422, "POST", "/v1/channels", channel).await;
            let errors = refused["errors"].as_array().unwrap();
            let told = |pointer: String| {
                errors.iter().find(|error| error["pointer"] == pointer).map(|error| error["detail"].clone())
            };
            for pointer in secrets.iter().map(|name| format!("#/settings/{name}")).chain(["#/name".to_owned()]) {
                assert_eq!(told(pointer.clone()), Some(json!("field is required")), "{pointer}: {refused}");
            }
            assert!(told("#/settings/no_such_field".to_owned()).is_some(), "{refused}");

            let form = stage.provider.form();
            let everything = async || {
                let lists =
                    ["/v1/channels", "/v1/audit", "/v1/journal", "/v1/plugins"].map(|path| stage.api().get(path));
                let lists = futures_util::future::join_all(lists).await;
                format!("{} {lists:?}", stage.now().await)
            };
            let seen = everything().await;
            for name in secrets {
                assert_eq!(stage.now().await["settings"][*name], json!({ "set": true }), "{name}");
                let value = form[*name].as_str().unwrap();
                assert!(!seen.contains(&format!("\"{value}")), "{name} is told: {seen}");
            }
            let blank: serde_json::Map<String, Value> =
                secrets.iter().map(|name| ((*name).to_owned(), json!(""))).collect();
            stage.api().expect(200, "PATCH", &stage.path(), json!({ "settings": blank })).await;
            let conversation = stage.begin("Halo").await;
            let reply = stage.api().reply(&conversation, "masih di sini").await;
            stage.api().message_when(&reply, "sent").await;
        },
    )
    .await;
}

/// A provider that nobody reaches keeps no admin from leaving.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_kept_by_a_provider_that_does_not_answer() {
    of_every_channel(async |stage| {
        stage.begin("Halo").await;
        let path = stage.path();
        let super::stage::Stage { provider, host, .. } = stage;
        drop(provider);
        host.api().expect(204, "DELETE", &path, Value::Null).await;
        until("it is gone", async || (host.api().all("/v1/channels").await.is_empty()).then_some(())).await;
        assert_eq!(host.api().all_messages().await.iter().filter(|one| super::stage::text(one) == "Halo").count(), 1);
    })
    .await;
}

/// No channel offers to take a sent message back from those who read it, so there is no button for it and no call: what is
/// deleted is what the other side deletes.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_offered_to_delete_what_was_sent() {
    of_every_channel(async |stage| {
        let conversation = stage.begin("Halo").await;
        let id = stage.api().reply(&conversation, "tetap").await;
        stage.api().message_when(&id, "sent").await;
        let shown = stage.api().get(&format!("/v1/conversations/{conversation}")).await;
        let composer = shown["composer"].to_string();
        assert!(!composer.contains("delete") && !composer.contains("unsend"), "{composer}");
        let (status, _) = stage.api().ask("DELETE", &format!("/v1/messages/{id}"), &Value::Null).await.unwrap();
        assert_eq!(status, 405);
        assert_eq!(stage.seen(), ["tetap"]);
    })
    .await;
}
