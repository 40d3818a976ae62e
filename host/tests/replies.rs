//! Saved replies: who writes them, what they may hold, how many there may be, and how a composer is filled with one.

use reqwest::{Method, StatusCode};
use sambung::auth::Role;
use serde_json::{Value, json};

use super::common::TestHost;
use super::console::{key_of, page, person, send, sent_to, sign_in};
use super::outbound::Story;

fn reply(name: &str, text: &str) -> Option<Value> {
    Some(json!({ "name": name, "text": text }))
}

#[tokio::test]
async fn supervisors_write_replies_that_everybody_reads() {
    let host = TestHost::start().await;
    let chief = host.token_for("default", Role::Supervisor).await;
    let agent = host.token_for("default", Role::Agent).await;
    let greeting = reply("Greeting", "Halo {{contact.name}}, {{agent.name}} di sini.");
    let (status, refused) = host.call_as(&agent, Method::POST, "/v1/replies", greeting.clone()).await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{refused}");
    let (status, made) = host.call_as(&chief, Method::POST, "/v1/replies", greeting).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let path = format!("/v1/replies/{}", made["id"].as_str().unwrap());
    let (status, changed) = host.call_as(&chief, Method::PATCH, &path, Some(json!({ "name": "Hello" }))).await;
    assert_eq!((status, &changed["name"], &changed["text"]), (StatusCode::OK, &json!("Hello"), &made["text"]));
    host.call_as(&chief, Method::POST, "/v1/replies", reply("apologies", "Maaf.")).await;
    let names = async |query: &str| {
        let (_, list) = host.call_as(&agent, Method::GET, &format!("/v1/replies{query}"), None).await;
        list["items"].as_array().unwrap().iter().map(|one| one["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names("").await, ["apologies", "Hello"]);
    assert_eq!(names("?q=HELL").await, ["Hello"]);
    assert_eq!(names("?q=%25").await, Vec::<Value>::new(), "a sign of the search's own is a letter");
    let stranger = host.token_for("other", Role::Admin).await;
    assert_eq!(host.call_as(&stranger, Method::GET, &path, None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(host.call_as(&chief, Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(host.call_as(&chief, Method::DELETE, &path, None).await.0, StatusCode::NOT_FOUND);
    let (_, audit) = host.get("/v1/audit").await;
    let acts: Vec<_> = audit["items"].as_array().unwrap().iter().map(|line| line["action"].clone()).collect();
    for act in ["reply.create", "reply.change", "reply.remove"] {
        assert!(acts.contains(&json!(act)), "{act}: {acts:?}");
    }
}

#[tokio::test]
async fn a_reply_is_named_short_and_knows_its_variables_and_there_are_at_most_200() {
    let host = TestHost::start().await;
    let fault = async |new: Option<Value>| {
        let (status, problem) = host.call(Method::POST, "/v1/replies", new).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        let fault = &problem["errors"][0];
        format!("{} {}", fault["pointer"].as_str().unwrap(), fault["code"].as_str().unwrap())
    };
    assert_eq!(fault(reply(" ", "x")).await, "#/name required");
    assert_eq!(fault(reply("n", " ")).await, "#/text required");
    assert_eq!(fault(reply("n", &"x".repeat(4_001))).await, "#/text too-long");
    assert_eq!(fault(reply("n", "{{contact.phone}}")).await, "#/text unknown-variable");
    for number in 0..200 {
        let (status, made) = host.post("/v1/replies", json!({ "name": format!("{number}"), "text": "x" })).await;
        assert_eq!(status, StatusCode::CREATED, "{number}: {made}");
    }
    let (status, problem) = host.post("/v1/replies", json!({ "name": "n", "text": "x" })).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("too-many-replies")));
    let other = host.token_for("other", Role::Supervisor).await;
    let (status, made) = host.call_as(&other, Method::POST, "/v1/replies", reply("n", "x")).await;
    assert_eq!(status, StatusCode::CREATED, "another workspace has its own: {made}");
}

#[tokio::test(flavor = "multi_thread")]
async fn forms_alone_save_a_reply_and_put_it_into_the_composer() {
    let Story { host, conversation, .. } = Story::begin().await;
    person(&host, "chief@toko.example", "supervisor").await;
    let session = sign_in(&host, "chief@toko.example").await;
    let (status, html) = page(&host, "/settings/replies", &session).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("href=\"/settings/replies\"") && !html.contains("href=\"/settings/tokens\""), "{html}");
    let key = key_of(&html);
    let add = async |text: &str| {
        send(&host, &session, "/settings/replies", &[("key", &key), ("name", "Jam buka"), ("text", text)]).await
    };
    let refused = add("Halo {{contact.nam}}").await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await.unwrap().contains("Halo {{contact.nam}}"), "what was typed is still there");
    let text = "Halo {{contact.name}}, {{agent.name}} dari {{channel.name}}: buka sampai 21.00 <b>";
    for _ in 0..2 {
        assert_eq!(sent_to(&add(text).await), "/settings/replies");
    }
    let (_, list) = host.get("/v1/replies").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "a form that comes twice is done once: {list}");

    let id = list["items"][0]["id"].as_str().unwrap();
    let (_, shown) = host.get(&format!("/v1/conversations/{conversation}")).await;
    let name = shown["contact"]["name"].as_str().unwrap_or_default();
    let (_, html) = page(&host, &format!("/inbox/{conversation}?reply={id}"), &session).await;
    let (_, users) = host.get("/v1/users").await;
    let chief = users["items"].as_array().unwrap().iter().find(|user| user["email"] == "chief@toko.example").unwrap();
    let chief = chief["name"].as_str().unwrap().replace('<', "&lt;").replace('>', "&gt;");
    let filled = format!("Halo {name}, {chief} dari Toko: buka sampai 21.00 &lt;b&gt;</textarea>");
    assert!(html.contains(&filled), "{filled}: {html}");
    let (_, html) = page(&host, &format!("/inbox/{conversation}?find=zzz"), &session).await;
    assert!(!html.contains(id) && html.contains("<details class=\"menu quick\" id=\"quick\" open>"), "{html}");

    let path = format!("/settings/replies/{id}");
    send(&host, &session, &path, &[("name", "Jam"), ("text", "Buka.")]).await;
    assert_eq!(host.get(&format!("/v1/replies/{id}")).await.1["name"], "Jam");
    send(&host, &session, &format!("{path}/remove"), &[]).await;
    assert_eq!(host.get(&format!("/v1/replies/{id}")).await.0, StatusCode::OK, "without the tick nothing goes");
    send(&host, &session, &format!("{path}/remove"), &[("sure", "1")]).await;
    assert_eq!(host.get(&format!("/v1/replies/{id}")).await.0, StatusCode::NOT_FOUND);

    person(&host, "agent@toko.example", "agent").await;
    let session = sign_in(&host, "agent@toko.example").await;
    assert_eq!(page(&host, "/settings/replies", &session).await.0, StatusCode::FORBIDDEN);
}
