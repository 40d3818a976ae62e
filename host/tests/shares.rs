//! Pools that workspaces share: one that takes all it can does not keep another's work waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use reqwest::{Method, Response, StatusCode};
use sambung::auth::Role;
use serde_json::json;
use tokio::net::TcpListener;

use crate::common::{Options, TestHost, read, until};

const SITE: &str = "https://shop.example";

/// A receiver that never answers, and counts who came.
async fn hanging() -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let app = Router::new().fallback(move || {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::pending::<StatusCode>()
    });
    (serve(app).await, asked)
}

/// A receiver that answers at once, and counts who came.
async fn answering() -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let app = Router::new().fallback(move || {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::ready(StatusCode::NO_CONTENT)
    });
    (serve(app).await, asked)
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn connect(host: &TestHost, token: &str) -> String {
    let channel = json!({"plugin": "webchat", "name": "Toko", "settings": {"domain": [SITE]}});
    let (status, channel) = host.call_as(token, Method::POST, "/v1/channels", Some(channel)).await;
    assert_eq!(status, StatusCode::CREATED, "{channel}");
    channel["id"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_hang_do_not_delay_another_workspaces_deliveries() {
    let ((slow, stuck), (quick, arrived)) = (hanging().await, answering().await);
    let overrides = format!("{{ \"https://slow.example\" = \"{slow}\", \"https://quick.example\" = \"{quick}\" }}");
    let options = Options::default().set("EGRESS__OVERRIDES", overrides).set("FEED__DELIVERIES", 32);
    let host = TestHost::start_with(options).await;
    let (hog, neighbour) = (host.token_for("hog", Role::Admin).await, host.token_for("neighbour", Role::Admin).await);
    for number in 0..12 {
        let endpoint = json!({"url": format!("https://slow.example/{number}"), "types": []});
        assert_eq!(host.call_as(&hog, Method::POST, "/v1/endpoints", Some(endpoint)).await.0, StatusCode::CREATED);
    }
    let endpoint = json!({"url": "https://quick.example/", "types": ["channel.updated"]});
    assert_eq!(host.call_as(&neighbour, Method::POST, "/v1/endpoints", Some(endpoint)).await.0, StatusCode::CREATED);
    // Each is an event for each of the twelve: more than there are places.
    for _ in 0..6 {
        connect(&host, &hog).await;
    }
    until("the endpoints that hang took all they can", async || stuck.load(Ordering::Relaxed) >= 12).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let taken = stuck.load(Ordering::Relaxed);
    assert!(taken <= 16, "they took {taken} of 32 places");
    let began = Instant::now();
    connect(&host, &neighbour).await;
    until("the neighbour's delivery came", async || arrived.load(Ordering::Relaxed) > 0).await;
    assert!(began.elapsed() < Duration::from_secs(10), "it waited {:?} for others", began.elapsed());
}

/// A delivery has four places for each endpoint at most, and fewer where that is all its workspace has.
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_hangs_does_not_delay_another_of_its_workspace() {
    let ((slow, stuck), (quick, arrived)) = (hanging().await, answering().await);
    let overrides = format!("{{ \"https://slow.example\" = \"{slow}\", \"https://quick.example\" = \"{quick}\" }}");
    let options = Options::default().set("EGRESS__OVERRIDES", overrides).set("FEED__DELIVERIES", 8);
    let host = TestHost::start_with(options.set("FEED__TIMEOUT_MS", 120_000)).await;
    let add = async |url: &str| {
        let endpoint = json!({"url": url, "types": ["channel.updated"]});
        assert_eq!(host.post("/v1/endpoints", endpoint).await.0, StatusCode::CREATED);
    };
    add("https://slow.example/").await;
    for _ in 0..8 {
        connect(&host, &host.token).await;
    }
    until("the endpoint that hangs took what it can", async || stuck.load(Ordering::Relaxed) >= 3).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    add("https://quick.example/").await;
    connect(&host, &host.token).await;
    until("the other one's delivery came", async || arrived.load(Ordering::Relaxed) > 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_has_a_bounded_number_of_endpoints() {
    let host = TestHost::start_with(Options::default().set("FEED__ENDPOINTS_PER_WORKSPACE", 2)).await;
    let endpoint = json!({"url": "https://hooks.example/", "types": []});
    let other = host.token_for("other", Role::Admin).await;
    for wanted in [201, 201, 409] {
        let (status, answer) = host.post("/v1/endpoints", endpoint.clone()).await;
        assert_eq!(status, wanted, "{answer}");
    }
    assert_eq!(host.call_as(&other, Method::POST, "/v1/endpoints", Some(endpoint)).await.0, StatusCode::CREATED);
}

async fn visitor_stream(host: &TestHost, channel: &str) -> Response {
    let path = host.url(&format!("/widget/{channel}/sessions"));
    let opened = host.client.post(path).header("origin", SITE).send().await.unwrap();
    let (status, session) = read(opened).await;
    assert_eq!(status, StatusCode::CREATED, "{session}");
    let token = session["token"].as_str().unwrap();
    let path = host.url(&format!("/widget/{channel}/stream?token={token}"));
    host.client.get(path).header("origin", SITE).send().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn visitors_of_one_workspace_do_not_take_every_stream() {
    let host = TestHost::start_with(Options::default().set("INGRESS__VISITOR_STREAMS", 12)).await;
    let neighbour = host.token_for("neighbour", Role::Admin).await;
    let (hogs, theirs) = (connect(&host, &host.token).await, connect(&host, &neighbour).await);
    let mut open = Vec::new();
    let refused = loop {
        let answer = visitor_stream(&host, &hogs).await;
        if answer.status() != StatusCode::OK {
            break answer;
        }
        open.push(answer);
        assert!(open.len() <= 6, "it took {} of 12 places", open.len());
    };
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
    let beside = connect(&host, &host.token).await;
    let other = visitor_stream(&host, &beside).await;
    assert_eq!(other.status(), StatusCode::OK, "another channel of the same workspace");
    assert_eq!(visitor_stream(&host, &theirs).await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn event_streams_of_one_workspace_leave_places_for_another() {
    let host = TestHost::start_with(Options::default().set("FEED__STREAMS", 12)).await;
    let neighbour = host.token_for("neighbour", Role::Agent).await;
    let follow = async |token: &str| host.client.get(host.url("/v1/events")).bearer_auth(token).send().await.unwrap();
    let mut open = Vec::new();
    loop {
        let answer = follow(&host.token).await;
        if answer.status() != StatusCode::OK {
            assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
            break;
        }
        open.push(answer);
        assert!(open.len() <= 6, "one token took {} of 12 places", open.len());
    }
    let colleague = host.token_for("default", Role::Agent).await;
    assert_eq!(follow(&colleague).await.status(), StatusCode::OK, "another token of the same workspace");
    assert_eq!(follow(&neighbour).await.status(), StatusCode::OK);
}

/// A body that never ends.
fn endless() -> reqwest::Body {
    reqwest::Body::wrap_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>())
}

/// A client at an address of loopback, because limits count by address.
fn client_at(last: u8) -> reqwest::Client {
    let address = std::net::IpAddr::from([127, 0, 66, last]);
    reqwest::Client::builder().no_proxy().local_address(address).build().unwrap()
}

/// Sends a file as a new visitor of a channel.
async fn upload(host: &TestHost, client: &reqwest::Client, channel: &str, body: reqwest::Body) -> StatusCode {
    let path = host.url(&format!("/widget/{channel}/sessions"));
    let (_, session) = read(client.post(path).header("origin", SITE).send().await.unwrap()).await;
    let path = host.url(&format!("/widget/{channel}/media?name=a.txt"));
    let request = client.post(path).header("origin", SITE).bearer_auth(session["token"].as_str().unwrap());
    request.header("content-type", "text/plain").body(body).send().await.unwrap().status()
}

/// Begins so many uploads that never end, at one client.
fn stuck_uploads(host: &TestHost, last: u8, channel: &str, number: usize) -> Vec<tokio::task::JoinHandle<()>> {
    let begin = |_| {
        let (client, base, channel) = (client_at(last), host.base.clone(), channel.to_owned());
        tokio::spawn(async move {
            let path = format!("{base}/widget/{channel}/sessions");
            let (_, session) = read(client.post(path).header("origin", SITE).send().await.unwrap()).await;
            let path = format!("{base}/widget/{channel}/media?name=a.txt");
            let request = client.post(path).header("origin", SITE).bearer_auth(session["token"].as_str().unwrap());
            let _ = request.header("content-type", "text/plain").body(endless()).send().await;
        })
    };
    (0..number).map(begin).collect()
}

fn on_their_way(host: &TestHost) -> usize {
    std::fs::read_dir(host.data.join("media/incoming")).unwrap().count()
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_one_channels_visitors_leave_places_for_another() {
    let host = TestHost::start_with(Options::default().set("INGRESS__UPLOADS", 12)).await;
    let neighbour = host.token_for("neighbour", Role::Admin).await;
    let (hogs, theirs) = (connect(&host, &host.token).await, connect(&host, &neighbour).await);
    let beside = connect(&host, &host.token).await;
    // From several addresses, so that no address has more than its own share.
    let stuck: Vec<_> = (1..=4).flat_map(|last| stuck_uploads(&host, last, &hogs, 3)).collect();
    until("they take what they can", async || on_their_way(&host) >= 4).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(on_their_way(&host) <= 6, "{} of 12 places", on_their_way(&host));
    let other = upload(&host, &client_at(9), &beside, "halo".into()).await;
    assert_eq!(other, StatusCode::CREATED, "another channel of the same workspace");
    assert_eq!(upload(&host, &client_at(9), &theirs, "halo".into()).await, StatusCode::CREATED);
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test(flavor = "multi_thread")]
async fn uploads_of_one_address_leave_places_for_another() {
    let host = TestHost::start_with(Options::default().set("INGRESS__UPLOADS_PER_ADDRESS", 2)).await;
    let channel = connect(&host, &host.token).await;
    let stuck = stuck_uploads(&host, 1, &channel, 4);
    until("they take what they can", async || on_their_way(&host) >= 2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(on_their_way(&host), 2);
    let refused = upload(&host, &client_at(1), &channel, "halo".into()).await;
    assert_eq!(refused, StatusCode::SERVICE_UNAVAILABLE, "the address has its share");
    assert_eq!(upload(&host, &client_at(2), &channel, "halo".into()).await, StatusCode::CREATED);
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
}

/// Uploads of this caller that never end, so many at a time.
fn stuck_requests(host: &TestHost, number: usize) -> Vec<tokio::task::JoinHandle<()>> {
    let begin = |_| {
        let request = host.request(Method::POST, "/v1/media").header("content-type", "text/plain").body(endless());
        tokio::spawn(async move { drop(request.send().await) })
    };
    (0..number).map(begin).collect()
}

/// How soon a caller is answered. A request waits for its turn at most ten seconds, and then a body that does not come is over too.
async fn is_answered(host: &TestHost, token: &str, whose: &str) {
    let began = Instant::now();
    let (status, me) = host.call_as(token, Method::GET, "/v1/me", None).await;
    assert_eq!(status, StatusCode::OK, "{whose}: {me}");
    assert!(began.elapsed() < Duration::from_secs(5), "{whose} waited {:?} for others", began.elapsed());
}

/// Requests that run for a workspace have a bound of their own; past it they wait.
#[tokio::test(flavor = "multi_thread")]
async fn requests_of_one_workspace_leave_places_of_the_api_for_another() {
    let options = Options::default().set("SERVER__API_REQUESTS", 12).set("SERVER__BODY_GRACE_MS", 60_000);
    let host = TestHost::start_with(options).await;
    let neighbour = host.token_for("neighbour", Role::Agent).await;
    let colleague = host.token_for("default", Role::Agent).await;
    let stuck = stuck_requests(&host, 16);
    until("they take what they can", async || on_their_way(&host) >= 4).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(on_their_way(&host) <= 6, "one token took {} of 12 places", on_their_way(&host));
    is_answered(&host, &neighbour, "another workspace").await;
    is_answered(&host, &colleague, "another token of the same workspace").await;
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
}
