//! What a round of the retention removes of web visitors, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use reqwest::{Method, StatusCode};
use sambung::clock::Clock;
use sambung::keys::MediaId;
use sambung::retention::Retention;
use serde_json::{Value, json};

use crate::common::{Options, TestHost, read, until};

const SITE: &str = "https://shop.example";
const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

struct Chat {
    host: TestHost,
    widget: String,
    now: Arc<AtomicI64>,
}

impl Chat {
    async fn open() -> Self {
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        let read = Arc::clone(&now);
        let options = Options::default().clock(Clock::from_fn(move || read.load(Ordering::SeqCst)));
        // The test makes the rounds.
        let host = TestHost::start_with(options.set("RETENTION__EVERY_S", 86_400)).await;
        let channel = json!({ "plugin": "webchat", "name": "Toko", "settings": { "domain": [SITE] } });
        let (status, channel) = host.post("/v1/channels", channel).await;
        assert_eq!(status, StatusCode::CREATED, "{channel}");
        let widget = format!("/widget/{}", channel["id"].as_str().unwrap());
        Self { host, widget, now }
    }

    fn later(&self, ms: i64) {
        self.now.fetch_add(ms, Ordering::SeqCst);
    }

    async fn round(&self) {
        let state = &self.host.state;
        let settings = &state.config.retention;
        let retention = Retention::new(state.db.clone(), state.media.clone(), state.clock.clone(), settings);
        retention.round(&state.stop).await.unwrap();
    }

    /// Opens a session, a known visitor's where one is given.
    async fn session(&self, known: Option<&Value>) -> Value {
        let mut request = self.host.client.post(self.host.url(&format!("{}/sessions", self.widget)));
        request = request.header("origin", SITE).json(&json!({}));
        if let Some(known) = known {
            request = request.bearer_auth(known["token"].as_str().unwrap());
        }
        let (status, session) = read(request.send().await.unwrap()).await;
        assert!(status.is_success(), "{session}");
        session
    }

    async fn writes(&self, session: &Value, id: u32) -> StatusCode {
        let body =
            json!({ "id": format!("00000000-0000-4000-8000-{id:012}"), "content": { "type": "text", "text": "Halo" } });
        let request = self.host.client.post(self.host.url(&format!("{}/messages", self.widget))).header("origin", SITE);
        request.bearer_auth(session["token"].as_str().unwrap()).json(&body).send().await.unwrap().status()
    }

    async fn state_of(&self, file: &str) -> String {
        self.host.state.db.media(MediaId::of(file)).await.unwrap().unwrap().state
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_and_their_files_go_when_nobody_came_back_for_so_long() {
    let chat = Chat::open().await;
    let (wrote, silent, returns) = (chat.session(None).await, chat.session(None).await, chat.session(None).await);
    assert_eq!(chat.writes(&wrote, 1).await, StatusCode::ACCEPTED);
    let conversations = async || chat.host.get("/v1/conversations").await.1["items"].as_array().unwrap().len();
    until("the conversation is there", async || conversations().await == 1).await;
    let request = chat.host.client.post(chat.host.url(&format!("{}/media?name=a.txt", chat.widget)));
    let request = request.header("origin", SITE).bearer_auth(silent["token"].as_str().unwrap());
    let (_, visitors) = read(request.header("content-type", "text/plain").body("halo").send().await.unwrap()).await;
    let upload = chat.host.request(Method::POST, "/v1/media?name=b.txt").header("content-type", "text/plain");
    let (_, agents) = read(upload.body("other").send().await.unwrap()).await;
    let (visitors, agents) = (visitors["media_id"].as_str().unwrap(), agents["id"].as_str().unwrap());

    chat.later(23 * HOUR);
    chat.round().await;
    assert_eq!(chat.state_of(visitors).await, "stored");
    chat.later(2 * HOUR);
    chat.round().await;
    assert_eq!((chat.state_of(visitors).await, chat.state_of(agents).await), ("deleted".into(), "stored".into()));

    chat.later(4 * DAY);
    assert_eq!(chat.session(Some(&returns)).await["visitor"], returns["visitor"]);
    chat.later(3 * DAY);
    chat.round().await;
    assert_eq!(chat.state_of(agents).await, "deleted");
    let again = async |session: &Value| chat.session(Some(session)).await["visitor"] == session["visitor"];
    assert!(!again(&silent).await, "who wrote nothing and did not come back is forgotten after a week");
    assert!(again(&returns).await && again(&wrote).await);

    chat.later(181 * DAY);
    chat.round().await;
    assert_eq!(chat.writes(&wrote, 2).await, StatusCode::UNAUTHORIZED, "half a year after the last visit");
    assert_eq!(conversations().await, 1, "the conversation stays");
}
