//! An item of a shared address for a number that nobody connected: kept for the operator, shown to nobody else, and received
//! when the number is connected and the operator has it run again.

use sambung::auth::Role;
use sambung_tests::api::{now_ms, until};
use sambung_tests::host::with_whatsapp;
use sambung_tests::providers::whatsapp::{self, WhatsApp};
use serde_json::{Value, json};

use super::PHONE;

#[tokio::test(flavor = "multi_thread")]
async fn an_item_for_nobody_is_kept_for_the_operator_and_received_once_its_number_is_connected() {
    let platform = WhatsApp::start().await;
    let (host, [_, two]) = with_whatsapp(&platform, "").await;
    let api = host.api();
    let path = format!("/v1/channels/{}", two["id"].as_str().unwrap());
    assert_eq!(api.ask("DELETE", &path, &Value::Null).await.unwrap().0 / 100, 2);
    let hello = whatsapp::text(&platform, PHONE, now_ms() / 1000, "Ada orang?");
    assert_eq!(platform.post(&[whatsapp::value(1, &[hello], &[])]).await.unwrap(), 200);
    api.translated().await;
    assert!(api.all("/v1/conversations").await.is_empty());

    let kept = api.all("/v1/journal?state=parked").await;
    assert_eq!(kept.len(), 1, "{kept:?}");
    let item = &kept[0]["items"][0];
    assert_eq!((&item["channel_id"], &item["outcome"]), (&Value::Null, &json!("parked")), "{item}");
    let number = whatsapp::NUMBERS[1].0;
    assert!(item["reason"].as_str().unwrap().contains(number), "it says for whom it was: {item}");
    let row = format!("/v1/journal/{}", kept[0]["id"].as_str().unwrap());
    let whole = api.get(&row).await;
    assert!(whole["body"].as_str().unwrap().contains("Ada orang?"));
    for role in [Role::Admin, Role::Supervisor] {
        let other = host.caller("default", role).await;
        let (status, page) = other.ask("GET", "/v1/journal?state=parked", &Value::Null).await.unwrap();
        assert!(status == 403 || page["items"] == json!([]), "{role:?} sees {page}");
        assert!(matches!(other.ask("GET", &row, &Value::Null).await.unwrap().0, 403 | 404));
    }

    let settings = json!({
        "mode": "cloud",
        "phone_number_id": number,
        "business_account_id": whatsapp::ACCOUNT,
        "access_token": whatsapp::TOKEN,
    });
    let again = json!({ "plugin": "whatsapp", "name": "Number 1", "settings": settings });
    api.expect(201, "POST", "/v1/channels", again).await;
    api.expect(202, "POST", &format!("{row}/replay"), Value::Null).await;
    let received = async || {
        let texts: Vec<Value> =
            api.all_messages().await.iter().map(|message| message["content"]["text"].clone()).collect();
        (texts == [json!("Ada orang?")]).then_some(())
    };
    until("it is received", received).await;
    assert!(api.all("/v1/journal?state=parked").await.is_empty());
}
