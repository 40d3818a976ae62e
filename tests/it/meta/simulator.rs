//! The simulator holds callers to what Meta's pages say.

use sambung_sdk::http::encode;
use sambung_tests::api::now_ms;
use sambung_tests::providers::http_client;
use sambung_tests::providers::meta::{APP_ID, APP_SECRET, Meta, PAGES, PERSON, sign};
use serde_json::{Value, json};

const PAGE: &str = PAGES[0].id;

/// An address with a query.
fn with(url: &str, query: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    format!("{url}?{}", pairs.join("&"))
}

/// HMAC-SHA256 of a token with the app's secret.
fn proof(token: &str) -> String {
    sign(APP_SECRET, token.as_bytes()).trim_start_matches("sha256=").to_owned()
}

async fn send(meta: &Meta, token: &str, proof: &str, body: Value) -> (u16, Value) {
    let url = format!("{}/v25.0/me/messages?appsecret_proof={proof}", meta.address());
    let answer = http_client().post(url).bearer_auth(token).json(&body).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

fn text(words: &str, more: Value) -> Value {
    let mut body = json!({ "recipient": { "id": PERSON }, "messaging_type": "RESPONSE", "message": { "text": words } });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

#[tokio::test]
async fn a_call_needs_a_token_its_proof_and_somebody_who_wrote() {
    let meta = Meta::start().await;
    let token = PAGES[0].token;
    let code = async |token: &str, proof: &str| {
        send(&meta, token, proof, text("Halo", json!({}))).await.1["error"]["code"].as_i64().unwrap_or(0)
    };
    assert_eq!(code("wrong", &proof("wrong")).await, 190);
    assert_eq!(code(token, "0").await, 100);
    assert_eq!(code(token, &proof(token)).await, 100, "nobody wrote yet");
    meta.text(PAGE, PERSON, now_ms(), "Halo");
    assert_eq!(code(token, &proof(token)).await, 0);
    meta.end(token);
    assert_eq!(code(token, &proof(token)).await, 190);
    assert_eq!(meta.deliveries().len(), 1);
}

#[tokio::test]
async fn after_a_day_only_the_approved_tag_goes() {
    let meta = Meta::start().await;
    let (token, proof) = (PAGES[0].token, proof(PAGES[0].token));
    meta.text(PAGE, PERSON, now_ms() - 25 * 3_600_000, "Halo");
    let tagged = |tag: &str| text("Maaf", json!({ "messaging_type": "MESSAGE_TAG", "tag": tag }));
    let code = async |body: Value| {
        let (_, answer) = send(&meta, token, &proof, body).await;
        (answer["error"]["code"].as_i64().unwrap_or(0), answer["error"]["error_subcode"].as_i64().unwrap_or(0))
    };
    assert_eq!(code(text("Promo", json!({}))).await, (10, 2_018_278));
    assert_eq!(code(tagged("HUMAN_AGENT")).await, (10, 2_018_278), "not approved");
    meta.approve_human_agent();
    assert_eq!(code(tagged("ACCOUNT_UPDATE")).await.0, 100, "ended by Meta");
    assert_eq!(code(tagged("HUMAN_AGENT")).await, (0, 0));
}

#[tokio::test]
async fn a_code_is_good_once_and_comes_back_to_the_registered_address_alone() {
    let meta = Meta::start().await;
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let dialog = async |redirect: &str| {
        let url = format!("{}/v25.0/dialog/oauth", meta.address());
        let asked = [("client_id", APP_ID), ("redirect_uri", redirect), ("state", "s"), ("response_type", "code")];
        client.get(with(&url, &asked)).send().await.unwrap()
    };
    const REDIRECT: &str = "https://server.example/back";
    meta.allow_return_to(REDIRECT);
    assert_eq!(dialog("https://evil.example/").await.status().as_u16(), 400);
    let back = dialog(REDIRECT).await.headers()["location"].to_str().unwrap().to_owned();
    let code = back.split("code=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let token = async || {
        let asked =
            [("client_id", APP_ID), ("client_secret", APP_SECRET), ("redirect_uri", REDIRECT), ("code", code.as_str())];
        let url = format!("{}/v25.0/oauth/access_token", meta.address());
        client.get(with(&url, &asked)).send().await.unwrap().status().as_u16()
    };
    assert_eq!((token().await, token().await), (200, 400));
}
