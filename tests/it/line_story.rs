//! LINE from a form to a conversation and back, over real HTTP, with the whole host and the simulator.

use std::time::{Duration, Instant};

use sambung::app::App;
use sambung::auth::Role;
use sambung::clock::Clock;
use sambung::config::Config;
use sambung::model::audit::Entry;
use sambung_tests::api::Api;
use sambung_tests::host::hook_path;
use sambung_tests::providers::line::{Line, SECRET, TOKEN};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

const USER: &str = "U4af4980629f1a2b3c4d5e6f708192a3b";

/// The host, with what is meant for LINE led to the simulator.
struct Host {
    base: String,
    token: String,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Host {
    async fn start(line: &Line) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let overrides: String = line.overrides().iter().map(|(from, to)| format!("'{from}' = '{to}'\n")).collect();
        let file = format!("[server]\npublic_url = 'https://chat.example'\n[egress.overrides]\n{overrides}");
        let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/native").to_owned();
        let variables = [("SAMBUNG_RUNTIME__CACHE_DIR".to_owned(), cache)];
        let mut config = Config::read(Some(("test", &file)), variables).unwrap();
        config.server.data_dir = folder.path().join("data");
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app = App::build(config, Clock::system()).await.unwrap();
        let state = app.state();
        let workspace = state.db.workspace_or_new(state.clock.id("ws"), "default", state.clock.now()).await.unwrap();
        let entry = Entry {
            workspace: Some(workspace.id.clone()),
            at: state.clock.now(),
            actor: "test".into(),
            role: "operator".into(),
            action: "token.create".into(),
            subject: String::new(),
            detail: json!({}),
        };
        let minted = state.auth.create_token(&workspace.id, Role::Operator, "test", None, entry).await.unwrap();
        let stop = app.stop_handle();
        tokio::spawn(app.serve(listener));
        line.reach_endpoint_at(&base);
        Self { base, token: minted.value, stop, _folder: folder }
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        Api::at(&self.base, &self.token).ask(method, path, &body).await.unwrap()
    }

    /// The address of a channel as it is reached from here.
    fn address(&self, channel: &Value) -> String {
        format!("{}{}", self.base, hook_path(channel))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn until<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "it never came to pass that {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn settings(secret: &str, token: &str) -> Value {
    json!({
        "plugin": "line",
        "name": "Shop",
        "settings": { "channel_secret": secret, "channel_access_token": token },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_writes_and_the_agent_s_reply_goes_with_the_free_token() {
    let line = Line::start().await;
    let host = Host::start(&line).await;
    let (status, channel) = host.call("POST", "/v1/channels", settings(SECRET, TOKEN)).await;
    assert_eq!((status, &channel["state"]), (201, &json!("connected")), "{channel}");

    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64;
    let address = host.address(&channel);
    assert_eq!(line.post_text(&address, USER, now, "Halo 🙂").await.unwrap(), 200);
    let conversation = until("the conversation is there", async || {
        let (_, list) = host.call("GET", "/v1/conversations", Value::Null).await;
        list["items"].as_array()?.first().cloned()
    })
    .await;
    let messages = format!("/v1/conversations/{}/messages", conversation["id"].as_str().unwrap());
    let (_, list) = host.call("GET", &messages, Value::Null).await;
    assert!(list.to_string().contains("Halo 🙂"), "{list}");

    let reply = json!({ "content": [{ "type": "text", "text": "a" }, { "type": "text", "text": "b" }] });
    let (status, queued) = host.call("POST", &messages, reply).await;
    assert_eq!(status, 202, "{queued}");
    let deliveries = until("the reply is shown", async || Some(line.deliveries()).filter(|all| all.len() == 2)).await;
    assert!(deliveries.iter().all(|delivery| delivery.reply && delivery.to == USER));

    let later = json!({ "content": { "type": "text", "text": "c" } });
    assert_eq!(host.call("POST", &messages, later).await.0, 202);
    let deliveries = until("the push is shown", async || Some(line.deliveries()).filter(|all| all.len() == 3)).await;
    assert!(!deliveries[2].reply);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_or_secret_is_told_at_its_field_and_nothing_is_kept() {
    let line = Line::start().await;
    let host = Host::start(&line).await;
    for (secret, token, field) in [(SECRET, "wrong", "channel_access_token"), ("wrong", TOKEN, "channel_secret")] {
        let (status, problem) = host.call("POST", "/v1/channels", settings(secret, token)).await;
        assert_eq!(status, 422, "{problem}");
        assert_eq!(problem["errors"][0]["pointer"], format!("#/settings/{field}"), "{problem}");
    }
    let (status, problem) = host.call("POST", "/v1/channels", settings("", TOKEN)).await;
    assert_eq!((status, &problem["errors"][0]["detail"]), (422, &json!("field is required")), "{problem}");
    let (_, list) = host.call("GET", "/v1/channels", Value::Null).await;
    assert_eq!(list["items"], json!([]));
}
