//! Keys of the rows that there are many of: 64-bit integers that grow with time, and the texts that the outside knows them by.
//!
//! A key is, from its highest bit, a zero, 41 bits of milliseconds since 2020, 10 bits of the host's number and 12 bits of a sequence.
//! Outside a key is a prefix and 13 characters of Crockford's base 32: the integer under a keyed permutation, because neither the order
//! nor the distance of two texts may tell how much happens in other workspaces.
//!
//! The permutation and the sequence are the process's, because a process serves one data folder.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, AtomicU16, Ordering::Relaxed, Ordering::SeqCst};

use blowfish::Blowfish;
use blowfish::cipher::{Block, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use serde::de::Deserialize;
use serde::ser::Serialize;

/// 2020-01-01T00:00:00Z, in milliseconds since 1970.
const EPOCH: i64 = 1_577_836_800_000;
const SEQUENCE_BITS: u32 = 12;
const HOST_BITS: u32 = 10;
const TIME_SHIFT: u32 = SEQUENCE_BITS + HOST_BITS;
/// Characters of a text after its prefix.
const DIGITS: usize = 13;
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// What a key names.
pub trait Kind {
    /// What its texts begin with, before `_`.
    const PREFIX: &'static str;
}

macro_rules! kinds {
    ($($kind:ident, $id:ident, $prefix:literal, $doc:literal;)*) => {$(
        #[doc = concat!("Marks the key of a ", $doc, ".")]
        #[derive(Debug)]
        pub enum $kind {}

        impl Kind for $kind {
            const PREFIX: &'static str = $prefix;
        }

        #[doc = concat!("The key of a ", $doc, ": `", $prefix, "_…` outside.")]
        pub type $id = Id<$kind>;
    )*};
}

kinds! {
    Message, MessageId, "msg", "message";
    Conversation, ConversationId, "cv", "conversation";
    Contact, ContactId, "ct", "contact";
    Media, MediaId, "md", "file";
    Delivery, DeliveryId, "dlv", "delivery to an endpoint";
    Request, RequestId, "req", "request in the journal";
    Event, EventId, "evt", "row of the feed";
    Line, LineId, "ln", "line of the audit log";
    Entry, EntryId, "en", "entry of a web visitor's stream";
}

/// The key of a row.
pub struct Id<K>(i64, PhantomData<fn() -> K>);

impl<K: Kind> Id<K> {
    /// The key that no row has.
    pub const NONE: Id<K> = Id(0, PhantomData);

    /// A new key, greater than each that this process made or found before. `now`: in milliseconds since 1970.
    pub fn new(now: i64) -> Id<K> {
        Id(next(now), PhantomData)
    }

    /// The key with this number.
    pub const fn of_row(number: i64) -> Id<K> {
        Id(number, PhantomData)
    }

    /// The key of a text from outside; [`Id::NONE`] for a text that names no key of this kind, so that what it names is not found.
    pub fn of(text: &str) -> Id<K> {
        Self::read(text).unwrap_or(Self::NONE)
    }

    /// As [`Id::of`], for where a follower goes on: `0` is the beginning, and a text that names no key is none.
    pub fn seen(text: &str) -> Option<Id<K>> {
        if text == "0" { Some(Self::NONE) } else { Self::read(text) }
    }

    /// The number that the database knows.
    pub const fn row(self) -> i64 {
        self.0
    }

    fn read(text: &str) -> Option<Id<K>> {
        let digits = text.strip_prefix(K::PREFIX)?.strip_prefix('_')?.as_bytes();
        if digits.len() != DIGITS {
            return None;
        }
        let mut value: u64 = 0;
        for digit in digits {
            let digit = ALPHABET.iter().position(|known| known == digit)? as u64;
            value = value.checked_mul(32)?.checked_add(digit)?;
        }
        let number = i64::try_from(revealed(value)).ok().filter(|number| *number > 0)?;
        Some(Id(number, PhantomData))
    }
}

impl<K: Kind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut value = hidden(self.0 as u64);
        let mut digits = [0u8; DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = ALPHABET[(value & 31) as usize];
            value >>= 5;
        }
        f.write_str(K::PREFIX)?;
        f.write_str("_")?;
        f.write_str(std::str::from_utf8(&digits).unwrap_or_default())
    }
}

impl<K: Kind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K: Kind> From<Id<K>> for String {
    fn from(id: Id<K>) -> String {
        id.to_string()
    }
}

impl<K: Kind> From<Id<K>> for std::borrow::Cow<'_, str> {
    fn from(id: Id<K>) -> Self {
        id.to_string().into()
    }
}

impl<K: Kind> Serialize for Id<K> {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de, K: Kind> Deserialize<'de> for Id<K> {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(from)?;
        Self::read(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("must be an id that begins with {}_", K::PREFIX)))
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Id<K> {}

impl<K: Kind> Default for Id<K> {
    fn default() -> Self {
        Self::NONE
    }
}

impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl<K> Eq for Id<K> {}

impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// The greatest key that this process made or found.
static LAST: AtomicI64 = AtomicI64::new(0);
/// The host's number.
static HOST: AtomicU16 = AtomicU16::new(0);

/// A database is served from now on: this process makes keys with this number of a host, of which the lowest bits count, and none that is
/// not greater than `last`.
pub fn serve(host: u16, last: i64) {
    HOST.store(host & ((1 << HOST_BITS) - 1), SeqCst);
    LAST.fetch_max(last, SeqCst);
}

/// A key of no row that is there yet is greater than this.
pub fn last<K: Kind>() -> Id<K> {
    Id::of_row(LAST.load(SeqCst))
}

/// The next key. It also grows while the clock stands still or goes back.
fn next(now: i64) -> i64 {
    let first_of = |ms: i64| ms << TIME_SHIFT | i64::from(HOST.load(Relaxed)) << SEQUENCE_BITS;
    let mut last = LAST.load(Relaxed);
    loop {
        let of_now = first_of((now - EPOCH).max(1));
        let after_last = match (last + 1) & ((1 << SEQUENCE_BITS) - 1) {
            0 => first_of((last >> TIME_SHIFT) + 1),
            // Another host's last key may be the greatest that was found.
            _ => (last + 1).max(first_of(last >> TIME_SHIFT)),
        };
        let key = of_now.max(after_last);
        match LAST.compare_exchange_weak(last, key, SeqCst, Relaxed) {
            Ok(_) => return key,
            Err(newer) => last = newer,
        }
    }
}

/// The key of the permutation, with the cipher that is the permutation.
static PERMUTATION: OnceLock<([u8; 32], Blowfish)> = OnceLock::new();

/// Has texts made under this key, where none is in use yet; the key in use.
pub fn permute_by(key: [u8; 32]) -> [u8; 32] {
    permutation(|| key).0
}

fn permutation(key: impl FnOnce() -> [u8; 32]) -> &'static ([u8; 32], Blowfish) {
    PERMUTATION.get_or_init(|| {
        let key = key();
        (key, Blowfish::new_from_slice(&key).expect("Blowfish takes keys of 32 bytes"))
    })
}

/// The permutation in use. Before a database is opened, which happens in tests alone, its key is zero.
fn cipher() -> &'static Blowfish {
    &permutation(|| [0; 32]).1
}

fn hidden(number: u64) -> u64 {
    let mut block: Block<Blowfish> = number.to_be_bytes().into();
    cipher().encrypt_block(&mut block);
    u64::from_be_bytes(block.into())
}

fn revealed(number: u64) -> u64 {
    let mut block: Block<Blowfish> = number.to_be_bytes().into();
    cipher().decrypt_block(&mut block);
    u64::from_be_bytes(block.into())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn each_key_comes_back_from_its_text_and_from_json(number in 1i64..) {
            let id = MessageId::of_row(number);
            prop_assert_eq!(MessageId::of(&id.to_string()), id);
            let json = serde_json::to_string(&id).expect("json");
            prop_assert_eq!(serde_json::from_str::<MessageId>(&json).expect("an id"), id);
            prop_assert_eq!(ConversationId::of(&id.to_string()), ConversationId::NONE, "a key of another kind");
        }

        /// Whatever stands in a text, reading it neither fails nor finds another key than the one with exactly this text.
        #[test]
        fn a_malformed_text_names_nothing(text in "(msg_)?[0-9a-zA-Z_]{0,16}") {
            let id = MessageId::of(&text);
            prop_assert!(id == MessageId::NONE || id.to_string() == text);
        }

        /// The clock may stand still, jump or go back.
        #[test]
        fn keys_grow_whatever_the_clock_does(times in prop::collection::vec(0i64..4_000_000_000_000, 1..50)) {
            let keys: Vec<_> = times.into_iter().map(MessageId::new).collect();
            prop_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn threads_never_get_the_same_key() {
        let make = || (0..20_000).map(|_| MessageId::new(1_700_000_000_000)).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(make)).collect();
        let keys: HashSet<_> = threads.into_iter().flat_map(|thread| thread.join().expect("made")).collect();
        assert_eq!(keys.len(), 80_000);
    }

    #[test]
    fn neighbours_are_far_apart_outside() {
        let texts: Vec<_> = (1..=200).map(|row| MessageId::of_row(row).to_string()).collect();
        let rising = texts.windows(2).filter(|pair| pair[0] < pair[1]).count();
        assert!((60..140).contains(&rising), "the order of texts says nothing: {rising}");
        let beginnings: HashSet<_> = texts.iter().map(|text| &text[4..8]).collect();
        assert!(beginnings.len() > 190, "nor do their beginnings");
    }
}
