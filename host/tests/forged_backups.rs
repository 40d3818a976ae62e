//! A backup that somebody changed who does not have the master key is refused, however well its own list fits.

use std::io::Read;
use std::path::Path;

use sambung::backup::{self, BackupError};
use sambung::data_dir::DataDir;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::common::TestHost;

/// Entries by name, in order.
type Entries = Vec<(String, Vec<u8>)>;

const LIST: &str = "backup.json";
const SEAL: &str = "backup.seal.json";

fn read(file: &Path) -> Entries {
    let mut archive = tar::Archive::new(std::fs::File::open(file).unwrap());
    let entry = |entry: std::io::Result<tar::Entry<'_, std::fs::File>>| {
        let mut entry = entry.unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (entry.path().unwrap().to_string_lossy().into_owned(), bytes)
    };
    archive.entries().unwrap().map(entry).collect()
}

fn write(file: &Path, entries: &Entries) {
    let mut tar = tar::Builder::new(std::fs::File::create(file).unwrap());
    for (name, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        tar.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    tar.into_inner().unwrap().sync_all().unwrap();
}

fn at<'a>(entries: &'a mut Entries, name: &str) -> &'a mut Vec<u8> {
    &mut entries.iter_mut().find(|(known, _)| known == name).unwrap().1
}

/// Writes the list anew so that it fits what the entries are now.
fn list_again(entries: &mut Entries) {
    let mut list: Value = serde_json::from_slice(at(entries, LIST)).unwrap();
    let content = entries.iter().filter(|(name, _)| name != LIST && name != SEAL);
    let listed = content.map(
        |(name, bytes)| json!({ "name": name, "bytes": bytes.len(), "sha256": hex::encode(Sha256::digest(bytes)) }),
    );
    list["entries"] = listed.collect();
    *at(entries, LIST) = serde_json::to_vec(&list).unwrap();
}

async fn restored(data: &Path, file: &Path, key: Option<&Path>) -> Result<(), BackupError> {
    backup::restore(&DataDir::at(data), file, key, 7, &|_, _| {}).await.map(|_| ())
}

fn back_up(data: &Path, file: &Path) {
    backup::create(&DataDir::at(data), file, "2026-11-21T08:00:00Z".into(), &|_, _| {}).unwrap();
}

#[tokio::test]
async fn a_backup_is_restored_only_as_it_was_signed() {
    let host = TestHost::start().await;
    let apart = tempfile::tempdir().unwrap();
    let file = apart.path().join("backup");
    back_up(&host.data, &file);
    let (data, _folder) = host.stop().await;
    let whole = read(&file);
    assert!(whole.len() > 4 && whole[whole.len() - 2].0 == LIST && whole[whole.len() - 1].0 == SEAL);
    let database = std::fs::read(data.join("sambung.db")).unwrap();
    let forged = apart.path().join("forged");
    let attempt = async |what: &str, entries: &Entries| {
        write(&forged, entries);
        let refused = restored(&data, &forged, None).await.expect_err(what);
        assert!(refused.to_string().contains("Nothing was changed"), "{what}: {refused}");
        assert_eq!(std::fs::read(data.join("sambung.db")).unwrap(), database, "{what}");
        refused
    };

    let mut flipped = whole.clone();
    let middle = flipped[0].1.len() / 2;
    flipped[0].1[middle] ^= 1;
    assert!(matches!(attempt("a byte", &flipped).await, BackupError::NotWhole { .. }));
    list_again(&mut flipped);
    let refused = attempt("a byte, and the list again", &flipped).await;
    assert!(matches!(refused, BackupError::Changed { .. }), "{refused}");

    let mut later = whole.clone();
    let list = String::from_utf8(at(&mut later, LIST).clone()).unwrap();
    *at(&mut later, LIST) = list.replace("2026-11-21", "2026-11-22").into_bytes();
    assert!(matches!(attempt("another time", &later).await, BackupError::Changed { .. }));

    let mut unsigned = flipped.clone();
    unsigned.retain(|(name, _)| name != SEAL);
    assert!(matches!(attempt("no seal", &unsigned).await, BackupError::Unsigned { .. }));

    let mut reordered = whole.clone();
    reordered.swap(1, 2);
    assert!(matches!(attempt("another order", &reordered).await, BackupError::Changed { .. }));
    list_again(&mut reordered);
    assert!(matches!(attempt("another order, and the list again", &reordered).await, BackupError::Changed { .. }));

    let mut fewer = whole.clone();
    fewer.remove(1);
    assert!(matches!(attempt("an entry less", &fewer).await, BackupError::Changed { .. }));
    for place in [1, whole.len() - 1, whole.len()] {
        let mut more = whole.clone();
        more.insert(place, ("plugins/evil.wasm".to_owned(), b"\0asm".to_vec()));
        assert!(matches!(attempt("an entry more", &more).await, BackupError::Changed { .. }), "at {place}");
    }

    let stranger = TestHost::start().await;
    let theirs = apart.path().join("theirs");
    back_up(&stranger.data, &theirs);
    let key = stranger.data.join("master.key");
    let mut sealed_by_another = flipped.clone();
    *at(&mut sealed_by_another, SEAL) = read(&theirs).pop().unwrap().1;
    assert!(matches!(attempt("another server's seal", &sealed_by_another).await, BackupError::WrongKey));
    assert!(matches!(restored(&data, &file, Some(&key)).await, Err(BackupError::WrongKey)));
    drop(stranger);

    let empty = apart.path().join("empty");
    restored(&empty, &file, Some(&data.join("master.key"))).await.unwrap();
    restored(&data, &file, None).await.unwrap();
}
