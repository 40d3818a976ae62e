//! A mail server that takes mail and keeps it, as told: it secures the connection, refuses, comes late, or hangs up after it was
//! handed a mail.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

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

/// How a connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secured {
    /// Not at all.
    Never,
    /// Once the client asks for it, and nothing is taken before.
    StartTls,
    /// From the first byte.
    Tls,
}

/// Over which a session speaks.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}
type Wire = BufStream<Box<dyn Stream>>;

#[derive(Default)]
struct State {
    taken: Vec<Delivered>,
    /// What is said to the next commands, in order: the command's first word, and the answer; empty: it hangs up, having taken
    /// the mail whose end it was told.
    scripted: VecDeque<(String, String)>,
    /// Every line that was said, without mails.
    said: Vec<String>,
    /// Whether it shows a certificate for another name and of another authority.
    another: bool,
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
    /// Starts on a free port, without TLS.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start() -> Self {
        Self::start_secured(Secured::Never).await
    }

    /// The certificate of the authority that vouches for it: for `localhost` and `127.0.0.1`.
    pub fn authority() -> PathBuf {
        folder().join("ca.pem")
    }

    /// Starts on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub async fn start_secured(secured: Secured) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let state = Arc::new(Mutex::new(State::default()));
        let postbox = Self { address, state: Arc::clone(&state) };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&state);
                tokio::spawn(async move {
                    let stream: Box<dyn Stream> = match secured {
                        // Who does not trust the certificate leaves.
                        Secured::Tls => Box::new(acceptor(&state).accept(stream).await.ok()?),
                        Secured::Never | Secured::StartTls => Box::new(stream),
                    };
                    serve(stream, secured == Secured::StartTls, &state).await
                });
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

    /// From now on it shows a certificate that is not its own.
    pub fn show_another_certificate(&self) {
        self.lock().another = true;
    }

    /// Every line that clients said, without mails.
    pub fn said(&self) -> Vec<String> {
        self.lock().said.clone()
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

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/src/providers/email/tls"))
}

fn acceptor(state: &Mutex<State>) -> TlsAcceptor {
    let another = state.lock().unwrap_or_else(PoisonError::into_inner).another;
    let (certificate, key) = if another { ("cert.pem", "key.pem") } else { ("relay.pem", "relay_key.pem") };
    let chain = vec![CertificateDer::from_pem_file(folder().join(certificate)).expect("the tests have a certificate")];
    let key = PrivateKeyDer::from_pem_file(folder().join(key)).expect("the tests have its key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .expect("the two fit");
    TlsAcceptor::from(Arc::new(config))
}

async fn serve(stream: Box<dyn Stream>, must_secure: bool, state: &Mutex<State>) -> Option<()> {
    let mut wire = BufStream::new(stream);
    let mut open = must_secure;
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
        state.lock().unwrap_or_else(PoisonError::into_inner).said.push(line.clone());
        if let Some(answer) = scripted(state, &line) {
            if answer.is_empty() {
                return None;
            }
            say(&mut wire, &answer).await?;
            continue;
        }
        let word = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
        match word.as_str() {
            "EHLO" if open => say(&mut wire, "250-postbox.example\r\n250 STARTTLS").await?,
            "EHLO" => say(&mut wire, "250-postbox.example\r\n250-AUTH PLAIN\r\n250 8BITMIME").await?,
            "STARTTLS" if open => {
                say(&mut wire, "220 2.0.0 go ahead").await?;
                let secured: Box<dyn Stream> = Box::new(acceptor(state).accept(wire.into_inner()).await.ok()?);
                wire = BufStream::new(secured);
                open = false;
            }
            "AUTH" | "MAIL" | "RCPT" | "DATA" if open => say(&mut wire, "530 5.7.0 say STARTTLS first").await?,
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

async fn say(wire: &mut Wire, line: &str) -> Option<()> {
    wire.write_all(format!("{line}\r\n").as_bytes()).await.ok()?;
    wire.flush().await.ok()
}

fn inside(line: &str) -> String {
    line.split_once('<').and_then(|(_, rest)| rest.split('>').next()).unwrap_or_default().to_owned()
}

async fn read_mail(wire: &mut Wire) -> Option<String> {
    let mut raw = Vec::new();
    while !raw.ends_with(b"\r\n.\r\n") {
        raw.push(wire.read_u8().await.ok()?);
    }
    raw.truncate(raw.len() - 3);
    Some(String::from_utf8_lossy(&raw).replace("\r\n..", "\r\n."))
}
