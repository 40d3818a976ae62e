//! The client: HTTP/1.1 over connections that stay open, with as little work of its own as can be.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// How it went.
pub(super) struct Sent {
    /// When the first request was due.
    pub began: Instant,
    /// Until the last answer.
    pub took: Duration,
    /// From when a request was due until its answer, in microseconds.
    pub delays: Vec<u32>,
}

/// Sends every request over one of so many connections, and reads every answer: anything but 200 ends the run.
///
/// With a pace a request is due at its time whatever became of those before it, and a connection that comes late to it is part
/// of its delay.
pub(super) async fn send(address: SocketAddr, requests: Vec<Vec<u8>>, connections: usize, pace: Option<f64>) -> Sent {
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let mut open = Vec::new();
    for _ in 0..connections {
        open.push(Connection::open(address).await);
    }
    let began = Instant::now();
    let senders: Vec<_> = open
        .into_iter()
        .map(|mut connection| {
            let (requests, next) = (Arc::clone(&requests), Arc::clone(&next));
            tokio::spawn(async move {
                let mut delays = Vec::new();
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(request) = requests.get(index) else { return delays };
                    let due = match pace {
                        Some(per_second) => due(began, index, per_second),
                        None => Instant::now(),
                    };
                    if due > Instant::now() {
                        tokio::time::sleep_until(due.into()).await;
                    }
                    connection.ask(request).await;
                    delays.push(micros(due.elapsed()));
                }
            })
        })
        .collect();
    let mut delays = Vec::with_capacity(requests.len());
    for sender in senders {
        delays.extend(sender.await.expect("every request is answered with 200"));
    }
    Sent { began, took: began.elapsed(), delays }
}

/// When a request is due at this pace.
pub(super) fn due(began: Instant, index: usize, per_second: f64) -> Instant {
    began + Duration::from_secs_f64(index as f64 / per_second)
}

pub(super) fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

pub(super) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(super) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::with_capacity(16 << 10) }
    }

    async fn ask(&mut self, request: &[u8]) {
        self.begin(request).await;
        self.buffer.clear();
        loop {
            self.read().await;
            let Some(head) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let text = std::str::from_utf8(&self.buffer[..head]).expect("a head is text");
            assert!(text.starts_with("HTTP/1.1 200"), "{text}");
            let length = text.lines().filter_map(|line| line.split_once(':')).find_map(|(name, value)| {
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().expect("a length"))
            });
            if self.buffer.len() >= head + 4 + length.expect("an answer says how long it is") {
                return;
            }
        }
    }

    /// Sends a request whose answer is read with [`Connection::line`].
    pub(super) async fn begin(&mut self, request: &[u8]) {
        self.stream.write_all(request).await.expect("the server reads");
    }

    /// The next line of an answer that goes on and on.
    pub(super) async fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
                self.buffer.drain(..=end);
                return line;
            }
            self.read().await;
        }
    }

    async fn read(&mut self) {
        let read = self.stream.read_buf(&mut self.buffer).await.expect("an answer");
        assert!(read > 0, "the server closed the connection");
    }
}
