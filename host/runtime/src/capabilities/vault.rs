//! The secrets of one call: the words that stand for them, what was taken out of answers, and what must not be seen in
//! anything that comes back. A value enters a request at the last moment and leaves nothing behind but its own memory here.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::manifest::Alphabet;
use crate::services::SecretValue;

/// What scrubbing leaves.
const SCRUBBED: &[u8] = b"***";

/// Values shorter than this are found by chance everywhere, and scrubbing them would say what they are.
const SHORTEST_SCRUBBED: usize = 4;

/// The same for files, which may be large and of any kind: to write over what is there by chance would spoil them.
const SHORTEST_IN_FILES: usize = 8;

/// RFC 3986: everything but unreserved characters.
pub(crate) const URL_ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Words that one call may be given.
const MAX_MARKERS: usize = 256;

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

/// What captures of one call may take out of answers, all together. Each value is looked for in everything that follows.
const MAX_CAPTURED: usize = 256;

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
    forms: Vec<Vec<u8>>,
}

impl Vault {
    /// A new word for a secret.
    pub(crate) fn issue(&mut self, name: &str, encoding: Encoding, value: SecretValue) -> Result<String, String> {
        if self.markers.len() >= MAX_MARKERS {
            return Err(format!("at most {MAX_MARKERS} markers in one call"));
        }
        let mut random = [0u8; 24];
        getrandom::fill(&mut random).map_err(|_| "the host has no randomness".to_owned())?;
        let alphabet = Alphabet::Alphanumeric.characters().as_bytes();
        let tail: String = random.iter().map(|byte| alphabet[usize::from(*byte) % alphabet.len()] as char).collect();
        let word = format!("sbg{tail}");
        self.markers.push(Marker { word: word.clone(), name: name.to_owned(), encoding, value, used: false });
        Ok(word)
    }

    /// Remembers that a value goes into a request: from now on it is scrubbed from whatever comes back.
    pub(crate) fn placed(&mut self, value: &[u8]) {
        if value.len() < SHORTEST_SCRUBBED {
            return;
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
        for form in forms {
            if !self.forms.contains(&form) {
                self.forms.push(form);
            }
        }
        // A form that begins another must not cut it short.
        self.forms.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// Takes a value out of an answer under a label.
    ///
    /// # Errors
    /// This call took as many as it may.
    pub(crate) fn capture(&mut self, label: String, value: SecretValue) -> Result<(), String> {
        if self.captured.len() >= MAX_CAPTURED {
            return Err(format!("at most {MAX_CAPTURED} values can be captured in one call"));
        }
        self.placed(value.expose());
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

    /// The bytes without any value that this call put into a request or took out of an answer.
    pub(crate) fn scrub(&self, bytes: Vec<u8>) -> Vec<u8> {
        scrub(&self.forms, bytes)
    }

    /// As [`Vault::scrub`], for words.
    pub(crate) fn scrub_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.scrub(text.as_bytes().to_vec())).into_owned()
    }

    /// As [`Vault::scrub`], for a file that passes in pieces.
    pub(crate) fn scrubber(&self) -> Scrubber {
        let forms: Vec<_> = self.forms.iter().filter(|form| form.len() >= SHORTEST_IN_FILES).cloned().collect();
        let longest = forms.first().map_or(0, Vec::len);
        Scrubber { forms, longest, held: Vec::new() }
    }
}

fn scrub(forms: &[Vec<u8>], bytes: Vec<u8>) -> Vec<u8> {
    let mut scrubbed = bytes;
    for form in forms {
        let finder = memchr::memmem::Finder::new(form);
        if finder.find(&scrubbed).is_none() {
            continue;
        }
        let mut clean = Vec::with_capacity(scrubbed.len());
        let mut from = 0;
        for at in finder.find_iter(&scrubbed) {
            clean.extend_from_slice(&scrubbed[from..at]);
            clean.extend_from_slice(SCRUBBED);
            from = at + form.len();
        }
        clean.extend_from_slice(&scrubbed[from..]);
        scrubbed = clean;
    }
    scrubbed
}

/// Scrubs a stream. What may be the beginning of a value is held back until its rest has come.
pub(crate) struct Scrubber {
    forms: Vec<Vec<u8>>,
    longest: usize,
    held: Vec<u8>,
}

impl Scrubber {
    /// Takes the next piece, and gives what may go on.
    pub(crate) fn pass(&mut self, piece: &Bytes) -> Bytes {
        if self.forms.is_empty() {
            return piece.clone();
        }
        self.held.extend_from_slice(piece);
        self.held = scrub(&self.forms, std::mem::take(&mut self.held));
        let whole = self.held.len().saturating_sub(self.longest - 1);
        let rest = self.held.split_off(whole);
        Bytes::from(std::mem::replace(&mut self.held, rest))
    }

    /// What is left when the last piece has passed.
    pub(crate) fn rest(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.held))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_value_is_scrubbed_in_every_form_it_may_come_back_in() {
        let mut vault = Vault::default();
        let secret = "p\"a/s+s w\\ord";
        vault.placed(secret.as_bytes());
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
        for _ in 2..MAX_MARKERS {
            word(&mut vault);
        }
        assert!(vault.issue("a", Encoding::Raw, SecretValue::from("v".to_owned())).is_err());
    }

    #[test]
    fn what_is_there_by_chance_spoils_no_file() {
        let mut vault = Vault::default();
        vault.placed(b"\x07\x08\x09\x0a");
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
            vault.placed(secret.as_bytes());
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
            vault.placed(secret.as_bytes());
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
