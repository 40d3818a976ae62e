//! Sending, from the API to a simulated provider: windows, limits, lanes, retries, what is unknown, and what a stop leaves.

use reqwest::Method;
use sambung::auth::Role;
use sambung::db::{Addressee, Earlier, KeyedAnswer, NewMessage, Queued, Ticket};
use sambung::keys::ConversationId;
use sambung_tests::providers::line::{Line, TOKEN, Trouble};
use serde_json::{Value, json};

use super::common::{Options, TestHost, until};

/// A server with a connected account, and a conversation in which somebody wrote.
pub struct Story {
    pub host: TestHost,
    pub line: Line,
    pub channel: String,
    pub conversation: String,
}

const USER: &str = "U206d25c2ea6bd87c17655609a1c37cb8";

fn options(line: &Line) -> Options {
    let overrides: Vec<String> = line.overrides().iter().map(|(from, to)| format!("\"{from}\" = \"{to}\"")).collect();
    Options::default()
        .set("SERVER__PUBLIC_URL", "https://sambung.example")
        .set("EGRESS__OVERRIDES", format!("{{ {} }}", overrides.join(", ")))
}

impl Story {
    pub async fn begin() -> Story {
        Story::begin_with(|options| options).await
    }

    pub async fn begin_with(change: impl FnOnce(Options) -> Options) -> Story {
        let line = Line::start().await;
        let host = TestHost::start_with(change(options(&line))).await;
        line.reach_endpoint_at(&host.base);
        let settings = json!({"channel_secret": sambung_tests::providers::line::SECRET, "channel_access_token": TOKEN});
        let (status, channel) =
            host.post("/v1/channels", json!({"plugin": "line", "name": "Toko", "settings": settings})).await;
        assert_eq!(status, 201, "{channel}");
        assert_eq!(channel["state"], "connected", "{channel}");
        let channel = channel["id"].as_str().unwrap().to_owned();
        let mut story = Story { host, line, channel, conversation: String::new() };
        story.customer_writes("Halo").await;
        story
    }

    /// The customer writes; the conversation is there when this ends.
    pub async fn customer_writes(&mut self, text: &str) {
        let address = self.host.url(&format!("/hooks/line/{}", self.channel));
        let now = self.host.state.clock.now() as u64;
        assert_eq!(self.line.post_text(&address, USER, now, text).await.unwrap(), 200);
        let seen = std::cell::RefCell::new(String::new());
        until("the customer's message is in a conversation", async || {
            let (_, inbox) = self.host.get("/v1/conversations").await;
            let first = &inbox["items"][0];
            let there = first["last_message"]["preview"] == text;
            if there {
                *seen.borrow_mut() = first["id"].as_str().unwrap().to_owned();
            }
            there
        })
        .await;
        self.conversation = seen.into_inner();
    }

    fn messages_path(&self) -> String {
        format!("/v1/conversations/{}/messages", self.conversation)
    }

    /// Sends and answers with the message's id.
    pub async fn send(&self, content: Value) -> String {
        let (status, answer) = self.host.post(&self.messages_path(), json!({"content": content})).await;
        assert_eq!(status, 202, "{answer}");
        assert_eq!(answer["status"], "queued");
        answer["id"].as_str().unwrap().to_owned()
    }

    pub async fn text(&self, text: &str) -> String {
        self.send(json!({"type": "text", "text": text})).await
    }

    pub async fn message(&self, id: &str) -> Value {
        self.host.get(&format!("/v1/messages/{id}")).await.1
    }

    /// Waits until the message has this status, and answers with it.
    pub async fn becomes(&self, id: &str, status: &str) -> Value {
        until(&format!("{id} is {status}"), async || self.message(id).await["status"] == status).await;
        self.message(id).await
    }

    /// What the customer was shown.
    fn shown(&self) -> Vec<String> {
        let text = |object: &Value| object["text"].as_str().unwrap_or_default().to_owned();
        self.line.deliveries().iter().map(|delivery| text(&delivery.object)).collect()
    }

    fn rules(message: &Value) -> Vec<&str> {
        message["attempts"].as_array().unwrap().iter().map(|attempt| attempt["rule"].as_str().unwrap()).collect()
    }
}

#[tokio::test]
async fn a_reply_spends_the_free_token_and_the_next_message_is_pushed() {
    let story = Story::begin().await;
    let first = story.text("Selamat pagi").await;
    let first = story.becomes(&first, "sent").await;
    let second = story.text("Ada lagi?").await;
    let second = story.becomes(&second, "sent").await;
    assert_eq!(Story::rules(&first), ["reply-token"]);
    assert_eq!(Story::rules(&second), ["push"]);
    let deliveries = story.line.deliveries();
    assert_eq!(deliveries.iter().map(|delivery| delivery.reply).collect::<Vec<_>>(), [true, false]);
    assert_eq!(first["provider_message_ids"], json!([deliveries[0].id]));
    assert!(first["sent_at"].is_string());
}

#[tokio::test]
async fn several_contents_of_one_message_go_in_order_with_one_token() {
    let story = Story::begin().await;
    let texts: Vec<Value> = ["satu", "dua", "tiga"].iter().map(|text| json!({"type": "text", "text": text})).collect();
    let id = story.send(Value::Array(texts)).await;
    let message = story.becomes(&id, "sent").await;
    assert_eq!(story.shown(), ["satu", "dua", "tiga"]);
    assert_eq!(message["content"].as_array().unwrap().len(), 3);
    assert_eq!(Story::rules(&message), ["reply-token"; 3]);
    let replies = story.line.recorded().iter().filter(|request| request.url.ends_with("/message/reply")).count();
    assert_eq!(replies, 1);
}

#[tokio::test]
async fn a_conversation_shows_its_window_and_what_may_be_written() {
    let story = Story::begin().await;
    let (status, conversation) = story.host.get(&format!("/v1/conversations/{}", story.conversation)).await;
    assert_eq!(status, 200, "{conversation}");
    assert_eq!(conversation["window"]["state"], "open");
    assert_eq!(conversation["composer"]["text"], json!({"max": 5000, "unit": "utf-16"}));
    assert!(conversation["composer"]["contents"].as_array().unwrap().contains(&json!("text")));
    assert_eq!(conversation["unread"], 1);
    let (_, read) = story.host.post(&format!("/v1/conversations/{}/read", story.conversation), json!({})).await;
    assert_eq!(read["unread"], 0);
}

#[tokio::test]
async fn a_text_one_unit_over_the_limit_is_refused_with_limit_and_length() {
    let story = Story::begin().await;
    let content = json!({"type": "text", "text": "\u{1F600}".repeat(2500) + "a"});
    let (status, problem) = story.host.post(&story.messages_path(), json!({"content": content})).await;
    assert_eq!(status, 422, "{problem}");
    let error = &problem["errors"][0];
    assert_eq!(error["pointer"], "#/content/text");
    assert_eq!(error["code"], "too-long");
    let detail = error["detail"].as_str().unwrap();
    assert!(detail.contains("5001") && detail.contains("5000"), "{detail}");
    assert!(story.line.deliveries().is_empty());
}

#[tokio::test]
async fn every_fault_of_a_message_is_told_at_once() {
    let story = Story::begin().await;
    let content = json!([{"type": "text", "text": ""}, {"type": "media", "kind": "image", "media_id": "md_nope"},
                         {"type": "template", "name": "hello", "language": "id"}]);
    let (status, problem) = story.host.post(&story.messages_path(), json!({"content": content})).await;
    assert_eq!(status, 422, "{problem}");
    let (status, problem) = story.host.post(&story.messages_path(), json!({"content": [content[1], content[2]]})).await;
    assert_eq!(status, 422, "{problem}");
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!(errors[0]["pointer"], "#/content/0/media_id");
    assert_eq!(errors[1]["code"], "not-supported");
    let (status, problem) = story.host.post(&story.messages_path(), json!({})).await;
    assert_eq!((status.as_u16(), problem["errors"][0]["detail"].as_str()), (422, Some("field is required")));
}

#[tokio::test]
async fn a_rate_limit_is_waited_out_and_later_messages_keep_their_place() {
    let mut story = Story::begin().await;
    story.line.trouble([Trouble::RateLimit]);
    let first = story.text("pertama").await;
    let second = story.text("kedua").await;
    story.becomes(&second, "sent").await;
    let first = story.becomes(&first, "sent").await;
    assert_eq!(story.shown(), ["pertama", "kedua"]);
    assert_eq!(first["attempts"][0]["outcome"], "retried");
    assert_eq!(first["attempts"][0]["error"]["code"], "rate-limited");
    story.customer_writes("Terima kasih").await;
}

#[tokio::test]
async fn a_push_whose_answer_is_lost_is_resent_under_its_key_and_arrives_once() {
    let story = Story::begin().await;
    let reply = story.text("balasan").await;
    story.becomes(&reply, "sent").await;
    story.line.trouble([Trouble::ServerErrorAfterTaking]);
    let push = story.text("dorongan").await;
    let push = story.becomes(&push, "sent").await;
    assert_eq!(story.shown(), ["balasan", "dorongan"]);
    assert_eq!(Story::rules(&push), ["push", "push"]);
    assert_eq!(push["provider_message_ids"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_reply_whose_answer_is_lost_is_unknown_until_a_person_decides() {
    let story = Story::begin_with(|options| options.set("RUNTIME__LIMITS__DEADLINE_MS", 700)).await;
    story.line.trouble([Trouble::SilenceAfterTaking]);
    let id = story.text("apakah sampai?").await;
    let message = story.becomes(&id, "unknown").await;
    assert_eq!(message["attempts"].as_array().unwrap().len(), 1, "never sent again by itself: {message}");
    let retry = format!("/v1/messages/{id}/retry");
    assert_eq!(story.host.post(&retry, json!({})).await.0, 409, "what is unknown is decided, not retried");
    let agent = story.host.token_for("default", Role::Agent).await;
    let resolve = format!("/v1/messages/{id}/resolve");
    let body = || Some(json!({"outcome": "sent"}));
    assert_eq!(story.host.call_as(&agent, Method::POST, &resolve, body()).await.0, 403, "an agent decides their own");
    let (status, decided) = story.host.call(Method::POST, &resolve, body()).await;
    assert_eq!((status.as_u16(), decided["status"].as_str()), (200, Some("sent")));
    assert_eq!(story.host.post(&resolve, json!({"outcome": "failed"})).await.0, 409);
    assert_eq!(story.shown(), ["apakah sampai?"]);
}

#[tokio::test]
async fn later_messages_wait_for_an_unknown_one_only_for_a_while() {
    let story = Story::begin_with(|options| {
        options.set("RUNTIME__LIMITS__DEADLINE_MS", 700).set("OUTBOUND__UNKNOWN_WAIT_MS", 50)
    })
    .await;
    story.line.trouble([Trouble::SilenceAfterTaking]);
    let first = story.text("satu").await;
    let second = story.text("dua").await;
    story.becomes(&second, "sent").await;
    assert_eq!(story.message(&first).await["status"], "unknown");
}

#[tokio::test]
async fn a_spent_quota_fails_with_the_providers_words_and_a_retry_is_a_new_attempt() {
    let story = Story::begin().await;
    let reply = story.text("gratis").await;
    story.becomes(&reply, "sent").await;
    story.line.trouble([Trouble::MonthlyLimit]);
    let id = story.text("berbayar").await;
    let failed = story.becomes(&id, "failed").await;
    assert_eq!(failed["error"]["code"], "quota");
    assert!(failed["error"]["detail"].as_str().unwrap().contains("monthly limit"), "{failed}");
    let (status, queued) = story.host.post(&format!("/v1/messages/{id}/retry"), json!({})).await;
    assert_eq!((status.as_u16(), queued["status"].as_str()), (202, Some("queued")), "{queued}");
    let sent = story.becomes(&id, "sent").await;
    assert_eq!(sent["error"], Value::Null);
    assert_eq!(story.shown(), ["gratis", "berbayar"]);
}

#[tokio::test]
async fn a_refused_credential_holds_outbound_and_lets_inbound_go_on() {
    let mut story = Story::begin().await;
    story.line.trouble([Trouble::Unauthorized]);
    let id = story.text("tertahan").await;
    let path = format!("/v1/channels/{}", story.channel);
    until("the channel needs attention", async || story.host.get(&path).await.1["state"] == "needs_attention").await;
    assert_eq!(story.message(&id).await["status"], "queued", "held, not failed");
    story.customer_writes("Masih di sana?").await;
    let (status, channel) =
        story.host.call(Method::PATCH, &path, Some(json!({"settings": {"channel_access_token": TOKEN}}))).await;
    assert_eq!(status, 200, "{channel}");
    story.becomes(&id, "sent").await;
    assert_eq!(story.shown(), ["tertahan"]);
}

#[tokio::test]
async fn a_paused_channel_sends_when_it_is_resumed() {
    let story = Story::begin().await;
    let path = format!("/v1/channels/{}", story.channel);
    assert_eq!(story.host.call(Method::PATCH, &path, Some(json!({"paused": true}))).await.0, 200);
    let id = story.text("nanti").await;
    assert_eq!(story.message(&id).await["status"], "queued");
    assert_eq!(story.host.call(Method::PATCH, &path, Some(json!({"paused": false}))).await.0, 200);
    story.becomes(&id, "sent").await;
}

#[tokio::test]
async fn what_a_stop_leaves_is_unknown_if_it_was_a_reply() {
    let story = Story::begin_with(|options| options.set("SERVER__SHUTDOWN_GRACE_MS", 300)).await;
    story.line.trouble([Trouble::SilenceAfterTaking]);
    let id = story.text("terputus").await;
    until("the provider has it", async || story.shown() == ["terputus"]).await;
    let Story { host, line, channel, conversation } = story;
    let (data, _folder) = host.stop().await;
    let host = TestHost::start_in(data, options(&line)).await;
    let story = Story { host, line, channel, conversation };
    let message = story.becomes(&id, "unknown").await;
    assert_eq!(message["attempts"][0]["error"]["code"], "interrupted");
    assert_eq!(story.shown(), ["terputus"], "nothing is anywhere twice");
}

#[tokio::test]
async fn what_a_stop_leaves_is_resent_where_the_provider_honours_the_key() {
    let story = Story::begin_with(|options| options.set("SERVER__SHUTDOWN_GRACE_MS", 300)).await;
    let reply = story.text("balasan").await;
    story.becomes(&reply, "sent").await;
    story.line.trouble([Trouble::SilenceAfterTaking]);
    let id = story.text("terputus").await;
    until("the provider has it", async || story.shown().len() == 2).await;
    let Story { host, line, channel, conversation } = story;
    let (data, _folder) = host.stop().await;
    let host = TestHost::start_in(data, options(&line)).await;
    let story = Story { host, line, channel, conversation };
    story.becomes(&id, "sent").await;
    assert_eq!(story.shown(), ["balasan", "terputus"]);
}

#[tokio::test]
async fn another_workspace_sees_and_sends_nothing() {
    let story = Story::begin().await;
    let id = story.text("rahasia").await;
    let stranger = story.host.token_for("other", Role::Admin).await;
    let get = async |path: String| story.host.call_as(&stranger, Method::GET, &path, None).await;
    assert_eq!(get(format!("/v1/messages/{id}")).await.0, 404);
    assert_eq!(get(format!("/v1/conversations/{}", story.conversation)).await.0, 404);
    assert_eq!(get(story.messages_path()).await.0, 404);
    assert_eq!(get("/v1/conversations".into()).await.1["items"], json!([]));
    let body = json!({"content": {"type": "text", "text": "?"}});
    let path = story.messages_path();
    assert_eq!(story.host.call_as(&stranger, Method::POST, &path, Some(body)).await.0, 404);
    let retry = format!("/v1/messages/{id}/retry");
    assert_eq!(story.host.call_as(&stranger, Method::POST, &retry, Some(json!({}))).await.0, 404);
}

#[tokio::test]
async fn an_idempotency_key_sends_once() {
    let story = Story::begin().await;
    let send = async || {
        let body = json!({"content": {"type": "text", "text": "sekali"}});
        let request = story.host.request(Method::POST, &story.messages_path()).header("idempotency-key", "k-1");
        request.json(&body).send().await.unwrap().json::<Value>().await.unwrap()
    };
    let (first, again) = (send().await, send().await);
    assert_eq!(first["id"], again["id"]);
    story.becomes(first["id"].as_str().unwrap(), "sent").await;
    assert_eq!(story.shown(), ["sekali"]);
}

/// Between the message's commit and the middleware's keeping of the answer a process may be killed; the repetition after the
/// next start finds the answer all the same.
#[tokio::test]
async fn the_answer_of_a_keyed_message_is_kept_in_the_act_that_makes_it() {
    let story = Story::begin().await;
    let db = &story.host.state.db;
    let channel = db.channel(&story.channel).await.unwrap().unwrap();
    let now = story.host.state.clock.now();
    let ticket = Ticket { workspace: channel.workspace.clone(), actor: "robot".into(), key: "k-2".into() };
    let known = async || db.begin_request(ticket.clone(), [7; 32], now, 0).await.unwrap();
    assert_eq!(known().await, Earlier::New);
    let new = NewMessage {
        workspace: channel.workspace.clone(),
        to: Addressee::Conversation(ConversationId::of(&story.conversation)),
        account_id: channel.account_id.unwrap(),
        contents: vec![json!({"type": "text", "text": "sekali"})],
        keys: vec!["123e4567-e89b-12d3-a456-426614174000".into()],
        reply_to: None,
        human: false,
        created_by: None,
        at: now,
        most_queued: 10,
        answer: Some(KeyedAnswer {
            ticket: ticket.clone(),
            status: 202,
            headers: "[]".into(),
            body: |id, _| id.to_string().into_bytes(),
        }),
    };
    let Queued::Yes { id, .. } = db.queue_message(new).await.unwrap() else { panic!("it was not queued") };
    db.take_over(now).await.unwrap();
    let kept = Earlier::Answered { status: 202, headers: "[]".into(), body: id.to_string().into_bytes() };
    assert_eq!(known().await, kept);
}

#[tokio::test]
async fn a_queue_that_is_full_sheds_load() {
    let story = Story::begin_with(|options| options.set("OUTBOUND__MOST_QUEUED", 2)).await;
    let path = format!("/v1/channels/{}", story.channel);
    assert_eq!(story.host.call(Method::PATCH, &path, Some(json!({"paused": true}))).await.0, 200);
    story.text("satu").await;
    story.text("dua").await;
    let body = json!({"content": {"type": "text", "text": "tiga"}});
    let answer = story.host.request(Method::POST, &story.messages_path()).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_conversation_is_assigned_by_a_supervisor_and_found_by_it() {
    let story = Story::begin().await;
    let assign = format!("/v1/conversations/{}/assign", story.conversation);
    let agent = story.host.token_for("default", Role::Agent).await;
    assert_eq!(story.host.call_as(&agent, Method::POST, &assign, Some(json!({"user": null}))).await.0, 403);
    let (status, problem) = story.host.post(&assign, json!({"user": "usr_nobody"})).await;
    assert_eq!((status.as_u16(), problem["errors"][0]["pointer"].as_str()), (422, Some("#/user")));
    assert_eq!(story.host.post(&assign, json!({"user": null})).await.0, 200);
    let (_, inbox) = story.host.get("/v1/conversations?assigned_to=none").await;
    assert_eq!(inbox["items"][0]["id"], story.conversation.as_str());
}

#[tokio::test]
async fn a_person_can_be_written_to_first_where_the_channel_allows_it() {
    let story = Story::begin().await;
    let path = format!("/v1/channels/{}/messages", story.channel);
    let content = json!({"type": "text", "text": "Halo dari toko"});
    let (status, problem) = story.host.post(&path, json!({"to": {"scheme": "line-user"}, "content": content})).await;
    assert_eq!((status.as_u16(), problem["errors"][0]["pointer"].as_str()), (422, Some("#/to/value")), "{problem}");
    let (_, conversation) = story.host.get(&format!("/v1/conversations/{}", story.conversation)).await;
    let contact = &conversation["contact"]["id"];
    let (status, sent) = story.host.post(&path, json!({"to": {"contact_id": contact}, "content": content})).await;
    assert_eq!(status, 202, "{sent}");
    assert_eq!(sent["conversation_id"], story.conversation.as_str(), "the conversation that is there goes on");
    story.becomes(sent["id"].as_str().unwrap(), "sent").await;
}
