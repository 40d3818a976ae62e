//! One conversation with a mail server: SMTP, and LMTP for whoever says `LHLO`.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use smtp_proto::request::receiver::RequestReceiver;
use smtp_proto::{Error as Syntax, Request};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use super::Shared;
use super::dots::Dots;
use super::seats::Seat;
use super::take::{Received, Recipient, Refusal};
use crate::disk::Purpose;
use crate::ingress::budget::Room;
use crate::model::client_key::ClientKey;

/// What a session speaks over.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// Commands that are wrong before the session is ended.
const MOST_WRONG: u32 = 20;
/// Commands that bring no mail nearer, between two mails, before the session is ended.
const MOST_IDLE: u32 = 100;
/// Bytes that are read at a time.
const CHUNK: usize = 32 << 10;
/// Room that a mail takes from the shared memory at a time.
const STEP: usize = 256 << 10;

/// Said where mails that come at the same time leave no room.
const FULL: &str = "452 4.3.1 too many mails come at once; come again in a minute";

/// What is to be done after a command.
enum Next {
    /// The next one.
    Go,
    /// The mail itself.
    Mail(Room),
    /// TLS.
    Secure,
    /// Nothing.
    End,
}

pub(super) struct Session {
    shared: Arc<Shared>,
    wire: Box<dyn Wire>,
    client: Option<IpAddr>,
    seat: Option<Arc<Seat>>,
    /// What came and was not looked at yet.
    came: Vec<u8>,
    secured: bool,
    lmtp: bool,
    helo: Option<String>,
    sender: Option<String>,
    announced: usize,
    recipients: Vec<Recipient>,
    wrong: u32,
    idle: u32,
    /// Until when what is waited for has to be there.
    until: Instant,
}

/// A mail as it came over the wire.
enum Raw {
    Whole(Vec<u8>),
    /// It is longer than it may be.
    Over,
    /// The mails that are being received fill the memory that is for them.
    Full,
}

impl Session {
    pub fn new(shared: Arc<Shared>, wire: Box<dyn Wire>, client: Option<IpAddr>, seat: Option<Arc<Seat>>) -> Session {
        Session {
            shared,
            wire,
            client,
            seat,
            came: Vec::new(),
            secured: false,
            lmtp: false,
            helo: None,
            sender: None,
            announced: 0,
            recipients: Vec::new(),
            wrong: 0,
            idle: 0,
            until: Instant::now(),
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(self.shared.config.idle_ms)
    }

    /// There are too many connections.
    pub async fn turn_away(mut self) -> io::Result<()> {
        self.say("421 4.7.0 too many connections; come again later").await
    }

    /// Until one of the two ends it.
    pub async fn run(mut self) -> io::Result<()> {
        let greeting = format!("220 {} ESMTP", self.shared.config.hostname());
        self.say(&greeting).await?;
        let mut receiver = RequestReceiver::default();
        self.until = Instant::now() + self.patience();
        loop {
            if self.came.is_empty() && !self.read().await? {
                return Ok(());
            }
            let came = std::mem::take(&mut self.came);
            let mut bytes = came.iter();
            let parsed = receiver.ingest(&mut bytes).map(Request::into_owned);
            self.came = bytes.as_slice().to_vec();
            let next = match parsed {
                Ok(request) => self.obey(request).await?,
                Err(Syntax::NeedsMoreData { .. }) => continue,
                Err(error) => self.complain(&error).await?,
            };
            match next {
                Next::Go => {}
                Next::Mail(room) => self.mail(room).await?,
                Next::Secure => {
                    self = self.secure().await?;
                    receiver = RequestReceiver::default();
                }
                Next::End => return Ok(()),
            }
            // A command has so long, in however many pieces it comes.
            self.until = Instant::now() + self.patience();
        }
    }

    /// Whether there is more; false where the client left or said nothing for too long.
    async fn read(&mut self) -> io::Result<bool> {
        let mut chunk = vec![0; CHUNK];
        match tokio::time::timeout_at(self.until, self.wire.read(&mut chunk)).await {
            Ok(read) => {
                chunk.truncate(read?);
                self.came.extend_from_slice(&chunk);
                Ok(!chunk.is_empty())
            }
            Err(_) => {
                self.say("421 4.4.2 nothing came for too long").await?;
                Ok(false)
            }
        }
    }

    async fn say(&mut self, line: &str) -> io::Result<()> {
        // Who does not read holds a place like who does not write.
        let patience = self.patience();
        let (line, wire) = (format!("{line}\r\n"), &mut self.wire);
        let said = async {
            wire.write_all(line.as_bytes()).await?;
            wire.flush().await
        };
        tokio::time::timeout(patience, said).await.map_err(|_| io::ErrorKind::TimedOut)?
    }

    async fn complain(&mut self, error: &Syntax) -> io::Result<Next> {
        let line = match error {
            Syntax::UnknownCommand => "500 5.5.1 there is no such command".to_owned(),
            Syntax::InvalidSenderAddress => "501 5.1.7 this is no address".to_owned(),
            Syntax::InvalidRecipientAddress => "501 5.1.3 this is no address".to_owned(),
            Syntax::SyntaxError { syntax } => format!("501 5.5.2 it is written {syntax}"),
            Syntax::InvalidParameter { param } => format!("501 5.5.4 {param} has no such value"),
            Syntax::UnsupportedParameter { param } => format!("555 5.5.4 there is no parameter {}", plain(param)),
            _ => "500 5.5.2 the line is too long".to_owned(),
        };
        self.reject(&line).await
    }

    /// Says what is wrong; who does nothing right is sent away.
    async fn reject(&mut self, line: &str) -> io::Result<Next> {
        self.wrong += 1;
        if self.wrong >= MOST_WRONG {
            self.say("421 4.7.0 too much was wrong").await?;
            return Ok(Next::End);
        }
        self.say(line).await?;
        Ok(Next::Go)
    }

    /// Says what brings no mail nearer; who wants to hear nothing else is sent away.
    async fn humour(&mut self, line: &str) -> io::Result<Next> {
        self.idle += 1;
        if self.idle > MOST_IDLE {
            self.say("421 4.7.0 too much was said between two mails").await?;
            return Ok(Next::End);
        }
        self.say(line).await?;
        Ok(Next::Go)
    }

    async fn obey(&mut self, request: Request<String>) -> io::Result<Next> {
        match request {
            Request::Ehlo { host } => self.greet(host, false).await,
            Request::Lhlo { host } => self.greet(host, true).await,
            Request::Helo { host } => {
                self.forget();
                self.helo = Some(host);
                self.lmtp = false;
                let line = format!("250 {}", self.shared.config.hostname());
                self.humour(&line).await
            }
            Request::Mail { from } => self.mail_from(from.address, from.size).await,
            Request::Rcpt { to } => self.rcpt_to(&to.address).await,
            Request::Data => self.data().await,
            Request::StartTls if self.shared.tls.is_some() && !self.secured => {
                self.say("220 2.0.0 go ahead").await?;
                Ok(Next::Secure)
            }
            Request::Rset => {
                self.forget();
                self.humour("250 2.0.0 forgotten").await
            }
            Request::Noop { .. } => self.humour("250 2.0.0 fine").await,
            Request::Vrfy { .. } | Request::Expn { .. } => self.humour("252 2.5.2 send it and see").await,
            Request::Quit => {
                self.say("221 2.0.0 goodbye").await?;
                Ok(Next::End)
            }
            other => {
                let line = format!("502 5.5.1 {} is not offered", other.name());
                self.reject(&line).await
            }
        }
    }

    async fn greet(&mut self, host: String, lmtp: bool) -> io::Result<Next> {
        self.forget();
        self.helo = Some(host);
        self.lmtp = lmtp;
        let config = &self.shared.config;
        let mut lines = vec![
            config.hostname().to_owned(),
            "PIPELINING".to_owned(),
            "8BITMIME".to_owned(),
            "SMTPUTF8".to_owned(),
            "ENHANCEDSTATUSCODES".to_owned(),
        ];
        if self.shared.tls.is_some() && !self.secured {
            lines.push("STARTTLS".to_owned());
        }
        lines.push(format!("SIZE {}", config.max_bytes));
        let last = lines.len() - 1;
        let text: Vec<String> = lines
            .iter()
            .enumerate()
            .map(|(at, line)| format!("250{}{line}", if at == last { ' ' } else { '-' }))
            .collect();
        self.humour(&text.join("\r\n")).await
    }

    /// The mail that was begun is none.
    fn forget(&mut self) {
        self.sender = None;
        self.announced = 0;
        self.recipients.clear();
        if let Some(seat) = &self.seat {
            seat.rests();
        }
    }

    async fn mail_from(&mut self, sender: String, announced: usize) -> io::Result<Next> {
        if self.helo.is_none() {
            return self.reject("503 5.5.1 say EHLO first").await;
        }
        if self.sender.is_some() {
            return self.reject("503 5.5.1 one mail at a time").await;
        }
        let config = &self.shared.config;
        if announced > config.max_bytes {
            let line = format!("552 5.3.4 a mail has at most {} bytes", config.max_bytes);
            return self.reject(&line).await;
        }
        if self.client.is_some_and(|client| self.shared.mails.check(&ClientKey::of(client)).is_err()) {
            metrics::counter!("sambung_mails_limited_total").increment(1);
            return self.reject("451 4.7.1 too many mails at once; come again in a minute").await;
        }
        let state = &self.shared.state;
        if !state.disk.allows(Purpose::Requests, state.clock.now()) {
            return self.reject("452 4.3.1 the disk is nearly full; come again later").await;
        }
        self.sender = Some(sender);
        self.announced = announced;
        self.say("250 2.1.0 fine").await?;
        Ok(Next::Go)
    }

    async fn rcpt_to(&mut self, address: &str) -> io::Result<Next> {
        if self.sender.is_none() {
            return self.reject("503 5.5.1 say MAIL first").await;
        }
        if self.recipients.len() >= self.shared.config.max_recipients {
            // No fault of the client's, which hands over what it may and comes again with the others.
            return self.humour("452 4.5.3 too many recipients; send the others in a mail of their own").await;
        }
        match self.shared.recipient(address).await {
            Ok(Some(recipient)) => {
                self.recipients.push(recipient);
                if let Some(seat) = &self.seat {
                    seat.serves();
                }
                self.say("250 2.1.5 fine").await?;
                Ok(Next::Go)
            }
            Ok(None) => self.reject("550 5.1.1 there is nobody of this name here, and nothing is passed on").await,
            Err(error) => {
                tracing::warn!(%error, "a recipient of a mail could not be looked up");
                self.reject("451 4.3.0 it cannot be looked up now; come again later").await
            }
        }
    }

    async fn data(&mut self) -> io::Result<Next> {
        if self.recipients.is_empty() {
            let line = if self.sender.is_none() { "503 5.5.1 say MAIL first" } else { "554 5.5.1 it is for nobody" };
            return self.reject(line).await;
        }
        // Room is taken as the mail arrives. What was announced is not held for it, because a client that sends nothing would keep
        // others' mails out; but where it does not fit now, the mail is not begun.
        let client = self.client.map(ClientKey::of);
        let announced = self.announced.max(STEP).min(self.shared.config.max_bytes);
        if self.shared.bytes.take(client, announced).is_none() {
            return self.reject(FULL).await;
        }
        let Some(room) = self.shared.bytes.take(client, 0) else { return self.reject(FULL).await };
        self.say("354 end it with a dot on a line of its own").await?;
        Ok(Next::Mail(room))
    }

    /// Reads a mail to its end, however long it is, and takes it.
    async fn mail(&mut self, mut room: Room) -> io::Result<()> {
        let patience = Duration::from_millis(self.shared.config.data_ms);
        let raw = match tokio::time::timeout(patience, self.read_mail(&mut room)).await {
            Ok(raw) => raw?,
            Err(_) => {
                self.say("421 4.4.2 the mail took too long").await?;
                return Err(io::ErrorKind::TimedOut.into());
            }
        };
        let recipients = std::mem::take(&mut self.recipients);
        // Of LMTP each recipient has an answer of its own.
        let answers = if self.lmtp { recipients.len() } else { 1 };
        let line = match raw {
            Raw::Over => format!("552 5.3.4 a mail has at most {} bytes", self.shared.config.max_bytes),
            Raw::Full => FULL.to_owned(),
            Raw::Whole(raw) => {
                let received = Received {
                    client: self.client,
                    helo: self.helo.clone().unwrap_or_default(),
                    sender: self.sender.take().unwrap_or_default(),
                    recipients,
                    raw,
                };
                match self.shared.take(received).await {
                    Ok(()) => "250 2.0.0 it is on disk".to_owned(),
                    Err(refusal @ Refusal::Loop(_)) => format!("554 5.4.6 {refusal}"),
                    Err(refusal @ Refusal::NotNow(_)) => format!("451 4.3.0 {refusal}; come again later"),
                }
            }
        };
        self.forget();
        self.idle = 0;
        // Who hears the answer may count on the room.
        drop(room);
        for _ in 0..answers {
            self.say(&line).await?;
        }
        Ok(())
    }

    async fn read_mail(&mut self, room: &mut Room) -> io::Result<Raw> {
        let (mut dots, mut raw, mut refused) = (Dots::default(), Vec::new(), None);
        let (began, mut read) = (Instant::now(), 0);
        loop {
            // A mail comes at the least rate of a body, in however many pieces.
            let until = began + self.shared.pace.patience(read);
            self.until = until.min(Instant::now() + self.patience());
            if self.came.is_empty() && !self.read().await? {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let came = std::mem::take(&mut self.came);
            read += came.len() as u64;
            let ended = dots.take(&came, &mut raw).inspect(|rest| self.came = came[*rest..].to_vec()).is_some();
            let most = self.shared.config.max_bytes;
            if raw.len() > most {
                refused = Some(Raw::Over);
            } else if refused.is_none() && !room.grow(raw.len().next_multiple_of(STEP).min(most)) {
                refused = Some(Raw::Full);
            }
            if refused.is_some() {
                raw = Vec::new();
            }
            if ended {
                return Ok(refused.unwrap_or(Raw::Whole(raw)));
            }
        }
    }

    /// Goes on under TLS. What was said before it counts no more, and what was sent ahead of it may be anybody's.
    async fn secure(mut self) -> io::Result<Session> {
        let acceptor = self.shared.tls.clone().ok_or(io::ErrorKind::Unsupported)?;
        if !self.came.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "commands were sent ahead of TLS"));
        }
        let wire = tokio::time::timeout(Duration::from_millis(self.shared.config.idle_ms), acceptor.accept(self.wire))
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
        self.wire = Box::new(wire);
        self.secured = true;
        self.helo = None;
        self.sender = None;
        self.announced = 0;
        self.recipients.clear();
        Ok(self)
    }
}

/// What somebody sent, fit to be said back.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic()).take(40).collect()
}
