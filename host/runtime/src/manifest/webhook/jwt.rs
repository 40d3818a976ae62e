//! `kind = "jwt"`: a token (RFC 7519) that the provider's issuer signed. Which tokens are accepted, as data; `recipe::jwt`
//! carries it out. There are signatures with published keys only: no algorithm here takes a secret, and none is `none`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use super::{Verify, Webhook};
use crate::manifest::destination::Destination;
use crate::manifest::section::Section;
use crate::manifest::source::Source;

/// A token signed by an issuer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Jwt {
    /// Where the issuer publishes its keys (RFC 7517), always https.
    pub jwks: Url,
    /// What signatures may be made with; the key decides which of them it is. Never empty.
    pub algorithms: Vec<JwtAlgorithm>,
    /// Whom a token may be from: its `iss`. Never empty.
    pub issuers: Vec<String>,
    /// Whom it may be for: one of its `aud`. Never empty.
    pub audiences: Vec<Audience>,
    /// What else it must say.
    pub claims: Vec<Claim>,
    /// A header or a query parameter; it is removed before anything is journalled.
    pub from: Source,
    /// What stands before it there, in any case: "Bearer ".
    pub prefix: String,
    /// How far the issuer's clock may be from the host's, in seconds.
    pub leeway_s: u64,
}

/// A signature with a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JwtAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
}

/// Whom a token is for: `literal:TEXT`, `setting:NAME` or `url`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Audience {
    /// This text.
    Literal(String),
    /// The value of a setting of the channel or app; unset, it is nobody.
    Setting(String),
    /// The address as the provider called it, with its query. Needs the host's public address.
    Url,
}

/// A claim that decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Its name, at the top of the token.
    pub name: String,
    /// What it must be. Compared as text.
    pub expected: Expected,
}

/// What a claim must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// This text.
    Is(String),
    /// What stands there in the request.
    SameAs(Source),
}

/// The longest difference of clocks that a manifest may allow: an expired token is good for so much longer.
const MOST_LEEWAY_S: u64 = 300;

const AUDIENCES: &str = "expected literal:TEXT, setting:NAME or url";

impl FromStr for JwtAlgorithm {
    type Err = String;

    fn from_str(word: &str) -> Result<JwtAlgorithm, String> {
        match word {
            "RS256" => Ok(JwtAlgorithm::Rs256),
            "ES256" => Ok(JwtAlgorithm::Es256),
            _ => Err("expected RS256 or ES256; what is not signed with a published key verifies nothing".to_owned()),
        }
    }
}

impl FromStr for Audience {
    type Err = String;

    fn from_str(word: &str) -> Result<Audience, String> {
        match word.split_once(':') {
            Some(("literal", text)) if !text.is_empty() => Ok(Audience::Literal(text.to_owned())),
            Some(("setting", name)) if !name.is_empty() => Ok(Audience::Setting(name.to_owned())),
            None if word == "url" => Ok(Audience::Url),
            _ => Err(AUDIENCES.to_owned()),
        }
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Audience::Literal(text) => write!(out, "literal:{text}"),
            Audience::Setting(name) => write!(out, "setting:{name}"),
            Audience::Url => out.write_str("url"),
        }
    }
}

impl TryFrom<String> for Audience {
    type Error = String;
    fn try_from(word: String) -> Result<Audience, String> {
        word.parse()
    }
}

impl From<Audience> for String {
    fn from(audience: Audience) -> String {
        audience.to_string()
    }
}

/// None where it does not say where the keys are.
pub(super) fn read(section: &Section<'_>) -> Option<Jwt> {
    if section.has("keys") {
        section.strings("keys");
        let words = "no secret verifies a token: leave it out, and say in `jwks` where the issuer's keys are";
        section.fault("keys", words);
    }
    let from = from(section);
    let (jwks, algorithms, leeway_s) = (jwks(section), algorithms(section), leeway(section));
    let issuers = section.strings("issuers");
    if issuers.is_empty() || issuers.iter().any(String::is_empty) {
        section.fault("issuers", "is required: whom tokens are from, as their `iss` says it");
    }
    let audiences = section.parsed("audiences", str::parse);
    if section.strings("audiences").is_empty() {
        section.fault("audiences", format!("is required, else a token for anybody is accepted: {AUDIENCES}"));
    }
    let claims = section.tables("claim").iter().filter_map(claim).collect();
    let usual_prefix = if from == usual_place() { "Bearer " } else { "" };
    let prefix = section.string("prefix").unwrap_or_else(|| usual_prefix.to_owned());
    Some(Jwt { jwks: jwks?, algorithms, issuers, audiences, claims, from, prefix, leeway_s })
}

fn usual_place() -> Source {
    Source::Header("authorization".to_owned())
}

/// Where something stands in the request, if the manifest says it.
fn place(section: &Section<'_>, key: &'static str) -> Option<Source> {
    section.string(key)?;
    Some(super::source(section, key))
}

fn from(section: &Section<'_>) -> Source {
    let from = place(section, "from").unwrap_or_else(usual_place);
    if !matches!(from, Source::Header(_) | Source::Query(_)) {
        section.fault("from", "a token can be taken out of a header or the query only");
    }
    from
}

fn jwks(section: &Section<'_>) -> Option<Url> {
    let word = section.required("jwks");
    if word.is_empty() {
        return None;
    }
    let proper = |url: &Url| {
        url.scheme() == "https"
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none()
    };
    let url = Url::parse(&word).ok().filter(proper);
    if url.is_none() {
        section.fault("jwks", "an https address such as https://issuer.example/keys, without a user and a fragment");
    }
    url
}

fn algorithms(section: &Section<'_>) -> Vec<JwtAlgorithm> {
    let algorithms = section.parsed("algorithms", str::parse);
    if algorithms.is_empty() { vec![JwtAlgorithm::Rs256, JwtAlgorithm::Es256] } else { algorithms }
}

fn leeway(section: &Section<'_>) -> u64 {
    let leeway = section.number("leeway-s").unwrap_or(60);
    if leeway > MOST_LEEWAY_S {
        section.fault("leeway-s", format!("at most {MOST_LEEWAY_S}: for so long an expired token is still accepted"));
    }
    leeway
}

fn claim(section: &Section<'_>) -> Option<Claim> {
    let name = section.required("name");
    let expected = match (section.string("is"), place(section, "same-as")) {
        (Some(text), None) => Some(Expected::Is(text)),
        (None, Some(source)) => Some(Expected::SameAs(source)),
        _ => {
            section.fault("is", "exactly one of `is` (a text) and `same-as` (where in the request) is required");
            None
        }
    };
    section.finish();
    Some(Claim { name, expected: expected? })
}

/// That the manifest lets the host fetch what its recipes verify with: whoever reads `[[egress]]` sees every address.
pub(in crate::manifest) fn reaches(section: &Section<'_>, webhook: &Webhook, egress: &[Destination]) {
    for jwks in webhook.verify.iter().filter_map(Verify::jwks) {
        if !egress.iter().any(|destination| destination.allows("GET", jwks)) {
            let host = jwks.host_str().unwrap_or_default();
            section.fault(
                "verify",
                format!("fetches keys from {jwks}, which no [[egress]] allows; add one with host = \"{host}\""),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::manifest::read;

    const WHOLE: &str = r#"
id = "a"
version = "1.0.0"
publisher = "p"

[[egress]]
host = "api.example.com"
path-prefix = "/v2"
methods = ["get"]

[[webhook]]
name = "events"

[[webhook.verify]]
kind = "jwt"
jwks = "https://api.example.com/v2/keys"
algorithms = ["RS256"]
issuers = ["https://issuer.example.com"]
audiences = ["setting:project", "literal:everybody", "url"]
claim = [{ name = "email", is = "bot@example.com" }]
from = "header:x-token"
leeway-s = 30
"#;

    /// The only fault of the manifest after a change.
    fn told(from: &str, to: &str) -> String {
        assert!(WHOLE.contains(from), "{from}");
        let error = read(&WHOLE.replacen(from, to, 1)).unwrap_err();
        assert_eq!(error.faults.len(), 1, "{error}");
        assert!(error.faults[0].line >= 11, "{error}");
        format!("{}: {}", error.faults[0].key, error.faults[0].words)
    }

    #[test]
    fn what_is_missing_or_wrong_is_told_with_what_to_do() {
        read(WHOLE).unwrap();
        let of = "webhook[0].verify[0]";
        let https = "an https address such as https://issuer.example/keys, without a user and a fragment";
        assert_eq!(told("jwks = \"https://api.example.com/v2/keys\"\n", ""), format!("{of}.jwks: is required"));
        assert_eq!(told("https://api.example.com/v2", "http://api.example.com/v2"), format!("{of}.jwks: {https}"));
        assert_eq!(told("https://api.example.com/v2", "https://a:b@api.example.com/v2"), format!("{of}.jwks: {https}"));
        assert_eq!(told("https://api.example.com/v2/keys", "the issuer's"), format!("{of}.jwks: {https}"));
        assert_eq!(
            told("issuers = [\"https://issuer.example.com\"]\n", ""),
            format!("{of}.issuers: is required: whom tokens are from, as their `iss` says it")
        );
        let audiences = "audiences = [\"setting:project\", \"literal:everybody\", \"url\"]\n";
        assert!(
            told(audiences, "").contains("is required, else a token for anybody is accepted: expected literal:TEXT")
        );
        assert_eq!(
            told("\"literal:everybody\"", "\"everybody\""),
            format!("{of}.audiences: `everybody`: expected literal:TEXT, setting:NAME or url")
        );
        for algorithm in ["none", "HS256", "PS256"] {
            let words = told("RS256", algorithm);
            assert!(words.ends_with("what is not signed with a published key verifies nothing"), "{words}");
        }
        assert!(told("is = \"bot", "same-as = \"path\", is = \"bot").contains("exactly one of `is`"));
        assert!(told(", is = \"bot@example.com\"", "").contains("exactly one of `is`"));
        assert!(told("from = \"header:x-token\"", "from = \"path\"").contains("a header or the query only"));
        assert!(told("leeway-s = 30", "leeway-s = 3600").contains("at most 300"));
        assert!(told("from =", "form =").contains("did you mean `from`?"));
        assert!(told("leeway-s = 30", "keys = [\"hook\"]").contains("say in `jwks` where the issuer's keys are"));
    }

    #[test]
    fn keys_are_fetched_only_from_where_the_manifest_may_connect() {
        assert_eq!(
            told("api.example.com/v2/keys", "elsewhere.example.com/keys"),
            "webhook[0].verify: fetches keys from https://elsewhere.example.com/keys, which no [[egress]] allows; add one with \
             host = \"elsewhere.example.com\""
        );
        for (from, to) in [("com/v2/keys", "com/v1/keys"), ("com/v2/keys", "com:8443/v2/keys"), ("\"get\"", "\"post\"")]
        {
            assert!(told(from, to).contains("which no [[egress]] allows"), "{to}");
        }
    }
}
