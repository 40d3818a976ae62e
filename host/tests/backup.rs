//! Restoring into a folder: whole, or not at all.

use std::path::{Path, PathBuf};

use reqwest::StatusCode;
use sambung::app::{App, AppError};
use sambung::backup::{self, BackupError};
use sambung::clock::Clock;
use sambung::config::Config;
use sambung::data_dir::{DataDir, DataDirError};
use serde_json::json;

use crate::common::{Options, TestHost};

async fn names(host: &TestHost) -> Vec<String> {
    let (_, list) = host.get("/v1/workspaces").await;
    list["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
}

/// A folder whose server made a workspace after the backup beside it was made.
async fn with_backup() -> (PathBuf, PathBuf, tempfile::TempDir) {
    let host = TestHost::start().await;
    assert_eq!(host.post("/v1/workspaces", json!({ "name": "before" })).await.0, StatusCode::CREATED);
    let apart = tempfile::tempdir().unwrap();
    let file = apart.path().join("backup");
    let made_at = "2026-11-21T08:00:00Z".to_owned();
    backup::create(&DataDir::at(&host.data), &file, made_at, &|_, _| {}).unwrap();
    assert_eq!(host.post("/v1/workspaces", json!({ "name": "after" })).await.0, StatusCode::CREATED);
    let (data, folder) = host.stop().await;
    let here = apart.path().join("data");
    std::fs::rename(&data, &here).unwrap();
    drop(folder);
    (here, file, apart)
}

/// What a restore that was killed leaves: its note, and the database moved aside.
fn half_restored(data: &Path) {
    let aside = data.join("before-restore-1");
    std::fs::create_dir(&aside).unwrap();
    let note =
        json!({ "aside": "before-restore-1", "names": ["media", "sambung.db"], "there": ["media", "sambung.db"] });
    std::fs::write(data.join("restore.unfinished"), note.to_string()).unwrap();
    std::fs::rename(data.join("sambung.db"), aside.join("sambung.db")).unwrap();
}

async fn refused(data: &Path) {
    let mut config = Config::read(None, Vec::new()).unwrap();
    config.server.data_dir = data.to_owned();
    match App::build(config, Clock::system()).await.map(|_| ()) {
        Err(AppError::DataDir(DataDirError::RestoreUnfinished(_))) => {}
        other => panic!("it was to be refused: {other:?}"),
    }
    assert!(!data.join("sambung.db").exists(), "no empty database took its place");
    let nothing = backup::create(&DataDir::at(data), &data.join("x"), String::new(), &|_, _| {});
    assert!(matches!(nothing, Err(BackupError::DataDir(DataDirError::RestoreUnfinished(_)))), "{nothing:?}");
}

#[tokio::test]
async fn a_restore_that_was_cut_off_is_finished_by_the_next() {
    let (data, file, _apart) = with_backup().await;
    half_restored(&data);
    refused(&data).await;
    backup::restore(&DataDir::at(&data), &file, None, 2, &|_, _| {}).await.unwrap();
    assert!(data.join("before-restore-2/sambung.db").exists(), "what was there is kept");
    assert!(!data.join("before-restore-1").exists() && !data.join("restore.unfinished").exists());
    let host = TestHost::start_in(data, Options::default()).await;
    let names = names(&host).await;
    assert!(names.contains(&"before".to_owned()) && !names.contains(&"after".to_owned()), "{names:?}");
}

#[tokio::test]
async fn a_restore_that_was_cut_off_is_undone_where_the_next_cannot_be_done() {
    let (data, file, _apart) = with_backup().await;
    half_restored(&data);
    refused(&data).await;
    let whole = std::fs::read(&file).unwrap();
    std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let cut = backup::restore(&DataDir::at(&data), &file, None, 2, &|_, _| {}).await;
    assert!(matches!(cut, Err(BackupError::NotWhole { .. })), "{cut:?}");
    let host = TestHost::start_in(data, Options::default()).await;
    let names = names(&host).await;
    assert!(names.contains(&"after".to_owned()), "what was there before the first restore: {names:?}");
}
