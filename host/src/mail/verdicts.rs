//! SPF, DKIM and DMARC: what the names in a mail say about who sent it. Nothing is refused here; the verdicts are kept and shown.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{AuthenticatedMessage, DkimResult, DmarcResult, MessageAuthenticator, SpfOutput, SpfResult};
use sambung_runtime::contract::types::Authentication;

use super::parse::from_header;

/// Most signatures of a mail that are looked into: each may cost reading the whole mail, and a question to a name server.
const MOST_SIGNATURES: usize = 10;
/// The longest that all questions about one mail may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why nobody can be asked.
#[derive(Debug, thiserror::Error)]
pub enum VerdictsError {
    /// `mail.resolver` is no address.
    #[error("mail.resolver: `{0}` must be an address with a port, such as 127.0.0.1:53")]
    Address(String),
    /// The machine's own resolver cannot be used.
    #[error("names cannot be looked up for mail: {0}")]
    System(String),
}

/// How a mail came in.
#[derive(Debug, Clone)]
pub struct Seen<'m> {
    /// Who handed it over; none where it did not come over the network.
    pub client: Option<IpAddr>,
    /// What they called themselves.
    pub helo: &'m str,
    /// `MAIL FROM`.
    pub sender: &'m str,
}

/// Asks. Cheap to clone.
#[derive(Clone)]
pub struct Verdicts(MessageAuthenticator);

impl Verdicts {
    /// Asks the name server at this address; empty: those of the machine.
    ///
    /// # Errors
    /// There is no such server to ask.
    pub fn new(resolver: &str) -> Result<Verdicts, VerdictsError> {
        let made = match resolver {
            "" => MessageAuthenticator::new_system_conf(),
            address => {
                let server: SocketAddr = address.parse().map_err(|_| VerdictsError::Address(address.to_owned()))?;
                let at = |mut connection: ConnectionConfig| {
                    connection.port = server.port();
                    connection
                };
                let mut config = NameServerConfig::udp_and_tcp(server.ip());
                config.connections = vec![at(ConnectionConfig::udp()), at(ConnectionConfig::tcp())];
                let mut options = ResolverOpts::default();
                options.timeout = Duration::from_secs(3);
                MessageAuthenticator::new(ResolverConfig::from_name_servers(vec![config]), options)
            }
        };
        made.map(Verdicts).map_err(|error| VerdictsError::System(error.to_string()))
    }

    /// What can be said of a mail. `host` is this host's own name.
    pub async fn of(&self, raw: &[u8], seen: &Seen<'_>, host: &str) -> Vec<Authentication> {
        match tokio::time::timeout(PATIENCE, self.ask(raw, seen, host)).await {
            Ok(verdicts) => verdicts,
            Err(_) => vec![verdict("spf", "temperror", None), verdict("dkim", "temperror", None)],
        }
    }

    async fn ask(&self, raw: &[u8], seen: &Seen<'_>, host: &str) -> Vec<Authentication> {
        let mut verdicts = Vec::new();
        let spf = match seen.client {
            Some(client) => {
                let parameters = SpfParameters::verify(client, seen.helo, host, seen.sender);
                let spf = self.0.verify_spf(parameters).await;
                verdicts.push(verdict("spf", spf_word(spf.result()), Some(domain_of(seen.sender, seen.helo))));
                spf
            }
            None => SpfOutput::default(),
        };
        let raw = from_header(raw);
        if signatures(raw) > MOST_SIGNATURES {
            verdicts.push(verdict("dkim", "permerror", None));
            return verdicts;
        }
        let Some(message) = AuthenticatedMessage::parse(raw) else { return verdicts };
        let dkim = self.0.verify_dkim(&message).await;
        if dkim.is_empty() {
            verdicts.push(verdict("dkim", "none", None));
        }
        for one in &dkim {
            let domain = one.signature().map(|signature| signature.d.to_string());
            verdicts.push(verdict("dkim", dkim_word(one.result()), domain));
        }
        let dmarc = self
            .0
            .verify_dmarc(DmarcParameters {
                message: &message,
                dkim_output: &dkim,
                dkim2_output: None,
                rfc5321_mail_from_domain: seen.sender.rsplit_once('@').map_or("", |(_, domain)| domain),
                spf_output: &spf,
            })
            .await;
        let word = dmarc_word(&dmarc.result());
        verdicts.push(verdict("dmarc", word, Some(dmarc.domain().to_owned()).filter(|domain| !domain.is_empty())));
        verdicts
    }
}

/// How many headers of a mail sign it, at least as many as are found.
fn signatures(raw: &[u8]) -> usize {
    let header = raw.split(|byte| *byte == b'\n').take_while(|line| !matches!(line, [] | [b'\r']));
    let signs = |line: &&[u8]| {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        let name: Vec<u8> = name.iter().filter(|byte| !byte.is_ascii_whitespace()).take(40).copied().collect();
        name.to_ascii_lowercase().starts_with(b"dkim")
    };
    header.filter(signs).count()
}

fn domain_of(sender: &str, helo: &str) -> String {
    sender.rsplit_once('@').map_or(helo, |(_, domain)| domain).to_lowercase()
}

fn verdict(method: &str, verdict: &str, domain: Option<String>) -> Authentication {
    Authentication { method: method.to_owned(), verdict: verdict.to_owned(), domain, extra: Vec::new() }
}

fn spf_word(result: SpfResult) -> &'static str {
    match result {
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::SoftFail => "softfail",
        SpfResult::Neutral => "neutral",
        SpfResult::TempError => "temperror",
        SpfResult::PermError => "permerror",
        SpfResult::None => "none",
    }
}

fn dkim_word(result: &DkimResult) -> &'static str {
    match result {
        DkimResult::Pass => "pass",
        DkimResult::Neutral(_) => "neutral",
        DkimResult::Fail(_) => "fail",
        DkimResult::PermError(_) => "permerror",
        DkimResult::TempError(_) => "temperror",
        DkimResult::None => "none",
    }
}

fn dmarc_word(result: &DmarcResult) -> &'static str {
    match result {
        DmarcResult::Pass => "pass",
        DmarcResult::Fail(_) => "fail",
        DmarcResult::TempError(_) => "temperror",
        DmarcResult::PermError(_) => "permerror",
        DmarcResult::None => "none",
    }
}
