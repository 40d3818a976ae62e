//! Connections out of the host: who may be dialled, and the clients that dial.
//!
//! Every address is checked in canonical form before it is dialled, and the checked address is the one that is dialled.
//! Redirects are never followed and nothing is sent twice. Who may ask for which destination is [`grant`]'s business; this
//! module knows no secrets and no plugin code. The host's own outgoing webhooks use [`Client::for_endpoints`], and the keys of
//! issuers are fetched with the plugins' client, so that both obey the same rules.

pub mod address;
mod dial;
pub mod grant;
mod mail;
mod names;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

pub(crate) use dial::Outgoing;
pub use dial::{Answer, DialError, DialFault};
pub use mail::MailServer;
pub use names::{Lookup, Names, SystemNames};

/// The operator's word on connections: what is never dialled, and what is dialled elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// Hosts that no plugin reaches: `example.com`, or `*.example.com` for every name below it.
    pub denied_hosts: Vec<String>,
    /// From the origin that is asked for to the one that is dialled in its place. The only way to an address that is not
    /// public.
    pub overrides: std::collections::BTreeMap<String, String>,
}

/// Why a policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// An override is not from one origin to another.
    #[error("egress.overrides: `{0}` must be an origin such as https://api.example.com, without a path")]
    Origin(String),
}

impl Policy {
    fn parsed(&self) -> Result<Vec<(url::Origin, Url)>, PolicyError> {
        let origin = |text: &str| {
            let bare = Url::parse(text).ok().filter(|url| {
                matches!(url.scheme(), "http" | "https")
                    && url.path() == "/"
                    && url.query().is_none()
                    && url.username().is_empty()
            });
            bare.ok_or_else(|| PolicyError::Origin(text.to_owned()))
        };
        let web = self.overrides.iter().filter(|(from, _)| !from.starts_with(mail::SCHEME));
        web.map(|(from, to)| Ok((origin(from)?.origin(), origin(to)?))).collect()
    }

    fn denies(&self, host: &str) -> bool {
        // `example.com.` is the same host: the dot only says that the name is whole.
        let host = host.trim_end_matches('.');
        self.denied_hosts.iter().map(|denied| denied.to_ascii_lowercase()).any(|denied| {
            match denied.strip_prefix("*.") {
                Some(suffix) => host.strip_suffix(suffix).is_some_and(|front| front.ends_with('.')),
                None => denied == host,
            }
        })
    }
}

/// How many pools of connections are kept; the one that was not used for longest makes room.
const MAX_POOLS: usize = 256;

/// Whom connections may be shared with: never another workspace, and never between addresses that are checked and those
/// that the operator chose.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pool {
    workspace: String,
    overridden: bool,
}

/// Dials, by the operator's policy. Cheap to clone.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    policy: Policy,
    overrides: Vec<(url::Origin, Url)>,
    names: Arc<dyn Names>,
    /// The one used last at the end.
    pools: Mutex<VecDeque<(Pool, reqwest::Client)>>,
}

impl Client {
    /// A client for plugins' requests.
    ///
    /// # Errors
    /// The policy contradicts itself.
    pub fn new(policy: Policy) -> Result<Client, PolicyError> {
        Client::with_names(policy, Arc::new(SystemNames))
    }

    /// A client for the host's own outgoing webhooks: the same rules, and connections of its own.
    ///
    /// # Errors
    /// The policy contradicts itself.
    pub fn for_endpoints(policy: Policy) -> Result<Client, PolicyError> {
        Client::new(policy)
    }

    /// As [`Client::new`], with another way to look names up (for tests).
    ///
    /// # Errors
    /// The policy contradicts itself.
    pub fn with_names(policy: Policy, names: Arc<dyn Names>) -> Result<Client, PolicyError> {
        let overrides = policy.parsed()?;
        let pools = Mutex::new(VecDeque::new());
        Ok(Client(Arc::new(Shared { policy, overrides, names, pools })))
    }

    /// The origins that the operator sends elsewhere, for warnings and for people: asked, dialled.
    pub fn overrides(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.policy.overrides.iter().map(|(from, to)| (from.as_str(), to.as_str()))
    }

    /// Whether the operator sends what is meant for this address elsewhere.
    pub fn is_overridden(&self, url: &Url) -> bool {
        self.target(url).is_some()
    }

    fn target(&self, url: &Url) -> Option<&Url> {
        let origin = url.origin();
        self.0.overrides.iter().find(|(from, _)| *from == origin).map(|(_, to)| to)
    }

    /// Where to connect for an address on a workspace's behalf, and with which connections.
    fn route(&self, workspace: &str, asked: &Url) -> Result<(Url, reqwest::Client), DialError> {
        let host = asked.host_str().unwrap_or_default();
        if self.0.policy.denies(host) {
            return Err(DialError::before(DialFault::Blocked, format!("the operator's policy denies {host}")));
        }
        if let Some(target) = self.target(asked) {
            let mut dialled = target.clone();
            dialled.set_path(asked.path());
            dialled.set_query(asked.query());
            return Ok((dialled, self.pool(Pool { workspace: workspace.to_owned(), overridden: true })?));
        }
        check_literal(asked)?;
        Ok((asked.clone(), self.pool(Pool { workspace: workspace.to_owned(), overridden: false })?))
    }

    fn pool(&self, wanted: Pool) -> Result<reqwest::Client, DialError> {
        let mut pools = self.0.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let known = pools.iter().position(|(pool, _)| *pool == wanted).and_then(|at| pools.remove(at));
        let (pool, client) = match known {
            Some(known) => known,
            None => {
                let client = self.connect(&wanted).map_err(|error| {
                    DialError::before(DialFault::Connect, format!("the HTTP client could not be set up: {error}"))
                })?;
                (wanted, client)
            }
        };
        if pools.len() >= MAX_POOLS {
            pools.pop_front();
        }
        pools.push_back((pool, client.clone()));
        Ok(client)
    }

    /// Addresses are checked when their names are looked up, save where the operator chose them.
    fn connect(&self, pool: &Pool) -> Result<reqwest::Client, reqwest::Error> {
        let builder = builder().http1_only();
        match pool.overridden {
            true => builder.build(),
            false => builder.dns_resolver(Arc::new(names::Guard::new(self.0.names.clone()))).build(),
        }
    }
}

/// An address that stands in the URL itself is never looked up, so it is checked here. `url` has brought decimal, octal and
/// hexadecimal forms into the canonical one already.
fn check_literal(url: &Url) -> Result<(), DialError> {
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => std::net::IpAddr::V4(address),
        Some(Host::Ipv6(address)) => std::net::IpAddr::V6(address),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err(DialError::before(DialFault::Invalid, "the address has no host")),
    };
    match address::refusal(literal) {
        Some(why) => Err(DialError::before(DialFault::Blocked, format!("{literal} is {why}; {OVERRIDE}"))),
        None => Ok(()),
    }
}

/// What to do about a refused address.
const OVERRIDE: &str = "only an override of the operator's (egress.overrides) reaches it";

/// The longest that looking up, connecting and the TLS handshake may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The longest that a connection may say nothing while an answer is awaited.
const SILENCE: Duration = Duration::from_secs(60);

/// One protocol version, so that the moment in which a request begins to leave is known.
fn builder() -> reqwest::ClientBuilder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring supports the default versions of TLS")
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .referer(false)
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(SILENCE)
        .pool_max_idle_per_host(16)
        .pool_idle_timeout(Duration::from_secs(55))
        .user_agent(concat!("sambung/", env!("CARGO_PKG_VERSION")))
}

#[cfg(test)]
mod tests;
