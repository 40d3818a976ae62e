//! A plugin makes request bodies of thousands of pieces of a file. What the server opens and holds is counted meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::StatusCode;
use axum::routing::{get, post};
use futures_util::StreamExt;
use sambung_tests::api::Api;
use sambung_tests::bench::process::resident;
use sambung_tests::server::target_folder;
use serde_json::json;

use crate::arena::{Arena, accomplice};
use crate::scale::lasting;

/// Calls at a time.
const CALLS: usize = 8;
/// Bytes of the file.
const FILE: usize = 16 << 10;
/// Files and connections that so many calls need, with what the neighbour and the server's own work take: far less than a file for
/// each piece of the body that a call may send (256).
const FILES: usize = CALLS * 16;
/// Bytes that so many calls may make the server hold.
const MEMORY: u64 = 200 << 20;

/// The most open files and resident bytes of a process while this lives.
struct Watch {
    stop: Arc<AtomicBool>,
    watching: std::thread::JoinHandle<(usize, u64)>,
}

impl Watch {
    fn begin(pid: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let watching = std::thread::spawn(move || {
            let most = (0, 0);
            std::iter::repeat_with(|| {
                std::thread::sleep(Duration::from_millis(2));
                (files(pid), resident(pid))
            })
            .take_while(|_| !stopped.load(Ordering::Relaxed))
            .fold(most, |most, now| (most.0.max(now.0), most.1.max(now.1)))
        });
        Self { stop, watching }
    }

    fn end(self) -> (usize, u64) {
        self.stop.store(true, Ordering::Relaxed);
        self.watching.join().unwrap()
    }
}

/// The files that a process has open, sockets among them.
fn files(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// Gives a file, and takes bodies slowly, so that what a body needs is needed for a while.
fn slow_provider() -> Router {
    Router::new().route("/file", get(|| async { vec![b'x'; FILE] })).route("/take", post(take))
}

async fn take(body: Body) -> StatusCode {
    tokio::time::sleep(Duration::from_millis(100)).await;
    let mut bytes = body.into_data_stream();
    while let Some(piece) = bytes.next().await {
        if piece.is_err() {
            return StatusCode::BAD_REQUEST;
        }
    }
    StatusCode::OK
}

/// Has the plugin connect, over and over; what each call was told.
async fn connects(admin: Api) -> Vec<String> {
    let until = Instant::now() + lasting();
    let calls = (0..CALLS).map(|_| {
        let admin = admin.clone();
        tokio::spawn(async move {
            let mut told = Vec::new();
            while Instant::now() < until {
                let new = json!({ "plugin": "many-pieces", "name": "Attacker", "settings": {} });
                let asked = admin.request("POST", "/v1/channels").json(&new).timeout(Duration::from_secs(60));
                told.push(asked.send().await.unwrap().text().await.unwrap());
            }
            told
        })
    });
    let mut told = Vec::new();
    for call in calls.collect::<Vec<_>>() {
        told.extend(call.await.unwrap());
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_of_thousands_of_pieces_open_few_files_and_hold_little_memory() {
    let overrides = [("https://api.provider.example".to_owned(), accomplice(slow_provider()))];
    let arena = Arena::start_with(&overrides, "").await;
    let wasm = sambung_guests::component(&target_folder(), "many_pieces");
    let put = arena.operator().request("POST", "/v1/plugins").header("content-type", "application/wasm").body(wasm);
    let answer = put.timeout(Duration::from_secs(120)).send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let admin = arena.caller("attacker", "admin").await;
    let pid = arena.server.pid();
    let impact = arena
        .under("many_pieces", move || async move {
            let before = (files(pid), resident(pid));
            let watch = Watch::begin(pid);
            let told = connects(admin).await;
            (before, watch.end(), told)
        })
        .await;
    let (before, most, told) = &impact.found;
    impact.print("files", format_args!("{:>9} open before, {} at most", before.0, most.0));
    impact.print("memory", format_args!("{:>9} MB before, {} at most", before.1 >> 20, most.1 >> 20));
    impact.print("calls", format_args!("{:>9} ended; the last was told {}", told.len(), told.last().unwrap()));
    for words in told {
        assert!(words.contains("16000 pieces: limit: the body has 16000 pieces; 256 are allowed"), "{words}");
        assert!(words.contains("256 pieces: 200"), "as many as it may are sent: {words}");
        assert!(words.contains("hashing: 16000 pieces at once; 256 are allowed"), "{words}");
    }
    assert!(most.0 <= before.0 + FILES, "{} files are open, {} before", most.0, before.0);
    assert!(most.1 <= before.1 + MEMORY, "{} bytes are held, {} before", most.1, before.1);
    impact.assert_held();
}
