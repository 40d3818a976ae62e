//! One address of two numbers: each item finds its channel, and a bad one among good ones stands alone.

use sambung_tests::api::now_ms;
use sambung_tests::host::{first_hook, with_whatsapp};
use sambung_tests::providers::whatsapp::{self, WhatsApp};
use serde_json::{Value, json};

use super::PHONE;

fn of<'a>(conversations: &'a [Value], channel: &Value) -> Vec<&'a Value> {
    conversations.iter().filter(|one| one["channel"]["id"] == channel["id"]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_over_two_numbers_reaches_both_and_its_bad_item_is_parked_alone() {
    let platform = WhatsApp::start().await;
    let (host, [one, two]) = with_whatsapp(&platform, "").await;
    let api = host.api();
    let now = now_ms() / 1000;
    let good = |words: &str| whatsapp::text(&platform, PHONE, now, words);
    let bad = json!({ "from": PHONE, "id": 7, "timestamp": now.to_string(), "type": "text", "text": [] });
    let mut elsewhere = whatsapp::value(0, &[good("for nobody")], &[]);
    elsewhere["metadata"]["phone_number_id"] = json!("999999999999999");
    let values = [
        whatsapp::value(0, &[good("first"), bad, good("second")], &[]),
        whatsapp::value(1, &[good("third")], &[]),
        elsewhere,
    ];
    assert_eq!(platform.post(&values).await.unwrap(), 200);
    api.translated().await;

    let conversations = api.all("/v1/conversations").await;
    for (channel, texts) in [(&one, vec!["first", "second"]), (&two, vec!["third"])] {
        let own = of(&conversations, channel);
        assert_eq!(own.len(), 1, "{conversations:?}");
        let list = api.all(&super::messages(own[0])).await;
        let mut found: Vec<_> = list.iter().map(|message| message["content"]["text"].as_str().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, texts);
    }
    let parked = api.all("/v1/journal?state=parked").await;
    assert_eq!(parked.len(), 1, "the bad item waits for the plugin to be mended: {parked:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_is_not_signed_by_the_app_is_refused_whole() {
    let platform = WhatsApp::start().await;
    let (host, _) = with_whatsapp(&platform, "").await;
    let api = host.api();
    let hello = whatsapp::text(&platform, PHONE, now_ms() / 1000, "Halo");
    let body = whatsapp::batch(&[whatsapp::value(0, &[hello], &[])]);
    for signature in [Some(whatsapp::sign("another secret", &body)), None] {
        let request =
            api.request("POST", &first_hook(api, "whatsapp").await).header("content-type", "application/json");
        let request = signature.into_iter().fold(request, |request, one| request.header("x-hub-signature-256", one));
        assert_eq!(request.body(body.clone()).send().await.unwrap().status().as_u16(), 403);
    }
    assert!(api.all("/v1/journal").await.is_empty());
}
