//! An admin of one workspace takes all that workspaces share: delivery slots with endpoints that never answer, visitors' streams,
//! event streams and requests to the API. The neighbour's own deliveries are measured beside its webhooks.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use reqwest::Client;
use sambung_tests::api::Api;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::arena::Arena;
use crate::figures::Series;
use crate::outsider;
use crate::scale::{SHORT, lasting, pick};

const SITE: &str = "https://toko.example";
const ENDPOINTS: usize = 12;
const SESSIONS: usize = pick(10, 50);
const STREAMS_EACH: usize = 8;
/// Places for visitors' streams, fewer than the attacker asks for.
const VISITOR_STREAMS: usize = pick(40, 300);
const EVENT_STREAMS: usize = pick(20, 100);
const REQUESTS: usize = pick(20, 100);

/// When each delivery to the neighbour arrived, and how long after its event.
type Arrived = Arc<Mutex<Vec<(Instant, Duration)>>>;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_that_takes_all_it_can_leaves_a_neighbour_its_share() {
    let (hang, stuck) = hanging().await;
    let (receive, arrived) = receiving().await;
    let overrides = [("https://hang.example".to_owned(), hang), ("https://receive.example".to_owned(), receive)];
    let config = format!(
        "[ingress]\nvisitor_streams = {VISITOR_STREAMS}\n[feed]\nstreams = {EVENT_STREAMS}\ndeliveries = 32\ntimeout_ms = 120000\n"
    );
    let arena = Arena::start_with(&overrides, &config).await;
    let own = json!({ "url": "https://receive.example/", "types": ["message.created"] });
    arena.neighbour.api.expect(201, "POST", "/v1/endpoints", own).await;
    let admin = arena.caller("attacker", "admin").await;
    for number in 0..ENDPOINTS {
        let endpoint = json!({ "url": format!("https://hang.example/{number}"), "types": [] });
        admin.expect(201, "POST", "/v1/endpoints", endpoint).await;
    }
    let channel = json!({ "plugin": "webchat", "name": "Toko", "settings": { "domain": [SITE] } });
    let channel = admin.expect(201, "POST", "/v1/channels", channel).await;
    let id = channel["id"].as_str().unwrap().to_owned();

    let began = Arc::new(Mutex::new(None));
    let begins = Arc::clone(&began);
    let impact = arena
        .under("workspace_takes_all", move || async move {
            // Every change of the channel is an event for each endpoint that hangs.
            for number in 0..8 {
                let name = json!({ "name": format!("Toko {number}") });
                admin.ask("PATCH", &format!("/v1/channels/{id}"), &name).await.unwrap();
            }
            let client = outsider::client(outsider::address(1));
            let streams = open_visitor_streams(&client, &admin, &id).await;
            let events = open_event_streams(&client, &admin).await;
            let asking: Vec<_> =
                (0..REQUESTS).map(|_| tokio::spawn(hold_request(client.clone(), admin.clone()))).collect();
            *begins.lock().unwrap() = Some(Instant::now());
            tokio::time::sleep(lasting()).await;
            asking.iter().for_each(tokio::task::JoinHandle::abort);
            (streams.len(), events.len())
        })
        .await;
    let (streams, events) = impact.found;
    let stuck = stuck.load(Ordering::Relaxed);
    impact.print("taken", format_args!("{streams:>9} visitors' streams, {events} event streams, {stuck} deliveries"));
    let began = began.lock().unwrap().unwrap();
    let arrived = std::mem::take(&mut *arrived.lock().unwrap());
    let of = |under: bool| {
        let times = arrived.iter().filter(|(at, _)| (*at > began) == under).map(|(_, took)| *took);
        Series::of(times.collect(), 0)
    };
    let (quiet, under) = (of(false), of(true));
    impact.print("quiet deliver", &quiet);
    impact.print("under deliver", &under);
    impact.assert_held();
    assert!(stuck <= 16 && stuck >= ENDPOINTS.min(16), "{stuck} of 32 places for deliveries");
    assert!(streams <= VISITOR_STREAMS / 2 && events <= EVENT_STREAMS / 2, "{streams} and {events} streams");
    assert!(under.count() > 0, "the neighbour got no delivery during the attack");
    let most = if SHORT { Duration::from_secs(5) } else { (2 * quiet.p99()).max(Duration::from_millis(150)) };
    assert!(under.p99() <= most, "the p99 of a neighbour's deliveries is {:?}, at most {most:?}", under.p99());
}

async fn open_visitor_streams(client: &Client, admin: &Api, channel: &str) -> Vec<reqwest::Response> {
    let mut open = Vec::new();
    for _ in 0..SESSIONS {
        let path = admin.url(&format!("/widget/{channel}/sessions"));
        let session = client.post(path).header("origin", SITE).send().await.unwrap();
        let session: Value = session.json().await.unwrap_or_default();
        let Some(token) = session["token"].as_str() else { break };
        for _ in 0..STREAMS_EACH {
            let path = admin.url(&format!("/widget/{channel}/stream?token={token}"));
            let stream = client.get(path).header("origin", SITE).send().await.unwrap();
            if stream.status().is_success() {
                open.push(stream);
            }
        }
    }
    open
}

async fn open_event_streams(client: &Client, admin: &Api) -> Vec<reqwest::Response> {
    let mut open = Vec::new();
    for _ in 0..EVENT_STREAMS {
        let stream = client.get(admin.url("/v1/events")).bearer_auth(admin.token()).send().await.unwrap();
        if stream.status().is_success() {
            open.push(stream);
        }
    }
    open
}

/// An upload that never ends.
async fn hold_request(client: Client, admin: Api) {
    let body = reqwest::Body::wrap_stream(futures_util::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    let request = client.post(admin.url("/v1/media")).bearer_auth(admin.token()).body(body);
    let _ = request.header("content-type", "text/plain").send().await;
}

async fn hanging() -> (String, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let app = Router::new().fallback(move || {
        count.fetch_add(1, Ordering::Relaxed);
        std::future::pending::<StatusCode>()
    });
    (serve(app).await, asked)
}

async fn receiving() -> (String, Arrived) {
    let arrived = Arrived::default();
    let seen = Arc::clone(&arrived);
    let app = Router::new().fallback(move |axum::Json(event): axum::Json<Value>| {
        let now = sambung_tests::api::now_ms();
        let at = event["timestamp"].as_str().and_then(sambung::model::time::from_rfc3339).unwrap_or_default();
        let took = Duration::from_millis(now.saturating_sub(at.unsigned_abs()));
        seen.lock().unwrap().push((Instant::now(), took));
        std::future::ready(StatusCode::NO_CONTENT)
    });
    (serve(app).await, arrived)
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}
