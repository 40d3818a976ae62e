//! How much is kept of files: bounds for a visitor, a channel, a workspace and in total, and who stops first as the disk fills.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::header::RETRY_AFTER;
use reqwest::{Body, Method, Response, StatusCode};
use sambung::keys::MediaId;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::common::{Options, TestHost, read, until};

const SITE: &str = "https://shop.example";

/// A host with a web chat.
struct Chat {
    host: TestHost,
    channel: String,
}

impl Chat {
    async fn open(options: Options) -> Chat {
        let host = TestHost::start_with(options).await;
        let channel = json!({"plugin": "webchat", "name": "Toko", "settings": {"domain": [SITE]}});
        let (status, channel) = host.post("/v1/channels", channel).await;
        assert_eq!(status, StatusCode::CREATED, "{channel}");
        Chat { host, channel: channel["id"].as_str().unwrap().to_owned() }
    }

    /// A new visitor's token.
    async fn visitor(&self) -> String {
        let path = self.host.url(&format!("/widget/{}/sessions", self.channel));
        let (_, session) = read(self.host.client.post(path).header("origin", SITE).send().await.unwrap()).await;
        session["token"].as_str().unwrap().to_owned()
    }

    async fn upload(&self, visitor: &str, body: impl Into<Body>) -> Response {
        let path = self.host.url(&format!("/widget/{}/media?name=a.txt", self.channel));
        let request = self.host.client.post(path).header("origin", SITE).header("content-type", "text/plain");
        request.bearer_auth(visitor).body(body).send().await.unwrap()
    }

    async fn agent_uploads(&self, bytes: usize) -> Response {
        let request = self.host.request(Method::POST, "/v1/media?name=a.txt").header("content-type", "text/plain");
        request.body(vec![b'x'; bytes]).send().await.unwrap()
    }

    async fn write(&self, visitor: &str, content: Value) -> StatusCode {
        let path = self.host.url(&format!("/widget/{}/messages", self.channel));
        let body = json!({"id": "00000000-0000-4000-8000-000000000001", "content": content});
        let request = self.host.client.post(path).header("origin", SITE).bearer_auth(visitor);
        request.json(&body).send().await.unwrap().status()
    }

    fn on_the_way(&self) -> usize {
        std::fs::read_dir(self.host.data.join("media/incoming")).unwrap().count()
    }
}

async fn is_refused(answer: Response) {
    let (status, problem) = read(answer).await;
    assert_eq!((status, &problem["code"]), (StatusCode::INSUFFICIENT_STORAGE, &json!("media-quota")), "{problem}");
}

fn bytes(count: usize) -> Vec<u8> {
    vec![b'x'; count]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_keeps_so_many_bytes_and_another_visitor_their_own() {
    let chat = Chat::open(Options::default().set("MEDIA__VISITOR_BYTES", 2_000)).await;
    let (first, second) = (chat.visitor().await, chat.visitor().await);
    assert_eq!(chat.upload(&first, bytes(1_500)).await.status(), StatusCode::CREATED);
    is_refused(chat.upload(&first, bytes(600)).await).await;
    assert_eq!(chat.upload(&first, bytes(500)).await.status(), StatusCode::CREATED);
    assert_eq!(chat.upload(&second, bytes(1_500)).await.status(), StatusCode::CREATED);
    assert_eq!(chat.on_the_way(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_on_its_way_counts_so_that_files_at_the_same_time_do_not_pass_a_bound_together() {
    let chat = Chat::open(Options::default().set("MEDIA__VISITOR_BYTES", 2_000)).await;
    let visitor = chat.visitor().await;
    let (send, mut receive) = mpsc::unbounded_channel::<Bytes>();
    let chunks = stream::poll_fn(move |context| receive.poll_recv(context)).map(Ok::<_, std::io::Error>);
    send.send(bytes(1_500).into()).unwrap();
    let first = async {
        assert_eq!(chat.upload(&visitor, Body::wrap_stream(chunks)).await.status(), StatusCode::CREATED);
    };
    let second = async {
        until("the first is on its way", async || chat.on_the_way() == 1).await;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        is_refused(chat.upload(&visitor, bytes(600)).await).await;
        drop(send);
    };
    tokio::join!(first, second);
    is_refused(chat.upload(&visitor, bytes(600)).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_a_workspace_and_the_server_have_bounds() {
    for key in ["CHANNEL", "WORKSPACE", "TOTAL"] {
        let chat = Chat::open(Options::default().set(&format!("MEDIA__{key}_BYTES"), 2_000)).await;
        assert_eq!(chat.upload(&chat.visitor().await, bytes(1_500)).await.status(), StatusCode::CREATED, "{key}");
        is_refused(chat.upload(&chat.visitor().await, bytes(600)).await).await;
        let agents = chat.agent_uploads(600).await;
        if key == "CHANNEL" {
            assert_eq!(agents.status(), StatusCode::CREATED, "a channel's bound is its customers'");
        } else {
            let (status, problem) = read(agents).await;
            assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE, "{problem}");
            assert!(problem["detail"].as_str().unwrap().contains("media."), "it names the setting: {problem}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_message_has_is_removed_and_makes_room() {
    let chat = Chat::open(Options::default().set("MEDIA__CHANNEL_BYTES", 2_000)).await;
    let (idle, writes) = (chat.visitor().await, chat.visitor().await);
    let (_, unused) = read(chat.upload(&idle, bytes(1_000)).await).await;
    let (_, used) = read(chat.upload(&writes, bytes(900)).await).await;
    assert_eq!(chat.write(&writes, json!({"type": "media", "media_id": used["media_id"]})).await, StatusCode::ACCEPTED);
    let state = &chat.host.state;
    let of_message = async || {
        let row = state.db.media(MediaId::of(used["media_id"].as_str().unwrap())).await.unwrap().unwrap();
        row.message_id.is_some()
    };
    until("the message is there", of_message).await;
    is_refused(chat.upload(&idle, bytes(500)).await).await;
    let (never, later) = (i64::MIN, state.clock.now() + 1);
    assert_eq!(state.media.sweep(never, (never, never), 10).await.unwrap(), 0);
    state.media.sweep(never, (never, later), 10).await.unwrap();
    let row = async |file: &Value| {
        state.db.media(MediaId::of(file["media_id"].as_str().unwrap())).await.unwrap().unwrap().state
    };
    assert_eq!((row(&unused).await.as_str(), row(&used).await.as_str()), ("deleted", "stored"));
    assert_eq!(chat.upload(&idle, bytes(500)).await.status(), StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn all_visitors_of_a_channel_send_so_many_bytes_in_an_hour() {
    let chat = Chat::open(Options::default().set("MEDIA__VISITORS_BYTES_PER_HOUR", 2_000)).await;
    assert_eq!(chat.upload(&chat.visitor().await, bytes(1_500)).await.status(), StatusCode::CREATED);
    let refused = chat.upload(&chat.visitor().await, bytes(600)).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key(RETRY_AFTER));
    assert_eq!(chat.agent_uploads(600).await.status(), StatusCode::CREATED);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_the_disk_fills_visitors_files_stop_first_then_agents_and_messages_last() {
    let keys = ["MEDIA__VISITORS_MIN_FREE_BYTES", "MEDIA__MIN_FREE_BYTES", "DATABASE__MIN_FREE_BYTES"];
    for (low, key) in keys.into_iter().enumerate() {
        let chat = Chat::open(Options::default().set(key, i64::MAX)).await;
        let visitor = chat.visitor().await;
        let file = chat.upload(&visitor, "halo").await;
        assert_eq!(file.status(), StatusCode::SERVICE_UNAVAILABLE, "{key}");
        assert!(file.headers().contains_key(RETRY_AFTER));
        let agents = chat.agent_uploads(10).await.status();
        assert_eq!(agents == StatusCode::CREATED, low < 1, "{key}: {agents}");
        let message = chat.write(&visitor, json!({"type": "text", "text": "halo"})).await;
        assert_eq!(message == StatusCode::ACCEPTED, low < 2, "{key}: {message}");
    }
}
