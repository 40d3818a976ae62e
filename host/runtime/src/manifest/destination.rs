//! `[[egress]]`: where a plugin may connect. Only what stands in the manifest; addresses and the operator's policy are
//! `egress`'s business.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

use super::section::Section;

/// One entry of `[[egress]]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Destination {
    /// A place that the manifest names.
    Host {
        /// Where.
        target: Target,
        /// Upper case; empty: any.
        methods: Vec<String>,
    },
    /// Exactly the origin and path saved in a setting of the channel, for that channel alone.
    FromSetting {
        /// The setting's name.
        setting: String,
        /// Upper case; empty: any.
        methods: Vec<String>,
    },
    /// Any public https address, for downloads that carry no secret.
    MediaFromAnywhere,
}

impl Destination {
    /// Whether a secret bound to `bound` can only go where this entry allows.
    pub fn covers(&self, bound: &Target) -> bool {
        match (self, &bound.host) {
            (Destination::FromSetting { setting, .. }, HostPattern::Setting(name)) => setting == name,
            (Destination::Host { target, .. }, _) => target.covers(bound),
            _ => false,
        }
    }

    /// Whether this entry, which no setting decides about, allows a request.
    pub fn allows(&self, method: &str, url: &Url) -> bool {
        match self {
            Destination::Host { target, methods } => takes(methods, method) && target.matches(url),
            Destination::FromSetting { .. } | Destination::MediaFromAnywhere => false,
        }
    }
}

/// Whether a list of methods, where an empty one means any, has this one.
pub(crate) fn takes(methods: &[String], method: &str) -> bool {
    methods.is_empty() || methods.iter().any(|allowed| allowed.eq_ignore_ascii_case(method))
}

/// A scheme, host, port and path prefix; written `https://*.example.com/v1` or, for the value of a setting,
/// `setting:base_url`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target {
    /// "https" or "http".
    pub scheme: String,
    /// Which hosts.
    pub host: HostPattern,
    /// 0 where a setting says.
    pub port: u16,
    /// Begins with a slash; whole segments count. "/" allows every path.
    pub path_prefix: String,
}

/// Which hosts a target means.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This name or address, in canonical form.
    Exact(String),
    /// Every name below this one, not itself.
    Below(String),
    /// Whatever a setting of the channel says.
    Setting(String),
}

impl Target {
    /// Whether a request to `url` goes there. A target of a setting matches nothing by itself: resolve it first.
    pub fn matches(&self, url: &Url) -> bool {
        url.scheme() == self.scheme
            && url.port_or_known_default() == Some(self.port)
            && self.matches_host(url.host_str().unwrap_or_default())
            && path_is_below(url.path(), &self.path_prefix)
    }

    fn matches_host(&self, host: &str) -> bool {
        match &self.host {
            HostPattern::Exact(name) => host == name,
            HostPattern::Below(suffix) => is_below(host, suffix),
            HostPattern::Setting(_) => false,
        }
    }

    fn covers(&self, bound: &Target) -> bool {
        let host = match (&self.host, &bound.host) {
            (HostPattern::Exact(own), HostPattern::Exact(other)) => own == other,
            (HostPattern::Below(own), HostPattern::Exact(other)) => is_below(other, own),
            (HostPattern::Below(own), HostPattern::Below(other)) => own == other || is_below(other, own),
            _ => false,
        };
        // A binding wider than the grant in its path alone still sends nothing outside the grant.
        host && self.scheme == bound.scheme && self.port == bound.port
    }

    /// The target that a setting's value stands for: exactly its origin and path.
    pub fn of_url(url: &Url) -> Option<Target> {
        let host = url.host_str()?.to_owned();
        let path = url.path().trim_end_matches('/');
        Some(Target {
            scheme: url.scheme().to_owned(),
            host: HostPattern::Exact(host),
            port: url.port_or_known_default()?,
            path_prefix: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
        })
    }
}

fn is_below(host: &str, suffix: &str) -> bool {
    host.strip_suffix(suffix).and_then(|front| front.strip_suffix('.')).is_some_and(|front| !front.is_empty())
}

/// Whether a path stands below a prefix, by whole segments. A path that some servers would read as climbing out of the
/// prefix (encoded dots, slashes or backslashes) does not.
pub fn path_is_below(path: &str, prefix: &str) -> bool {
    if prefix == "/" {
        return true;
    }
    let lower =
        path.to_ascii_lowercase().replace("%2e", ".").replace("%2f", "/").replace("%5c", "/").replace('\\', "/");
    if lower.split('/').any(|segment| segment == "..") || lower.contains("%25") {
        return false;
    }
    let prefix = prefix.trim_end_matches('/');
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl FromStr for Target {
    type Err = String;

    fn from_str(word: &str) -> Result<Target, String> {
        if let Some(setting) = word.strip_prefix("setting:") {
            return Ok(Target {
                scheme: "https".to_owned(),
                host: HostPattern::Setting(setting.to_owned()),
                port: 0,
                path_prefix: "/".to_owned(),
            });
        }
        let (scheme, rest) = word.split_once("://").ok_or("expected https://HOST, https://*.SUFFIX or setting:NAME")?;
        let below = rest.strip_prefix("*.");
        let url = Url::parse(&format!("{scheme}://{}", below.unwrap_or(rest)))
            .map_err(|error| format!("not an address: {error}"))?;
        if url.username() != "" || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err("only scheme, host, port and path may stand here".to_owned());
        }
        let mut target = Target::of_url(&url).ok_or("only http and https addresses")?;
        if !matches!(target.scheme.as_str(), "http" | "https") {
            return Err("only http and https addresses".to_owned());
        }
        if let (Some(_), HostPattern::Exact(suffix)) = (below, &target.host) {
            target.host = HostPattern::Below(checked_suffix(suffix)?);
        } else if rest.starts_with('*') {
            return Err("a bare * would allow every host; name a suffix: *.example.com".to_owned());
        }
        Ok(target)
    }
}

fn checked_suffix(suffix: &str) -> Result<String, String> {
    if !matches!(Host::parse(suffix), Ok(Host::Domain(_))) || !suffix.trim_end_matches('.').contains('.') {
        return Err(format!("*.{suffix} would allow too much; name at least two labels: *.example.com"));
    }
    Ok(suffix.to_owned())
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (star, host) = match &self.host {
            HostPattern::Setting(name) => return write!(out, "setting:{name}"),
            HostPattern::Exact(name) => ("", name),
            HostPattern::Below(suffix) => ("*.", suffix),
        };
        write!(out, "{}://{star}{host}", self.scheme)?;
        let usual = if self.scheme == "https" { 443 } else { 80 };
        if self.port != usual {
            write!(out, ":{}", self.port)?;
        }
        if self.path_prefix != "/" {
            out.write_str(&self.path_prefix)?;
        }
        Ok(())
    }
}

impl TryFrom<String> for Target {
    type Error = String;
    fn try_from(word: String) -> Result<Target, String> {
        word.parse()
    }
}

impl From<Target> for String {
    fn from(target: Target) -> String {
        target.to_string()
    }
}

pub(super) fn read(section: &Section<'_>) -> Option<Destination> {
    let methods = section.parsed("methods", |word| {
        let upper = word.to_ascii_uppercase();
        http::Method::from_bytes(upper.as_bytes()).map(|_| upper).map_err(|_| "no HTTP method".to_owned())
    });
    let setting = section.string("from-setting");
    let anywhere = section.boolean("media-from-anywhere").unwrap_or(false);
    let host = section.string("host");
    let scheme = section.string("scheme").unwrap_or_else(|| "https".to_owned());
    let port = section.number("port");
    let prefix = section.string("path-prefix");
    section.finish();
    match (host, setting, anywhere) {
        (Some(host), None, false) => {
            let target = host_target(section, &scheme, &host, port, prefix)?;
            Some(Destination::Host { target, methods })
        }
        (None, Some(setting), false) => Some(Destination::FromSetting { setting, methods }),
        (None, None, true) => Some(Destination::MediaFromAnywhere),
        _ => {
            section.fault("host", "exactly one of `host`, `from-setting` and `media-from-anywhere` is required");
            None
        }
    }
}

fn host_target(
    section: &Section<'_>,
    scheme: &str,
    host: &str,
    port: Option<u64>,
    prefix: Option<String>,
) -> Option<Target> {
    if host.contains(['/', ':', '@', '?', '#']) {
        section.fault("host", "only a host name or *.SUFFIX; scheme, port and path-prefix have keys of their own");
        return None;
    }
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    let prefix = prefix.unwrap_or_else(|| "/".to_owned());
    if !prefix.starts_with('/') {
        section.fault("path-prefix", "must begin with a slash");
        return None;
    }
    match format!("{scheme}://{host}{port}{prefix}").parse() {
        Ok(target) => Some(target),
        Err(words) => {
            section.fault("host", words);
            None
        }
    }
}
