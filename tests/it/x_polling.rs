//! X without a webhook: the host asks, and nothing comes twice when a webhook tells it too.

use sambung_tests::api::{Api, until};
use sambung_tests::host::{Host, leading, x_keys};
use sambung_tests::providers::x::X;
use serde_json::{Value, json};

const CUSTOMER: &str = "3001969357";

async fn connected(x: &X, host: &Host) -> Value {
    let api = host.api();
    x.reach_endpoint_at(&api.url(""));
    let channel = json!({ "plugin": "x", "name": "Shop", "settings": x_keys() });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    assert_eq!(channel["state"], "connected", "{channel}");
    channel
}

async fn texts(api: &Api) -> Vec<String> {
    let messages = api.all_messages().await;
    messages.iter().rev().map(|message| message["content"]["text"].as_str().unwrap_or_default().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_limit_of_webhooks_messages_are_asked_for_and_told_once() {
    let x = X::start().await;
    x.allow_webhooks(0);
    let host = Host::start(&leading(&x.overrides(), "")).await;
    let api = host.api();
    let all: Vec<_> = (1..=25).map(|number| x.write(CUSTOMER, &format!("m{number}"))).collect();
    let channel = connected(&x, &host).await;
    until("both pages were read", async || (texts(api).await.len() == 25).then_some(())).await;
    let expected: Vec<String> = (1..=25).map(|number| format!("m{number}")).collect();
    assert_eq!(texts(api).await, expected);
    // A webhook that was registered elsewhere tells the same again.
    let url = channel["webhook_url"].as_str().unwrap();
    for message in &all {
        assert_eq!(x.post_to(url, &x.delivery(message)).await.unwrap(), 200);
    }
    api.translated().await;
    assert_eq!(texts(api).await, expected);

    let id = channel["id"].as_str().unwrap();
    let (status, answer) = api.ask("POST", &format!("/v1/channels/{id}/check"), &Value::Null).await.unwrap();
    assert!(status < 300, "{status} {answer}");
    let channel = api.get(&format!("/v1/channels/{id}")).await;
    let finding = channel["findings"].as_array().unwrap().iter().find(|one| one["code"] == "webhook-limit");
    let words = finding.unwrap_or_else(|| panic!("{channel}"))["words"].as_str().unwrap();
    assert!(words.contains("once a minute") && words.contains("$0.010"), "{words}");
}

/// A laptop has no public address: nothing is registered, and the account still has its inbox.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_public_address_messages_are_asked_for() {
    let x = X::start().await;
    let config = leading(&x.overrides(), "").replace("public_url = 'https://chat.example'\n", "");
    let host = Host::start(&config).await;
    x.write(CUSTOMER, "halo");
    connected(&x, &host).await;
    assert!(x.registered().is_empty());
    until("the message is there", async || (texts(host.api()).await == ["halo"]).then_some(())).await;
}
