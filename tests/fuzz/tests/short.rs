//! Every fuzz target over its seeds and over changed seeds, for as long as an ordinary run of the tests allows.

use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// The seeds of a target.
fn seeds(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
    let files = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut seeds: Vec<Vec<u8>> =
        files.map(|file| std::fs::read(file.expect("an entry").path()).expect("a seed")).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{name} has no seed");
    seeds
}

/// A change at a place of a seed.
#[derive(Debug, Clone)]
enum Change {
    Replace(u8),
    Insert(Vec<u8>),
    Remove(usize),
    Repeat(usize),
    Splice(usize),
}

fn change() -> impl Strategy<Value = (usize, Change)> {
    let words = prop_oneof![
        any::<u8>().prop_map(Change::Replace),
        proptest::collection::vec(any::<u8>(), 1..6).prop_map(Change::Insert),
        proptest::sample::select(vec![
            "\0", "\r\n", "\"", "null", "{}", "[]", "-1", "1e999", "\\ud800", "é🙂", "..", "%00", "<", ">"
        ])
        .prop_map(|word| Change::Insert(word.as_bytes().to_vec())),
        (1..20usize).prop_map(Change::Remove),
        (1..20usize).prop_map(Change::Repeat),
        any::<usize>().prop_map(Change::Splice),
    ];
    (any::<usize>(), words)
}

fn changed(seeds: &[Vec<u8>], which: usize, changes: &[(usize, Change)]) -> Vec<u8> {
    let mut data = seeds[which % seeds.len()].clone();
    for (at, change) in changes {
        let at = at % (data.len() + 1);
        let end = |length: usize| (at + length).min(data.len());
        match change {
            Change::Replace(byte) if at < data.len() => data[at] = *byte,
            Change::Replace(byte) => data.push(*byte),
            Change::Insert(bytes) => drop(data.splice(at..at, bytes.iter().copied())),
            Change::Remove(length) => drop(data.drain(at..end(*length))),
            Change::Repeat(length) => {
                let part = data[at..end(*length)].to_vec();
                data.splice(at..at, part);
            }
            Change::Splice(other) => {
                let other = &seeds[other % seeds.len()];
                data.truncate(at);
                data.extend_from_slice(&other[at.min(other.len())..]);
            }
        }
    }
    data
}

fn hold(name: &str, cases: u32) {
    let target = sambung_fuzz::target(name).expect("a target");
    let seeds = seeds(name);
    seeds.iter().for_each(|seed| target(seed));
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let changes = (any::<usize>(), proptest::collection::vec(change(), 0..8));
    let held = TestRunner::new(config).run(&changes, |(which, changes)| {
        target(&changed(&seeds, which, &changes));
        Ok(())
    });
    held.unwrap_or_else(|error| panic!("{name}: {error}"));
}

#[test]
fn every_target_has_a_test_here() {
    let source = include_str!("short.rs");
    for (name, _) in sambung_fuzz::TARGETS {
        assert!(source.contains(&format!("hold(\"{name}\"")), "{name}");
    }
}

#[test]
fn request_bodies_never_fail_the_server() {
    hold("bodies", 200);
}

#[test]
fn every_mail_is_read() {
    hold("mail_in", 500);
}

#[test]
fn every_mail_is_written_or_refused() {
    hold("mail_out", 500);
}

#[test]
fn every_manifest_is_read_or_its_faults_have_lines() {
    hold("manifest", 300);
}

#[test]
fn every_payload_is_translated() {
    hold("plugins", 2_000);
}

#[test]
fn every_range_lies_in_its_file() {
    hold("range", 5_000);
}

#[test]
fn no_request_is_verified_without_the_secret() {
    hold("recipes", 2_000);
}

#[test]
fn every_form_is_filled_in_or_refused() {
    hold("settings", 1_000);
}

#[test]
fn every_smtp_session_is_answered() {
    hold("smtp", 100);
}

#[test]
fn no_invented_token_opens_anything() {
    hold("tokens", 200);
}
