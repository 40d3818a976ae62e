//! Webhooks that a token verifies: the issuer's keys are fetched from a real server, and nothing is lost while it is away.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::response::IntoResponse;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Method, StatusCode};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::common::guests::guest;
use crate::common::{Options, TestHost, until};

/// Who signs tokens, and where the keys are published, save while it is down.
struct Issuer {
    key: EcdsaKeyPair,
    origin: String,
    up: Arc<AtomicBool>,
}

fn key() -> EcdsaKeyPair {
    let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap()
}

impl Issuer {
    async fn down() -> Issuer {
        let (key, up) = (key(), Arc::new(AtomicBool::new(false)));
        let (x, y) = key.public_key().as_ref()[1..].split_at(32);
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let keys = json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "1", "x": x, "y": y }] });
        let is_up = Arc::clone(&up);
        let answer = move || {
            let answer = match is_up.load(Ordering::Relaxed) {
                true => axum::Json(keys.clone()).into_response(),
                false => StatusCode::BAD_GATEWAY.into_response(),
            };
            async move { answer }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await.unwrap() });
        Issuer { key, origin, up }
    }

    fn token(&self, audience: &str) -> String {
        sign(&self.key, audience)
    }
}

fn sign(key: &EcdsaKeyPair, audience: &str) -> String {
    let expires = jiff::Timestamp::now().as_second() + 300;
    let part = |json: Value| URL_SAFE_NO_PAD.encode(json.to_string());
    let header = part(json!({ "alg": "ES256", "kid": "1" }));
    let claims = part(json!({ "iss": "https://provider.example", "aud": audience, "exp": expires }));
    let signed = format!("{header}.{claims}");
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[tokio::test]
async fn a_token_of_the_issuer_lets_a_webhook_in_and_nothing_is_refused_while_its_keys_are_away() {
    let issuer = Issuer::down().await;
    let overrides = format!("{{ \"https://keys.provider.example\" = \"{}\" }}", issuer.origin);
    let options =
        Options::default().set("EGRESS__OVERRIDES", overrides).set("SERVER__PUBLIC_URL", "https://sambung.example");
    let host = TestHost::start_with(options).await;
    let wasm = guest("issued");
    let installed = host.request(Method::POST, "/v1/plugins").header("content-type", "application/wasm").body(wasm);
    assert!(installed.send().await.unwrap().status().is_success());
    let (status, channel) =
        host.post("/v1/channels", json!({ "plugin": "issued", "name": "Toko", "settings": {} })).await;
    assert_eq!(status, StatusCode::CREATED, "{channel}");
    let address = host.url(&format!("/hooks/issued/{}", channel["id"].as_str().unwrap()));
    let deliver = async |token: &str| host.client.post(&address).bearer_auth(token).body("halo").send().await.unwrap();

    let away = deliver(&issuer.token("toko")).await;
    assert_eq!(away.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(away.headers().contains_key("retry-after"), "the provider is told to come again");
    let (_, journal) = host.get("/v1/journal").await;
    assert_eq!(journal["items"], json!([]), "what is not verified is not kept");

    issuer.up.store(true, Ordering::Relaxed);
    until("the provider came again and was let in", async || {
        deliver(&issuer.token("toko")).await.status() == StatusCode::OK
    })
    .await;
    assert_eq!(deliver(&issuer.token("somebody else")).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(deliver(&sign(&key(), "toko")).await.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(deliver("no token").await.status(), StatusCode::UNAUTHORIZED);
    issuer.up.store(false, Ordering::Relaxed);
    assert_eq!(deliver(&issuer.token("toko")).await.status(), StatusCode::OK, "its keys are known");

    until("the message is in a conversation", async || {
        let (_, conversations) = host.get("/v1/conversations").await;
        conversations["items"].as_array().is_some_and(|items| items.len() == 1)
    })
    .await;
    let (_, journal) = host.get("/v1/journal").await;
    let rows = journal["items"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{journal}");
    let row = format!("/v1/journal/{}", rows[0]["id"].as_str().unwrap());
    let (status, row) = host.get(&row).await;
    assert_eq!((status, row.to_string().contains("eyJ")), (StatusCode::OK, false), "no token is kept: {row}");
}
