//! An outsider speaks HTTP/2 and aborts its requests as fast as it makes them, sends a head without an end, or opens streams without
//! end.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::arena::Arena;
use crate::outsider;
use crate::scale::{lasting, pick};

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The head of `POST /v1/session` with a body to come, by the numbers of HPACK's static table.
fn head() -> Vec<u8> {
    let text = |value: &str| [&[u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
    let mut head = vec![0x83, 0x86, 4];
    head.extend(text("/v1/session"));
    head.push(1);
    head.extend(text("x"));
    head.extend([0x0f, 16]);
    head.extend(text("application/json"));
    head
}

#[derive(Clone, Copy)]
enum Flood {
    Resets,
    Continuations,
    Streams,
}

/// Floods from many connections, each of which is opened again when the server ends it: how many were opened.
async fn flood(server: SocketAddr, what: Flood, connections: usize) -> usize {
    let until = Instant::now() + lasting();
    let mut flooders = Vec::new();
    for number in 0..connections {
        flooders.push(tokio::spawn(async move {
            let mut opened = 0;
            while Instant::now() < until {
                let from = outsider::address(u8::try_from(number % 200).unwrap() + 1);
                let Ok(stream) = outsider::connect(from, server).await else { continue };
                opened += 1;
                let (mut read, mut write) = stream.into_split();
                let listening = async {
                    let mut said = [0; 4096];
                    while read.read(&mut said).await.is_ok_and(|read| read > 0) {}
                };
                let sending = async {
                    let mut begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
                    begin.extend(frame(4, 0, 0, &[]));
                    if matches!(what, Flood::Continuations) {
                        begin.extend(frame(HEADERS, 0, 1, &head()));
                    }
                    if write.write_all(&begin).await.is_err() {
                        return;
                    }
                    for number in 0.. {
                        let id = 2 * number + 1;
                        let piece = match what {
                            Flood::Resets => {
                                [frame(HEADERS, END_HEADERS, id, &head()), frame(RST_STREAM, 0, id, &[0, 0, 0, 8])]
                                    .concat()
                            }
                            Flood::Continuations => {
                                frame(CONTINUATION, 0, 1, &[&[0_u8, 1, b'x', 100][..], &[b'y'; 100]].concat())
                            }
                            Flood::Streams => frame(HEADERS, END_HEADERS, id, &head()),
                        };
                        if write.write_all(&piece).await.is_err() {
                            return;
                        }
                    }
                };
                let both = async {
                    tokio::select! { () = listening => {}, () = sending => {} }
                };
                let _ = tokio::time::timeout_at(until.into(), both).await;
            }
            opened
        }));
    }
    let mut opened = 0;
    for flooder in flooders {
        opened += flooder.await.unwrap();
    }
    opened
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_of_http2_frames_stop_nothing() {
    let arena = Arena::start("").await;
    let server = outsider::server(&arena.operator());
    for (name, what) in [
        ("http2_rapid_reset", Flood::Resets),
        ("http2_continuation", Flood::Continuations),
        ("http2_streams", Flood::Streams),
    ] {
        let impact = arena.under(name, move || flood(server, what, pick(4, 8))).await;
        impact.print("connections", format_args!("{:>9} opened", impact.found));
        impact.assert_held();
        assert!(impact.found > 4, "{name}: the server ends such connections");
    }
}
