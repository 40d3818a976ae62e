//! A mail server that takes mail and keeps it, as told: it refuses, comes late, or hangs up after it was handed a mail.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};

/// A mail that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// `MAIL FROM`.
    pub from: String,
    /// `RCPT TO`.
    pub to: Vec<String>,
    /// The mail.
    pub raw: String,
}

#[derive(Default)]
struct State {
    taken: Vec<Delivered>,
    /// What is said to the next commands, in order: the command's first word, and the answer; empty: it hangs up, having taken
    /// the mail whose end it was told.
    scripted: VecDeque<(String, String)>,
    /// Base64 of the only `AUTH PLAIN` that is good; none: nobody signs in.
    credential: Option<String>,
}

/// See the module. Clones share it.
#[derive(Clone)]
pub struct Postbox {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Postbox {
    /// Starts on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(Mutex::new(State::default()));
        let postbox = Self { address, state: Arc::clone(&state) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                tokio::spawn(async move { serve(stream, &state).await });
            }
        });
        postbox
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Only who signs in as this user with this password is served.
    pub fn ask_for(&self, user: &str, password: &str) {
        use base64::Engine;
        let plain = format!("\0{user}\0{password}");
        self.lock().credential = Some(base64::engine::general_purpose::STANDARD.encode(plain));
    }

    /// Says this to the next command that begins so; "." is the end of a mail. An empty answer hangs up, after a mail's end with
    /// the mail taken.
    pub fn say_next(&self, to: &str, answer: &str) {
        self.lock().scripted.push_back((to.to_owned(), answer.to_owned()));
    }

    /// What was taken.
    pub fn taken(&self) -> Vec<Delivered> {
        self.lock().taken.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn scripted(state: &Mutex<State>, command: &str) -> Option<String> {
    let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
    let at = state.scripted.iter().position(|(to, _)| command.to_uppercase().starts_with(to))?;
    state.scripted.remove(at).map(|(_, answer)| answer)
}

async fn serve(stream: TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut wire = BufStream::new(stream);
    let needs = || state.lock().unwrap_or_else(PoisonError::into_inner).credential.clone();
    let mut signed_in = needs().is_none();
    let mut mail = Delivered { from: String::new(), to: Vec::new(), raw: String::new() };
    say(&mut wire, "220 postbox.example ESMTP").await?;
    loop {
        let mut line = String::new();
        if wire.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if let Some(answer) = scripted(state, &line) {
            if answer.is_empty() {
                return None;
            }
            say(&mut wire, &answer).await?;
            continue;
        }
        let word = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        match word.as_str() {
            "EHLO" => say(&mut wire, "250-postbox.example\r\n250-AUTH PLAIN\r\n250 8BITMIME").await?,
            "AUTH" if line.split(' ').nth(2) == needs().as_deref() => {
                signed_in = true;
                say(&mut wire, "235 2.7.0 welcome").await?;
            }
            "AUTH" => say(&mut wire, "535 5.7.8 wrong user or password").await?,
            "MAIL" | "RCPT" | "DATA" if !signed_in => say(&mut wire, "530 5.7.0 sign in first").await?,
            "MAIL" => {
                mail = Delivered { from: inside(&line), to: Vec::new(), raw: String::new() };
                say(&mut wire, "250 2.1.0 fine").await?;
            }
            "RCPT" => {
                mail.to.push(inside(&line));
                say(&mut wire, "250 2.1.5 fine").await?;
            }
            "DATA" => {
                say(&mut wire, "354 go on").await?;
                mail.raw = read_mail(&mut wire).await?;
                let keep = || state.lock().unwrap_or_else(PoisonError::into_inner).taken.push(mail.clone());
                match scripted(state, ".") {
                    Some(answer) if answer.is_empty() => {
                        keep();
                        return None;
                    }
                    Some(answer) => say(&mut wire, &answer).await?,
                    None => {
                        keep();
                        say(&mut wire, "250 2.0.0 taken as 1").await?;
                    }
                }
            }
            "QUIT" => {
                say(&mut wire, "221 2.0.0 goodbye").await?;
                return Some(());
            }
            _ => say(&mut wire, "250 2.0.0 fine").await?,
        }
    }
}

async fn say(wire: &mut BufStream<TcpStream>, line: &str) -> Option<()> {
    wire.write_all(format!("{line}\r\n").as_bytes()).await.ok()?;
    wire.flush().await.ok()
}

fn inside(line: &str) -> String {
    line.split_once('<').and_then(|(_, rest)| rest.split('>').next()).unwrap_or_default().to_owned()
}

async fn read_mail(wire: &mut BufStream<TcpStream>) -> Option<String> {
    let mut raw = Vec::new();
    while !raw.ends_with(b"\r\n.\r\n") {
        raw.push(wire.read_u8().await.ok()?);
    }
    raw.truncate(raw.len() - 3);
    Some(String::from_utf8_lossy(&raw).replace("\r\n..", "\r\n."))
}
