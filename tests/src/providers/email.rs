//! Mail servers: one that hands mail over to the host, one that takes what the host sends, and the name server that both need.

mod names;
mod postbox;
mod postfix;

pub use names::NameServer;
pub use postbox::{Delivered, Postbox, Secured};
pub use postfix::{Postfix, Setup};

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU16, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;

/// A connection to a mail server, spoken by hand.
pub struct Client(BufStream<TcpStream>);

impl Client {
    /// Connects and reads the greeting.
    ///
    /// # Panics
    /// When nobody listens.
    pub async fn connect(server: SocketAddr) -> (Self, String) {
        let mut client = Self::of(TcpStream::connect(server).await.expect("somebody receives mail"));
        let greeting = client.answer().await;
        (client, greeting)
    }

    /// A connection on which nothing was read yet.
    pub fn of(stream: TcpStream) -> Self {
        Self(BufStream::new(stream))
    }

    /// Connects and says who it is.
    ///
    /// # Panics
    /// When it is not welcome.
    pub async fn welcome(server: SocketAddr) -> Self {
        let (mut client, greeting) = Self::connect(server).await;
        assert!(greeting.starts_with("220 "), "{greeting}");
        assert!(client.say("EHLO mx.sender.example").await.starts_with("250"));
        client
    }

    /// Says a line: the whole answer, empty where the server hung up.
    pub async fn say(&mut self, line: &str) -> String {
        self.write(format!("{line}\r\n").as_bytes()).await;
        self.answer().await
    }

    /// Writes, whoever listens.
    pub async fn write(&mut self, bytes: &[u8]) {
        // A server that hung up is seen by what it answers.
        let _ = self.0.write_all(bytes).await;
        let _ = self.0.flush().await;
    }

    /// The lines of one answer.
    pub async fn answer(&mut self) -> String {
        let mut whole = String::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await.unwrap_or(0) == 0 {
                return whole;
            }
            let more = line.as_bytes().get(3) == Some(&b'-');
            whole.push_str(&line);
            if !more {
                return whole;
            }
        }
    }

    /// Hands a mail over: the last answer, whatever it is.
    pub async fn hand_over(&mut self, from: &str, to: &str, mail: &str) -> String {
        for line in [format!("MAIL FROM:<{from}>"), format!("RCPT TO:<{to}>"), "DATA".to_owned()] {
            let answer = self.say(&line).await;
            if !answer.starts_with(['2', '3']) {
                return answer;
            }
        }
        self.write(stuffed(mail).as_bytes()).await;
        self.answer().await
    }

    /// The connection, to go on with it in another way.
    ///
    /// # Panics
    /// When something was read ahead.
    pub fn into_inner(self) -> TcpStream {
        self.0.into_inner()
    }
}

/// A free port for a server that is told beforehand where it listens. It lies below those that the system gives to connections and to
/// listeners that name none, so that none of them takes it meanwhile; no two calls of a process get the same.
///
/// # Panics
/// When there is none.
pub fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 20_000 + (std::process::id() % 100) as u16 * 100;
    for _ in 0..1_000 {
        let address = SocketAddr::from(([127, 0, 0, 1], first + NEXT.fetch_add(1, Ordering::Relaxed) % 1_000));
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port from {first} on is free");
}

/// The first header of this name, unfolded; empty where the mail has none.
pub fn header(raw: &str, name: &str) -> String {
    let head = raw.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n ", " ").replace("\r\n\t", " ");
    let begin = format!("{}:", name.to_lowercase());
    let line = head.lines().find(|line| line.to_lowercase().starts_with(&begin)).unwrap_or_default();
    line.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
}

/// A mail with a file of this many bytes.
pub fn with_file(from: &str, id: &str, bytes: usize) -> String {
    let line = format!("{}\n", "QUJD".repeat(18));
    let file = line.repeat(bytes / 54);
    format!(
        "From: {from}\nMessage-ID: <{id}>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nLihat\n\
         --b\nContent-Type: application/octet-stream; name=x.bin\nContent-Transfer-Encoding: base64\n\n{file}--b--\n"
    )
}

/// A mail as it goes over the wire.
fn stuffed(mail: &str) -> String {
    let mut wire = String::new();
    for line in mail.lines() {
        if line.starts_with('.') {
            wire.push('.');
        }
        wire.push_str(line);
        wire.push_str("\r\n");
    }
    wire + ".\r\n"
}

/// Hands one mail over.
///
/// # Panics
/// When it is not taken.
pub async fn deliver(server: SocketAddr, from: &str, to: &str, mail: &str) {
    let answer = Client::welcome(server).await.hand_over(from, to, mail).await;
    assert!(answer.starts_with("250 "), "{answer}");
}
