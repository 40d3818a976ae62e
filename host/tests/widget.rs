//! Web chat for a newcomer: connect, chat as a browser would, reply as an agent, read the reply live and after a reload.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Method, StatusCode};
use sambung::keys::EntryId;
use serde_json::{Value, json};

use crate::common::{TestHost, read, until};

const SITE: &str = "https://shop.example";

/// A page of another site with the widget on it, as the widget's script behaves.
struct Page<'a> {
    host: &'a TestHost,
    channel: String,
    token: String,
    visitor: String,
}

impl<'a> Page<'a> {
    async fn open(host: &'a TestHost, channel: &str, known: Option<&str>) -> (Page<'a>, Value) {
        let mut request = host.client.post(host.url(&format!("/widget/{channel}/sessions"))).header("origin", SITE);
        if let Some(token) = known {
            request = request.bearer_auth(token);
        }
        let answer = request.json(&json!({})).send().await.unwrap();
        assert_eq!(answer.headers()["access-control-allow-origin"], SITE);
        assert!(!answer.headers().contains_key("access-control-allow-credentials"));
        let (status, session) = read(answer).await;
        assert!(status.is_success(), "{status} {session}");
        let word = |name: &str| session[name].as_str().unwrap().to_owned();
        let page = Page { host, channel: channel.to_owned(), token: word("token"), visitor: word("visitor") };
        (page, session["config"].clone())
    }

    async fn write(&self, id: &str, text: &str) -> StatusCode {
        let path = format!("/widget/{}/messages", self.channel);
        let body = json!({"id": id, "page": "https://shop.example/cart", "content": {"type": "text", "text": text}});
        let request = self.host.client.post(self.host.url(&path)).header("origin", SITE).bearer_auth(&self.token);
        request.json(&body).send().await.unwrap().status()
    }

    /// The first `count` entries of the stream, each with its id, from the beginning or after one.
    async fn read(&self, count: usize, after: Option<&str>) -> Vec<(String, Value)> {
        let path = format!("/widget/{}/stream?token={}", self.channel, self.token);
        let mut request = self.host.client.get(self.host.url(&path)).header("origin", SITE);
        if let Some(id) = after {
            request = request.header("last-event-id", id);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut stream = answer.bytes_stream();
        let mut text = String::new();
        let reading = async {
            while entries(&text).len() < count {
                let chunk = stream.next().await.expect("the stream goes on").unwrap();
                text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        };
        tokio::time::timeout(Duration::from_secs(30), reading).await.expect("the entries come");
        entries(&text)
    }
}

/// The whole events of an event stream.
fn entries(text: &str) -> Vec<(String, Value)> {
    let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
    let field = |event: &str, name: &str| {
        let line = event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(|value| value.trim_start().to_owned())
    };
    whole
        .split("\n\n")
        .filter_map(|event| Some((field(event, "id")?, serde_json::from_str(&field(event, "data")?).ok()?)))
        .collect()
}

async fn connect(host: &TestHost) -> String {
    let settings = json!({"domain": [SITE], "color": "#0a7f3f", "greeting": "Halo!"});
    let (status, channel) =
        host.post("/v1/channels", json!({"plugin": "webchat", "name": "Toko", "settings": settings})).await;
    assert_eq!((status, &channel["state"]), (StatusCode::CREATED, &json!("connected")), "{channel}");
    channel["id"].as_str().unwrap().to_owned()
}

/// The only conversation, once it is there.
async fn conversation(host: &TestHost) -> String {
    until("the conversation is there", async || {
        host.get("/v1/conversations").await.1["items"].as_array().is_some_and(|items| !items.is_empty())
    })
    .await;
    let (_, list) = host.get("/v1/conversations").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "{list}");
    list["items"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_writes_an_agent_replies_and_both_are_there_after_a_reload() {
    let host = TestHost::start().await;
    let channel = connect(&host).await;
    let (page, config) = Page::open(&host, &channel, None).await;
    let public = json!({
        "name": "Toko", "color": "#0a7f3f", "greeting": "Halo!", "enabled": true, "earlier": null, "title": null,
        "subtitle": null, "reply_time": null, "logo": null, "greet_after": 0, "ask_first": false, "theme": "auto",
        "position": "right", "language": "auto"
    });
    assert_eq!(config, public);
    assert_eq!(page.write("00000000-0000-4000-8000-000000000001", "Ada stok?").await, StatusCode::ACCEPTED);

    let conversation = conversation(&host).await;
    let path = format!("/v1/conversations/{conversation}/messages");
    let (status, queued) = host.post(&path, json!({"content": {"type": "text", "text": "Ada, kak"}})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{queued}");

    let seen = page.read(2, None).await;
    assert_eq!((&seen[0].1["from"], &seen[0].1["content"]["text"]), (&json!("visitor"), &json!("Ada stok?")));
    assert_eq!((&seen[1].1["from"], &seen[1].1["content"]["text"]), (&json!("agent"), &json!("Ada, kak")));

    let (again, _) = Page::open(&host, &channel, Some(&page.token)).await;
    assert_eq!(again.visitor, page.visitor);
    assert_eq!(again.read(2, None).await, seen);
    assert_eq!(again.read(1, Some(&seen[0].0)).await, seen[1..]);
    until("the reply is sent", async || {
        let (_, messages) = host.get(&path).await;
        messages["items"].as_array().unwrap().iter().any(|message| message["status"] == "sent")
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_visitor_says_of_themselves_is_the_contacts_and_joins_no_other_contact() {
    let host = TestHost::start().await;
    let channel = connect(&host).await;
    let mut contacts = Vec::new();
    for id in ["00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"] {
        let (page, _) = Page::open(&host, &channel, None).await;
        let content = json!({"type": "text", "text": "Halo"});
        let write = async |email: &str| {
            let body = json!({"id": id, "name": "Sari", "email": email, "content": content});
            let path = host.url(&format!("/widget/{channel}/messages"));
            let request = host.client.post(path).header("origin", SITE).bearer_auth(&page.token);
            request.json(&body).send().await.unwrap().status()
        };
        for bad in ["sari", "@shop.example", "sari@", "a b@shop.example", &format!("{}@a.example", "s".repeat(254))] {
            assert_eq!(write(bad).await, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
        }
        assert_eq!(write("sari@shop.example").await, StatusCode::ACCEPTED);
        until("the contact is there", async || {
            host.get("/v1/contacts").await.1["items"].as_array().is_some_and(|items| items.len() > contacts.len())
        })
        .await;
        contacts = host.get("/v1/contacts").await.1["items"].as_array().unwrap().clone();
    }
    assert_eq!(contacts.len(), 2, "anybody can claim an address: {contacts:?}");
    for contact in &contacts {
        assert_eq!(contact["name"], "Sari", "{contact}");
        let path = format!("/v1/contacts/{}", contact["id"].as_str().unwrap());
        let (_, whole) = host.get(&path).await;
        let claimed = |identity: &&Value| identity["scheme"] == "email" && identity["value"] == "sari@shop.example";
        let identity = whole["identities"].as_array().unwrap().iter().find(claimed);
        assert!(identity.is_some_and(|identity| identity["scope"] != ""), "{whole}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_offline_queue_sends_twice_is_there_once() {
    let host = TestHost::start().await;
    let channel = connect(&host).await;
    let (page, _) = Page::open(&host, &channel, None).await;
    for _ in 0..2 {
        assert_eq!(page.write("00000000-0000-4000-8000-000000000001", "satu").await, StatusCode::ACCEPTED);
    }
    assert_eq!(page.write("00000000-0000-4000-8000-000000000002", "dua").await, StatusCode::ACCEPTED);
    let conversation = conversation(&host).await;
    let path = format!("/v1/conversations/{conversation}/messages");
    until("both messages are there", async || {
        host.get(&path).await.1["items"].as_array().is_some_and(|items| items.len() == 2)
    })
    .await;
    let texts: Vec<Value> =
        page.read(2, None).await.iter().map(|(_, entry)| entry["content"]["text"].clone()).collect();
    assert_eq!(texts, [json!("satu"), json!("dua")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_browsers_are_two_visitors_and_neither_reads_the_others_stream() {
    let host = TestHost::start().await;
    let channel = connect(&host).await;
    let (first, _) = Page::open(&host, &channel, None).await;
    let (second, _) = Page::open(&host, &channel, None).await;
    assert_ne!(first.visitor, second.visitor);
    assert_eq!(first.write("00000000-0000-4000-8000-000000000001", "rahasia").await, StatusCode::ACCEPTED);
    assert_eq!(second.write("00000000-0000-4000-8000-000000000002", "lain").await, StatusCode::ACCEPTED);
    let seen = second.read(1, None).await;
    assert_eq!(seen[0].1["content"]["text"], "lain");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_site_that_is_not_in_the_settings_gets_no_session() {
    let host = TestHost::start().await;
    let channel = connect(&host).await;
    let path = host.url(&format!("/widget/{channel}/sessions"));
    let stranger =
        host.client.post(&path).header("origin", "https://evil.example").json(&json!({})).send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::FORBIDDEN);
    assert!(!stranger.headers().contains_key("access-control-allow-origin"));

    let asked = host.client.request(Method::OPTIONS, &path).header("origin", SITE);
    let asked = asked.header("access-control-request-headers", "authorization,content-type").send().await.unwrap();
    assert_eq!(asked.headers()["access-control-allow-origin"], SITE);
    assert!(asked.headers()["access-control-allow-headers"].to_str().unwrap().contains("authorization"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_is_served_to_every_site_and_a_wrong_token_to_none() {
    let host = TestHost::start().await;
    let channel = connect(&host).await;
    let script = host.client.get(host.url(&format!("/widget/{channel}/widget.js"))).send().await.unwrap();
    assert!(script.headers()["content-type"].to_str().unwrap().starts_with("text/javascript"));
    assert!(script.text().await.unwrap().contains("attachShadow"));

    let (mut page, _) = Page::open(&host, &channel, None).await;
    page.token = "wrong".to_owned();
    assert_eq!(page.write("00000000-0000-4000-8000-000000000001", "hai").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_who_was_long_gone_is_forgotten_and_the_conversation_stays() {
    let host = TestHost::start().await;
    let channel = connect(&host).await;
    let (page, _) = Page::open(&host, &channel, None).await;
    let (silent, _) = Page::open(&host, &channel, None).await;
    assert_eq!(page.write("00000000-0000-4000-8000-000000000001", "Ada stok?").await, StatusCode::ACCEPTED);
    let conversation = conversation(&host).await;
    let (never, later) = (i64::MIN, host.state.clock.now() + 60_000);
    assert_eq!(host.state.db.forget_visitors(never, never, 100).await.unwrap(), 0);
    assert_eq!(host.state.db.forget_visitors(never, later, 100).await.unwrap(), 1, "who never wrote goes first");
    let (again, _) = Page::open(&host, &channel, Some(&silent.token)).await;
    assert_ne!(again.visitor, silent.visitor);
    assert_eq!(page.read(1, None).await.len(), 1);
    host.state.db.forget_visitors(later, never, 100).await.unwrap();
    assert_eq!(page.write("00000000-0000-4000-8000-000000000002", "Halo?").await, StatusCode::UNAUTHORIZED);
    let (status, messages) = host.get(&format!("/v1/conversations/{conversation}/messages")).await;
    assert_eq!((status, &messages["items"][0]["content"]["text"]), (StatusCode::OK, &json!("Ada stok?")));
    assert!(host.state.db.visitor_entries(1, &page.visitor, EntryId::NONE).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_to_a_visitor_who_was_forgotten_has_failed_and_says_why() {
    let host = TestHost::start().await;
    let channel = connect(&host).await;
    let (page, _) = Page::open(&host, &channel, None).await;
    assert_eq!(page.write("00000000-0000-4000-8000-000000000001", "Ada stok?").await, StatusCode::ACCEPTED);
    let conversation = conversation(&host).await;
    let path = format!("/v1/conversations/{conversation}/messages");
    let reply = async |text: &str| {
        let (status, queued) = host.post(&path, json!({"content": {"type": "text", "text": text}})).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{queued}");
        format!("/v1/messages/{}", queued["id"].as_str().unwrap())
    };
    let ended = async |message: &str| {
        let ends = async || matches!(host.get(message).await.1["status"].as_str(), Some("sent" | "failed" | "unknown"));
        until("the reply has an end", ends).await;
        host.get(message).await.1
    };
    let shown = ended(&reply("Ada, kak").await).await;
    assert_eq!(shown["status"], "sent", "{shown}");
    host.state.db.forget_visitors(host.state.clock.now() + 60_000, i64::MIN, 100).await.unwrap();
    let lost = ended(&reply("Masih berminat?").await).await;
    assert_eq!(
        (&lost["status"], &lost["attempts"][0]["error"]["code"]),
        (&json!("failed"), &json!("unreachable")),
        "{lost}"
    );
    assert!(lost["attempts"][0]["error"]["detail"].as_str().unwrap().contains("session was removed"), "{lost}");
}

/// No page of another site can frame the preview, and only who may change the settings sees it.
#[tokio::test]
async fn a_preview_of_unsaved_settings_is_for_admins_in_a_frame_of_this_host() {
    let host = TestHost::start().await;
    let (admin, agent) = ("admin@toko.example", "agent@toko.example");
    for (email, role) in [(admin, "admin"), (agent, "agent")] {
        crate::console::person(&host, email, role).await;
    }
    let chat = json!({ "plugin": "webchat", "name": "Toko", "settings": { "domain": ["https://toko.example"] } });
    let (_, channel) = host.post("/v1/channels", chat).await;
    let path = format!("/integrations/{}/preview", channel["id"].as_str().unwrap());
    let (admin, agent) = (crate::console::sign_in(&host, admin).await, crate::console::sign_in(&host, agent).await);
    let fields =
        [("name", "Toko"), ("title", "\"><script>alert(1)</script>"), ("look.theme", "dark"), ("look.language", "id")];
    let post = async |session: &str| crate::console::send(&host, session, &path, &fields).await;
    assert_eq!(post(&agent).await.status(), StatusCode::FORBIDDEN);
    let answer = post(&admin).await;
    let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'self'"), "{policy}");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let html = answer.text().await.unwrap();
    assert!(html.contains("data-theme=\"dark\"") && html.contains("&quot;&gt;&lt;script&gt;alert(1)"), "{html}");
    assert!(!html.contains("toko.example"), "a setting that is not public stays here: {html}");
    let (_, after) = host.get(&format!("/v1/channels/{}", channel["id"].as_str().unwrap())).await;
    assert!(after["settings"]["title"].is_null(), "nothing is saved: {after}");
}
