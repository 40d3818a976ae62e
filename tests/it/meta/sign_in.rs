//! Signing in with Facebook and with Instagram, with a browser's part played by a client that keeps cookies.

use sambung_runtime::SecretValue;
use sambung_runtime::oauth2::{OAuthClient, OAuthError, Tokens};
use sambung_testkit::Kit;
use sambung_tests::api::{Api, now_ms};
use sambung_tests::browser::Browser;
use sambung_tests::providers::meta::{INSTAGRAM_APP_ID, INSTAGRAM_APP_SECRET, Meta, PAGES, PERSON};
use serde_json::{Value, json};

use super::{path, with_app};

const PUBLIC: &str = "https://chat.example";
/// Where browsers meet Meta.
const DIALOGS: [&str; 2] = ["https://www.facebook.com", "https://www.instagram.com"];

/// A browser that meets Meta and the host where they are reached from here.
fn browser(api: &Api, meta: &Meta) -> Browser {
    let dialogs = DIALOGS.map(|dialog| (dialog.to_owned(), meta.address().to_owned()));
    Browser::new(dialogs.into_iter().chain([(PUBLIC.to_owned(), api.url(""))]))
}

/// Begins to connect: the channel, and where somebody signs in.
async fn begin(api: &Api, plugin: &str, mode: &str) -> (Value, String) {
    let channel = json!({ "plugin": plugin, "name": "Shop", "settings": { "mode": mode } });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    assert_eq!(channel["step"]["kind"], "authorize", "{channel}");
    let url = channel["step"]["url"].as_str().unwrap().to_owned();
    (channel, url)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_signs_in_with_facebook_chooses_a_page_and_it_speaks_for_itself() {
    let meta = Meta::start().await;
    let host = with_app(&meta, "").await;
    let api = host.api();
    let (channel, url) = begin(api, "messenger", "sign-in").await;
    let (status, page) = browser(api, &meta).open(&url).await;
    assert_eq!(status, 200, "{page}");
    let shown = api.get(&path(&channel)).await;
    let free =
        |page: usize| json!({ "id": PAGES[page].id, "name": PAGES[page].name, "connected": false, "channel": null });
    let choices = json!([free(0), free(1)]);
    assert_eq!(shown["step"], json!({ "kind": "choose", "choices": choices }));
    let answer = json!({ "choice": PAGES[1].id });
    let connected = api.expect(200, "POST", &format!("{}/answer", path(&channel)), answer).await;
    assert_eq!((&connected["state"], &connected["account"]), (&json!("connected"), &json!(PAGES[1].id)), "{connected}");
    assert!(meta.delivered(PAGES[1].id).contains("messages") && meta.delivered(PAGES[0].id).is_empty());

    let hello = meta.text(PAGES[1].id, PERSON, now_ms(), "Halo");
    assert_eq!(meta.post_of_page(PAGES[1].id, [hello]).await, Some(200));
    let conversation = api.first_conversation().await;
    let reply = api.reply(conversation["id"].as_str().unwrap(), "Halo juga").await;
    api.message_when(&reply, "sent").await;
    assert_eq!(meta.deliveries()[0].from, PAGES[1].id);
    let audit = api.get("/v1/audit").await;
    assert!(!format!("{connected}{audit}").contains("-0123456789"), "no token is shown");
    assert_eq!(api.ask("DELETE", &path(&channel), &Value::Null).await.unwrap().0 / 100, 2);
    assert!(meta.delivered(PAGES[1].id).is_empty());
}

/// Signing in again in place takes the page that the channel was, without a question.
#[tokio::test(flavor = "multi_thread")]
async fn signing_in_again_takes_the_same_page() {
    let meta = Meta::start().await;
    let host = with_app(&meta, "").await;
    let api = host.api();
    let (channel, url) = begin(api, "messenger", "sign-in").await;
    browser(api, &meta).open(&url).await;
    let answer = json!({ "choice": PAGES[0].id });
    api.expect(200, "POST", &format!("{}/answer", path(&channel)), answer).await;
    let again = api.expect(200, "POST", &format!("{}/reconnect", path(&channel)), json!({})).await;
    let url = again["step"]["url"].as_str().unwrap_or_else(|| panic!("nothing to open: {again}")).to_owned();
    let (status, page) = browser(api, &meta).open(&url).await;
    assert_eq!(status, 200, "{page}");
    let shown = api.get(&path(&channel)).await;
    assert_eq!(
        (&shown["state"], &shown["account"], &shown["step"]),
        (&json!("connected"), &json!(PAGES[0].id), &Value::Null)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_account_of_a_page_connects_by_facebook() {
    let meta = Meta::start().await;
    let host = with_app(&meta, "").await;
    let api = host.api();
    let (channel, url) = begin(api, "instagram", "sign-in").await;
    browser(api, &meta).open(&url).await;
    let answer = json!({ "choice": PAGES[0].account });
    let connected = api.expect(200, "POST", &format!("{}/answer", path(&channel)), answer).await;
    assert_eq!((&connected["state"], &connected["account"]), (&json!("connected"), &json!(PAGES[0].account)));
    let hello = meta.text(PAGES[0].account, PERSON, now_ms(), "Halo");
    // By its page an account sends as the page does, and people wrote to both.
    meta.text(PAGES[0].id, PERSON, now_ms(), "");
    assert_eq!(meta.post_of_account(PAGES[0].account, [hello]).await, Some(200));
    let conversation = api.first_conversation().await;
    let reply = api.reply(conversation["id"].as_str().unwrap(), "Halo juga").await;
    api.message_when(&reply, "sent").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_signs_in_with_instagram_connects_at_once() {
    let meta = Meta::start().await;
    let host = with_app(&meta, "").await;
    let api = host.api();
    let (channel, url) = begin(api, "instagram", "instagram-sign-in").await;
    let (status, page) = browser(api, &meta).open(&url).await;
    assert_eq!(status, 200, "{page}");
    let shown = api.get(&path(&channel)).await;
    assert_eq!((&shown["state"], &shown["account"]), (&json!("connected"), &json!(PAGES[0].account)), "{shown}");
    assert!(meta.delivered(PAGES[0].account).contains("messages"));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_says_no_is_told_so_and_can_try_again() {
    let meta = Meta::start().await;
    let host = with_app(&meta, "").await;
    let api = host.api();
    meta.deny();
    let (channel, url) = begin(api, "messenger", "sign-in").await;
    let (status, page) = browser(api, &meta).open(&url).await;
    assert_eq!(status, 422, "{page}");
    let shown = api.get(&path(&channel)).await;
    assert_eq!(
        (&shown["step"]["kind"], &shown["step"]["error"]["code"]),
        (&json!("authorize"), &json!("denied")),
        "{shown}"
    );
}

/// An account's own token is renewed by itself, with a week to spare; one that ended is not, and somebody signs in again. A
/// person's token at Facebook is never renewed: nobody needs it once a page is chosen.
#[tokio::test]
async fn an_accounts_token_is_renewed_as_the_manifest_says() {
    let meta = Meta::start().await;
    let wasm = sambung_bundle::BUNDLED.iter().find(|plugin| plugin.id == "instagram").unwrap().wasm;
    let kit = Kit::load_at(wasm, meta.overrides()).await.unwrap();
    let manifest = kit.plugin().manifest();
    assert!(manifest.sign_in(&json!({ "mode": "sign-in" })).unwrap().refresh.is_none());
    assert!(manifest.sign_in(&json!({ "mode": "token" })).is_none());
    let flow = manifest.sign_in(&json!({ "mode": "instagram-sign-in" })).unwrap();
    assert_eq!(flow.refresh.as_ref().unwrap().ahead_ms, 7 * 24 * 3_600_000);
    let secret = |value: &str| SecretValue::from(value.to_owned());
    let client = OAuthClient { id: INSTAGRAM_APP_ID.to_owned(), secret: Some(secret(INSTAGRAM_APP_SECRET)) };
    let provider = kit.plugin().provider(flow, &client, "ws_1");
    let held = Tokens { access: secret(PAGES[0].account_token), refresh: None, lasts_ms: None };
    let next = provider.renew(&held).await.unwrap();
    assert_ne!(next.access.expose(), held.access.expose());
    assert_eq!(next.lasts_ms, Some(5_183_944_000));
    provider.renew(&next).await.expect("what was renewed is renewed again");
    meta.end(PAGES[0].account_token);
    assert!(matches!(provider.renew(&held).await, Err(OAuthError::Refused { .. })));
}
