//! The simulator keeps to the documentation, so that what is proved against it means something.

use sambung_tests::providers::http_client;
use sambung_tests::providers::x::{
    ACCESS_TOKEN, ACCESS_TOKEN_SECRET, BEARER, CONSUMER_KEY, CONSUMER_SECRET, X, answer_to, oauth1_signature, sign,
};
use serde_json::{Value, json};

/// A signed request, as X's page "Creating a signature" makes one.
async fn signed(x: &X, nonce: &str, secret: &str, path: &str) -> u16 {
    let now = sambung_tests::api::now_ms() / 1000;
    let mut fields = vec![
        ("oauth_consumer_key".to_owned(), CONSUMER_KEY.to_owned()),
        ("oauth_nonce".to_owned(), nonce.to_owned()),
        ("oauth_signature_method".to_owned(), "HMAC-SHA1".to_owned()),
        ("oauth_timestamp".to_owned(), now.to_string()),
        ("oauth_token".to_owned(), ACCESS_TOKEN.to_owned()),
        ("oauth_version".to_owned(), "1.0".to_owned()),
    ];
    let signature =
        oauth1_signature("GET", &format!("https://api.x.com{path}"), fields.clone(), CONSUMER_SECRET, secret);
    fields.push(("oauth_signature".to_owned(), signature));
    let header: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}=\"{}\"", sambung_sdk::http::encode(value))).collect();
    let request = http_client().get(format!("{}{path}", x.address())).header("host", "api.x.com");
    request.header("authorization", format!("OAuth {}", header.join(", "))).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_signature_must_be_right_and_new() {
    let x = X::start().await;
    assert_eq!(signed(&x, "n1", ACCESS_TOKEN_SECRET, "/2/users/me").await, 200);
    assert_eq!(signed(&x, "n1", ACCESS_TOKEN_SECRET, "/2/users/me").await, 401, "the same nonce again");
    assert_eq!(signed(&x, "n2", "wrong", "/2/users/me").await, 401);
    let bearer = http_client().get(format!("{}/2/users/me", x.address())).bearer_auth(BEARER).send().await.unwrap();
    assert_eq!(bearer.status(), 403, "an app has no account");
    let nobody = http_client().get(format!("{}/2/webhooks", x.address())).send().await.unwrap();
    assert_eq!(nobody.status(), 401);
}

#[tokio::test]
async fn an_address_is_taken_only_when_it_answers_the_challenge() {
    let x = X::start().await;
    let register = async |url: &str| {
        let request = http_client().post(format!("{}/2/webhooks", x.address())).bearer_auth(BEARER);
        let answer = request.json(&json!({ "url": url })).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["title"].clone()
    };
    assert_eq!(register("http://chat.example/hooks/x").await, "UrlValidationFailed");
    assert_eq!(register("https://chat.example:8443/hooks/x").await, "UrlValidationFailed");
    assert_eq!(register("https://chat.example/hooks/x").await, "CrcValidationFailed");
    x.allow_webhooks(0);
    assert_eq!(register("https://chat.example/hooks/x").await, "WebhookLimitExceeded");
}

/// The example of X's page "Creating a signature", and one without a body that takes part.
#[test]
fn signatures_are_the_published_ones() {
    let pairs =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let published = pairs(&[
        ("status", "Hello Ladies + Gentlemen, a signed OAuth request!"),
        ("include_entities", "true"),
        ("oauth_consumer_key", "xvz1evFS4wEEPTGEFPHBog"),
        ("oauth_nonce", "kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "1318622958"),
        ("oauth_token", "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb"),
        ("oauth_version", "1.0"),
    ]);
    let (consumer, token) =
        ("kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw", "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE");
    let signature = oauth1_signature("POST", "https://api.x.com/1.1/statuses/update.json", published, consumer, token);
    assert_eq!(signature, "Ls93hJiZbQ3akF3HF3x1Bz8/zU4=");
    let message = pairs(&[
        ("oauth_consumer_key", "ck"),
        ("oauth_nonce", "nonce123"),
        ("oauth_signature_method", "HMAC-SHA1"),
        ("oauth_timestamp", "1700000000"),
        ("oauth_token", "at"),
        ("oauth_version", "1.0"),
    ]);
    let address = "https://api.x.com/2/dm_conversations/with/1234567890/messages";
    assert_eq!(oauth1_signature("POST", address, message, "cs", "ats"), "XxWOlPUEFuBVOviRYVkdqzHD34o=");
    assert_eq!(answer_to("apiSecret", "test token"), "sha256=O5hJl2njQRIa4vsumZ+3oom9ECR5m3aQLRZkPoYelp0=");
    let body = br#"{"for_user_id":"4337869213","direct_message_events":[]}"#;
    assert_eq!(sign("test_consumer_secret", body), "sha256=62uSzi0ITsKqyj5ZDmb8qN7BOCF3cOEmF4n/++nCpFE=");
}
