//! Backup and restore, the hold after it, a full disk, stopping, retention.

use std::path::Path;

use reqwest::{Method, StatusCode};
use sambung::backup::{self, BackupError};
use sambung::data_dir::DataDir;
use sambung::db::DbError;
use serde_json::{Value, json};

use crate::common::{Options, TestHost, until};

fn quiet(_: u64, _: u64) {}

fn make(data: &Path, file: &Path) -> Result<u64, BackupError> {
    backup::create(&DataDir::at(data), file, "2026-11-21T08:00:00Z".into(), &quiet)
}

async fn restore(data: &Path, file: &Path, key: Option<&Path>) -> Result<usize, BackupError> {
    backup::restore(&DataDir::at(data), file, key, 7, &quiet).await.map(|restored| restored.unknown)
}

/// What lies in a folder, so that a test can see that nothing changed.
fn listing(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_file() && entry.file_name() != "lock")
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap()))
        .collect();
    found.sort();
    found
}

#[tokio::test]
async fn a_backup_of_a_running_server_is_restored_on_an_empty_machine_and_holds_what_goes_out() {
    let host = TestHost::start().await;
    let (_, made) = host.post("/v1/tokens", json!({ "name": "robot", "role": "agent" })).await;
    let robot = made["value"].as_str().unwrap().to_owned();
    let other = tempfile::tempdir().unwrap();
    let file = other.path().join("sambung.backup");
    assert!(make(&host.data, &file).unwrap() > 0);
    assert!(matches!(make(&host.data, &file), Err(BackupError::Exists(_))), "a backup is never overwritten");
    let key = host.data.join("master.key");
    let key_text = std::fs::read_to_string(&key).unwrap();
    let secret = key_text.lines().last().unwrap();
    let bytes = std::fs::read(&file).unwrap();
    assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "the key is not in the backup");

    let empty = other.path().join("new");
    restore(&empty, &file, Some(&key)).await.unwrap();
    let (_, folder) = host.stop().await;
    let host = TestHost::start_in(empty, Options::default()).await;
    assert_eq!(host.call_as(&robot, Method::GET, "/v1/me", None).await.0, StatusCode::OK);
    assert!(host.state.db.held_since().await.unwrap().is_some());
    assert_eq!(host.post("/v1/system/release", json!({})).await, (StatusCode::OK, json!({ "released": true })));
    assert_eq!(host.state.db.held_since().await.unwrap(), None);
    assert_eq!(host.post("/v1/system/release", json!({})).await.1, json!({ "released": false }));
    let (_, log) = host.get("/v1/audit?limit=1").await;
    assert_eq!(log["items"][0]["action"], "system.release");
    drop((host, folder));
}

#[tokio::test]
async fn restoring_is_refused_while_a_server_runs_and_with_a_wrong_or_missing_key_before_anything_changes() {
    let host = TestHost::start().await;
    let other = tempfile::tempdir().unwrap();
    let file = other.path().join("sambung.backup");
    make(&host.data, &file).unwrap();
    let refused = restore(&host.data, &file, None).await;
    assert!(matches!(refused, Err(BackupError::DataDir(sambung::data_dir::DataDirError::InUse(_)))), "{refused:?}");
    let (data, _folder) = host.stop().await;

    let empty = other.path().join("empty");
    assert!(matches!(restore(&empty, &file, None).await, Err(BackupError::KeyMissing(_))));
    assert_eq!(listing(&empty), []);

    let stranger = TestHost::start().await;
    let (theirs, _theirs_folder) = stranger.stop().await;
    let before = listing(&theirs);
    assert!(matches!(restore(&theirs, &file, None).await, Err(BackupError::WrongKey)));
    assert_eq!(listing(&theirs), before);
    let bad = other.path().join("bad.key");
    std::fs::write(&bad, "not a key").unwrap();
    assert!(restore(&theirs, &file, Some(&bad)).await.is_err());
    assert_eq!(listing(&theirs), before);

    restore(&data, &file, None).await.unwrap();
}

#[tokio::test]
async fn a_backup_that_was_cut_or_changed_is_refused_before_anything_changes() {
    let host = TestHost::start().await;
    let other = tempfile::tempdir().unwrap();
    let file = other.path().join("sambung.backup");
    make(&host.data, &file).unwrap();
    let (data, _folder) = host.stop().await;
    let before = listing(&data);
    let whole = std::fs::read(&file).unwrap();
    let mut changed = whole.clone();
    changed[5000] ^= 1;
    for bytes in [&whole[..whole.len() / 2], &whole[..1000], &changed[..], b"not a backup"] {
        std::fs::write(&file, bytes).unwrap();
        let refused = restore(&data, &file, None).await;
        assert!(matches!(refused, Err(BackupError::NotWhole { .. })), "{refused:?}");
        assert_eq!(listing(&data), before);
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let host = TestHost::start().await;
    let (data, _folder) = host.stop().await;
    let connection = rusqlite::Connection::open(data.join("sambung.db")).unwrap();
    connection.pragma_update(None, "user_version", 999).unwrap();
    drop(connection);
    let config = sambung::config::Config { ..Default::default() };
    let mut config = config;
    config.server.data_dir = data;
    match sambung::app::App::build(config, sambung::clock::Clock::system()).await {
        Err(sambung::app::AppError::Db(DbError::Newer { found: 999, .. })) => {}
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it started"),
    }
}

#[tokio::test]
async fn a_second_server_over_the_same_folder_is_refused() {
    let host = TestHost::start().await;
    let mut config = sambung::config::Config::default();
    config.server.data_dir.clone_from(&host.data);
    let second = sambung::app::App::build(config, sambung::clock::Clock::system()).await;
    assert!(second.is_err_and(|error| error.to_string().contains("in use by a running server")));
}

#[tokio::test]
async fn when_the_disk_is_full_writes_answer_503_reads_go_on_and_it_recovers_by_itself() {
    let host = TestHost::start().await;
    let (data, folder) = host.stop().await;
    let pages: u32 = rusqlite::Connection::open(data.join("sambung.db"))
        .unwrap()
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    let host = TestHost::start_in(data, Options::default().set("DATABASE__MAX_PAGES", pages + 12)).await;
    let name = "n".repeat(200);
    let mut refused = None;
    for _ in 0..1_000 {
        let body = json!({ "name": name, "role": "agent" });
        let answer = host.request(Method::POST, "/v1/tokens").json(&body).send().await.unwrap();
        if answer.status() != StatusCode::CREATED {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("the limit is reached");
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key("retry-after"));
    let problem: Value = refused.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("the disk is full"));
    let (status, page) = host.get("/v1/tokens?limit=200").await;
    assert_eq!(status, StatusCode::OK);
    let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|token| token["id"].clone()).collect();
    assert_eq!(host.get("/readyz").await.0, StatusCode::OK);

    // Room appears as it does on a disk: something else goes away.
    until("there is room again", async || {
        let path = host.data.join("sambung.db");
        let removed = tokio::task::spawn_blocking(move || {
            let connection = rusqlite::Connection::open(path).unwrap();
            connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
            connection
                .execute("DELETE FROM audit", [])
                .and_then(|_| connection.execute("DELETE FROM tokens WHERE length(name) > 100", []))
        });
        removed.await.unwrap().is_ok()
    })
    .await;
    let (status, _) = host.post("/v1/tokens", json!({ "name": "after", "role": "agent" })).await;
    assert_eq!(status, StatusCode::CREATED, "{} tokens stood", ids.len());
    drop((host, folder));
}

#[tokio::test]
async fn stopping_ends_open_requests_and_leaves_a_database_that_opens_again() {
    let host = TestHost::start().await;
    let (_, made) = host.post("/v1/workspaces", json!({ "name": "kept" })).await;
    let (data, folder) = host.stop().await;
    assert!(
        !data.join("sambung.db-wal").exists() || std::fs::metadata(data.join("sambung.db-wal")).unwrap().len() == 0
    );
    let host = TestHost::start_in(data, Options::default()).await;
    let (_, list) = host.get("/v1/workspaces?limit=200").await;
    assert!(list["items"].as_array().unwrap().iter().any(|workspace| workspace["id"] == made["id"]));
    drop((host, folder));
}

#[tokio::test]
async fn what_outlived_its_time_goes_and_what_did_not_stays() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};
    let now = Arc::new(AtomicI64::new(1_800_000_000_000));
    let read = Arc::clone(&now);
    let clock = sambung::clock::Clock::from_fn(move || read.load(Ordering::SeqCst));
    let options = Options::default().clock(clock).set("RETENTION__BATCH", 2).set("RETENTION__PAUSE_MS", 1);
    let host = TestHost::start_with(options.set("RETENTION__AUDIT_DAYS", 10).set("RETENTION__EVERY_S", 86_400)).await;
    for index in 0..5 {
        host.post("/v1/workspaces", json!({ "name": format!("old{index}") })).await;
    }
    now.fetch_add(11 * 86_400_000, Ordering::SeqCst);
    host.post("/v1/workspaces", json!({ "name": "new" })).await;
    let state = &host.state;
    let retention = sambung::retention::Retention::new(
        state.db.clone(),
        state.media.clone(),
        state.clock.clone(),
        &state.config.retention,
    );
    let round = retention.round(&state.stop).await.unwrap();
    assert!(round.removed >= 5, "more goes than one batch: {}", round.removed);
    let (_, log) = host.get("/v1/audit?limit=200").await;
    let created: Vec<_> =
        log["items"].as_array().unwrap().iter().filter(|line| line["action"] == "workspace.create").collect();
    assert_eq!(created.len(), 1);
    assert_eq!(created[0]["detail"]["name"], "new");
}
