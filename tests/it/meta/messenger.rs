//! What happens between people and pages.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sambung_tests::api::{now_ms, until};
use sambung_tests::host::first_hook;
use sambung_tests::providers::meta::{APP_SECRET, Batch, Meta, PAGES, PERSON, Trouble, batch, sign};
use serde_json::{Value, json};

use super::{connect_page, messages, path, texts, with_app, with_page, written};

const PAGE: &str = PAGES[0].id;
const HOUR_MS: u64 = 3_600_000;
/// Calls are given up soon, so that nobody waits half a minute for an answer that never comes.
const IMPATIENT: &str = "[runtime.limits]\ndeadline_ms = 1500\n";

#[tokio::test(flavor = "multi_thread")]
async fn people_and_a_page_write_to_each_other_and_an_own_echo_is_not_a_second_message() {
    let meta = Meta::start().await;
    let (host, channel) = with_page(&meta, "").await;
    let api = host.api();
    assert_eq!((&channel["account"], &channel["features"]["human-agent"]), (&json!(PAGE), &json!(true)));
    assert!(meta.delivered(PAGE).contains("messages"), "the page delivers to the app");

    let hello = meta.text(PAGE, PERSON, now_ms(), "Halo");
    assert_eq!(meta.post_of_page(PAGE, [hello.clone(), hello.clone()]).await, Some(200));
    assert_eq!(meta.post_of_page(PAGE, [hello]).await, Some(200));
    let conversation = api.first_conversation().await;
    until("the person's name is known", async || {
        let shown = api.first_conversation().await;
        (shown["contact"]["name"] == "Budi Santoso").then_some(())
    })
    .await;

    let reply = api.reply(conversation["id"].as_str().unwrap(), "Halo juga").await;
    api.message_when(&reply, "sent").await;
    let sent = meta.deliveries();
    assert_eq!((sent.len(), &sent[0].body["messaging_type"]), (1, &json!("RESPONSE")));
    assert_eq!(meta.post_of_page(PAGE, [meta.echo(&sent[0], now_ms())]).await, Some(200));
    let told = |name: &str, own: Value| meta.event(PAGE, PERSON, now_ms(), name, own);
    let delivered = told("delivery", json!({ "mids": [sent[0].id], "watermark": now_ms() }));
    assert_eq!(meta.post_of_page(PAGE, [delivered]).await, Some(200));
    api.message_when(&reply, "delivered").await;
    let read = told("read", json!({ "watermark": now_ms() }));
    assert_eq!(meta.post_of_page(PAGE, [read]).await, Some(200));
    api.message_when(&reply, "read").await;
    assert_eq!(texts(api).await.len(), 2, "one each");
}

/// After failures Meta's events come in any order: what is said of a message waits for it, and times are the provider's.
#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_in_the_wrong_order_end_as_they_happened() {
    let meta = Meta::start().await;
    let (host, _) = with_page(&meta, "").await;
    let api = host.api();
    let began = now_ms() - HOUR_MS;
    let first = meta.text(PAGE, PERSON, began, "satu");
    let second = meta.text(PAGE, PERSON, began + 1000, "dua");
    let mid = first["message"]["mid"].clone();
    let of = |at: u64, name: &str, own: Value| meta.event(PAGE, PERSON, began + at, name, own);
    let edited = of(2000, "message_edit", json!({ "mid": mid, "text": "satu!", "num_edit": 1 }));
    let loved = of(3000, "reaction", json!({ "mid": mid, "action": "react", "reaction": "love", "emoji": "❤️" }));
    for event in [loved, edited, second, first] {
        assert_eq!(meta.post_of_page(PAGE, [event]).await, Some(200));
    }
    api.translated().await;
    let conversation = api.first_conversation().await;
    let mut list = api.all(&messages(&conversation)).await;
    list.sort_by_key(|message| message["sent_at"].as_str().unwrap().to_owned());
    let found: Vec<&str> = list.iter().map(|message| message["content"]["text"].as_str().unwrap()).collect();
    assert_eq!(found, ["satu!", "dua"]);
    assert!(list[0]["reactions"].to_string().contains('❤'), "{}", list[0]);
    assert_eq!(conversation["last_message"]["preview"], "dua", "{conversation}");
}

/// What an agent writes in the page's own inbox is the business's, and nobody's attempt.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_agent_wrote_in_the_pages_inbox_is_shown() {
    let meta = Meta::start().await;
    let (host, _) = with_page(&meta, "").await;
    let api = host.api();
    assert_eq!(meta.post_of_page(PAGE, [meta.text(PAGE, PERSON, now_ms(), "Halo")]).await, Some(200));
    let inbox = json!({ "mid": "m_INBOX", "is_echo": true, "app_id": 26_390_203_743_090_u64, "text": "Ada yang bisa dibantu?" });
    let echo =
        json!({ "sender": { "id": PAGE }, "recipient": { "id": PERSON }, "timestamp": now_ms(), "message": inbox });
    assert_eq!(meta.post_of_page(PAGE, [echo]).await, Some(200));
    let shown = until("the echo is shown", async || {
        api.all_messages().await.into_iter().find(|message| message["echo"] == true)
    })
    .await;
    assert_eq!(
        (&shown["direction"], &shown["content"]["text"]),
        (&json!("outbound"), &json!("Ada yang bisa dibantu?"))
    );
    assert_eq!(api.all("/v1/conversations").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_settles_a_message_whose_answer_was_lost() {
    let meta = Meta::start().await;
    let (host, _) = with_page(&meta, IMPATIENT).await;
    let api = host.api();
    assert_eq!(meta.post_of_page(PAGE, [meta.text(PAGE, PERSON, now_ms(), "Halo")]).await, Some(200));
    let conversation = api.first_conversation().await;
    meta.trouble([Trouble::SilenceAfterTaking]);
    let reply = api.reply(conversation["id"].as_str().unwrap(), "Halo juga").await;
    api.message_when(&reply, "unknown").await;
    let taken = meta.deliveries();
    assert_eq!(meta.post_of_page(PAGE, [meta.echo(&taken[0], now_ms())]).await, Some(200));
    let settled = api.message_when(&reply, "sent").await;
    assert_eq!(settled["attempts"].as_array().unwrap().len(), 1, "{settled}");
    assert_eq!((meta.deliveries().len(), texts(api).await.len()), (1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_token_is_the_fields_fault_in_metas_words_and_nothing_is_kept() {
    let meta = Meta::start().await;
    let host = with_app(&meta, "").await;
    let api = host.api();
    let wrong = |page: &str, token: &str| {
        let settings = json!({ "mode": "token", "page_id": page, "access_token": token });
        json!({ "plugin": "messenger", "name": "Shop", "settings": settings })
    };
    let refused = api.expect(422, "POST", "/v1/channels", wrong(PAGE, "EAA-wrong-0123456789")).await;
    let fault = &refused["errors"][0];
    assert_eq!(fault["pointer"], "#/settings/access_token", "{refused}");
    assert_eq!(fault["provider"], "Invalid OAuth access token - Cannot parse access token", "{refused}");
    let refused = api.expect(422, "POST", "/v1/channels", wrong(PAGE, PAGES[1].token)).await;
    assert_eq!(refused["errors"][0]["pointer"], "#/settings/page_id", "{refused}");
    assert!(api.all("/v1/channels").await.is_empty());
    assert!(meta.delivered(PAGE).is_empty());
}

/// After a day a program may not write any more, and a person may for six days more where the app is approved.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_only_a_persons_answer_goes_with_the_tag() {
    let meta = Meta::start().await;
    meta.approve_human_agent();
    let (host, _) = with_page(&meta, "").await;
    let api = host.api();
    let late = meta.text(PAGE, PERSON, now_ms() - 25 * HOUR_MS, "Halo?");
    assert_eq!(meta.post_of_page(PAGE, [late]).await, Some(200));
    let conversation = api.first_conversation().await;
    let refused = api.expect(409, "POST", &messages(&conversation), written("Promo!", false)).await;
    assert_eq!(refused["code"], "window-closed", "{refused}");
    assert!(meta.deliveries().is_empty());
    let queued = api.expect(202, "POST", &messages(&conversation), written("Maaf terlambat", true)).await;
    api.message_when(queued["id"].as_str().unwrap(), "sent").await;
    let sent = meta.deliveries();
    assert_eq!((&sent[0].body["messaging_type"], &sent[0].body["tag"]), (&json!("MESSAGE_TAG"), &json!("HUMAN_AGENT")));
}

/// The channel says that the app is approved, and Meta knows better: the person is told, and asked no second time.
#[tokio::test(flavor = "multi_thread")]
async fn a_window_that_proves_shut_at_meta_fails_the_message_with_the_reason() {
    let meta = Meta::start().await;
    let (host, _) = with_page(&meta, "").await;
    let api = host.api();
    let late = meta.text(PAGE, PERSON, now_ms() - 25 * HOUR_MS, "Halo?");
    assert_eq!(meta.post_of_page(PAGE, [late]).await, Some(200));
    let conversation = api.first_conversation().await;
    let queued = api.expect(202, "POST", &messages(&conversation), written("Maaf terlambat", true)).await;
    let failed = api.message_when(queued["id"].as_str().unwrap(), "failed").await;
    assert_eq!(failed["error"]["code"], "window-closed", "{failed}");
    let refused = api.expect(409, "POST", &messages(&conversation), written("Sekali lagi", true)).await;
    assert_eq!(refused["code"], "window-closed", "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_serves_two_pages_and_a_bad_event_stands_alone() {
    let meta = Meta::start().await;
    let (host, one) = with_page(&meta, "").await;
    let api = host.api();
    let two = connect_page(api, &PAGES[1]).await;
    let to = |page: usize, words: &str| (PAGES[page].id.to_owned(), meta.text(PAGES[page].id, PERSON, now_ms(), words));
    let bad = (PAGE.to_owned(), meta.event(PAGE, PERSON, now_ms(), "message", json!({ "mid": [] })));
    let events = vec![to(0, "first"), bad, to(1, "second"), to(0, "third")];
    let posted = Batch { object: "page", events };
    assert_eq!(meta.post(&posted).await, Some(200));
    api.translated().await;
    for (channel, expected) in [(&one, vec!["first", "third"]), (&two, vec!["second"])] {
        let conversations = api.all("/v1/conversations").await;
        let own: Vec<&Value> = conversations.iter().filter(|all| all["channel"]["id"] == channel["id"]).collect();
        assert_eq!(own.len(), 1, "the same id is another person on another page: {conversations:?}");
        let list = api.all(&messages(own[0])).await;
        let mut found: Vec<&str> = list.iter().map(|message| message["content"]["text"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, expected);
    }
    assert_eq!(api.all("/v1/journal?state=parked").await.len(), 1, "the bad one waits to be looked at");

    let body = batch(&posted);
    for signature in [Some(sign("another secret", &body)), Some(sign(APP_SECRET, b"another body")), None] {
        let request =
            api.request("POST", &first_hook(api, "messenger").await).header("content-type", "application/json");
        let request = signature.into_iter().fold(request, |request, one| request.header("x-hub-signature-256", one));
        assert_eq!(request.body(body.clone()).send().await.unwrap().status().as_u16(), 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn disconnecting_takes_back_the_page_alone_and_connecting_again_goes_on_where_it_was() {
    let meta = Meta::start().await;
    let (host, channel) = with_page(&meta, "").await;
    let api = host.api();
    connect_page(api, &PAGES[1]).await;
    assert_eq!(meta.post_of_page(PAGE, [meta.text(PAGE, PERSON, now_ms(), "before")]).await, Some(200));
    let conversation = api.first_conversation().await;
    assert_eq!(api.ask("DELETE", &path(&channel), &Value::Null).await.unwrap().0 / 100, 2);
    assert!(meta.delivered(PAGE).is_empty() && !meta.delivered(PAGES[1].id).is_empty());
    assert!(meta.registered("page").is_some(), "the app's address stays for the other page");
    assert_eq!(meta.post_of_page(PAGE, [meta.text(PAGE, PERSON, now_ms(), "meanwhile")]).await, None, "nobody is told");
    assert_eq!(texts(api).await, ["before"], "what was written stays readable");

    connect_page(api, &PAGES[0]).await;
    assert_eq!(meta.post_of_page(PAGE, [meta.text(PAGE, PERSON, now_ms(), "after")]).await, Some(200));
    api.translated().await;
    let all = api.all("/v1/conversations").await;
    assert_eq!((all.len(), &all[0]["id"]), (1, &conversation["id"]), "the same conversation goes on");
    let reply = api.reply(conversation["id"].as_str().unwrap(), "welcome back").await;
    api.message_when(&reply, "sent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_stopped_delivering_is_asked_again_and_the_admin_is_told() {
    let meta = Meta::start().await;
    let (host, channel) = with_page(&meta, "").await;
    let api = host.api();
    meta.stop_delivering(PAGE);
    let checked = api.expect(200, "POST", &format!("{}/check", path(&channel)), Value::Null).await;
    let codes: Vec<&str> =
        checked["findings"].as_array().unwrap().iter().filter_map(|one| one["code"].as_str()).collect();
    assert_eq!(codes, ["unsubscribed"], "{checked}");
    assert!(meta.delivered(PAGE).contains("messages"));
    let checked = api.expect(200, "POST", &format!("{}/check", path(&channel)), Value::Null).await;
    assert_eq!(checked["findings"], json!([]), "{checked}");
}

/// A token that ended holds back what is to be sent, and nothing that comes in; a new one lets it go.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_ended_needs_attention_and_what_waited_goes_once_there_is_another() {
    let meta = Meta::start().await;
    let (host, channel) = with_page(&meta, "").await;
    let api = host.api();
    assert_eq!(meta.post_of_page(PAGE, [meta.text(PAGE, PERSON, now_ms(), "Halo")]).await, Some(200));
    let conversation = api.first_conversation().await;
    meta.trouble([Trouble::Unauthorized]);
    let reply = api.reply(conversation["id"].as_str().unwrap(), "Halo juga").await;
    until("the channel needs attention", async || {
        (api.get(&path(&channel)).await["state"] == "needs_attention").then_some(())
    })
    .await;
    assert_eq!(meta.post_of_page(PAGE, [meta.text(PAGE, PERSON, now_ms(), "Ada orang?")]).await, Some(200));
    until("what comes in goes on", async || (texts(api).await.len() == 3).then_some(())).await;
    let again = json!({ "settings": { "access_token": PAGES[0].token } });
    api.expect(200, "PATCH", &path(&channel), again).await;
    api.message_when(&reply, "sent").await;
    assert_eq!(meta.deliveries().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn metas_trouble_is_tried_again_and_somebody_who_blocked_the_page_is_not() {
    let meta = Meta::start().await;
    let (host, _) = with_page(&meta, "").await;
    let api = host.api();
    assert_eq!(meta.post_of_page(PAGE, [meta.text(PAGE, PERSON, now_ms(), "Halo")]).await, Some(200));
    let conversation = api.first_conversation().await;
    meta.trouble([Trouble::ServerError]);
    let reply = api.reply(conversation["id"].as_str().unwrap(), "Halo juga").await;
    api.message_when(&reply, "sent").await;
    meta.trouble([Trouble::Unavailable]);
    let reply = api.reply(conversation["id"].as_str().unwrap(), "Masih di sana?").await;
    let failed = api.message_when(&reply, "failed").await;
    assert_eq!(failed["error"]["detail"], "(#551) This person isn't available right now.", "{failed}");
    assert_eq!(meta.deliveries().len(), 1);
}

/// How long to wait stands in a header of usage; until then nothing is asked again.
#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_holds_the_channel_for_as_long_as_meta_says() {
    let meta = Meta::start().await;
    let (host, _) = with_page(&meta, "").await;
    let api = host.api();
    assert_eq!(meta.post_of_page(PAGE, [meta.text(PAGE, PERSON, now_ms(), "Halo")]).await, Some(200));
    let conversation = api.first_conversation().await;
    meta.trouble([Trouble::RateLimit]);
    let asked = async || meta.recorded().iter().filter(|one| one.url.contains("/me/messages")).count();
    let reply = api.reply(conversation["id"].as_str().unwrap(), "Halo juga").await;
    let held = until("the limit is known", async || {
        let message = api.get(&format!("/v1/messages/{reply}")).await;
        message["attempts"][0]["error"]["code"].is_string().then_some(message)
    })
    .await;
    assert_eq!(held["attempts"][0]["error"]["code"], "rate-limited", "{held}");
    assert_eq!(held["status"], "queued", "{held}");
    api.reply(conversation["id"].as_str().unwrap(), "Dan satu lagi").await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!((asked().await, meta.deliveries().len()), (1, 0), "the minute is not over");
}

/// The smallest picture.
fn picture() -> Vec<u8> {
    let png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    STANDARD.decode(png).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_go_both_ways() {
    let meta = Meta::start().await;
    let (host, _) = with_page(&meta, "").await;
    let api = host.api();
    let url = meta.file(&picture(), "image/png");
    let own = json!({ "mid": "m_PIC", "attachments": [{ "type": "image", "payload": { "url": url } }] });
    let sent = meta.event(PAGE, PERSON, now_ms(), "message", own);
    assert_eq!(meta.post_of_page(PAGE, [sent]).await, Some(200));
    until("the picture is stored", async || {
        api.all_messages().await.into_iter().find(|message| message["content"]["state"] == "stored")
    })
    .await;
    let conversation = api.first_conversation().await;
    let upload = api.request("POST", "/v1/media?name=shop.png").header("content-type", "image/png").body(picture());
    let media: Value = upload.send().await.unwrap().json().await.unwrap();
    let content = json!({ "type": "media", "kind": "image", "media_id": media["id"] });
    let queued = api.expect(202, "POST", &messages(&conversation), json!({ "content": content })).await;
    api.message_when(queued["id"].as_str().unwrap(), "sent").await;
    assert_eq!(meta.deliveries()[0].file.as_deref(), Some(picture().as_slice()), "the bytes themselves");
}
