//! What could never work is refused over HTTP, with the bundled channels: an account twice, a required secret taken away, an address
//! that no provider reaches.

use std::time::Duration;

use sambung::auth::Role;
use sambung_tests::api::{Api, until};
use sambung_tests::host::{Host, leading, with_line, with_x};
use sambung_tests::providers::email::{NameServer, Postbox, deliver};
use sambung_tests::providers::line::Line;
use sambung_tests::providers::telegram::{TOKEN as BOT_TOKEN, Telegram};
use sambung_tests::providers::x::X;
use sambung_tests::server::Server;
use serde_json::{Value, json};

use super::registering::Gateway;

fn path(channel: &Value) -> String {
    format!("/v1/channels/{}", channel["id"].as_str().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_channel_for_a_connected_mail_address_is_refused_and_names_the_first() {
    let (names, postbox) = (NameServer::start(&[]).await.address(), Postbox::start().await);
    let config = format!(
        "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\n\
         [mail.relay]\nhost = '127.0.0.1'\nport = {}\nsecurity = 'none'\n",
        postbox.address().port()
    );
    let host = Host::start(&config).await;
    let api = host.api();
    let form = |address: &str| {
        let settings = json!({ "address": address, "display_name": "Shop", "sending": "relay" });
        json!({ "plugin": "email", "name": "Support", "settings": settings })
    };
    let first = api.expect(201, "POST", "/v1/channels", form("support@shop.example")).await;
    let forwarding = first["settings"]["forwarding_address"].as_str().unwrap();
    let raw = "From: siti@customer.example\nTo: support@shop.example\nMessage-ID: <1@c>\nSubject: Halo\n\nHalo\n";
    deliver(host.mail(), "siti@customer.example", forwarding, raw).await;
    until("the first mail connects it", async || (api.get(&path(&first)).await["state"] == "connected").then_some(()))
        .await;
    for address in ["support@shop.example", "Support@SHOP.example"] {
        let taken = api.expect(409, "POST", "/v1/channels", form(address)).await;
        let seen = (&taken["code"], &taken["channel"]["id"], &taken["channel"]["url"]);
        assert_eq!(seen, (&json!("account-connected"), &first["id"], &json!(path(&first))), "{address}: {taken}");
    }
    let elsewhere = host.caller("another", Role::Admin).await;
    let taken = elsewhere.expect(409, "POST", "/v1/channels", form("support@shop.example")).await.to_string();
    assert!(!taken.contains(first["id"].as_str().unwrap()) && taken.contains("another workspace"), "{taken}");
    assert_eq!(api.get("/v1/channels").await["items"].as_array().unwrap().len(), 1);
}

/// A required secret of a connected channel stays, and the refusal names the field.
async fn keeps(api: &Api, channel: &Value, secrets: &[&str]) {
    for secret in secrets {
        assert_eq!(channel["settings"][secret], json!({ "set": true }), "{channel}");
        let taken = json!({ "settings": { *secret: null } });
        let problem = api.expect(422, "PATCH", &path(channel), taken).await;
        assert_eq!(problem["errors"][0]["pointer"], format!("#/settings/{secret}"), "{problem}");
    }
    let now = api.get(&path(channel)).await;
    assert_eq!((&now["state"], &now["step"]), (&json!("connected"), &Value::Null), "{now}");
    assert_eq!(now["settings"], channel["settings"], "nothing changed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_required_secret_of_a_bundled_channel_cannot_be_taken_away() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    keeps(host.api(), &channel, &["channel_secret", "channel_access_token"]).await;

    let x = X::start().await;
    let (host, channel) = with_x(&x, "").await;
    keeps(host.api(), &channel, &["consumer_secret", "access_token", "access_token_secret"]).await;

    let telegram = Telegram::start().await;
    let host = Host::start(&leading(&telegram.overrides(), "")).await;
    let form = json!({ "plugin": "telegram", "name": "Bot", "settings": { "bot_token": BOT_TOKEN } });
    let channel = host.api().expect(201, "POST", "/v1/channels", form).await;
    keeps(host.api(), &channel, &["bot_token"]).await;

    let (_gateway, origin) = Gateway::start().await;
    let host = Host::start(&leading(&[("https://waba.gateway.example".to_owned(), origin)], "")).await;
    let settings = json!({ "mode": "gateway", "base_url": "https://waba.gateway.example", "token": "customer-one-token",
        "auth_header": "D360-API-KEY" });
    let form = json!({ "plugin": "whatsapp", "name": "Number", "settings": settings });
    let channel = host.api().expect(201, "POST", "/v1/channels", form).await;
    keeps(host.api(), &channel, &["token"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_control_characters_is_refused_for_a_bundled_channel() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    for bad in ["a\nb", "nul\0", "\u{1b}[2Jx", "\u{202e}txt.exe"] {
        let problem = host.api().expect(422, "PATCH", &path(&channel), json!({ "name": bad })).await;
        assert_eq!(problem["errors"][0]["pointer"], "#/name", "{problem}");
    }
    assert_eq!(host.api().get(&path(&channel)).await["name"], channel["name"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_does_not_start_with_a_public_address_that_no_provider_calls() {
    let mut server = Server::start("").await;
    server.stop().await;
    for bad in ["http://chat.example", "chat.example", "https://", "https://user:word@chat.example"] {
        let config = server.data().with_file_name("config.toml");
        std::fs::write(config, format!("[server]\npublic_url = '{bad}'\n")).unwrap();
        let started = server.run(&["serve", "--listen", "127.0.0.1:0"]);
        let ended = tokio::time::timeout(Duration::from_secs(60), started).await;
        let output = ended.unwrap_or_else(|_| panic!("{bad}: the program runs"));
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && words.contains("server.public_url"), "{bad}: {words}");
    }
}
