//! What agents write, on every channel: refused, lost, waited for, in parts, and too large.

use sambung_tests::api::{now_ms, until};
use serde_json::{Value, json};

use super::stage::{Stage, Trouble, messages_of, of_every_channel, picture, providers};

async fn message(stage: &Stage, id: &str) -> Value {
    stage.api().get(&format!("/v1/messages/{id}")).await
}

fn outcomes(message: &Value) -> Vec<&str> {
    message["attempts"].as_array().unwrap().iter().map(|attempt| attempt["outcome"].as_str().unwrap_or("-")).collect()
}

/// Nothing is called sent before the provider took it, and what it refused is failed in its words. A retry is another attempt
/// on the same way.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_failed_in_the_providers_words_and_a_retry_is_another_attempt() {
    of_every_channel(async |stage| {
        let conversation = stage.begin("Halo").await;
        if !stage.provider.trouble(Trouble::Refused) {
            return;
        }
        let id = stage.api().reply(&conversation, "Halo juga").await;
        let failed = stage.api().message_when(&id, "failed").await;
        assert!(failed["error"]["detail"].as_str().is_some_and(|words| !words.is_empty()), "{failed}");
        assert_eq!((&failed["provider_message_ids"], outcomes(&failed)), (&json!([]), vec!["failed"]), "{failed}");
        assert!(stage.seen().is_empty());
        let again = stage.api().expect(202, "POST", &format!("/v1/messages/{id}/retry"), Value::Null).await;
        assert_eq!(again["status"], "queued", "{again}");
        let sent = stage.api().message_when(&id, "sent").await;
        assert_eq!((outcomes(&sent), &sent["error"]), (vec!["failed", "sent"], &Value::Null), "{sent}");
        assert_eq!(sent["provider_message_ids"].as_array().unwrap().len(), 1, "{sent}");
        assert_eq!(stage.seen(), ["Halo juga"]);
        assert_eq!(told(&stage, &id), ["queued", "failed", "queued", "sent"], "whoever follows the feed sees the same");
        let twice = stage.api().expect(409, "POST", &format!("/v1/messages/{id}/retry"), Value::Null).await;
        assert_eq!(twice["code"], "not-failed", "{twice}");
    })
    .await;
}

/// What the feed said became of a message, "sending" left out, which may pass unseen.
fn told(stage: &Stage, id: &str) -> Vec<String> {
    let db = rusqlite::Connection::open(stage.host.data().join("sambung.db")).unwrap();
    let mut ask = db.prepare("SELECT data FROM feed WHERE type LIKE 'message.%' ORDER BY id").unwrap();
    let rows = ask.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let all = rows.map(|row| serde_json::from_str::<Value>(&row.unwrap()).unwrap()).filter(|data| data["id"] == id);
    let mut states: Vec<String> = all.filter_map(|data| data["status"].as_str().map(str::to_owned)).collect();
    states.retain(|state| state != "sending");
    states.dedup();
    states
}

/// Whether the person has it nobody knows: it is looked for, sent again under its key, or left to somebody to decide. Whatever
/// is done, the person sees it once.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_answer_is_lost_is_never_there_twice() {
    for provider in providers().await {
        // Calls are given up soon, so that nobody waits half a minute for an answer that never comes; X is asked in the same call.
        let deadline = if provider.plugin() == "x" { 8000 } else { 1500 };
        let stage = Stage::open(provider, &format!("[runtime.limits]\ndeadline_ms = {deadline}\n")).await;
        let conversation = stage.begin("Halo").await;
        if !stage.provider.trouble(Trouble::LostAnswer) {
            continue;
        }
        let id = stage.api().reply(&conversation, "sekali").await;
        let expected = match stage.provider.plugin() {
            // One honours a key, the other is asked.
            "line" | "x" => "sent",
            _ => "unknown",
        };
        let ended = stage.api().message_when(&id, expected).await;
        assert_eq!(stage.seen(), ["sekali"], "{ended}");
        if expected == "unknown" {
            let refused = stage.api().expect(409, "POST", &format!("/v1/messages/{id}/retry"), Value::Null).await;
            assert_eq!(refused["code"], "not-failed", "nobody sends it again before it is decided");
            let decided = json!({ "outcome": "sent" });
            stage.api().expect(200, "POST", &format!("/v1/messages/{id}/resolve"), decided).await;
        }
        let next = stage.api().reply(&conversation, "lagi").await;
        stage.api().message_when(&next, "sent").await;
        assert_eq!(stage.seen(), ["sekali", "lagi"]);
    }
}

/// The provider's bad weather is waited out and marks nothing; a refused credential marks the channel, which holds what is to be
/// sent and fails nothing. It is put right in place, by the same account and no other.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_refused_credential_marks_the_channel_and_what_waited_goes_once_it_is_good() {
    of_every_channel(async |stage| {
        let conversation = stage.begin("Halo").await;
        let passes = stage.provider.trouble(Trouble::Passing);
        let first = stage.api().reply(&conversation, "satu").await;
        let sent = stage.api().message_when(&first, "sent").await;
        assert_eq!(outcomes(&sent).len(), if passes { 2 } else { 1 }, "{sent}");
        assert_eq!(stage.now().await["state"], "connected", "bad weather says nothing of the credential");

        if !stage.provider.revoke() {
            return;
        }
        let held = stage.api().reply(&conversation, "dua").await;
        let marked = until("the channel needs attention", async || {
            let channel = stage.now().await;
            (channel["state"] == "needs_attention").then_some(channel)
        })
        .await;
        assert!(marked["findings"].as_array().is_some_and(|all| !all.is_empty()), "it says why: {marked}");
        assert_eq!(message(&stage, &held).await["status"], "queued", "held, not failed");
        assert!(channel_told(&stage).contains(&"needs_attention".to_owned()), "the feed says so too");

        stage.provider.grant();
        let id = stage.channel["id"].clone();
        if let Some(other) = stage.provider.other_account() {
            let (status, refused) =
                stage.api().ask("PATCH", &stage.path(), &json!({ "settings": other })).await.unwrap();
            // What names the account may be a field that is fixed once it is connected.
            let locked = refused["errors"][0]["code"] == "locked";
            assert!(
                status == 409 && refused["code"] == "account-differs" || status == 422 && locked,
                "{status} {refused}"
            );
            assert_eq!(stage.now().await["account"], stage.channel["account"]);
        }
        let mut form = stage.provider.form();
        // What webhooks are signed with was not refused, and is fixed.
        form.as_object_mut().unwrap().remove("channel_secret");
        stage.api().expect(200, "PATCH", &stage.path(), json!({ "settings": form })).await;
        stage.api().message_when(&held, "sent").await;
        let now = stage.now().await;
        assert_eq!((&now["id"], &now["state"]), (&id, &json!("connected")), "{now}");
        assert_eq!(stage.seen(), ["satu", "dua"]);
        assert_eq!(stage.api().all("/v1/channels").await.len(), 1, "in place");
    })
    .await;
}

/// The states of channels that the feed told of.
fn channel_told(stage: &Stage) -> Vec<String> {
    let db = rusqlite::Connection::open(stage.host.data().join("sambung.db")).unwrap();
    let mut ask = db.prepare("SELECT data FROM feed WHERE type = 'channel.updated' ORDER BY id").unwrap();
    let rows = ask.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let all = rows.map(|row| serde_json::from_str::<Value>(&row.unwrap()).unwrap());
    all.filter_map(|data| data["state"].as_str().map(str::to_owned)).collect()
}

/// A text and two pictures are one message of three parts, in order, and each has the id that the provider gave it. What leaves
/// as one has one.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_several_parts_has_a_receipt_for_each() {
    of_every_channel(async |stage| {
        let conversation = stage.begin("Halo").await;
        let mut contents = vec![json!({ "type": "text", "text": "Dua foto" })];
        for name in ["a.png", "b.png"] {
            let media = stage.upload(name, "image/png", picture()).await;
            contents.push(json!({ "type": "media", "kind": "image", "media_id": media }));
        }
        let queued = stage.api().expect(202, "POST", &messages_of(&conversation), json!({ "content": contents })).await;
        let sent = stage.api().message_when(queued["id"].as_str().unwrap(), "sent").await;
        let mut ids: Vec<&str> =
            sent["provider_message_ids"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let expected = if stage.provider.plugin() == "email" { 1 } else { 3 };
        assert_eq!(ids.len(), expected, "{sent}");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), expected, "no two are one: {sent}");
        let parts: Vec<i64> =
            sent["attempts"].as_array().unwrap().iter().map(|one| one["part"].as_i64().unwrap()).collect();
        assert_eq!(parts, [0, 1, 2], "each once, in order: {sent}");
    })
    .await;
}

/// Each kind of file has a limit, which the composer is told, and what is beyond it is refused with the limit before it leaves.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_beyond_its_kinds_limit_never_leaves() {
    of_every_channel(async |stage| {
        let conversation = stage.begin("Halo").await;
        let shown = stage.api().get(&format!("/v1/conversations/{conversation}")).await;
        let limits = shown["composer"]["media"]["image"].clone();
        let most = limits["max_bytes"].as_u64().unwrap_or_else(|| panic!("{}", shown["composer"]));
        let mut large = picture();
        large.resize(usize::try_from(most).unwrap() + 1, 0);
        let media = stage.upload("large.png", "image/png", large).await;
        let too_large = json!({ "content": { "type": "media", "kind": "image", "media_id": media } });
        let refused = stage.api().expect(422, "POST", &messages_of(&conversation), too_large).await;
        let error = &refused["errors"][0];
        assert_eq!(error["code"], "too-large", "{refused}");
        assert!(error["detail"].as_str().is_some_and(|words| words.contains(&most.to_string())), "{refused}");
        if limits["types"].as_array().is_some_and(|types| !types.is_empty()) {
            let media = stage.upload("a.tiff", "image/tiff", b"II*\0\x08\0\0\0\0\0".to_vec()).await;
            let of_another_type = json!({ "content": { "type": "media", "kind": "image", "media_id": media } });
            let refused = stage.api().expect(422, "POST", &messages_of(&conversation), of_another_type).await;
            assert_eq!(refused["errors"][0]["code"], "media-type", "{refused}");
        }
        assert!(stage.seen().is_empty());
    })
    .await;
}

/// Addresses of files end within minutes at some providers: the bytes are here as soon as the message is, with nobody looking.
#[tokio::test(flavor = "multi_thread")]
async fn a_customers_file_is_copied_before_its_address_ends() {
    of_every_channel(async |stage| {
        stage.deliver(&[stage.provider.picture(1, now_ms(), &picture())]).await;
        let media = until("the picture is stored", async || {
            let all = stage.messages().await;
            let contents = all.iter().map(|message| message["content"].clone());
            let mut files = contents.flat_map(|content| content["files"].as_array().cloned().unwrap_or(vec![content]));
            files.find(|file| file["state"] == "stored")?["media_id"].as_str().map(str::to_owned)
        })
        .await;
        let Stage { provider, host, .. } = stage;
        // Nobody is there to ask any more.
        drop(provider);
        let bytes =
            host.api().request("GET", &format!("/v1/media/{media}")).send().await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes, picture());
    })
    .await;
}
