//! `[[secret]]`: the secrets that a plugin may name, where they come from, and where they may stand.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::destination::Target;
use super::section::Section;
use super::source::is_header_name;

/// One secret by name. Its value is never in the plugin's memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretDecl {
    /// Unique in the plugin; settings name it with `x-secret`.
    pub name: String,
    /// Whose it is.
    pub scope: Scope,
    /// Who gives the value.
    pub origin: Origin,
    /// Where a request may carry it; none: only recipes and `crypto` may use it.
    pub destinations: Vec<Target>,
    /// In which parts of such a request.
    pub places: Vec<Place>,
}

/// Whose a secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// A registration's with the provider, shared by its channels.
    App,
    /// One channel's.
    Channel,
}

/// Who gives a secret its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A person types it.
    Admin,
    /// The host makes it when the channel or app is made.
    Generated(Generate),
    /// The provider hands it out, and a capture takes it from the answer.
    Obtained,
}

/// How the host makes a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generate {
    /// In characters.
    pub length: u32,
    /// Of what.
    pub alphabet: Alphabet,
    /// Whether a person sees it, to copy it into the provider's console.
    pub shown: bool,
}

impl Generate {
    /// How hard it is to guess.
    pub fn bits(&self) -> f64 {
        f64::from(self.length) * (self.alphabet.characters().len() as f64).log2()
    }
}

/// Characters of a generated secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alphabet {
    /// 0-9 a-f
    Hex,
    /// 0-9
    Digits,
    /// A-Z a-z 0-9
    Alphanumeric,
    /// A-Z a-z 0-9 - _
    UrlSafe,
}

impl Alphabet {
    /// Every character, once.
    pub fn characters(self) -> &'static str {
        match self {
            Alphabet::Hex => "0123456789abcdef",
            Alphabet::Digits => "0123456789",
            Alphabet::Alphanumeric => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            Alphabet::UrlSafe => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
        }
    }
}

/// A part of a request in which a secret may stand.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Place {
    /// The `Authorization` header that the host writes (`http.request.auth`).
    Auth,
    /// The path of the URL.
    Path,
    /// The password of a mail account (`mailer.account`) whose server a setting names.
    Smtp,
    /// This header, in lower case.
    Header(String),
    /// This parameter of the query.
    Query(String),
    /// This JSON Pointer of the body; of a form, the field of that name.
    Body(String),
}

impl FromStr for Place {
    type Err = String;

    fn from_str(word: &str) -> Result<Place, String> {
        let (kind, name) = word.split_once(':').unwrap_or((word, ""));
        match (kind, name) {
            ("auth", "") => Ok(Place::Auth),
            ("path", "") => Ok(Place::Path),
            ("smtp", "") => Ok(Place::Smtp),
            ("header", name) if is_header_name(name) => Ok(Place::Header(name.to_ascii_lowercase())),
            ("query", name) if !name.is_empty() => Ok(Place::Query(name.to_owned())),
            ("body", pointer) if pointer.starts_with('/') => Ok(Place::Body(pointer.to_owned())),
            _ => Err("expected auth, path, smtp, header:NAME, query:NAME or body:/POINTER".to_owned()),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Auth => out.write_str("auth"),
            Place::Path => out.write_str("path"),
            Place::Smtp => out.write_str("smtp"),
            Place::Header(name) => write!(out, "header:{name}"),
            Place::Query(name) => write!(out, "query:{name}"),
            Place::Body(pointer) => write!(out, "body:{pointer}"),
        }
    }
}

impl TryFrom<String> for Place {
    type Error = String;
    fn try_from(word: String) -> Result<Place, String> {
        word.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> String {
        place.to_string()
    }
}

#[derive(Clone, Copy)]
enum OriginWord {
    Admin,
    Generated,
    Obtained,
}

pub(super) fn read(section: &Section<'_>) -> SecretDecl {
    let name = section.required("name");
    let proper = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if !proper {
        section.fault("name", "lower-case letters, digits and underscores");
    }
    let scope = section.word("scope", &[("app", Scope::App), ("channel", Scope::Channel)], Scope::Channel);
    let origin = read_origin(section);
    let destinations = section.parsed("destinations", str::parse);
    let places = section.parsed("places", str::parse);
    let given = |key| !section.strings(key).is_empty();
    if given("destinations") != given("places") {
        section.fault("places", "`destinations` and `places` go together: where, and in which part of the request");
    }
    section.finish();
    SecretDecl { name, scope, origin, destinations, places }
}

fn read_origin(section: &Section<'_>) -> Origin {
    let words =
        [("admin", OriginWord::Admin), ("generated", OriginWord::Generated), ("obtained", OriginWord::Obtained)];
    let word = section.word("origin", &words, OriginWord::Admin);
    let alphabets = [
        ("hex", Alphabet::Hex),
        ("digits", Alphabet::Digits),
        ("alphanumeric", Alphabet::Alphanumeric),
        ("url-safe", Alphabet::UrlSafe),
    ];
    let length = section.number("length");
    let alphabet = section.word("alphabet", &alphabets, Alphabet::Alphanumeric);
    let shown = section.boolean("shown").unwrap_or(false);
    match word {
        OriginWord::Generated => {
            let length = length.unwrap_or(43);
            if !(4..=256).contains(&length) {
                section.fault("length", "from 4 to 256 characters");
            }
            Origin::Generated(Generate { length: length.clamp(4, 256) as u32, alphabet, shown })
        }
        other => {
            for key in ["length", "alphabet", "shown"] {
                if section.has(key) {
                    section.fault(key, "only with origin = \"generated\"");
                }
            }
            if matches!(other, OriginWord::Admin) { Origin::Admin } else { Origin::Obtained }
        }
    }
}
