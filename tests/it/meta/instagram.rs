//! What happens between people and professional accounts.

use sambung_tests::api::{now_ms, until};
use sambung_tests::providers::meta::{Batch, INSTAGRAM_APP_SECRET, Meta, PAGES, PERSON};
use serde_json::{Value, json};

use super::{connect, connect_account, connect_page, messages, path, texts, with_app};

const ACCOUNT: &str = PAGES[0].account;

#[tokio::test(flavor = "multi_thread")]
async fn people_and_an_account_write_to_each_other_and_what_is_taken_back_goes() {
    let meta = Meta::start().await;
    let host = with_app(&meta, "").await;
    let api = host.api();
    let channel = connect_account(api, &PAGES[0]).await;
    assert_eq!(channel["account"], ACCOUNT);
    assert!(meta.delivered(ACCOUNT).contains("messaging_seen"));
    let hello = meta.text(ACCOUNT, PERSON, now_ms(), "Halo");
    assert_eq!(meta.post_of_account(ACCOUNT, [hello.clone()]).await, Some(200));
    let conversation = api.first_conversation().await;
    let reply = api.reply(conversation["id"].as_str().unwrap(), "Halo juga").await;
    api.message_when(&reply, "sent").await;
    let sent = meta.deliveries();
    assert_eq!(sent[0].body, json!({ "recipient": { "id": PERSON }, "message": { "text": "Halo juga" } }));
    assert_eq!(meta.post_of_account(ACCOUNT, [meta.echo(&sent[0], now_ms())]).await, Some(200));
    let seen = meta.event(ACCOUNT, PERSON, now_ms(), "read", json!({ "mid": sent[0].id }));
    assert_eq!(meta.post_of_account(ACCOUNT, [seen]).await, Some(200));
    api.message_when(&reply, "read").await;
    assert_eq!(texts(api).await.len(), 2, "the own echo is known by its id");

    let mid = hello["message"]["mid"].clone();
    let unsent = meta.event(ACCOUNT, PERSON, now_ms(), "message", json!({ "mid": mid, "is_deleted": true }));
    assert_eq!(meta.post_of_account(ACCOUNT, [unsent]).await, Some(200));
    until("it is taken back", async || {
        api.all_messages().await.into_iter().find(|message| message["deleted_at"].is_string())
    })
    .await;
}

/// Meta does not say which of the app's two secrets signs: either does, and no third.
#[tokio::test(flavor = "multi_thread")]
async fn either_secret_of_the_app_signs() {
    let meta = Meta::start().await;
    let host = with_app(&meta, "").await;
    let api = host.api();
    connect_account(api, &PAGES[0]).await;
    let of = |words: &str| Batch {
        object: "instagram",
        events: vec![(ACCOUNT.to_owned(), meta.text(ACCOUNT, PERSON, now_ms(), words))],
    };
    assert_eq!(meta.post(&of("one")).await, Some(200));
    assert_eq!(meta.post_signed(&of("two"), INSTAGRAM_APP_SECRET).await, Some(200));
    assert_eq!(meta.post_signed(&of("three"), "another secret").await, Some(403));
    until("both are there", async || {
        let mut found = texts(api).await;
        found.sort_unstable();
        (found == ["one", "two"]).then_some(())
    })
    .await;
}

/// Instagram takes no bytes: it fetches the file from the host's public address while it is asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_fetched_from_the_hosts_public_address() {
    let meta = Meta::start().await;
    let host = with_app(&meta, "").await;
    let api = host.api();
    connect_account(api, &PAGES[0]).await;
    assert_eq!(meta.post_of_account(ACCOUNT, [meta.text(ACCOUNT, PERSON, now_ms(), "Halo")]).await, Some(200));
    let conversation = api.first_conversation().await;
    let pdf = b"%PDF-1.4\n1 0 obj<<>>endobj\ntrailer<<>>\n%%EOF\n".to_vec();
    let upload =
        api.request("POST", "/v1/media?name=a.pdf").header("content-type", "application/pdf").body(pdf.clone());
    let media: Value = upload.send().await.unwrap().json().await.unwrap();
    let content = json!({ "type": "media", "kind": "document", "media_id": media["id"] });
    let queued = api.expect(202, "POST", &messages(&conversation), json!({ "content": content })).await;
    api.message_when(queued["id"].as_str().unwrap(), "sent").await;
    assert_eq!(meta.deliveries()[0].file.as_deref(), Some(pdf.as_slice()));
}

/// A thousand bytes are the limit, and they are counted as bytes: 501 Cyrillic letters are over it.
#[tokio::test(flavor = "multi_thread")]
async fn a_text_over_the_limit_in_bytes_is_refused_before_it_leaves() {
    let meta = Meta::start().await;
    let host = with_app(&meta, "").await;
    let api = host.api();
    connect_account(api, &PAGES[0]).await;
    assert_eq!(meta.post_of_account(ACCOUNT, [meta.text(ACCOUNT, PERSON, now_ms(), "Halo")]).await, Some(200));
    let conversation = api.first_conversation().await;
    let text = |letters: usize| json!({ "content": { "type": "text", "text": "д".repeat(letters) } });
    let refused = api.expect(422, "POST", &messages(&conversation), text(501)).await;
    assert!(refused["errors"][0]["detail"].as_str().unwrap().contains("1002 bytes"), "{refused}");
    let queued = api.expect(202, "POST", &messages(&conversation), text(500)).await;
    api.message_when(queued["id"].as_str().unwrap(), "sent").await;
    assert_eq!(meta.deliveries().len(), 1);
}

/// Both platforms of one page: each takes back its own.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_and_its_page_stand_beside_each_other() {
    let meta = Meta::start().await;
    let host = with_app(&meta, "").await;
    let api = host.api();
    let page = connect_page(api, &PAGES[0]).await;
    let settings = json!({ "mode": "token", "access_token": PAGES[0].token, "account_id": ACCOUNT });
    let account = connect(api, "instagram", "Shop", settings).await;
    let told = meta.delivered(PAGES[0].id);
    assert!(told.contains("messages") && told.contains("feed"), "{told:?}");
    let [to_page, to_account] = [
        meta.post_of_page(PAGES[0].id, [meta.text(PAGES[0].id, PERSON, now_ms(), "to the page")]).await,
        meta.post_of_account(ACCOUNT, [meta.text(ACCOUNT, PERSON, now_ms(), "to the account")]).await,
    ];
    assert_eq!((to_page, to_account), (Some(200), Some(200)));
    until("each has its own", async || (api.all("/v1/conversations").await.len() == 2).then_some(())).await;
    assert_eq!(api.ask("DELETE", &path(&account), &Value::Null).await.unwrap().0 / 100, 2);
    let told = meta.delivered(PAGES[0].id);
    assert!(told.contains("messages") && !told.contains("feed"), "{told:?}");
    assert_eq!(api.ask("DELETE", &path(&page), &Value::Null).await.unwrap().0 / 100, 2);
    assert!(meta.delivered(PAGES[0].id).is_empty());
}
