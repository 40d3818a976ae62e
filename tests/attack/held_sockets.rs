//! An outsider opens more connections than the program may have files, and keeps them with half a request line, or with a body that is
//! announced and does not come.

use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use sambung_tests::server::Server;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::arena::{Arena, turn};
use crate::outsider;
use crate::scale::{lasting, pick};

/// Keeps so many connections from a few addresses, each with these bytes sent, and opens a new one for each that the server ends: how
/// many were opened.
async fn hold(server: std::net::SocketAddr, connections: usize, first: String) -> usize {
    outsider::open_many_files();
    let until = Instant::now() + lasting();
    let mut holders = Vec::new();
    for number in 0..connections {
        let first = first.clone();
        holders.push(tokio::spawn(async move {
            let mut opened = 0;
            while Instant::now() < until {
                let from = outsider::address(u8::try_from(number % 200).unwrap() + 1);
                let connected = tokio::time::timeout_at(until.into(), outsider::connect(from, server)).await;
                let Ok(Ok(mut stream)) = connected else {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                };
                opened += 1;
                let _ = stream.write_all(first.as_bytes()).await;
                let _ = tokio::time::timeout_at(until.into(), ended(&mut stream)).await;
            }
            opened
        }));
    }
    let mut opened = 0;
    for holder in holders {
        opened += holder.await.unwrap();
    }
    opened
}

async fn ended(stream: &mut TcpStream) {
    let mut said = [0; 256];
    while stream.read(&mut said).await.is_ok_and(|read| read > 0) {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_request_lines_on_more_connections_than_files_stop_nothing() {
    let arena = Arena::start("").await;
    // The number of files that a program may open where its operator says nothing.
    let few = Rlimit { current: Some(1024), maximum: Some(1024) };
    let program = Pid::from_raw(arena.server.pid().cast_signed()).unwrap();
    prlimit(Some(program), Resource::Nofile, few).unwrap();
    let server = outsider::server(&arena.operator());
    let impact = arena.under("half_heads", move || hold(server, 1100, "GET /healthz HTT".to_owned())).await;
    impact.print("connections", format_args!("{:>9} opened", impact.found));
    impact.assert_held();
    assert!(impact.found >= 1000, "the attack took place");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_announced_and_do_not_come_stop_no_webhook() {
    let arena = Arena::start("").await;
    let channel = arena.neighbour.api.all("/v1/channels").await.remove(0);
    let hook = channel["webhook_url"].as_str().unwrap().strip_prefix("https://chat.example").unwrap().to_owned();
    let server = outsider::server(&arena.operator());
    let head = format!("POST {hook} HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n{{");
    let impact = arena.under("idle_bodies", move || hold(server, pick(200, 1000), head)).await;
    impact.print("connections", format_args!("{:>9} opened", impact.found));
    impact.assert_held();
    assert!(impact.found >= 64, "the attack took place");
}

/// Nobody's time limit ends these connections, and the program cannot open one more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_connections_make_room_where_the_system_has_no_more_files() {
    let _turn = turn().await;
    let most = "[server]\nconnections = 1000\nconnections_per_address = 1000\nhead_ms = 60000\nidle_ms = 60000\n";
    let server = Server::start(most).await;
    let listener = outsider::server(&server.api());
    let pid = server.pid();
    let open = u64::try_from(std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()).unwrap();
    let few = Rlimit { current: Some(open + 40), maximum: Some(open + 40) };
    prlimit(Some(Pid::from_raw(pid.cast_signed()).unwrap()), Resource::Nofile, few).unwrap();
    let mut held = Vec::new();
    for _ in 0..200 {
        held.push(TcpStream::connect(listener).await.unwrap());
    }
    let ask = async {
        let mut stream = TcpStream::connect(listener).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.map(|_| said)
    };
    let said = tokio::time::timeout(Duration::from_secs(20), ask).await.expect("a connection is accepted").unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
}
