//! Visitors' files: how large, how slow and how many at a time, and what is told where it is too much.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reqwest::header::RETRY_AFTER;
use reqwest::{Body, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::common::{Options, TestHost, read, until};

const SITE: &str = "https://shop.example";

/// A host with a web chat, and a visitor of it.
struct Chat {
    host: TestHost,
    widget: String,
    session: Value,
}

impl Chat {
    async fn open(options: Options) -> Chat {
        let host = TestHost::start_with(options).await;
        let channel = json!({"plugin": "webchat", "name": "Toko", "settings": {"domain": [SITE]}});
        let (status, channel) = host.post("/v1/channels", channel).await;
        assert_eq!(status, StatusCode::CREATED, "{channel}");
        let widget = format!("/widget/{}", channel["id"].as_str().unwrap());
        let opened = host.client.post(host.url(&format!("{widget}/sessions"))).header("origin", SITE).send().await;
        let (_, session) = read(opened.unwrap()).await;
        Chat { host, widget, session }
    }

    async fn upload(&self, body: impl Into<Body>) -> Response {
        let address = self.host.url(&format!("{}/media?name=a.txt", self.widget));
        let request = self.host.client.post(address).header("origin", SITE).header("content-type", "text/plain");
        request.bearer_auth(self.session["token"].as_str().unwrap()).body(body).send().await.unwrap()
    }

    fn leftovers(&self) -> usize {
        std::fs::read_dir(self.host.data.join("media/incoming")).unwrap().count()
    }
}

/// A body that goes on as long as its sender lives.
fn endless() -> (mpsc::UnboundedSender<Bytes>, Body) {
    let (send, receive) = mpsc::unbounded_channel();
    let chunks = stream::unfold(receive, |mut receive| async move {
        receive.recv().await.map(|chunk| (Ok::<_, std::io::Error>(chunk), receive))
    });
    (send, Body::wrap_stream(chunks.boxed()))
}

fn told_to_come_again(answer: &Response) -> bool {
    answer.status() == StatusCode::SERVICE_UNAVAILABLE && answer.headers().contains_key(RETRY_AFTER)
}

#[tokio::test]
async fn a_visitors_file_over_the_limit_is_refused_and_the_widget_knows_the_limit_before() {
    let chat = Chat::open(Options::default().set("INGRESS__MAX_FILE_BYTES", 1000)).await;
    assert_eq!(chat.session["limits"], json!({"file_bytes": 1000}));
    let refused = chat.upload(vec![b'x'; 1001]).await;
    assert_eq!(refused.headers()["access-control-allow-origin"], SITE, "the page may read why");
    let (status, problem) = read(refused).await;
    assert_eq!((status, &problem["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("too-large")));
    assert!(problem["detail"].as_str().unwrap().contains("1000"), "{problem}");
    let chunks = stream::iter((0..2).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 600])));
    assert_eq!(chat.upload(Body::wrap_stream(chunks)).await.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(chat.upload(vec![b'x'; 1000]).await.status(), StatusCode::CREATED);
    assert_eq!(chat.leftovers(), 0);
}

#[tokio::test]
async fn a_visitors_file_is_not_taken_while_the_disk_has_no_room() {
    let chat = Chat::open(Options::default().set("DATABASE__MIN_FREE_BYTES", i64::MAX)).await;
    assert!(told_to_come_again(&chat.upload("halo").await));
    assert_eq!(chat.leftovers(), 0);
}

#[tokio::test]
async fn a_visitors_file_that_takes_too_long_is_given_up_and_leaves_nothing_behind() {
    let chat = Chat::open(Options::default().set("INGRESS__UPLOAD_MS", 300)).await;
    let (send, body) = endless();
    send.send(Bytes::from_static(b"half of")).unwrap();
    let (status, problem) = read(chat.upload(body).await).await;
    assert_eq!((status, &problem["code"]), (StatusCode::REQUEST_TIMEOUT, &json!("too-slow")), "{problem}");
    until("nothing is left of it", async || chat.leftovers() == 0).await;
    assert_eq!(chat.upload("halo").await.status(), StatusCode::CREATED);
}

#[tokio::test]
async fn more_files_at_a_time_than_the_host_takes_are_told_to_come_again() {
    let chat = Chat::open(Options::default().set("INGRESS__UPLOADS", 1)).await;
    let (send, body) = endless();
    send.send(Bytes::from_static(b"first ")).unwrap();
    let first = async {
        let answer = chat.upload(body).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
    };
    let second = async {
        until("the first is on its way", async || chat.leftovers() == 1).await;
        assert!(told_to_come_again(&chat.upload("second").await));
        drop(send);
    };
    tokio::time::timeout(Duration::from_secs(30), async { tokio::join!(first, second) }).await.unwrap();
    assert_eq!(chat.upload("third").await.status(), StatusCode::CREATED);
}
