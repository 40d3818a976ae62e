//! What fails elsewhere on Messenger and Instagram alone: events for accounts that nobody connected, and receipts out of order.

use sambung_tests::api::{now_ms, until};
use sambung_tests::providers::meta::{
    APP_ID, APP_SECRET, Batch, INSTAGRAM_APP_ID, INSTAGRAM_APP_SECRET, Meta, PAGES, PERSON, batch, sign,
};
use serde_json::{Value, json};

use sambung_tests::api::Api;
use sambung_tests::host::{Host, first_hook, leading};

/// A host with the app of a plugin's registered.
async fn with_app(meta: &Meta, plugin: &str) -> Host {
    let host = Host::start(&leading(&meta.overrides(), "")).await;
    meta.reach_endpoint_at(&host.api().url(""));
    let mut app = json!({ "app_id": APP_ID, "app_secret": APP_SECRET });
    if plugin == "instagram" {
        app["instagram_app_id"] = json!(INSTAGRAM_APP_ID);
        app["instagram_app_secret"] = json!(INSTAGRAM_APP_SECRET);
    }
    host.api().expect(200, "PUT", &format!("/v1/plugins/{plugin}/settings"), app).await;
    host
}

async fn connect(api: &Api, plugin: &str, page: usize) -> Value {
    let settings = match plugin {
        "messenger" => json!({ "mode": "token", "page_id": PAGES[page].id, "access_token": PAGES[page].token }),
        _ => json!({ "mode": "instagram-token", "instagram_access_token": PAGES[page].account_token }),
    };
    let channel = json!({ "plugin": plugin, "name": "Toko", "settings": settings });
    api.expect(201, "POST", "/v1/channels", channel).await
}

/// A page or account of the app's that is not connected here: what it delivers is shown to the operator with its name, and
/// received by it once it is.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_for_an_account_that_nobody_connected_is_kept_and_received_once_somebody_does() {
    for (plugin, object) in [("messenger", "page"), ("instagram", "instagram")] {
        let meta = Meta::start().await;
        let host = with_app(&meta, plugin).await;
        let api = host.api();
        connect(api, plugin, 0).await;
        let ids = [0, 1].map(|page| if plugin == "messenger" { PAGES[page].id } else { PAGES[page].account });
        let events = ids.map(|id| (id.to_owned(), meta.text(id, PERSON, now_ms(), id))).to_vec();
        let body = batch(&Batch { object, events });
        let signature = sign(APP_SECRET, &body);
        let request = api.request("POST", &first_hook(api, plugin).await).header("content-type", "application/json");
        let answer = request.header("x-hub-signature-256", signature).body(body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        api.translated().await;
        let texts = async || {
            let mut texts: Vec<Value> =
                api.all_messages().await.iter().map(|one| one["content"]["text"].clone()).collect();
            texts.sort_by_key(ToString::to_string);
            texts
        };
        assert_eq!(texts().await, [json!(ids[0])], "the other one beside it is not held back");
        let kept = api.all("/v1/journal?state=parked").await;
        assert_eq!(kept.len(), 1, "{kept:?}");
        let parked = kept[0]["items"].as_array().unwrap().iter().find(|item| item["outcome"] == "parked").unwrap();
        assert_eq!(parked["channel_id"], Value::Null, "{parked}");
        assert!(parked["reason"].as_str().unwrap().contains(ids[1]), "it says for whom it was: {parked}");

        connect(api, plugin, 1).await;
        api.expect(202, "POST", &format!("/v1/journal/{}/replay", kept[0]["id"].as_str().unwrap()), Value::Null).await;
        until("it is received", async || (texts().await.len() == 2).then_some(())).await;
        assert!(api.all("/v1/journal?state=parked").await.is_empty());
        assert_eq!(
            api.all("/v1/conversations").await.len(),
            2,
            "the same person is somebody else at the other account"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_delivered_never_undoes_read() {
    for plugin in ["messenger", "instagram"] {
        let meta = Meta::start().await;
        let host = with_app(&meta, plugin).await;
        let api = host.api();
        connect(api, plugin, 0).await;
        let (account, page) = if plugin == "messenger" { (PAGES[0].id, true) } else { (PAGES[0].account, false) };
        let post = async |event: Value| {
            let posted = if page {
                meta.post_of_page(account, [event]).await
            } else {
                meta.post_of_account(account, [event]).await
            };
            assert_eq!(posted, Some(200));
        };
        post(meta.text(account, PERSON, now_ms(), "Halo")).await;
        let conversation = api.first_conversation().await["id"].as_str().unwrap().to_owned();
        let id = api.reply(&conversation, "Halo juga").await;
        api.message_when(&id, "sent").await;
        let sent = meta.deliveries()[0].clone();
        let seen = match page {
            true => json!({ "watermark": now_ms() }),
            false => json!({ "mid": sent.id }),
        };
        post(meta.event(account, PERSON, now_ms(), "read", seen)).await;
        api.message_when(&id, "read").await;
        let delivered = json!({ "mids": [sent.id], "watermark": now_ms() });
        post(meta.event(account, PERSON, now_ms(), "delivery", delivered)).await;
        post(meta.echo(&sent, now_ms())).await;
        api.translated().await;
        assert_eq!(api.get(&format!("/v1/messages/{id}")).await["status"], "read");
        assert_eq!(api.all_messages().await.len(), 2, "its echo is not another message");
    }
}
