//! The HTTP listener against clients that keep connections to themselves: half a head, nothing at all, a body drop by drop, an answer
//! that is not read, and HTTP/2 floods. Over real sockets.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::common::{Options, TestHost, until};

/// Generous, because other tests share the machine.
const PATIENCE: Duration = Duration::from_secs(20);

fn address(host: &TestHost) -> SocketAddr {
    host.base.strip_prefix("http://").unwrap().parse().unwrap()
}

/// A connection from `127.0.66.{last}`, because limits count by address and the test's own client is 127.0.0.1.
async fn connect(host: &TestHost, last: u8) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 66, last], 0))).unwrap();
    socket.connect(address(host)).await.unwrap()
}

/// What the server said until it closed the connection, which it does in time.
async fn to_the_end(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    // A connection that is closed with bytes unread is reset.
    let _ =
        tokio::time::timeout(PATIENCE, stream.read_to_end(&mut said)).await.expect("the server ends the connection");
    String::from_utf8_lossy(&said).into_owned()
}

async fn answer(stream: &mut TcpStream) -> String {
    let mut said = vec![0; 4096];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut said)).await.expect("the server answers").unwrap();
    String::from_utf8_lossy(&said[..read]).into_owned()
}

async fn is_healthy(host: &TestHost) {
    // A connection of its own.
    let client = reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).timeout(PATIENCE).build().unwrap();
    let healthy = client.get(host.url("/healthz")).send().await.expect("/healthz answers");
    assert_eq!(healthy.status(), StatusCode::OK);
}

fn metric(host: &TestHost, line: &str) -> bool {
    host.state.metrics.render().contains(line)
}

#[tokio::test]
async fn half_a_head_a_head_drop_by_drop_and_silence_end_in_time() {
    let host = TestHost::start_with(Options::default().set("SERVER__HEAD_MS", 400).set("SERVER__IDLE_MS", 1500)).await;
    let mut silent = connect(&host, 1).await;
    let mut half = connect(&host, 1).await;
    half.write_all(b"GET /healthz HT").await.unwrap();
    let mut preface = connect(&host, 1).await;
    preface.write_all(b"PRI * HTTP/2.0\r\n").await.unwrap();
    let mut drops = connect(&host, 1).await;
    let dropping = async {
        drops.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n").await.unwrap();
        while drops.write_all(b"X").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, dropping).await.expect("the server ends a head that comes drop by drop");
    for stream in [&mut silent, &mut half, &mut preface] {
        assert_eq!(to_the_end(stream).await, "");
    }
    let mut idle = connect(&host, 1).await;
    for _ in 0..3 {
        idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert!(answer(&mut idle).await.starts_with("HTTP/1.1 200"), "a connection that is used stays");
        tokio::time::sleep(Duration::from_millis(600)).await;
    }
    let began = Instant::now();
    assert_eq!(to_the_end(&mut idle).await, "");
    assert!(began.elapsed() >= Duration::from_millis(500), "it was idle for {:?}", began.elapsed());
    assert!(metric(&host, r#"sambung_connections_closed_total{reason="head"}"#));
}

/// Where nothing else ends the connection for a long time.
#[tokio::test]
async fn half_of_a_second_head_ends_in_the_time_of_a_head_and_a_long_one_is_refused() {
    let options = Options::default().set("SERVER__HEAD_MS", 400).set("SERVER__IDLE_MS", 600_000);
    let host = TestHost::start_with(options.set("SERVER__HEAD_BYTES", 8192)).await;
    let mut again = connect(&host, 1).await;
    again.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    assert!(answer(&mut again).await.starts_with("HTTP/1.1 200"));
    again.write_all(b"GET /healthz HTTP/1.1\r\nHo").await.unwrap();
    to_the_end(&mut again).await;

    let mut long = connect(&host, 1).await;
    let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "y".repeat(100_000));
    let (mut read, mut write) = long.split();
    let (_, said) = tokio::join!(write.write_all(head.as_bytes()), async {
        let mut said = vec![0; 4096];
        let read = tokio::time::timeout(PATIENCE, read.read(&mut said)).await.expect("the server answers");
        String::from_utf8_lossy(&said[..read.unwrap_or_default()]).into_owned()
    });
    assert!(said.starts_with("HTTP/1.1 431") || said.is_empty(), "{said}");
    is_healthy(&host).await;
}

#[tokio::test]
async fn an_address_has_its_share_of_connections_and_its_oldest_idle_one_makes_room() {
    let host = TestHost::start_with(Options::default().set("SERVER__CONNECTIONS_PER_ADDRESS", 3)).await;
    let mut busy = Vec::new();
    for _ in 0..2 {
        let mut one = connect(&host, 1).await;
        one.write_all(
            b"POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{",
        )
        .await
        .unwrap();
        busy.push(one);
    }
    let mut idle = connect(&host, 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut fourth = connect(&host, 1).await;
    assert_eq!(to_the_end(&mut idle).await, "", "the one without a request ends");
    fourth
        .write_all(
            b"POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{",
        )
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let refused = to_the_end(&mut connect(&host, 1).await).await;
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("Retry-After: "), "{refused}");
    assert!(refused.contains("application/problem+json"), "{refused}");
    is_healthy(&host).await;
    drop(busy);
    until("the places are free again", async || {
        let mut one = connect(&host, 1).await;
        let _ = one.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
        answer(&mut one).await.starts_with("HTTP/1.1 200")
    })
    .await;
}

#[tokio::test]
async fn while_all_connections_are_busy_health_and_sign_in_are_answered_and_nothing_else() {
    let host = TestHost::start_with(Options::default().set("SERVER__CONNECTIONS", 8)).await;
    let mut busy = Vec::new();
    for last in 0..8 {
        let mut one = connect(&host, last + 1).await;
        one.write_all(
            b"POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{",
        )
        .await
        .unwrap();
        busy.push(one);
    }
    let ask = async |path: &str| {
        let mut stream = connect(&host, 99).await;
        let asked = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(asked.as_bytes()).await.unwrap();
        to_the_end(&mut stream).await
    };
    until("all places are taken", async || ask("/docs/").await.starts_with("HTTP/1.1 503")).await;
    let refused = ask("/docs/").await.to_lowercase();
    assert!(refused.contains("retry-after: ") && refused.contains("connection: close"), "{refused}");
    assert!(ask("/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(ask("/v1/me").await.starts_with("HTTP/1.1 401"), "whoever signs in gets on");
    // A connection that holds a place in the reserve gives it to the next.
    let mut kept = Vec::new();
    for last in 0..40 {
        kept.push(connect(&host, 100 + last).await);
    }
    assert!(ask("/healthz").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_answered_408() {
    let host = TestHost::start_with(Options::default().set("SERVER__BODY_GRACE_MS", 400)).await;
    let mut slow = connect(&host, 1).await;
    slow.write_all(
        b"POST /v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n",
    )
    .await
    .unwrap();
    let (mut read, mut write) = slow.split();
    let dropping = async {
        while write.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let mut said = vec![0; 4096];
    tokio::select! {
        () = dropping => panic!("the connection ended without an answer"),
        read = tokio::time::timeout(PATIENCE, read.read(&mut said)) => {
            let said = String::from_utf8_lossy(&said[..read.expect("it is answered").unwrap()]).into_owned();
            assert!(said.starts_with("HTTP/1.1 408") && said.contains("/problems/too-slow"), "{said}");
        }
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_is_disconnected() {
    let host = TestHost::start_with(Options::default().set("SERVER__STALLED_MS", 400)).await;
    let mut deaf = connect(&host, 1).await;
    let questions = b"GET /v1/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n".repeat(100);
    let asking = async { while deaf.write_all(&questions).await.is_ok() {} };
    tokio::time::timeout(PATIENCE, asking).await.expect("the server ends the connection");
    until("it is told why", async || metric(&host, r#"sambung_connections_closed_total{reason="stalled"}"#)).await;
}

/// The socket takes all that is written, and the client gives no stream a window.
#[tokio::test]
async fn an_http2_client_that_takes_no_answer_is_disconnected() {
    let host = TestHost::start_with(Options::default().set("SERVER__STALLED_MS", 400)).await;
    let mut deaf = connect(&host, 1).await;
    // `INITIAL_WINDOW_SIZE` is 0.
    let begin = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), http2::frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])].concat();
    deaf.write_all(&begin).await.unwrap();
    let ended = http2::END_HEADERS | http2::END_STREAM;
    deaf.write_all(&http2::frame(http2::HEADERS, ended, 1, &http2::get("/v1/openapi.json"))).await.unwrap();
    to_the_end(&mut deaf).await;
    assert!(metric(&host, r#"sambung_connections_closed_total{reason="stalled"}"#));
}

#[tokio::test]
async fn behind_a_trusted_proxy_requests_are_counted_by_the_client_that_it_names() {
    let options =
        Options::default().set("SERVER__CONNECTIONS_PER_ADDRESS", 2).set("SERVER__TRUSTED_PROXIES", "127.0.66.0/24");
    let host = TestHost::start_with(options).await;
    let open = async |client: &str| {
        let mut one = connect(&host, 1).await;
        let head = format!(
            "POST /v1/session HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{{"
        );
        one.write_all(head.as_bytes()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
        one
    };
    // Two addresses of one /64 are one client.
    let _held = [open("2001:db8::1").await, open("2001:db8::2").await];
    let mut third = open("2001:db8::3").await;
    assert!(answer(&mut third).await.starts_with("HTTP/1.1 429"));
    let mut other = connect(&host, 1).await;
    other.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 2001:db8:0:1::1\r\n\r\n").await.unwrap();
    assert!(answer(&mut other).await.starts_with("HTTP/1.1 200"));
}

/// Frames of HTTP/2, written by hand, because a client library does not send what an attacker does.
mod http2 {
    pub const HEADERS: u8 = 1;
    pub const RST_STREAM: u8 = 3;
    pub const GOAWAY: u8 = 7;
    pub const CONTINUATION: u8 = 9;
    pub const END_HEADERS: u8 = 4;
    pub const END_STREAM: u8 = 1;
    /// The server has not looked at the request.
    const REFUSED_STREAM: u8 = 7;

    pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![length[1], length[2], length[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    pub fn begin() -> Vec<u8> {
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, &[])].concat()
    }

    /// The head of `POST /v1/session` with a body to come.
    pub fn post() -> Vec<u8> {
        let text = |index: u8, value: &str| [&[index, u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
        // `:method: POST`, `:scheme: http`, `:path`, `:authority`, `content-type`, each by its number in the static table.
        [
            vec![0x83, 0x86],
            text(4, "/v1/session"),
            text(1, "x"),
            [vec![0x0f, 16], text(0, "application/json")[1..].to_vec()].concat(),
        ]
        .concat()
    }

    /// The head of `GET` of a path, without a body.
    pub fn get(path: &str) -> Vec<u8> {
        let path = [&[4, u8::try_from(path.len()).unwrap()], path.as_bytes()].concat();
        [vec![0x82, 0x86], path, vec![1, 1, b'x']].concat()
    }

    /// Whether what the server said refuses a stream unread, or the connection.
    pub fn refuses(said: &[u8]) -> bool {
        let mut rest = said;
        while rest.len() >= 9 {
            if rest[3] == GOAWAY || (rest[3] == RST_STREAM && rest.get(12) == Some(&REFUSED_STREAM)) {
                return true;
            }
            let length = usize::from(rest[0]) << 16 | usize::from(rest[1]) << 8 | usize::from(rest[2]);
            rest = rest.get(9 + length..).unwrap_or_default();
        }
        false
    }
}

#[tokio::test]
async fn an_http2_client_that_aborts_its_requests_all_the_time_is_disconnected() {
    let host = TestHost::start_with(Options::default().set("SERVER__HTTP2_RESETS_PER_MINUTE", 20)).await;
    let mut stream = connect(&host, 1).await;
    stream.write_all(&http2::begin()).await.unwrap();
    let (mut read, mut write) = stream.split();
    let mut aborted = 0_u32;
    let aborting = async {
        loop {
            let id = 2 * aborted + 1;
            let open = http2::frame(http2::HEADERS, http2::END_HEADERS, id, &http2::post());
            if write.write_all(&open).await.is_err() {
                return;
            }
            // The request is being handled when it is aborted, which the library alone does not count.
            tokio::time::sleep(Duration::from_millis(20)).await;
            if write.write_all(&http2::frame(http2::RST_STREAM, 0, id, &[0, 0, 0, 8])).await.is_err() {
                return;
            }
            aborted += 1;
        }
    };
    let listening = async {
        let mut said = Vec::new();
        let _ = read.read_to_end(&mut said).await;
    };
    tokio::time::timeout(PATIENCE, async {
        tokio::select! { () = aborting => {}, () = listening => {} }
    })
    .await
    .expect("the server ends the connection");
    assert!((20..200).contains(&aborted), "it was ended after {aborted} requests");
    is_healthy(&host).await;
}

#[tokio::test]
async fn an_http2_head_without_an_end_and_too_many_streams_are_refused() {
    let host = TestHost::start_with(Options::default().set("SERVER__HTTP2_STREAMS", 10)).await;
    let mut endless = connect(&host, 1).await;
    endless.write_all(&http2::begin()).await.unwrap();
    endless.write_all(&http2::frame(http2::HEADERS, 0, 1, &http2::post())).await.unwrap();
    // Frames as large as they may be, so that their number is no bound.
    let field = [&[0_u8, 1, b'x', 100][..], &[b'y'; 100]].concat();
    let piece = http2::frame(http2::CONTINUATION, 0, 1, &field.repeat(150));
    let mut sent = 0_usize;
    let flooding = async {
        while endless.write_all(&piece).await.is_ok() {
            sent += piece.len();
        }
    };
    tokio::time::timeout(PATIENCE, flooding).await.expect("the server ends the connection");
    // What the two sockets hold is on its way when the connection ends.
    assert!(sent < 24 << 20, "{sent} bytes of one head were taken");

    let mut many = connect(&host, 2).await;
    many.write_all(&http2::begin()).await.unwrap();
    for number in 0..30_u32 {
        many.write_all(&http2::frame(http2::HEADERS, http2::END_HEADERS, 2 * number + 1, &http2::post()))
            .await
            .unwrap();
    }
    let mut said = Vec::new();
    let refused = async {
        while !http2::refuses(&said) {
            let mut piece = [0; 4096];
            match many.read(&mut piece).await {
                Ok(0) | Err(_) => panic!("the connection ended without a word"),
                Ok(read) => said.extend_from_slice(&piece[..read]),
            }
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.expect("streams past the limit are refused");
    is_healthy(&host).await;
}

#[tokio::test]
async fn an_address_that_misuses_one_http2_connection_after_the_other_is_refused_and_another_is_not() {
    let host = TestHost::start_with(Options::default().set("SERVER__HTTP2_MISUSES_PER_MINUTE", 3)).await;
    for number in 0..3 {
        let mut broken = connect(&host, 1).await;
        broken.write_all(&http2::begin()).await.unwrap();
        // A frame of a stream that was never opened.
        broken.write_all(&http2::frame(http2::CONTINUATION, 0, 1, &[])).await.unwrap();
        to_the_end(&mut broken).await;
        let closed = format!(r#"sambung_connections_closed_total{{reason="protocol"}} {}"#, number + 1);
        until("the connection is counted", async || metric(&host, &closed)).await;
    }
    let ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut again = connect(&host, 1).await;
    let _ = again.write_all(ask).await;
    let refused = to_the_end(&mut again).await;
    assert!(refused.starts_with("HTTP/1.1 429") && refused.contains("broke the protocol"), "{refused}");
    assert!(metric(&host, r#"sambung_connections_refused_total{reason="misuse"}"#));
    let mut other = connect(&host, 2).await;
    other.write_all(ask).await.unwrap();
    assert!(answer(&mut other).await.starts_with("HTTP/1.1 200"));
}
