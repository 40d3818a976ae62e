//! Hands a mail to a server: the operator's relay, or an account of a channel's own. One connection a mail, and nothing is sent
//! twice: what may have arrived is said to have left.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Ehlo, Mail as MailCommand, Rcpt};
use lettre::transport::smtp::extension::{ClientId, MailBodyParameter, MailParameter};
use sambung_runtime::background;
use sambung_runtime::contract::mailer::{Accepted, MailError};
use sambung_runtime::contract::types::Mail;
use sambung_runtime::egress::{Client, DialFault, MailServer};
use sambung_runtime::{Blobs, Caller, Leaving, MailRoute, MailSecurity, Mailer};

use super::write::{Loaded, address, write};

/// For connecting, and for each answer of the server.
const PATIENCE: Duration = Duration::from_secs(25);
/// Most bytes of the files of one mail; servers take some 25 MB in base64.
const MOST_FILES: u64 = 18 << 20;
/// Most bytes of the name that an envelope may have (RFC 3461).
const MOST_ENVELOPE: usize = 100;

/// The operator's relay.
#[derive(Debug, Clone)]
pub struct Relay {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// None: the connection is not secured.
    pub security: Option<MailSecurity>,
    /// Who signs in; empty: nobody.
    pub user: String,
    /// With what.
    pub password: String,
    /// Trusted besides the public authorities, in PEM.
    pub authority: Option<Vec<u8>>,
}

/// Why mail cannot be sent at all.
#[derive(Debug, thiserror::Error)]
pub enum DelivererError {
    /// The certificate that the relay is to be trusted by.
    #[error("mail.relay.ca_file holds no certificate: {0}")]
    Authority(String),
    /// The operator's rules for connections.
    #[error(transparent)]
    Egress(#[from] sambung_runtime::egress::PolicyError),
}

/// The runtime's [`Mailer`].
pub struct Deliverer {
    relay: Option<Relay>,
    authority: Option<Certificate>,
    client: Client,
    blobs: Arc<dyn Blobs>,
    /// What this host calls itself.
    hello: ClientId,
}

/// A server, and how to speak to it.
struct Way {
    server: MailServer,
    host: String,
    security: Option<MailSecurity>,
    sign_in: Option<Credentials>,
    authority: Option<Certificate>,
}

impl Deliverer {
    /// `client` says which servers an account of a channel's own may be at; `hello` is this host's name.
    ///
    /// # Errors
    /// The relay's certificate is none.
    pub fn new(
        relay: Option<Relay>,
        client: Client,
        blobs: Arc<dyn Blobs>,
        hello: &str,
    ) -> Result<Deliverer, DelivererError> {
        let pem = relay.as_ref().and_then(|relay| relay.authority.as_deref());
        let authority = pem.map(Certificate::from_pem).transpose();
        let authority = authority.map_err(|error| DelivererError::Authority(error.to_string()))?;
        let hello = if hello.is_empty() { ClientId::default() } else { ClientId::Domain(hello.to_owned()) };
        Ok(Deliverer { relay, authority, client, blobs, hello })
    }

    async fn way(&self, route: MailRoute) -> Result<Way, MailError> {
        match route {
            MailRoute::Relay => {
                let relay = self.relay.as_ref().ok_or_else(|| {
                    error("not-configured", "this host has no relay: the operator sets mail.relay.host")
                })?;
                let looked_up = tokio::net::lookup_host((relay.host.as_str(), relay.port)).await;
                let addresses: Vec<_> =
                    looked_up.map_err(|problem| error("again", format!("{}: {problem}", relay.host)))?.collect();
                let sign_in =
                    (!relay.user.is_empty()).then(|| Credentials::new(relay.user.clone(), relay.password.clone()));
                Ok(Way {
                    server: MailServer { addresses, overridden: false },
                    host: relay.host.clone(),
                    security: relay.security,
                    sign_in,
                    authority: self.authority.clone(),
                })
            }
            MailRoute::Account { host, port, security, user, password } => {
                let server = self.client.mail_server(&host, port).await.map_err(|problem| match problem.fault {
                    DialFault::Blocked | DialFault::Invalid => error("blocked", problem.words),
                    _ => error("again", problem.words),
                })?;
                let password = String::from_utf8_lossy(password.expose()).into_owned();
                Ok(Way {
                    // The operator chose where the connection goes, and that it is not secured.
                    security: (!server.overridden).then_some(security),
                    server,
                    host,
                    sign_in: Some(Credentials::new(user, password)),
                    authority: None,
                })
            }
        }
    }

    /// Connected, secured and signed in.
    async fn open(&self, way: &Way) -> Result<AsyncSmtpConnection, MailError> {
        let tls = || {
            let mut parameters = TlsParameters::builder(way.host.clone());
            if let Some(authority) = &way.authority {
                parameters = parameters.add_root_certificate(authority.clone());
            }
            parameters.build_rustls().map_err(|problem| error("refused", problem.to_string()))
        };
        let at_once = match way.security {
            Some(MailSecurity::Tls) => Some(tls()?),
            _ => None,
        };
        let connecting =
            AsyncSmtpConnection::connect_tokio1(&way.server.addresses[..], Some(PATIENCE), &self.hello, at_once, None);
        let mut connection = within(connecting).await.map_err(|problem| problem.before("connecting", &way.host))?;
        if way.security == Some(MailSecurity::StartTls) {
            let upgraded = within(connection.starttls(tls()?, &self.hello)).await;
            upgraded.map_err(|problem| problem.before("STARTTLS", &way.host))?;
        }
        if let Some(credentials) = &way.sign_in {
            let signed_in = within(connection.auth(&[Mechanism::Plain, Mechanism::Login], credentials)).await;
            signed_in.map_err(|problem| problem.signing_in(&way.host))?;
        }
        Ok(connection)
    }

    /// What `MAIL FROM` says beside the sender.
    async fn parameters(&self, connection: &mut AsyncSmtpConnection, mail: &Mail, bytes: &[u8]) -> Vec<MailParameter> {
        let mut parameters = Vec::new();
        if !bytes.is_ascii() {
            parameters.push(MailParameter::Body(MailBodyParameter::EightBitMime));
        }
        // RFC 3461: a report names the envelope as it was named here, also where a server gave the mail another id, and holds the
        // headers of what came back and not all of its files.
        let name = mail.message_id.clone().filter(|id| id.len() <= MOST_ENVELOPE);
        if name.is_some() && self.reports(connection).await {
            parameters.push(other("RET", "HDRS".to_owned()));
            parameters.extend(name.map(|name| other("ENVID", name)));
        }
        parameters
    }

    /// Whether the server reports by RFC 3461, which is not among what the library notes of its greeting.
    async fn reports(&self, connection: &mut AsyncSmtpConnection) -> bool {
        let greeted = within(connection.command(Ehlo::new(self.hello.clone()))).await;
        greeted.is_ok_and(|answer| answer.message().any(|line| line.trim().eq_ignore_ascii_case("DSN")))
    }

    async fn load(&self, caller: &Caller, mail: &Mail, leaving: &dyn Leaving) -> Result<Vec<Loaded>, MailError> {
        let (mut loaded, mut total) = (Vec::new(), 0);
        for file in &mail.files {
            let blob = file.blob.as_deref().unwrap_or_default();
            let mut opened = self.blobs.open(caller, blob).await.map_err(|problem| {
                error("invalid", format!("the file {} cannot be read: {problem}", file.name.as_deref().unwrap_or(blob)))
            })?;
            total += opened.bytes;
            if total > MOST_FILES {
                return Err(error("limit", format!("the files have more than {MOST_FILES} bytes together")));
            }
            leaving.charge(opened.bytes).map_err(|over| error("limit", over.to_string()))?;
            let mut bytes = Vec::with_capacity(usize::try_from(opened.bytes).unwrap_or_default());
            while let Some(chunk) = opened.stream.next().await {
                bytes.extend_from_slice(&chunk.map_err(|problem| error("again", problem.to_string()))?);
            }
            let mut file = file.clone();
            file.mime = file.mime.or(opened.mime);
            file.name = file.name.or(opened.name);
            loaded.push(Loaded { file, bytes });
        }
        Ok(loaded)
    }

    async fn hand_over(
        &self,
        caller: &Caller,
        mail: Mail,
        route: MailRoute,
        leaving: &dyn Leaving,
    ) -> Result<Accepted, MailError> {
        let files = self.load(caller, &mail, leaving).await?;
        let (mail, written) = background::run(move || {
            let written = write(&mail, files).map(|message| (message.envelope().from().cloned(), message.formatted()));
            (mail, written)
        })
        .await;
        let (sender, bytes) = written.map_err(|words| error("invalid", words))?;
        let way = self.way(route).await?;
        let mut connection = self.open(&way).await?;
        let parameters = self.parameters(&mut connection, &mail, &bytes).await;
        let refused = |problem: Problem| problem.before("the server", &way.host);
        within(connection.command(MailCommand::new(sender, parameters))).await.map_err(refused)?;
        for to in mail.to.iter().chain(&mail.cc) {
            let to = address(to).map_err(|words| error("invalid", words))?;
            within(connection.command(Rcpt::new(to, Vec::new()))).await.map_err(refused)?;
        }
        within(connection.command(Data)).await.map_err(refused)?;
        leaving.handing_over();
        let answer = within(connection.message(&bytes)).await.map_err(|problem| problem.after(&way.host))?;
        let words = answer.message().collect::<Vec<_>>().join(" ");
        // The mail is taken, however the server says goodbye.
        let _ = within(connection.quit()).await;
        Ok(Accepted { words, extra: Vec::new() })
    }
}

impl Mailer for Deliverer {
    fn send<'a>(
        &'a self,
        caller: &'a Caller,
        mail: Mail,
        route: MailRoute,
        leaving: &'a dyn Leaving,
    ) -> BoxFuture<'a, Result<Accepted, MailError>> {
        self.hand_over(caller, mail, route, leaving).boxed()
    }

    fn verify<'a>(&'a self, _caller: &'a Caller, route: MailRoute) -> BoxFuture<'a, Result<(), MailError>> {
        async move {
            let way = self.way(route).await?;
            let mut connection = self.open(&way).await?;
            let _ = within(connection.quit()).await;
            Ok(())
        }
        .boxed()
    }
}

fn other(keyword: &str, value: String) -> MailParameter {
    MailParameter::Other { keyword: keyword.to_owned(), value: Some(value) }
}

/// What came instead of a good answer.
enum Problem {
    Late,
    Smtp(lettre::transport::smtp::Error),
}

async fn within<T>(doing: impl Future<Output = Result<T, lettre::transport::smtp::Error>>) -> Result<T, Problem> {
    match tokio::time::timeout(PATIENCE, doing).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(Problem::Smtp(error)),
        Err(_) => Err(Problem::Late),
    }
}

impl Problem {
    fn words(&self) -> String {
        match self {
            Problem::Late => "no answer in time".to_owned(),
            Problem::Smtp(error) => {
                let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
                format!("{error}{cause}")
            }
        }
    }

    fn code(&self) -> Option<u16> {
        match self {
            Problem::Late => None,
            Problem::Smtp(error) => error.status().map(u16::from),
        }
    }

    /// Before the mail was handed over.
    fn before(self, doing: &str, host: &str) -> MailError {
        let kind = match (&self, self.code()) {
            (_, Some(500..)) => "refused",
            (Problem::Smtp(error), None) if error.is_client() || error.is_tls() => "refused",
            _ => "again",
        };
        self.told(kind, doing, host, false)
    }

    fn signing_in(self, host: &str) -> MailError {
        let kind = match (&self, self.code()) {
            (_, Some(500..)) => "unauthorized",
            (Problem::Smtp(error), None) if error.is_client() => "refused",
            _ => "again",
        };
        self.told(kind, "signing in", host, false)
    }

    /// After it was: an answer says what became of it, and silence nothing.
    fn after(self, host: &str) -> MailError {
        match self.code() {
            Some(500..) => self.told("refused", "the server", host, false),
            Some(_) => self.told("again", "the server", host, false),
            None => self.told("lost", "the server", host, true),
        }
    }

    fn told(self, kind: &str, doing: &str, host: &str, dispatched: bool) -> MailError {
        let words = format!("{doing} ({host}): {}", self.words());
        MailError {
            kind: kind.to_owned(),
            code: self.code(),
            status: enhanced(&words),
            dispatched,
            words,
            extra: Vec::new(),
        }
    }
}

/// The first word of the form 5.1.1.
fn enhanced(words: &str) -> Option<String> {
    let is_status = |word: &&str| {
        let parts: Vec<&str> = word.split('.').collect();
        parts.len() == 3
            && matches!(parts[0], "2" | "4" | "5")
            && parts[1..].iter().all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit()))
    };
    words.split([' ', '-', ':', '(', ')']).find(is_status).map(str::to_owned)
}

fn error(kind: &str, words: impl Into<String>) -> MailError {
    MailError {
        kind: kind.to_owned(),
        code: None,
        status: None,
        dispatched: false,
        words: words.into(),
        extra: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enhanced_status_is_found_among_words() {
        assert_eq!(enhanced("permanent error (550): 5.1.1 no such user").as_deref(), Some("5.1.1"));
        assert_eq!(enhanced("421-4.7.28 too fast").as_deref(), Some("4.7.28"));
        assert_eq!(enhanced("at 10.1.2.3 version 1.2.3"), None);
    }
}
