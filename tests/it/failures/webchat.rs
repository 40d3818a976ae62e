//! What fails elsewhere in widgets alone: a history that is lost, or shown to somebody else.

use sambung_tests::api::{Api, until};
use sambung_tests::host::{Host, leading};
use sambung_tests::providers::http_client;
use serde_json::{Value, json};

use super::stage::{path, text};

const SITES: [&str; 2] = ["https://toko.example", "https://kedai.example"];

async fn connect(api: &Api, site: &str, earlier: &str) -> Value {
    let settings = json!({ "domain": [site], "earlier": earlier });
    let channel = json!({ "plugin": "webchat", "name": "Toko", "settings": settings });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    assert_eq!(channel["state"], "connected", "{channel}");
    channel
}

/// A browser's visit to a site with a web chat on it: the session that it is given, having that token.
async fn visit(api: &Api, channel: &Value, site: &str, token: Option<&str>) -> Value {
    let url = api.url(&format!("/widget/{}/sessions", channel["id"].as_str().unwrap()));
    let asked = http_client().post(url).header("origin", site).json(&json!({}));
    let asked = token.into_iter().fold(asked, |asked, token| asked.bearer_auth(token));
    asked.send().await.unwrap().json().await.unwrap()
}

async fn write(api: &Api, channel: &Value, site: &str, session: &Value, words: &str) -> u16 {
    let url = api.url(&format!("/widget/{}/messages", channel["id"].as_str().unwrap()));
    let body = json!({ "id": words, "content": { "type": "text", "text": words } });
    let sent =
        http_client().post(url).header("origin", site).bearer_auth(session["token"].as_str().unwrap()).json(&body);
    sent.send().await.unwrap().status().as_u16()
}

async fn find(api: &Api, words: &str) -> Value {
    until(&format!("`{words}` is there"), async || {
        api.all_messages().await.into_iter().find(|message| text(message) == words)
    })
    .await
}

/// Two web chats in one browser: the token of one is nobody's at the other, so neither reads or writes in the other's name.
#[tokio::test(flavor = "multi_thread")]
async fn two_sites_in_one_browser_are_two_visitors() {
    let host = Host::start(&leading(&[], "")).await;
    let api = host.api();
    let channels = [connect(api, SITES[0], "").await, connect(api, SITES[1], "").await];
    let first = visit(api, &channels[0], SITES[0], None).await;
    assert_eq!(write(api, &channels[0], SITES[0], &first, "di toko").await, 202);
    assert_eq!(write(api, &channels[1], SITES[1], &first, "bukan di sini").await, 401);
    let stream =
        format!("/widget/{}/stream?token={}", channels[1]["id"].as_str().unwrap(), first["token"].as_str().unwrap());
    let read = http_client().get(api.url(&stream)).header("origin", SITES[1]).send().await.unwrap();
    assert_eq!(read.status().as_u16(), 401);
    let second = visit(api, &channels[1], SITES[1], first["token"].as_str()).await;
    assert_ne!((&second["visitor"], &second["token"]), (&first["visitor"], &first["token"]), "a visitor of its own");
    assert_eq!(write(api, &channels[1], SITES[1], &second, "di kedai").await, 202);
    let conversations =
        [find(api, "di toko").await, find(api, "di kedai").await].map(|message| message["conversation_id"].clone());
    assert_ne!(conversations[0], conversations[1]);
    // A page of one site gets nothing of the other's, whatever token it has.
    let url = api.url(&format!("/widget/{}/sessions", channels[0]["id"].as_str().unwrap()));
    let strange = http_client().post(url).header("origin", SITES[1]).bearer_auth(first["token"].as_str().unwrap());
    assert_eq!(strange.json(&json!({})).send().await.unwrap().status().as_u16(), 403);
}

/// A web chat that goes on with an earlier one has its conversations and knows its visitors; nobody goes on with one that is
/// there, nor with that of somebody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_web_chat_goes_on_with_the_conversations_and_visitors_of_an_earlier_one() {
    let host = Host::start(&leading(&[], "")).await;
    let api = host.api();
    let old = connect(api, SITES[0], "").await;
    let visitor = visit(api, &old, SITES[0], None).await;
    assert_eq!(write(api, &old, SITES[0], &visitor, "sebelum").await, 202);
    let conversation = find(api, "sebelum").await["conversation_id"].as_str().unwrap().to_owned();
    let account =
        api.get(&format!("/v1/conversations/{conversation}")).await["account"]["id"].as_str().unwrap().to_owned();
    let form = json!({ "plugin": "webchat", "name": "Lagi", "settings": { "domain": [SITES[0]], "earlier": account } });
    let refused = api.expect(409, "POST", "/v1/channels", form.clone()).await;
    assert_eq!(refused["code"], "account-connected", "{refused}");
    api.expect(204, "DELETE", &path(&old), Value::Null).await;

    let stranger = host.caller("another", sambung::auth::Role::Admin).await;
    let theirs = stranger.expect(201, "POST", "/v1/channels", form).await;
    assert_eq!(stranger.all("/v1/conversations").await, Vec::<Value>::new(), "an account is one of a workspace's");
    stranger.expect(204, "DELETE", &path(&theirs), Value::Null).await;

    let new = connect(api, SITES[0], &account).await;
    assert_eq!(new["account"], account.as_str());
    let again = visit(api, &new, SITES[0], visitor["token"].as_str()).await;
    assert_eq!((&again["visitor"], &again["config"]["earlier"]), (&visitor["visitor"], &json!(account)), "{again}");
    assert_eq!(write(api, &new, SITES[0], &again, "sesudah").await, 202);
    assert_eq!(find(api, "sesudah").await["conversation_id"], conversation.as_str());
    let reply = api.reply(&conversation, "selamat datang lagi").await;
    api.message_when(&reply, "sent").await;
}
