//! The secrets of one call: the words that stand for them, what was taken out of answers, and what must not be seen in
//! anything that comes back. A value enters a request at the last moment and leaves nothing behind but its own memory here.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::scrub::{Forms, Scrubber};
use crate::limits::Limits;
use crate::manifest::Alphabet;
use crate::services::SecretValue;

/// Values shorter than this are found by chance everywhere, and scrubbing them would say what they are.
const SHORTEST_SCRUBBED: usize = 4;

/// RFC 3986: everything but unreserved characters.
pub(crate) const URL_ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What every marker begins with.
const WORD_START: &str = "sbg";
/// Letters and digits of a marker after its beginning.
const WORD_TAIL: usize = 24;

/// How a value is written where its marker stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Raw,
    Json,
    Url,
    Base64,
}

impl Encoding {
    pub(crate) fn read(word: &str) -> Result<Encoding, String> {
        match word {
            "raw" => Ok(Encoding::Raw),
            "json" => Ok(Encoding::Json),
            "url" => Ok(Encoding::Url),
            "base64" => Ok(Encoding::Base64),
            other => Err(format!("unknown encoding `{other}`: raw, json, url or base64")),
        }
    }

    pub(crate) fn write(self, value: &[u8]) -> Vec<u8> {
        let text = String::from_utf8_lossy(value);
        match self {
            Encoding::Raw => value.to_vec(),
            Encoding::Json => {
                let quoted = serde_json::Value::from(text.as_ref()).to_string();
                quoted.as_bytes()[1..quoted.len() - 1].to_vec()
            }
            Encoding::Url => utf8_percent_encode(&text, URL_ENCODED).to_string().into_bytes(),
            Encoding::Base64 => STANDARD.encode(value).into_bytes(),
        }
    }
}

/// The words of a `resolve` that stand in the request it answered with: the download writes their values in. Opaque to
/// whoever carries them from the one to the other.
#[derive(Clone, Default)]
pub struct Markers(pub(crate) Vec<Marker>);

impl std::fmt::Debug for Markers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Markers({})", self.0.len())
    }
}

/// A word that was issued in this call.
#[derive(Clone)]
pub(crate) struct Marker {
    pub(crate) word: String,
    /// The secret's name.
    pub(crate) name: String,
    pub(crate) encoding: Encoding,
    pub(crate) value: SecretValue,
    pub(crate) used: bool,
}

/// How much one call may do with secrets: every byte that comes back is compared with all of them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    markers: usize,
    captures: usize,
    form_bytes: usize,
}

impl From<&Limits> for Bounds {
    fn from(limits: &Limits) -> Bounds {
        Bounds {
            markers: limits.markers as usize,
            captures: limits.captures as usize,
            form_bytes: limits.secret_bytes as usize,
        }
    }
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds::from(&Limits::default())
    }
}

/// What one call knows of secrets.
#[derive(Default)]
pub(crate) struct Vault {
    pub(crate) markers: Vec<Marker>,
    /// The channel's address with a marker at its end, where it has one.
    pub(crate) address: Option<String>,
    captured: BTreeMap<String, SecretValue>,
    /// By the name under which the call keeps them.
    kept: BTreeMap<String, SecretValue>,
    /// In every form in which they might come back.
    forms: Forms,
    bounds: Bounds,
}

impl Vault {
    /// Of a call with these limits.
    pub(crate) fn new(limits: &Limits) -> Vault {
        Vault { bounds: limits.into(), ..Vault::default() }
    }

    /// A new word for a secret.
    pub(crate) fn issue(&mut self, name: &str, encoding: Encoding, value: SecretValue) -> Result<String, String> {
        if self.markers.len() >= self.bounds.markers {
            return Err(format!("at most {} markers in one call", self.bounds.markers));
        }
        let mut random = [0u8; WORD_TAIL];
        getrandom::fill(&mut random).map_err(|_| "the host has no randomness".to_owned())?;
        let alphabet = Alphabet::Alphanumeric.characters().as_bytes();
        let tail: String = random.iter().map(|byte| alphabet[usize::from(*byte) % alphabet.len()] as char).collect();
        let word = format!("{WORD_START}{tail}");
        self.markers.push(Marker { word: word.clone(), name: name.to_owned(), encoding, value, used: false });
        Ok(word)
    }

    /// Every place in these bytes where a marker of this call stands, in one pass: its offset and its number.
    pub(crate) fn find_markers(&self, bytes: &[u8]) -> Vec<(usize, usize)> {
        let words: HashMap<&[u8], usize> =
            self.markers.iter().enumerate().map(|(number, marker)| (marker.word.as_bytes(), number)).collect();
        let mut found = Vec::new();
        if words.is_empty() {
            return found;
        }
        let mut free = 0;
        for at in memchr::memmem::find_iter(bytes, WORD_START) {
            let word = bytes.get(at..at + WORD_START.len() + WORD_TAIL);
            if at >= free
                && let Some(number) = word.and_then(|word| words.get(word))
            {
                found.push((at, *number));
                free = at + WORD_START.len() + WORD_TAIL;
            }
        }
        found
    }

    /// Remembers that a value goes into a request: from now on it is scrubbed from whatever comes back.
    ///
    /// # Errors
    /// This call has as many bytes of secrets as it may.
    pub(crate) fn placed(&mut self, value: &[u8]) -> Result<(), String> {
        if value.len() < SHORTEST_SCRUBBED {
            return Ok(());
        }
        let too_many = || format!("the secrets of one call have too many bytes (at most {})", self.bounds.form_bytes);
        if value.len() > self.bounds.form_bytes {
            return Err(too_many());
        }
        let text = String::from_utf8_lossy(value);
        let url = Encoding::Url.write(value);
        let forms = [
            value.to_vec(),
            Encoding::Json.write(value),
            // A provider that quotes the request's JSON in a string of its answer's.
            Encoding::Json.write(&Encoding::Json.write(value)),
            text.replace('/', "\\/").into_bytes(),
            url.to_ascii_lowercase(),
            url,
            url::form_urlencoded::byte_serialize(value).collect::<String>().into_bytes(),
            STANDARD.encode(value).into_bytes(),
            STANDARD_NO_PAD.encode(value).into_bytes(),
            URL_SAFE.encode(value).into_bytes(),
            URL_SAFE_NO_PAD.encode(value).into_bytes(),
        ];
        if self.forms.add(forms, self.bounds.form_bytes) { Ok(()) } else { Err(too_many()) }
    }

    /// Takes a value out of an answer under a label.
    ///
    /// # Errors
    /// This call took as many as it may.
    pub(crate) fn capture(&mut self, label: String, value: SecretValue) -> Result<(), String> {
        if self.captured.len() >= self.bounds.captures {
            return Err(format!("at most {} values can be captured in one call", self.bounds.captures));
        }
        self.placed(value.expose())?;
        self.captured.insert(label, value);
        Ok(())
    }

    /// What a capture took.
    pub(crate) fn captured(&self, label: &str) -> Option<&SecretValue> {
        self.captured.get(label)
    }

    /// A name stands for this value from now on.
    pub(crate) fn keep(&mut self, name: String, value: SecretValue) {
        self.kept.insert(name, value);
    }

    /// What this call keeps under a name.
    pub(crate) fn kept(&self, name: &str) -> Option<&SecretValue> {
        self.kept.get(name)
    }

    /// Whether a secret was put into a request of this call, or taken out of an answer.
    pub(crate) fn knows_secrets(&self) -> bool {
        self.forms.bytes() > 0 || !self.captured.is_empty() || self.markers.iter().any(|marker| marker.used)
    }

    /// Bytes of all that is looked for, where the search for it is not built yet.
    pub(crate) fn unbuilt_bytes(&self) -> usize {
        self.forms.unbuilt_bytes()
    }

    /// Builds the search, which otherwise the first scrubbing that needs it does.
    pub(crate) fn build_search(&mut self) {
        self.forms.build();
    }

    /// The bytes without any value that this call put into a request or took out of an answer.
    pub(crate) fn scrub(&self, bytes: Vec<u8>) -> Vec<u8> {
        self.forms.scrub(bytes)
    }

    /// As [`Vault::scrub`], for words.
    pub(crate) fn scrub_text(&self, text: &str) -> String {
        if self.forms.bytes() == 0 {
            return text.to_owned();
        }
        String::from_utf8_lossy(&self.forms.scrub(text.as_bytes().to_vec())).into_owned()
    }

    /// As [`Vault::scrub`], for a file that passes in pieces.
    pub(crate) fn scrubber(&self) -> Scrubber {
        Scrubber::new(self.forms.patterns_in_files())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::super::scrub::SCRUBBED;
    use super::*;

    #[test]
    fn a_value_is_scrubbed_in_every_form_it_may_come_back_in() {
        let mut vault = Vault::default();
        let secret = "p\"a/s+s w\\ord";
        vault.placed(secret.as_bytes()).unwrap();
        let forms = [
            secret.to_owned(),
            r#"p\"a/s+s w\\ord"#.to_owned(),
            "p%22a%2Fs%2Bs%20w%5Cord".to_owned(),
            "p%22a%2fs%2bs%20w%5cord".to_owned(),
            "p%22a%2Fs%2Bs+w%5Cord".to_owned(),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
        ];
        for form in forms {
            assert_eq!(vault.scrub_text(&format!("before {form} after {form}")), "before *** after ***", "{form}");
        }
    }

    #[test]
    fn markers_are_words_of_their_own_each_time() {
        let mut vault = Vault::default();
        let word = |vault: &mut Vault| vault.issue("a", Encoding::Raw, SecretValue::from("v".to_owned())).unwrap();
        assert_ne!(word(&mut vault), word(&mut vault));
        for _ in 2..vault.bounds.markers {
            word(&mut vault);
        }
        assert!(vault.issue("a", Encoding::Raw, SecretValue::from("v".to_owned())).is_err());
    }

    #[test]
    fn what_is_there_by_chance_spoils_no_file() {
        let mut vault = Vault::default();
        vault.placed(b"\x07\x08\x09\x0a").unwrap();
        let file = Bytes::from_static(b"\x00\x07\x08\x09\x0a\x01");
        let mut scrubber = vault.scrubber();
        assert_eq!([scrubber.pass(&file), scrubber.rest()].concat(), file);
    }

    proptest! {
        #[test]
        fn a_stream_is_scrubbed_wherever_it_is_cut(
            secret in "[a-z\"/+]{8,20}",
            before in "[a-z]{0,30}",
            after in "[a-z]{0,30}",
            cuts in prop::collection::vec(1usize..12, 0..40),
        ) {
            let mut vault = Vault::default();
            vault.placed(secret.as_bytes()).unwrap();
            let whole = format!("{before}{secret}{after}{secret}").into_bytes();
            let mut scrubber = vault.scrubber();
            let (mut left, mut clean) = (whole.as_slice(), Vec::new());
            for cut in cuts {
                let (piece, rest) = left.split_at(cut.min(left.len()));
                clean.extend_from_slice(&scrubber.pass(&Bytes::copy_from_slice(piece)));
                left = rest;
            }
            clean.extend_from_slice(&scrubber.pass(&Bytes::copy_from_slice(left)));
            clean.extend_from_slice(&scrubber.rest());
            prop_assert!(memchr::memmem::find(&clean, secret.as_bytes()).is_none());
            prop_assert_eq!(memchr::memmem::find_iter(&clean, SCRUBBED).count(), 2);
        }

        #[test]
        fn nothing_that_was_placed_is_left(secret in "[a-zA-Z0-9/+=\"\\\\ ]{4,40}", before in "\\PC{0,40}", after in "\\PC{0,40}") {
            let mut vault = Vault::default();
            vault.placed(secret.as_bytes()).unwrap();
            for form in [secret.clone(), STANDARD.encode(&secret), serde_json::json!(secret).to_string()] {
                let scrubbed = vault.scrub_text(&format!("{before}{form}{after}"));
                prop_assert!(!scrubbed.contains(&secret) || "***".contains(&secret));
            }
        }

        #[test]
        fn what_was_not_placed_stays(text in "\\PC{0,100}") {
            prop_assert_eq!(Vault::default().scrub_text(&text), text);
        }
    }
}
