//! Who may do what, and that nobody sees another workspace.

use sambung::auth::Role;
use sambung_tests::api::now_ms;
use sambung_tests::host::{hook, with_line};
use sambung_tests::providers::line::Line;
use serde_json::{Value, json};

use super::{CUSTOMER, messages, text};

#[tokio::test(flavor = "multi_thread")]
async fn what_belongs_to_another_workspace_is_not_there() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let api = host.api();
    assert_eq!(line.post_text(&hook(api, &channel), CUSTOMER, now_ms(), "Halo").await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    let reply = api.reply(conversation["id"].as_str().unwrap(), "Halo juga").await;
    let contact = api.all("/v1/contacts").await[0]["id"].clone();
    let stranger = host.caller("another", Role::Admin).await;
    let own = |kind: &str, id: &Value| format!("/v1/{kind}/{}", id.as_str().unwrap());
    let theirs = [
        ("GET", own("channels", &channel["id"]), Value::Null),
        ("PATCH", own("channels", &channel["id"]), json!({ "paused": true })),
        ("DELETE", own("channels", &channel["id"]), Value::Null),
        ("POST", format!("{}/check", own("channels", &channel["id"])), Value::Null),
        ("POST", format!("{}/messages", own("channels", &channel["id"])), json!({ "to": {}, "content": {} })),
        ("GET", own("conversations", &conversation["id"]), Value::Null),
        ("GET", messages(&conversation), Value::Null),
        ("POST", messages(&conversation), text("Halo")),
        ("GET", format!("/v1/messages/{reply}"), Value::Null),
        ("POST", format!("/v1/messages/{reply}/retry"), Value::Null),
        ("POST", format!("/v1/messages/{reply}/resolve"), json!({ "outcome": "sent" })),
        ("GET", own("contacts", &contact), Value::Null),
        ("DELETE", own("contacts", &contact), Value::Null),
    ];
    for (method, path, body) in theirs {
        stranger.expect(404, method, &path, body).await;
    }
    for list in ["channels", "conversations", "contacts", "journal"] {
        assert_eq!(stranger.all(&format!("/v1/{list}")).await, Vec::<Value>::new(), "{list}");
    }
    assert_eq!(api.get(&own("channels", &channel["id"])).await["state"], "connected");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_writes_and_only_those_above_do_more() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let api = host.api();
    assert_eq!(line.post_text(&hook(api, &channel), CUSTOMER, now_ms(), "Halo").await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    let agent = host.caller("default", Role::Agent).await;
    let supervisor = host.caller("default", Role::Supervisor).await;
    let admin = host.caller("default", Role::Admin).await;
    agent.reply(conversation["id"].as_str().unwrap(), "from an agent").await;
    let assign = format!("/v1/conversations/{}/assign", conversation["id"].as_str().unwrap());
    agent.expect(403, "POST", &assign, json!({ "user": null })).await;
    supervisor.expect(200, "POST", &assign, json!({ "user": null })).await;
    agent.expect(403, "GET", "/v1/journal", Value::Null).await;
    supervisor.expect(200, "GET", "/v1/journal", Value::Null).await;
    let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    supervisor.expect(403, "PATCH", &path, json!({ "paused": true })).await;
    admin.expect(200, "PATCH", &path, json!({ "paused": true })).await;
    admin.expect(403, "GET", "/v1/workspaces", Value::Null).await;
    api.expect(200, "GET", "/v1/workspaces", Value::Null).await;
    api.with_token("nobody's").expect(401, "GET", "/v1/conversations", Value::Null).await;
}
