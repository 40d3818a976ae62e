//! What lies in the data folder is its own user's, also where the folder was there before with wider rights.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use sambung_tests::server::Server;
use serde_json::json;

fn all(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![path.to_owned()];
    if path.is_dir() {
        found.extend(std::fs::read_dir(path).unwrap().flat_map(|entry| all(&entry.unwrap().path())));
    }
    found
}

fn rights(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

fn assert_private(data: &Path) {
    let wide: Vec<_> = all(data).into_iter().filter(|path| rights(path) & 0o077 != 0).collect();
    assert!(wide.is_empty(), "others have rights to {wide:?}");
}

async fn doctor(server: &Server) -> String {
    let output = server.run(&["doctor"]).await;
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn everything_in_the_data_folder_is_private_and_doctor_says_where_it_is_not() {
    let mut server = Server::start("").await;
    let api = server.api();
    let settings = json!({ "domain": ["https://toko.example"] });
    api.expect(201, "POST", "/v1/channels", json!({ "plugin": "webchat", "name": "Toko", "settings": settings })).await;
    let upload = api.request("POST", "/v1/media?name=a.txt").header("content-type", "text/plain").body("halo");
    assert_eq!(upload.send().await.unwrap().status().as_u16(), 201);
    assert_private(&server.data());
    let backup = server.data().with_file_name("backup.tar");
    assert!(server.run(&["backup", backup.to_str().unwrap()]).await.status.success());
    assert_eq!(rights(&backup), 0o600);

    server.stop().await;
    assert!(doctor(&server).await.contains("readable by this user only"));
    for path in all(&server.data()) {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(rights(&path) | 0o077)).unwrap();
    }
    let said = doctor(&server).await;
    assert!(said.contains("WRONG other users have rights to"), "{said}");
    server.spawn();
    server.ready().await;
    assert_private(&server.data());
}

#[tokio::test]
async fn a_folder_that_was_there_before_is_private_though_the_shell_masks_nothing() {
    let mut server = Server::start("").await;
    server.stop().await;
    let data = server.data();
    std::fs::remove_dir_all(&data).unwrap();
    for folder in ["plugins", "media", "generations", "cache"] {
        std::fs::create_dir_all(data.join(folder)).unwrap();
    }
    for path in all(&data) {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    server.under_mask("000");
    server.spawn();
    server.ready().await;
    let made = server.run(&["token", "create", "--role", "operator", "--name", "test"]).await;
    let api = server.api().with_token(String::from_utf8_lossy(&made.stdout).trim());
    let wasm = sambung_guests::component(&sambung_tests::server::target_folder(), "connects");
    let put = api.request("POST", "/v1/plugins").header("content-type", "application/wasm").body(wasm);
    assert_eq!(put.send().await.unwrap().status().as_u16(), 201);
    let upload = api.request("POST", "/v1/media?name=a.txt").header("content-type", "text/plain").body("halo");
    assert_eq!(upload.send().await.unwrap().status().as_u16(), 201);
    let backup = server.data().with_file_name("backup.tar");
    assert!(server.run(&["backup", backup.to_str().unwrap()]).await.status.success());
    assert_eq!(rights(&backup), 0o600);
    let there = all(&data);
    let holds = |part: &str| there.iter().any(|path| path.is_file() && path.to_string_lossy().contains(part));
    for part in ["sambung.db", "sambung.db-wal", "/generations/", "/media/"] {
        assert!(holds(part), "{part} is among what is looked at: {there:?}");
    }
    for path in &there {
        assert_eq!(rights(path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
}
