//! `[[webhook]]`: how what a provider posts is recognised, verified and answered, as data. `recipe` carries it out.

mod jwt;

use serde::{Deserialize, Serialize};

use super::secret::{Origin, SecretDecl};
use super::section::Section;
use super::source::{Segment, Source};

pub(super) use jwt::reaches;
pub use jwt::{Audience, Claim, Expected, Jwt, JwtAlgorithm};

/// One kind of request that a provider makes. Of all webhooks the first whose address, method, path and setting match
/// decides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Webhook {
    /// What `handle-webhook` sees as `recipe`.
    pub name: String,
    /// Whose address it comes to.
    pub address: AddressKind,
    /// Below the address, "" for the address itself. A secret in the path follows it.
    pub path: String,
    /// Upper case; never empty.
    pub methods: Vec<String>,
    /// Only where a setting has this value.
    pub when: Option<SettingIs>,
    /// Any one of these accepts the request. Empty: nobody signs it, so it is only answered and never journalled.
    pub verify: Vec<Verify>,
    /// The status of a refusal.
    pub refuse: u16,
    /// The first whose conditions hold; none: 200 without a body.
    pub answers: Vec<Answer>,
    /// The plugin answers, after the commit; past its deadline the answer above goes out.
    pub plugin_answers: bool,
    /// Headers that are journalled, in lower case.
    pub keep_headers: Vec<String>,
}

impl Webhook {
    /// Whether events come by it. A recipe whose every answer is a handshake's and to which nothing is posted only answers.
    pub fn receives_events(&self) -> bool {
        let only_handshakes = !self.answers.is_empty() && self.answers.iter().all(|answer| answer.handshake);
        !only_handshakes || self.methods.iter().any(|method| method == "POST" || method == "PUT")
    }
}

/// Whose address a webhook comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AddressKind {
    /// A registration's with the provider; several channels share it.
    App,
    /// One channel's.
    Channel,
}

/// A condition on the channel's (or app's) settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingIs {
    /// The setting's name.
    pub setting: String,
    /// Compared as text.
    pub is: String,
}

/// One way to be sure that the provider sent a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Verify {
    /// A keyed hash over parts of the request.
    Hmac(Hmac),
    /// An Ed25519 signature over parts of the request.
    Ed25519(Ed25519),
    /// A secret that the provider sends as it is.
    Secret(SecretIn),
    /// A token that is signed with a key which its issuer publishes.
    Jwt(Jwt),
}

/// A keyed hash.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hmac {
    /// Of which hash.
    pub algorithm: Algorithm,
    /// Names of secrets; any of their current values may match, so that keys rotate.
    pub keys: Vec<String>,
    /// Where the signature stands.
    pub signature: Source,
    /// What stands before it there: "sha256=".
    pub prefix: String,
    /// How it is written.
    pub encoding: Encoding,
    /// What it covers, one after the other.
    pub over: Vec<Segment>,
    /// Where the time of signing stands, and how old it may be.
    pub timestamp: Option<Timestamp>,
}

/// An Ed25519 signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ed25519 {
    /// Names of secrets (or settings marked so) that hold public keys, 32 bytes in hex or base64.
    pub keys: Vec<String>,
    /// Where the signature stands.
    pub signature: Source,
    /// What stands before it there.
    pub prefix: String,
    /// How it is written.
    pub encoding: Encoding,
    /// What it covers, one after the other.
    pub over: Vec<Segment>,
    /// Where the time of signing stands, and how old it may be.
    pub timestamp: Option<Timestamp>,
}

/// A secret sent as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretIn {
    /// Names of secrets; any of their current values may match.
    pub keys: Vec<String>,
    /// A header, a query parameter or the path; it is removed before anything is journalled.
    pub from: Source,
    /// What stands before it there: "Bearer ".
    pub prefix: String,
}

/// A hash for HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// SHA-1, which old providers still sign with.
    Sha1,
    /// SHA-256.
    Sha256,
}

/// How bytes are written as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// Either case.
    Hex,
    /// The standard alphabet, padded or not.
    Base64,
}

/// A time of signing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timestamp {
    /// Where it stands; it should be one of the segments, else it is not signed.
    pub from: Source,
    /// Whether it counts milliseconds instead of seconds.
    pub milliseconds: bool,
    /// How far it may be from the host's clock, either way, in seconds.
    pub max_age_s: u64,
}

/// A fixed answer, with values of the request written into it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// All must hold.
    pub when: Vec<Condition>,
    /// HTTP status.
    pub status: u16,
    /// "text/plain" or "application/json".
    pub content_type: String,
    /// `${query:x}` quotes a value of the request (escaped where the type is JSON); `${crc}` a computed one.
    pub body: String,
    /// Computed values by name.
    pub values: Vec<ComputedValue>,
    /// The request is a handshake: nothing is journalled.
    pub handshake: bool,
}

/// A condition on a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// What is looked at.
    pub of: Source,
    /// Its value; none: that it has one.
    pub is: Option<String>,
}

/// An HMAC of a value of the request, for providers that ask the receiver to prove that it knows the key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComputedValue {
    /// What `${…}` calls it.
    pub name: String,
    /// Of which hash.
    pub algorithm: Algorithm,
    /// The secret's name; its newest value is used.
    pub key: String,
    /// What is hashed. Only short values of letters, digits, spaces and `-_.~+/=` are, so that nobody can have a
    /// webhook's body signed by asking.
    pub over: Source,
    /// How the result is written.
    pub encoding: Encoding,
}

impl Webhook {
    /// Names of every secret that its recipes and answers use.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        let keys = self.verify.iter().flat_map(|verify| verify.keys());
        let computed = self.answers.iter().flat_map(|answer| answer.values.iter().map(|value| &value.key));
        keys.chain(computed).map(String::as_str)
    }
}

impl Verify {
    /// Names of the secrets that it compares with.
    pub fn keys(&self) -> &[String] {
        match self {
            Verify::Hmac(hmac) => &hmac.keys,
            Verify::Ed25519(signature) => &signature.keys,
            Verify::Secret(secret) => &secret.keys,
            Verify::Jwt(_) => &[],
        }
    }

    /// Where the keys of an issuer are published, if it verifies with such.
    pub fn jwks(&self) -> Option<&url::Url> {
        match self {
            Verify::Jwt(jwt) => Some(&jwt.jwks),
            Verify::Hmac(_) | Verify::Ed25519(_) | Verify::Secret(_) => None,
        }
    }
}

const ALGORITHMS: [(&str, Algorithm); 2] = [("sha1", Algorithm::Sha1), ("sha256", Algorithm::Sha256)];
const ENCODINGS: [(&str, Encoding); 2] = [("hex", Encoding::Hex), ("base64", Encoding::Base64)];

pub(super) fn read(section: &Section<'_>) -> Webhook {
    let verify_sections = section.tables("verify");
    let webhook = Webhook {
        name: section.required("name"),
        address: section.word(
            "address",
            &[("app", AddressKind::App), ("channel", AddressKind::Channel)],
            AddressKind::Channel,
        ),
        path: path(section),
        methods: methods(section),
        when: section.table("when").map(|when| setting_is(&when)),
        verify: verify_sections.iter().filter_map(verify).collect(),
        refuse: status(section, "refuse", 401),
        answers: section.tables("answer").iter().map(answer).collect(),
        plugin_answers: section.boolean("plugin-answers").unwrap_or(false),
        keep_headers: section.strings("keep-headers").iter().map(|name| name.to_ascii_lowercase()).collect(),
    };
    if matches!(webhook.name.as_str(), "visitor" | "mail" | "poll") {
        section.fault("name", "`visitor`, `mail` and `poll` are the host's own ways in");
    }
    let only_answered = !webhook.answers.is_empty() && webhook.answers.iter().all(|answer| answer.handshake);
    if verify_sections.is_empty() && !only_answered {
        section.fault(
            "verify",
            "is required: what nobody verified is never journalled. Only a webhook whose every [[webhook.answer]] is a \
             handshake may go without",
        );
    }
    section.finish();
    webhook
}

fn path(section: &Section<'_>) -> String {
    let path = section.string("path").unwrap_or_default();
    let path = path.trim_end_matches('/').to_owned();
    if !path.is_empty() && !path.starts_with('/') {
        section.fault("path", "must begin with a slash");
    }
    path
}

fn methods(section: &Section<'_>) -> Vec<String> {
    let methods = section.parsed("methods", |word| match word {
        "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" => Ok(word.to_owned()),
        _ => Err("one of GET, HEAD, POST, PUT, PATCH, DELETE".to_owned()),
    });
    if methods.is_empty() { vec!["POST".to_owned()] } else { methods }
}

fn status(section: &Section<'_>, key: &'static str, default: u16) -> u16 {
    let Some(number) = section.number(key) else { return default };
    match u16::try_from(number) {
        Ok(status) if (200..600).contains(&status) => status,
        _ => {
            section.fault(key, "an HTTP status from 200 to 599");
            default
        }
    }
}

pub(super) fn setting_is(section: &Section<'_>) -> SettingIs {
    let when = SettingIs { setting: section.required("setting"), is: section.required("is") };
    section.finish();
    when
}

#[derive(Clone, Copy)]
enum Kind {
    Hmac,
    Ed25519,
    Secret,
    Jwt,
}

/// None where the kind is not known: what the other keys should be then is anybody's guess.
fn verify(section: &Section<'_>) -> Option<Verify> {
    section.required("kind");
    let kinds = [("hmac", Kind::Hmac), ("ed25519", Kind::Ed25519), ("secret", Kind::Secret), ("jwt", Kind::Jwt)];
    let kind = section.choice("kind", &kinds)?;
    let prefix = || section.string("prefix").unwrap_or_default();
    let verify = match kind {
        Kind::Jwt => jwt::read(section).map(Verify::Jwt),
        Kind::Secret => {
            Some(Verify::Secret(SecretIn { keys: keys(section), from: secret_from(section), prefix: prefix() }))
        }
        Kind::Hmac => Some(Verify::Hmac(Hmac {
            algorithm: section.word("algorithm", &ALGORITHMS, Algorithm::Sha256),
            keys: keys(section),
            signature: source(section, "signature"),
            prefix: prefix(),
            encoding: section.word("encoding", &ENCODINGS, Encoding::Hex),
            over: over(section),
            timestamp: section.table("timestamp").map(|time| timestamp(&time)),
        })),
        Kind::Ed25519 => Some(Verify::Ed25519(Ed25519 {
            keys: keys(section),
            signature: source(section, "signature"),
            prefix: prefix(),
            encoding: section.word("encoding", &ENCODINGS, Encoding::Hex),
            over: over(section),
            timestamp: section.table("timestamp").map(|time| timestamp(&time)),
        })),
    };
    section.finish();
    verify
}

fn keys(section: &Section<'_>) -> Vec<String> {
    let keys = section.strings("keys");
    if keys.is_empty() {
        section.fault("keys", "is required: names of the secrets to verify with");
    }
    keys
}

fn secret_from(section: &Section<'_>) -> Source {
    let from = source(section, "from");
    if !matches!(from, Source::Header(_) | Source::Query(_) | Source::Path) {
        section.fault("from", "a secret can be taken out of a header, the query or the path only");
    }
    from
}

fn over(section: &Section<'_>) -> Vec<Segment> {
    let segments = section.parsed("over", str::parse);
    if segments.is_empty() { vec![Segment::Body] } else { segments }
}

fn source(section: &Section<'_>, key: &'static str) -> Source {
    let word = section.required(key);
    word.parse().unwrap_or_else(|words: String| {
        if !word.is_empty() {
            section.fault(key, words);
        }
        Source::Path
    })
}

fn timestamp(section: &Section<'_>) -> Timestamp {
    let time = Timestamp {
        from: source(section, "from"),
        milliseconds: section.word("unit", &[("s", false), ("ms", true)], false),
        max_age_s: section.number("max-age-s").unwrap_or(300),
    };
    section.finish();
    time
}

fn answer(section: &Section<'_>) -> Answer {
    let answer = Answer {
        when: section.tables("when").iter().map(condition).collect(),
        status: status(section, "status", 200),
        content_type: section.string("content-type").unwrap_or_else(|| "text/plain".to_owned()),
        body: section.string("body").unwrap_or_default(),
        values: section.tables("value").iter().map(computed).collect(),
        handshake: section.boolean("handshake").unwrap_or(false),
    };
    // A quoted value in a page that a browser renders would be somebody else's script on the host's origin.
    if !matches!(answer.content_type.as_str(), "text/plain" | "application/json") {
        section.fault("content-type", "`text/plain` or `application/json`");
    }
    for word in placeholders(&answer.body) {
        let known = answer.values.iter().any(|value| value.name == word) || word.parse::<Source>().is_ok();
        if !known {
            section.fault(
                "body",
                format!("`${{{word}}}` is neither a value of the request nor a [[webhook.answer.value]]"),
            );
        }
    }
    section.finish();
    answer
}

fn condition(section: &Section<'_>) -> Condition {
    let condition = Condition { of: source(section, "of"), is: section.string("is") };
    section.finish();
    condition
}

fn computed(section: &Section<'_>) -> ComputedValue {
    let value = ComputedValue {
        name: section.required("name"),
        algorithm: section.word("algorithm", &ALGORITHMS, Algorithm::Sha256),
        key: section.required("key"),
        over: source(section, "over"),
        encoding: section.word("encoding", &ENCODINGS, Encoding::Hex),
    };
    section.finish();
    value
}

/// The words between `${` and `}`.
pub(crate) fn placeholders(body: &str) -> impl Iterator<Item = &str> {
    body.split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(word, _)| word))
}

/// What a webhook's section cannot see alone: that its secrets exist, and are hard enough to guess.
pub(super) fn agree(section: &Section<'_>, webhook: &Webhook, secrets: &[SecretDecl]) {
    for name in webhook.secrets() {
        let verifies = webhook.verify.iter().any(|verify| verify.keys().iter().any(|key| key == name));
        let key = if verifies { "verify" } else { "answer" };
        if !secrets.iter().any(|secret| secret.name == name) {
            let near = super::section::nearest(name, secrets.iter().map(|secret| secret.name.as_str()));
            let hint = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            section.fault(key, format!("uses the secret `{name}`, which no [[secret]] declares{hint}"));
        }
    }
    for verify in &webhook.verify {
        let Verify::Secret(SecretIn { keys, from: Source::Path, .. }) = verify else { continue };
        for secret in secrets.iter().filter(|secret| keys.contains(&secret.name)) {
            let strong = matches!(secret.origin, Origin::Generated(generate) if generate.bits() >= 128.0);
            if !strong {
                section.fault(
                    "verify",
                    format!("`{}`: a secret in the path must be generated, with at least 128 bits", secret.name),
                );
            }
        }
    }
}
