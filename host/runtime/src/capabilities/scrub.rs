//! Scrubbing: what comes back from a provider is searched for every form of every secret of the call, in one pass, whatever
//! their number.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, Input};
use bytes::Bytes;
use memchr::memmem;

/// What scrubbing leaves.
pub(crate) const SCRUBBED: &[u8] = b"***";

/// Forms shorter than this are not looked for in files, which may be large and of any kind: to write over what is there by
/// chance would spoil them.
const SHORTEST_IN_FILES: usize = 8;

/// Forms of so many bytes together are looked for one by one, where the text is short; most calls' are fewer, and to build the search
/// for them takes longer than the call.
const FEW: usize = 16 << 10;

/// Bytes that a call looks at one form after the other; what comes after them is scrubbed by the search, which looks at each byte once.
const LOOKED_AT: usize = 256 << 10;

/// What beginning to look for one form costs, in bytes that could be looked at.
const BEGINNING: usize = 256;

/// Bytes that a stream gathers before it passes them on, where it has to hold some back.
const PASSED_ON: usize = 4 << 10;

/// The forms of one call's secrets.
#[derive(Default)]
pub(crate) struct Forms {
    all: HashSet<Vec<u8>>,
    bytes: usize,
    /// Bytes that were looked at one form after the other.
    looked_at: AtomicUsize,
    built: OnceLock<Arc<Patterns>>,
    built_for_files: OnceLock<Option<Arc<Patterns>>>,
}

impl Forms {
    /// Adds forms, as long as all together have no more than `most` bytes. Answers whether they were added.
    pub(crate) fn add(&mut self, forms: impl IntoIterator<Item = Vec<u8>>, most: usize) -> bool {
        let new: HashSet<_> = forms.into_iter().filter(|form| !self.all.contains(form)).collect();
        if new.is_empty() {
            return true;
        }
        let bytes = self.bytes + new.iter().map(Vec::len).sum::<usize>();
        if bytes > most {
            return false;
        }
        self.bytes = bytes;
        self.all.extend(new);
        self.built.take();
        self.built_for_files.take();
        true
    }

    /// Bytes of all of them together.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes of all of them together, or 0 where the search for them is built or may never be needed.
    pub(crate) fn unbuilt_bytes(&self) -> usize {
        if self.built.get().is_some() || self.bytes <= FEW { 0 } else { self.bytes }
    }

    /// Builds the search, unless they are so few that it may never be needed.
    pub(crate) fn build(&self) {
        if self.bytes > FEW {
            self.patterns();
            self.patterns_in_files();
        }
    }

    /// Whether the forms are looked for one after the other in a text of this length, which counts then.
    fn looks_one_by_one(&self, length: usize) -> bool {
        if self.built.get().is_some() || self.bytes > FEW {
            return false;
        }
        let cost = length.saturating_add(BEGINNING).saturating_mul(self.all.len());
        let before = self.looked_at.load(Ordering::Relaxed);
        let fits = before.saturating_add(cost) <= LOOKED_AT;
        if fits {
            self.looked_at.store(before + cost, Ordering::Relaxed);
        }
        fits
    }

    /// The bytes without any of them.
    pub(crate) fn scrub(&self, bytes: Vec<u8>) -> Vec<u8> {
        if self.looks_one_by_one(bytes.len()) && self.all.iter().all(|form| memmem::find(&bytes, form).is_none()) {
            return bytes;
        }
        match self.patterns() {
            Some(patterns) => patterns.scrub(bytes),
            None => bytes,
        }
    }

    /// The search for all of them; `None` where there are none.
    pub(crate) fn patterns(&self) -> Option<Arc<Patterns>> {
        if self.all.is_empty() {
            return None;
        }
        Some(self.built.get_or_init(|| Arc::new(Patterns::new(self.all.iter()))).clone())
    }

    /// The search for those that are looked for in files.
    pub(crate) fn patterns_in_files(&self) -> Option<Arc<Patterns>> {
        let long = |form: &&Vec<u8>| form.len() >= SHORTEST_IN_FILES;
        if self.all.iter().all(|form| long(&form)) {
            return self.patterns();
        }
        let build = || self.all.iter().any(|form| long(&form)).then(|| Patterns::new(self.all.iter().filter(long)));
        self.built_for_files.get_or_init(|| build().map(Arc::new)).clone()
    }
}

/// A search for many patterns at once.
pub(crate) struct Patterns {
    automaton: NFA,
    start: StateID,
    longest: usize,
}

impl Patterns {
    fn new<'f>(forms: impl Iterator<Item = &'f Vec<u8>>) -> Patterns {
        let forms: Vec<&Vec<u8>> = forms.collect();
        let longest = forms.iter().map(|form| form.len()).max().unwrap_or_default();
        let automaton = NFA::new(&forms).expect("the forms of one call are few and short");
        let start = automaton.start_state(Anchored::No).expect("an unanchored search is always possible");
        Patterns { automaton, start, longest }
    }

    /// The bytes without what is looked for.
    pub(crate) fn scrub(&self, bytes: Vec<u8>) -> Vec<u8> {
        if matches!(self.automaton.try_find(&Input::new(&bytes).earliest(true)), Ok(None)) {
            return bytes;
        }
        let mut found = Found::new(self);
        found.read(self, &bytes);
        let mut clean = Vec::with_capacity(bytes.len());
        let mut from = 0;
        for span in &found.spans {
            clean.extend_from_slice(&bytes[from..span.start]);
            clean.extend_from_slice(SCRUBBED);
            from = span.end;
        }
        clean.extend_from_slice(&bytes[from..]);
        clean
    }
}

/// Where patterns were found in what was read until now. Each byte is looked at once, and of the patterns that end with it
/// only the longest counts, because it covers the others.
struct Found {
    state: StateID,
    read: usize,
    /// In order, without overlaps.
    spans: Vec<Span>,
}

#[derive(Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    /// Its beginning was passed on already, and stars for it.
    begun: bool,
}

impl Found {
    fn new(patterns: &Patterns) -> Found {
        Found { state: patterns.start, read: 0, spans: Vec::new() }
    }

    fn read(&mut self, patterns: &Patterns, bytes: &[u8]) {
        for byte in bytes {
            self.state = patterns.automaton.next_state(Anchored::No, self.state, *byte);
            self.read += 1;
            // Only these states may be matches, and most are none of them.
            if patterns.automaton.is_special(self.state) && patterns.automaton.is_match(self.state) {
                // The pattern of the state itself comes before those that are ends of it.
                let longest = patterns.automaton.match_pattern(self.state, 0);
                self.add(self.read - patterns.automaton.pattern_len(longest));
            }
        }
    }

    fn add(&mut self, start: usize) {
        let mut span = Span { start, end: self.read, begun: false };
        while let Some(last) = self.spans.last().filter(|last| last.end > span.start) {
            if last.start <= span.start {
                span = Span { start: last.start, begun: last.begun, ..span };
            }
            self.spans.pop();
        }
        self.spans.push(span);
    }
}

/// Scrubs a stream. What may be the beginning of a value is held back until its rest has come.
pub(crate) struct Scrubber(Option<Stream>);

struct Stream {
    patterns: Arc<Patterns>,
    found: Found,
    held: Vec<u8>,
    /// Where in the stream `held` begins.
    from: usize,
}

impl Scrubber {
    pub(crate) fn new(patterns: Option<Arc<Patterns>>) -> Scrubber {
        Scrubber(patterns.map(|patterns| Stream { found: Found::new(&patterns), patterns, held: Vec::new(), from: 0 }))
    }

    /// Takes the next piece, and gives what may go on.
    pub(crate) fn pass(&mut self, piece: &Bytes) -> Bytes {
        let Some(stream) = &mut self.0 else { return piece.clone() };
        stream.found.read(&stream.patterns, piece);
        stream.held.extend_from_slice(piece);
        // A value that is not whole yet began at most this far back.
        let sure = stream.found.read.saturating_sub(stream.patterns.longest - 1);
        // Many small pieces are not moved about one by one.
        if sure - stream.from.min(sure) < stream.patterns.longest.max(PASSED_ON) {
            return Bytes::new();
        }
        stream.release(sure)
    }

    /// What is left when the last piece has passed.
    pub(crate) fn rest(&mut self) -> Bytes {
        match &mut self.0 {
            Some(stream) => stream.release(stream.found.read),
            None => Bytes::new(),
        }
    }
}

impl Stream {
    /// What was held up to this place in the stream, without what was found there.
    fn release(&mut self, until: usize) -> Bytes {
        let mut clean = Vec::with_capacity(until - self.from);
        let mut at = self.from;
        let mut kept = Vec::new();
        for span in std::mem::take(&mut self.found.spans) {
            if span.start >= until {
                kept.push(span);
                continue;
            }
            clean.extend_from_slice(&self.held[at - self.from..span.start - self.from]);
            if !span.begun {
                clean.extend_from_slice(SCRUBBED);
            }
            at = span.end.min(until);
            if span.end > until {
                kept.push(Span { start: until, end: span.end, begun: true });
            }
        }
        clean.extend_from_slice(&self.held[at - self.from..until - self.from]);
        self.held.drain(..until - self.from);
        self.from = until;
        self.found.spans = kept;
        Bytes::from(clean)
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    fn forms(all: &[&[u8]]) -> Forms {
        let mut forms = Forms::default();
        assert!(forms.add(all.iter().map(|form| form.to_vec()), usize::MAX));
        forms
    }

    /// What must not be seen, byte by byte.
    fn covered(all: &[Vec<u8>], bytes: &[u8]) -> Vec<bool> {
        let mut covered = vec![false; bytes.len()];
        for form in all {
            for at in 0..bytes.len() {
                if bytes[at..].starts_with(form) {
                    covered[at..at + form.len()].fill(true);
                }
            }
        }
        covered
    }

    fn streamed(forms: &Forms, bytes: &[u8], cuts: &[usize]) -> Vec<u8> {
        let mut scrubber = Scrubber::new(forms.patterns());
        let (mut left, mut clean) = (bytes, Vec::new());
        for cut in cuts {
            let (piece, rest) = left.split_at((*cut).min(left.len()));
            clean.extend_from_slice(&scrubber.pass(&Bytes::copy_from_slice(piece)));
            left = rest;
        }
        clean.extend_from_slice(&scrubber.pass(&Bytes::copy_from_slice(left)));
        clean.extend_from_slice(&scrubber.rest());
        clean
    }

    #[test]
    fn forms_end_at_their_bound_and_count_once() {
        let mut forms = Forms::default();
        assert!(forms.add([b"abcd".to_vec(), b"abcd".to_vec()], 8));
        assert!(forms.add([b"abcd".to_vec(), b"efgh".to_vec()], 8));
        assert!(!forms.add([b"i".to_vec()], 8));
        assert_eq!(forms.patterns().expect("some").scrub(b"abcd-efgh-i".to_vec()), b"***-***-i");
    }

    #[test]
    fn a_call_looks_one_form_after_the_other_for_so_long_and_then_builds_the_search() {
        let forms = forms(&[b"abcdef", b"defghi"]);
        assert_eq!(forms.scrub(b"nothing".to_vec()), b"nothing");
        assert!(forms.built.get().is_none(), "a short answer needs no search");
        for _ in 0..LOOKED_AT / BEGINNING {
            forms.scrub(b"nothing".to_vec());
        }
        assert!(forms.built.get().is_some(), "many do");
        assert!(forms.looked_at.load(Ordering::Relaxed) <= LOOKED_AT);
    }

    #[test]
    fn values_that_overlap_are_scrubbed_whole() {
        let forms = forms(&[b"abcdef", b"defghi"]);
        assert_eq!(forms.patterns().expect("some").scrub(b"1abcdefghi2".to_vec()), b"1***2");
    }

    #[test]
    fn many_values_that_match_at_every_byte_take_one_pass() {
        let all: Vec<Vec<u8>> = (4..260).map(|length| vec![b'a'; length]).collect();
        let mut forms = Forms::default();
        assert!(forms.add(all, usize::MAX));
        let bytes = vec![b'a'; 4 << 20];
        let begun = Instant::now();
        assert_eq!(forms.patterns().expect("some").scrub(bytes.clone()), SCRUBBED);
        let mut scrubber = Scrubber::new(forms.patterns());
        let pieces: Vec<u8> =
            bytes.chunks(1000).flat_map(|piece| scrubber.pass(&Bytes::copy_from_slice(piece))).collect();
        assert_eq!([pieces, scrubber.rest().to_vec()].concat(), SCRUBBED);
        // A pass for each value takes a hundred times as long.
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    }

    proptest! {
        #[test]
        fn whatever_is_a_value_is_covered_and_nothing_else(
            all in prop::collection::vec(prop::collection::vec(b'a'..b'd', 1..6), 1..6),
            bytes in prop::collection::vec(b'a'..b'd', 0..60),
            cuts in prop::collection::vec(0usize..9, 0..20),
        ) {
            let mut of_call = Forms::default();
            prop_assert!(of_call.add(all.clone(), usize::MAX));
            let covered = covered(&all, &bytes);
            let clean = of_call.scrub(bytes.clone());
            prop_assert_eq!(&of_call.patterns().expect("some").scrub(bytes.clone()), &clean);
            let kept: Vec<u8> = bytes.iter().zip(&covered).filter(|(_, covered)| !**covered).map(|(byte, _)| *byte).collect();
            let left: Vec<u8> = clean.iter().copied().filter(|byte| *byte != b'*').collect();
            prop_assert_eq!(left, kept);
            prop_assert_eq!(streamed(&of_call, &bytes, &cuts), clean);
        }

        #[test]
        fn a_long_stream_is_scrubbed_as_a_whole_text_is(
            secret in "[ab]{1,12}",
            piece in 1usize..3000,
            bytes in prop::collection::vec(b'a'..b'd', 9_000..12_000),
        ) {
            let forms = forms(&[secret.as_bytes()]);
            let cuts = vec![piece; bytes.len() / piece];
            let whole = forms.patterns().expect("some").scrub(bytes.clone());
            prop_assert_eq!(streamed(&forms, &bytes, &cuts), whole);
        }
    }
}
