//! The configuration: one file of defaults with every key, a file and the environment over it.
//!
//! Pure: texts and variables are arguments, and what a key does is known only where it is used.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use toml::{Table, Value};

use crate::model::proxies::Range;

mod overridden;

pub use overridden::Overridden;

/// Every key with its default and what it does.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// Tables whose keys are the operator's own.
const OPEN_TABLES: &[&str] = &["egress.overrides"];

/// Why a configuration is refused. Names the key and where it stands.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not TOML.
    #[error("{origin} is not valid TOML: {words}")]
    Syntax {
        /// The file or variable.
        origin: String,
        /// The parser's words.
        words: String,
    },
    /// A key that does not exist.
    #[error("{origin}: there is no key `{key}`; did you mean `{nearest}`?")]
    UnknownKey {
        /// The file or variable.
        origin: String,
        /// The key.
        key: String,
        /// The most similar key there is.
        nearest: String,
    },
    /// A value that the key does not take.
    #[error("{origin}: `{key}` {words}")]
    Value {
        /// The file or variable.
        origin: String,
        /// The key.
        key: String,
        /// What it takes.
        words: String,
    },
}

/// The whole configuration. The meaning of each key stands beside it in [`DEFAULTS`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Config {
    pub server: Server,
    pub metrics: Metrics,
    pub logs: Logs,
    pub database: Database,
    pub auth: Auth,
    pub ingress: Ingress,
    pub mail: Mail,
    pub runtime: Runtime,
    pub plugins: Plugins,
    pub media: Media,
    pub inbound: Inbound,
    pub outbound: Outbound,
    pub feed: Feed,
    pub egress: Egress,
    pub retention: Retention,
}

/// `[server]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Server {
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    pub public_url: String,
    pub trusted_proxies: Vec<String>,
    pub max_body_bytes: usize,
    pub connections: usize,
    pub connections_per_address: usize,
    pub reserved_connections: usize,
    pub head_ms: u64,
    pub idle_ms: u64,
    pub stalled_ms: u64,
    pub head_bytes: usize,
    pub body_bytes_per_s: u32,
    pub body_grace_ms: u64,
    pub http2_streams: u32,
    pub http2_resets_per_minute: u32,
    pub http2_misuses_per_minute: u32,
    pub limiter_keys: usize,
    pub api_requests: usize,
    pub shutdown_grace_ms: u64,
}

impl Server {
    /// Whether the public address is a plain http one, which only this machine reaches.
    pub fn is_for_development(&self) -> bool {
        self.public_url().is_some_and(|url| url.starts_with("http:"))
    }

    /// The address that providers and browsers reach, without a slash at its end; `None` where there is none.
    pub fn public_url(&self) -> Option<&str> {
        let url = self.public_url.trim_end_matches('/');
        (!url.is_empty()).then_some(url)
    }

    /// The proxies that are trusted. What does not parse was refused when the configuration was read.
    pub fn proxies(&self) -> Vec<Range> {
        self.trusted_proxies.iter().filter_map(|text| text.parse().ok()).collect()
    }
}

/// `[metrics]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Metrics {
    pub listen: String,
    #[serde(serialize_with = "overridden::secret")]
    pub token: String,
}

/// `[logs]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Logs {
    pub format: LogFormat,
    pub filter: String,
}

/// `logs.format`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// `[database]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Database {
    pub readers: usize,
    pub write_queue: usize,
    pub read_queue: usize,
    pub group_commit_max: usize,
    pub max_pages: u32,
    pub min_free_bytes: u64,
}

/// `[auth]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Auth {
    pub sign_in_per_minute: u32,
    pub concurrent_checks: usize,
    pub session_days: u32,
    pub session_idle_hours: u32,
    pub setup_link_days: u32,
}

/// `[ingress]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Ingress {
    pub unverified_per_minute: u32,
    pub max_body_bytes: usize,
    pub body_ms: u64,
    pub body_bytes: usize,
    pub body_bytes_per_address: usize,
    pub max_file_bytes: u64,
    pub uploads: usize,
    pub uploads_per_address: usize,
    pub visitor_streams: usize,
    pub upload_ms: u64,
}

/// `[mail]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Mail {
    pub listen: String,
    pub domain: String,
    pub hostname: String,
    pub tls_certificate: PathBuf,
    pub tls_key: PathBuf,
    pub max_bytes: usize,
    pub receiving_bytes: usize,
    pub receiving_bytes_per_address: usize,
    pub max_recipients: usize,
    pub connections: usize,
    pub connections_per_address: usize,
    pub mails_per_minute: u32,
    pub idle_ms: u64,
    pub data_ms: u64,
    pub max_received: usize,
    pub resolver: String,
    pub relay: Relay,
}

impl Mail {
    /// What follows the `@` in channels' addresses; `None` where no channel receives mail.
    pub fn domain(&self) -> Option<&str> {
        (!self.domain.is_empty()).then_some(self.domain.as_str())
    }

    /// What this host calls itself.
    pub fn hostname(&self) -> &str {
        if self.hostname.is_empty() { &self.domain } else { &self.hostname }
    }
}

/// `[mail.relay]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Relay {
    pub host: String,
    pub port: u16,
    pub security: RelaySecurity,
    pub user: String,
    #[serde(serialize_with = "overridden::secret")]
    pub password: String,
    pub ca_file: PathBuf,
}

/// `mail.relay.security`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelaySecurity {
    /// By STARTTLS, or not at all.
    StartTls,
    /// From the first byte.
    Tls,
    /// None.
    None,
}

/// `[runtime]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Runtime {
    pub instances: u32,
    pub upkeep: usize,
    pub cache_dir: PathBuf,
    pub cache_bytes: u64,
    pub limits: sambung_runtime::Limits,
    pub code: sambung_runtime::CodeLimits,
}

/// `[plugins]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Plugins {
    pub bundled: bool,
}

/// `[media]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Media {
    pub max_bytes: u64,
    pub visitor_bytes: u64,
    pub visitors_bytes_per_hour: u64,
    pub channel_bytes: u64,
    pub workspace_bytes: u64,
    pub total_bytes: u64,
    pub min_free_bytes: u64,
    pub visitors_min_free_bytes: u64,
    pub publish_days: u32,
}

/// `[inbound]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Inbound {
    pub requests: usize,
    pub polls: usize,
    pub fetches: usize,
    pub events_per_request: usize,
}

/// `[outbound]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Outbound {
    pub calls: usize,
    pub calls_per_channel: u32,
    pub most_queued: u32,
    pub unknown_wait_ms: i64,
}

/// `[feed]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Feed {
    pub streams: usize,
    pub deliveries: usize,
    pub waiting_per_endpoint: u32,
    pub endpoints_per_workspace: u32,
    pub timeout_ms: u64,
    pub rotation_hours: u32,
}

/// `[egress]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Egress {
    pub denied_hosts: Vec<String>,
    pub overrides: BTreeMap<String, String>,
}

/// `[retention]`
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Retention {
    pub journal_days: u32,
    pub journal_parked_days: u32,
    pub feed_days: u32,
    pub deliveries_days: u32,
    pub dedupe_days: u32,
    pub idempotency_hours: u32,
    pub media_days: u32,
    pub media_unused_days: u32,
    pub visitor_media_unused_hours: u32,
    pub visitors_days: u32,
    pub visitors_silent_days: u32,
    pub audit_days: u32,
    pub batch: u32,
    pub pause_ms: u64,
    pub every_s: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config::read(None, std::iter::empty::<(String, String)>())
            .expect("the compiled defaults are complete; a test reads them")
    }
}

impl Config {
    /// The defaults, `file` (its name and text) over them, and the variables over both.
    pub fn read(
        file: Option<(&str, &str)>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Config, ConfigError> {
        let defaults: Table = parse("the compiled defaults", DEFAULTS)?;
        let mut all = defaults.clone();
        if let Some((name, text)) = file {
            merge(&mut all, parse(name, text)?, &defaults, name, "")?;
        }
        for (variable, value) in variables {
            let Some(key) = key_of(&variable) else { continue };
            let typed = typed(&defaults, &key, &value, &variable)?;
            set(&mut all, &key, typed);
        }
        let config: Config = Value::Table(all).try_into().map_err(|error: toml::de::Error| ConfigError::Value {
            origin: file.map_or("the configuration", |(name, _)| name).to_owned(),
            key: "value".into(),
            words: error.to_string(),
        })?;
        config.check()?;
        Ok(config)
    }

    /// Whether every value can be used. Arguments may have changed some since they were read.
    pub fn check(&self) -> Result<(), ConfigError> {
        let fail = |key: &str, words: String| {
            Err(ConfigError::Value { origin: "the configuration".into(), key: key.into(), words })
        };
        for text in &self.server.trusted_proxies {
            if let Err(words) = text.parse::<Range>() {
                return fail("server.trusted_proxies", format!("does not take this: {words}"));
            }
        }
        if let Some(url) = self.server.public_url()
            && let Err(words) = usable_address(url)
        {
            return fail("server.public_url", words);
        }
        if let Some(domain) = self.mail.domain()
            && !matches!(url::Host::parse(domain), Ok(url::Host::Domain(_)))
        {
            let words = format!("must be a domain such as in.example.com, not {domain:?}");
            return fail("mail.domain", words);
        }
        if !self.metrics.listen.is_empty() && self.metrics.listen.parse::<SocketAddr>().is_err() {
            return fail("metrics.listen", "must be an address and a port such as 127.0.0.1:9090".into());
        }
        if self.server.head_bytes < 8192 {
            return fail("server.head_bytes", "must be at least 8192, the least that HTTP needs".into());
        }
        for (key, value) in [
            ("server.connections_per_address", self.server.connections_per_address),
            ("server.http2_streams", self.server.http2_streams as usize),
            ("server.limiter_keys", self.server.limiter_keys),
            ("database.readers", self.database.readers),
            ("database.write_queue", self.database.write_queue),
            ("database.read_queue", self.database.read_queue),
            ("database.group_commit_max", self.database.group_commit_max),
            ("auth.concurrent_checks", self.auth.concurrent_checks),
            ("auth.sign_in_per_minute", self.auth.sign_in_per_minute as usize),
            ("ingress.unverified_per_minute", self.ingress.unverified_per_minute as usize),
            ("ingress.uploads", self.ingress.uploads),
            ("ingress.uploads_per_address", self.ingress.uploads_per_address),
            ("ingress.visitor_streams", self.ingress.visitor_streams),
            ("server.api_requests", self.server.api_requests),
            ("feed.streams", self.feed.streams),
            ("feed.deliveries", self.feed.deliveries),
            ("outbound.calls", self.outbound.calls),
            ("inbound.fetches", self.inbound.fetches),
            ("runtime.instances", self.runtime.instances as usize),
            ("runtime.upkeep", self.runtime.upkeep),
            ("inbound.requests", self.inbound.requests),
            ("inbound.polls", self.inbound.polls),
            ("retention.batch", self.retention.batch as usize),
        ] {
            if value == 0 {
                return fail(key, "must be at least 1".into());
            }
        }
        Ok(())
    }
}

/// Whether providers and browsers can use this address. Over plain http sessions and webhooks could be read and changed on the way,
/// and no provider calls it; on this machine it is for development.
fn usable_address(text: &str) -> Result<(), String> {
    let not_one = || format!("must be a web address such as https://chat.example.com, not {text:?}");
    let url = url::Url::parse(text).ok().filter(|_| !text.contains(char::is_control)).ok_or_else(not_one)?;
    if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
        return Err(not_one());
    }
    if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "must end with the host, a port or a path: no name, no password, no `?` and no `#`, not {text:?}"
        ));
    }
    if url.scheme() == "http" && !is_loopback(&url) {
        let https = text.replacen("http", "https", 1);
        return Err(format!(
            "must begin with https:// ({https:?} instead of {text:?}): no provider calls a plain http address, and sessions could be \
             read on the way. Put a TLS proxy in front of the server; http is for this machine alone, such as http://localhost:8080"
        ));
    }
    Ok(())
}

fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn parse(origin: &str, text: &str) -> Result<Table, ConfigError> {
    text.parse()
        .map_err(|error: toml::de::Error| ConfigError::Syntax { origin: origin.into(), words: error.to_string() })
}

/// `SAMBUNG_SERVER__PUBLIC_URL` is `server.public_url`; a variable without `__` is not configuration.
fn key_of(variable: &str) -> Option<String> {
    let rest = variable.strip_prefix("SAMBUNG_")?;
    rest.contains("__").then(|| rest.to_ascii_lowercase().replace("__", "."))
}

fn merge(into: &mut Table, from: Table, defaults: &Table, origin: &str, prefix: &str) -> Result<(), ConfigError> {
    for (key, value) in from {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        let known = find(defaults, &path).is_some() || OPEN_TABLES.contains(&prefix);
        if !known {
            return Err(unknown(defaults, origin, &path));
        }
        match (into.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(over)) => merge(below, over, defaults, origin, &path)?,
            (Some(Value::Table(_)), _) => {
                return Err(ConfigError::Value {
                    origin: origin.into(),
                    key: path,
                    words: "is a section, not a value".into(),
                });
            }
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
    Ok(())
}

fn find<'a>(table: &'a Table, path: &str) -> Option<&'a Value> {
    let mut parts = path.split('.');
    let mut value = table.get(parts.next()?)?;
    for part in parts {
        value = value.as_table()?.get(part)?;
    }
    Some(value)
}

fn set(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
        }
        Some((first, rest)) => {
            let below = table.entry(first.to_owned()).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(below) = below {
                set(below, rest, value);
            }
        }
    }
}

/// A variable's text as the type that the key's default has.
fn typed(defaults: &Table, key: &str, text: &str, variable: &str) -> Result<Value, ConfigError> {
    let wrong = |words: &str| ConfigError::Value { origin: variable.into(), key: key.into(), words: words.into() };
    match find(defaults, key) {
        None => Err(unknown(defaults, variable, key)),
        Some(Value::String(_)) => Ok(Value::String(text.to_owned())),
        Some(Value::Integer(_)) => text.trim().parse().map(Value::Integer).map_err(|_| wrong("takes a whole number")),
        Some(Value::Float(_)) => text.trim().parse().map(Value::Float).map_err(|_| wrong("takes a number")),
        Some(Value::Boolean(_)) => text.trim().parse().map(Value::Boolean).map_err(|_| wrong("takes true or false")),
        Some(Value::Array(_)) => Ok(Value::Array(
            text.split(',')
                .map(|item| item.trim().trim_matches('"'))
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        )),
        Some(Value::Table(_)) => format!("it = {text}")
            .parse::<Table>()
            .ok()
            .and_then(|mut table| table.remove("it"))
            .filter(Value::is_table)
            .ok_or_else(|| wrong(r#"takes a table such as { "https://a.example" = "http://127.0.0.1:1" }"#)),
        Some(Value::Datetime(_)) => Err(wrong("takes no value from the environment")),
    }
}

fn unknown(defaults: &Table, origin: &str, key: &str) -> ConfigError {
    let mut keys = Vec::new();
    list(defaults, "", &mut keys);
    let nearest = keys
        .into_iter()
        .max_by(|a, b| strsim::jaro_winkler(a, key).total_cmp(&strsim::jaro_winkler(b, key)))
        .unwrap_or_default();
    ConfigError::UnknownKey { origin: origin.into(), key: key.into(), nearest }
}

fn list(table: &Table, prefix: &str, keys: &mut Vec<String>) {
    for (key, value) in table {
        let path = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        if let Value::Table(below) = value {
            list(below, &path, keys);
        }
        keys.push(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_defaults_are_complete() {
        let config = Config::default();
        assert_eq!(config.server.listen.port(), 8080);
        assert_eq!(config.runtime.limits, sambung_runtime::Limits::default());
        assert_eq!(config.runtime.code, sambung_runtime::CodeLimits::default());
        assert_eq!(config.server.public_url(), None);
    }

    #[test]
    fn the_environment_goes_over_the_file_and_the_file_over_the_defaults() {
        let file = "[server]\npublic_url = 'https://file.example/'\nlisten = '127.0.0.1:1'\n[egress.overrides]\n'https://a.example' = 'http://127.0.0.1:2'\n";
        let environment = variables(&[
            ("SAMBUNG_SERVER__LISTEN", "127.0.0.1:3"),
            ("SAMBUNG_SERVER__TRUSTED_PROXIES", "10.0.0.0/8, ::1"),
            ("SAMBUNG_RETENTION__FEED_DAYS", "3"),
            ("SAMBUNG_FIXTURES", "not configuration"),
            ("HOME", "/root"),
        ]);
        let config = Config::read(Some(("x.toml", file)), environment).expect("it is good");
        assert_eq!(config.server.public_url(), Some("https://file.example"));
        assert_eq!(config.server.listen.port(), 3);
        assert_eq!(config.server.proxies().len(), 2);
        assert_eq!(config.retention.feed_days, 3);
        assert_eq!(config.egress.overrides["https://a.example"], "http://127.0.0.1:2");
    }

    #[test]
    fn an_unknown_key_names_the_nearest() {
        let error = Config::read(Some(("x.toml", "[server]\npublic_ulr = ''")), []).expect_err("no such key");
        assert_eq!(error.to_string(), "x.toml: there is no key `server.public_ulr`; did you mean `server.public_url`?");
        let error = Config::read(None, variables(&[("SAMBUNG_RETENTION__FED_DAYS", "1")])).expect_err("no such key");
        assert!(error.to_string().contains("`retention.feed_days`"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_kind_is_refused_with_its_key() {
        let error = Config::read(None, variables(&[("SAMBUNG_DATABASE__READERS", "many")])).expect_err("not a number");
        assert_eq!(error.to_string(), "SAMBUNG_DATABASE__READERS: `database.readers` takes a whole number");
        let error = Config::read(Some(("x.toml", "server = 1")), []).expect_err("a section");
        assert!(error.to_string().contains("`server` is a section"), "{error}");
        for good in [
            "https://chat.example.com",
            "https://a.example:8443/chat",
            "http://localhost:8080",
            "http://127.0.0.1",
            "http://[::1]:1",
        ] {
            assert!(usable_address(good).is_ok(), "{good}");
        }
        for bad in [
            "http://chat.example.com",
            "http://192.168.1.2",
            "http://localhost.example",
            "https://a:b@c.example",
            "https://a.example/?x",
            "ftp://a",
            "chat",
        ] {
            assert!(usable_address(bad).is_err(), "{bad}");
        }
        let error =
            Config::read(Some(("x.toml", "[server]\npublic_url = 'http://chat.example'")), []).expect_err("plain http");
        assert!(error.to_string().contains("https://chat.example"), "it says what to write: {error}");
        let error = Config::read(Some(("x.toml", "[server]\npublic_url = 'chat'")), []).expect_err("no address");
        assert!(error.to_string().contains("server.public_url"), "{error}");
        assert!(Config::read(Some(("x.toml", "[server\n")), []).is_err());
    }
}
