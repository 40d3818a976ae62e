//! With a public address: Telegram posts.

use sambung_tests::api::until;
use sambung_tests::providers::telegram::{Telegram, Trouble, group, private};
use serde_json::{Value, json};

use super::{CUSTOMER, connect, form, path_of, reachable, shown, texts};

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_writes_and_an_agent_answers_with_its_format() {
    let telegram = Telegram::start().await;
    // Somebody wrote before the channel was there.
    telegram.writes(CUSTOMER, "sebelum");
    let host = reachable(&telegram).await;
    let api = host.api();
    let channel = connect(api).await;
    let webhook = telegram.webhook().expect("the address is registered");
    assert_eq!(webhook.url, channel["webhook_url"]);
    assert_eq!(webhook.secret.len(), 64);
    assert_eq!(telegram.pending(), (1, 0), "nothing that waits is dropped");
    let update = telegram.writes(CUSTOMER, "Halo 🙂");
    assert_eq!(telegram.deliver().await, 200);
    assert_eq!(telegram.post_with(&update, "wrong").await, 401);
    assert_eq!(telegram.post(&update).await, 200, "the same again");
    assert_eq!(texts(&shown(api, 2).await), ["sebelum", "Halo 🙂"]);
    let conversation = api.first_conversation().await;
    let path = format!("/v1/conversations/{}/messages", conversation["id"].as_str().unwrap());
    let format = json!({ "ranges": [{ "kind": "bold", "start": 3, "length": 5 }] });
    let body = json!({ "content": { "type": "text", "text": "🙂 tebal", "format": format } });
    let queued = api.expect(202, "POST", &path, body).await;
    let sent = api.message_when(queued["id"].as_str().unwrap(), "sent").await;
    let delivery = &telegram.deliveries()[0];
    assert_eq!(sent["provider_message_ids"], json!([format!("{CUSTOMER}:{}", delivery.id)]));
    assert_eq!(delivery.parameters["entities"], json!([{ "type": "bold", "offset": 3, "length": 5 }]));
    assert_eq!(telegram.calls("getUpdates"), 0, "who is posted to is not polled");
    let (_, contacts) = api.ask("GET", "/v1/contacts", &Value::Null).await.unwrap();
    assert_eq!(contacts["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_told_at_its_field_and_nothing_is_kept() {
    let telegram = Telegram::start().await;
    let host = reachable(&telegram).await;
    let wrong = "7000001:AAWrongWrongWrongWrongWrongWrongWron";
    let problem = host.api().expect(422, "POST", "/v1/channels", form(wrong)).await;
    let error = &problem["errors"][0];
    assert_eq!((&error["pointer"], &error["provider"]), (&json!("#/settings/bot_token"), &json!("Unauthorized")));
    let problem = host.api().expect(422, "POST", "/v1/channels", form("no token/../getMe")).await;
    assert_eq!(problem["errors"][0]["pointer"], "#/settings/bot_token", "what no token is never leaves");
    assert_eq!(host.api().get("/v1/channels").await["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn albums_edits_reactions_and_choices_come_as_what_they_are() {
    let telegram = Telegram::start().await;
    let host = reachable(&telegram).await;
    let api = host.api();
    connect(api).await;
    telegram.file("p1", b"\x89PNG one");
    // A bot cannot fetch what has more than 20 MB.
    let photo = |id: &str, bytes: u64| json!([{ "file_id": id, "file_size": bytes, "width": 2, "height": 2 }]);
    for (id, bytes, caption) in [("p1", 8, Some("Dua foto")), ("p2", 30 << 20, None)] {
        let own = json!({ "media_group_id": "g1", "photo": photo(id, bytes), "caption": caption });
        telegram.happens("message", private(CUSTOMER, own));
    }
    let text = telegram.writes(CUSTOMER, "sepuluh")["message"].clone();
    assert_eq!(telegram.deliver().await, 200);
    let mut edited = text.clone();
    edited["text"] = json!("dua belas");
    edited["edit_date"] = json!(sambung_tests::api::now_ms() / 1000 + 1);
    telegram.happens("edited_message", edited);
    let reaction = json!({ "chat": text["chat"], "message_id": text["message_id"], "user": text["from"], "date": 1,
        "old_reaction": [], "new_reaction": [{ "type": "emoji", "emoji": "👍" }] });
    telegram.happens("message_reaction", reaction);
    let choice = json!({ "id": "cb1", "from": text["from"], "message": text, "chat_instance": "1", "data": "ya" });
    telegram.happens("callback_query", choice);
    assert_eq!(telegram.deliver().await, 200);
    let messages = shown(api, 4).await;
    assert!(messages[0]["group"].is_string() && messages[0]["group"] == messages[1]["group"], "{messages:?}");
    let changed = until("the text is edited", async || {
        let messages = api.all_messages().await;
        messages
            .into_iter()
            .find(|message| message["content"]["text"] == "dua belas" && message["edited_at"].is_string())
    })
    .await;
    assert!(changed["reactions"].to_string().contains("👍"), "{changed}");
    assert_eq!((&messages[3]["content"]["type"], &messages[3]["content"]["id"]), (&json!("choice"), &json!("ya")));
    let acknowledged =
        until("the choice is acknowledged", async || Some(telegram.acknowledged()).filter(|all| !all.is_empty()));
    assert_eq!(acknowledged.await, ["cb1"]);
    let states = until("both files are settled", async || {
        let messages = api.all_messages().await;
        let states: Vec<Value> = messages.iter().map(|message| message["content"]["state"].clone()).collect();
        (states.contains(&json!("stored")) && states.contains(&json!("failed"))).then_some(states)
    })
    .await;
    assert_eq!(states.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_one_message_go_as_an_album() {
    let telegram = Telegram::start().await;
    let host = reachable(&telegram).await;
    let api = host.api();
    connect(api).await;
    telegram.writes(CUSTOMER, "Halo");
    telegram.deliver().await;
    let conversation = api.first_conversation().await;
    let mut contents = Vec::new();
    for name in ["a.pdf", "b.pdf"] {
        let upload = api.request("POST", &format!("/v1/media?name={name}")).header("content-type", "application/pdf");
        let media: Value = upload.body("%PDF-1.4 x").send().await.unwrap().json().await.unwrap();
        contents.push(json!({ "type": "media", "kind": "document", "media_id": media["id"] }));
    }
    let path = format!("/v1/conversations/{}/messages", conversation["id"].as_str().unwrap());
    let queued = api.expect(202, "POST", &path, json!({ "content": contents })).await;
    let sent = api.message_when(queued["id"].as_str().unwrap(), "sent").await;
    assert_eq!(sent["provider_message_ids"].as_array().unwrap().len(), 2);
    assert_eq!(telegram.calls("sendMediaGroup"), 1);
    let given = &telegram.deliveries()[0].parameters;
    assert_eq!((&given["file0"]["bytes"], &given["file1"]["mime"]), (&json!(10), &json!("application/pdf")), "{given}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_provider_refuses_ends_as_it_should() {
    let telegram = Telegram::start().await;
    let host = reachable(&telegram).await;
    let api = host.api();
    connect(api).await;
    let old = -4_000_001;
    telegram.happens("message", group(old, CUSTOMER, json!({ "text": "Halo" })));
    telegram.deliver().await;
    let conversation = api.first_conversation().await["id"].as_str().unwrap().to_owned();

    telegram.trouble([Trouble::RateLimit(1), Trouble::Unavailable]);
    let limited = api.reply(&conversation, "pelan").await;
    let limited = api.message_when(&limited, "sent").await;
    assert_eq!(limited["attempts"].as_array().unwrap().len(), 3, "{limited}");

    let supergroup = -1_002_000_000_001;
    telegram.trouble([Trouble::Moved(supergroup)]);
    let moved = api.reply(&conversation, "pindah").await;
    api.message_when(&moved, "sent").await;
    assert_eq!(telegram.deliveries().last().unwrap().parameters["chat_id"], supergroup);
    telegram.happens("message", group(supergroup, CUSTOMER, json!({ "text": "di sini" })));
    telegram.deliver().await;
    shown(api, 4).await;
    assert_eq!(api.all("/v1/conversations").await.len(), 1, "the group is still the same conversation");

    telegram.trouble([Trouble::Blocked]);
    let blocked = api.reply(&conversation, "diblokir").await;
    let blocked = api.message_when(&blocked, "failed").await;
    assert!(blocked["error"].to_string().contains("blocked by the user"), "{blocked}");

    telegram.trouble([Trouble::SilenceAfterTaking]);
    let before = telegram.deliveries().len();
    let lost = api.reply(&conversation, "hilang").await;
    api.message_when(&lost, "unknown").await;
    assert_eq!(telegram.deliveries().len(), before + 1, "it was taken, and is not sent again by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn disconnecting_takes_the_address_back_and_the_same_bot_finds_its_conversations() {
    let telegram = Telegram::start().await;
    let host = reachable(&telegram).await;
    let api = host.api();
    let first = connect(api).await;
    telegram.writes(CUSTOMER, "satu");
    telegram.deliver().await;
    let before = api.first_conversation().await;
    api.expect(204, "DELETE", &path_of(&first), Value::Null).await;
    assert_eq!(telegram.webhook(), None);
    assert_eq!(texts(&shown(api, 1).await), ["satu"], "what was said stays readable");
    telegram.writes(CUSTOMER, "sementara itu");
    connect(api).await;
    telegram.writes(CUSTOMER, "dua");
    assert_eq!(telegram.deliver().await, 200);
    assert_eq!(texts(&shown(api, 3).await), ["satu", "sementara itu", "dua"]);
    assert_eq!(api.first_conversation().await["id"], before["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_blocks_the_bot_is_shown_and_another_s_address_is_found() {
    let telegram = Telegram::start().await;
    let host = reachable(&telegram).await;
    let api = host.api();
    let channel = connect(api).await;
    let from = telegram.writes(CUSTOMER, "Halo")["message"].clone();
    let member = |status: &str| json!({ "user": { "id": 7_000_001, "is_bot": true }, "status": status });
    let change = json!({ "chat": from["chat"], "from": from["from"], "date": from["date"],
        "old_chat_member": member("member"), "new_chat_member": member("kicked") });
    telegram.happens("my_chat_member", change);
    assert_eq!(telegram.deliver().await, 200);
    api.translated().await;
    assert_eq!(api.all("/v1/journal?state=parked").await.len(), 0);
    telegram.register(Some("https://other.example/hook"));
    api.ask("POST", &format!("{}/check", path_of(&channel)), &Value::Null).await.unwrap();
    let found = until("it is found", async || {
        let channel = api.get(&path_of(&channel)).await;
        channel["findings"].as_array()?.iter().find(|finding| finding["code"] == "webhook-elsewhere").cloned()
    })
    .await;
    assert!(found["words"].as_str().unwrap().contains("https://other.example/hook"), "{found}");
    assert_eq!(
        telegram.webhook().unwrap().url,
        "https://other.example/hook",
        "it is left alone until somebody reconnects"
    );
}
