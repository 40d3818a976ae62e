//! Files: uploaded, measured, downloaded, published.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use reqwest::{Method, StatusCode};
use sambung::auth::Role;
use sambung::clock::Clock;
use sambung::keys::MediaId;
use sambung_runtime::Audience;
use serde_json::{Value, json};

use crate::common::{Options, TestHost, read};

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let picture = image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, 128]));
    picture.write_to(&mut Cursor::new(&mut bytes), image::ImageFormat::Png).unwrap();
    bytes
}

async fn upload(host: &TestHost, query: &str, mime: &str, body: Vec<u8>) -> (StatusCode, Value) {
    let request = host.request(Method::POST, &format!("/v1/media{query}")).header("content-type", mime).body(body);
    read(request.send().await.unwrap()).await
}

fn leftovers(host: &TestHost) -> usize {
    std::fs::read_dir(host.data.join("media/incoming")).unwrap().count()
}

#[tokio::test]
async fn an_upload_is_measured_and_downloaded_as_it_was() {
    let host = TestHost::start().await;
    let picture = png(64, 48);
    let (status, media) = upload(&host, "?name=kucing%20saya.png", "image/jpeg", picture.clone()).await;
    assert_eq!(status, StatusCode::CREATED, "{media}");
    assert_eq!(
        (&media["mime"], &media["kind"]),
        (&json!("image/png"), &json!("image")),
        "bytes are believed, not claims"
    );
    assert_eq!((&media["width"], &media["height"], &media["bytes"]), (&json!(64), &json!(48), &json!(picture.len())));
    let path = format!("/v1/media/{}", media["id"].as_str().unwrap());
    let whole = host.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(whole.headers()["content-disposition"], "inline; filename*=UTF-8''kucing%20saya.png");
    assert_eq!(whole.bytes().await.unwrap(), picture);
    let part = host.request(Method::GET, &path).header("range", "bytes=1-3").send().await.unwrap();
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(part.headers()["content-range"], format!("bytes 1-3/{}", picture.len()));
    assert_eq!(&part.bytes().await.unwrap()[..], b"PNG");
    let other = host.token_for("elsewhere", Role::Operator).await;
    assert_eq!(host.call_as(&other, Method::GET, &path, None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(leftovers(&host), 0);
}

#[tokio::test]
async fn a_file_over_the_limit_leaves_nothing_behind() {
    let host = TestHost::start_with(Options::default().set("MEDIA__MAX_BYTES", 1000)).await;
    let (status, problem) = upload(&host, "", "text/plain", vec![b'x'; 1001]).await;
    assert_eq!((status, &problem["code"]), (StatusCode::PAYLOAD_TOO_LARGE, &json!("too-large")));
    assert_eq!(upload(&host, "", "text/plain", vec![b'x'; 1000]).await.0, StatusCode::CREATED);
    assert_eq!(upload(&host, "", "text/plain", Vec::new()).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let (status, _) = upload(&host, "", "multipart/form-data; boundary=x", b"--x".to_vec()).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(leftovers(&host), 0);
}

#[tokio::test]
async fn a_published_file_is_safe_and_ends() {
    let now = Arc::new(AtomicI64::new(1_800_000_000_000));
    let read_now = Arc::clone(&now);
    let clock = Clock::from_fn(move || read_now.load(Ordering::Relaxed));
    let options = Options::default().clock(clock).set("SERVER__PUBLIC_URL", "https://sambung.example");
    let host = TestHost::start_with(options).await;
    let (_, media) = upload(&host, "?name=page.html", "text/html", b"<script>alert(1)</script>".to_vec()).await;
    let workspace = host.state.db.workspace("default").await.unwrap().unwrap().id;
    let id = media["id"].as_str().unwrap();
    let url = host.state.media.publish(&workspace, id, 60_000, Audience::Provider).await.unwrap();
    let path = url.strip_prefix("https://sambung.example").unwrap();
    assert!(path.starts_with("/files/") && path.ends_with("/page.html"), "{path}");
    let answer = host.client.get(host.url(path)).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    for (name, value) in [
        ("content-type", "application/octet-stream"),
        ("content-disposition", "attachment; filename*=UTF-8''page.html"),
        ("x-content-type-options", "nosniff"),
        ("content-security-policy", "default-src 'none'; sandbox"),
    ] {
        assert_eq!(answer.headers()[name], value, "{name}");
    }
    assert!(
        host.state.media.publish("ws_other", id, 60_000, Audience::Provider).await.is_err(),
        "a workspace does not publish another's file"
    );
    for too_long in [30 * 86_400_000 + 1, u64::MAX] {
        let error =
            host.state.media.publish(&workspace, id, too_long, Audience::Provider).await.unwrap_err().to_string();
        assert!(error.contains("media.publish_days") && error.contains(&too_long.to_string()), "{error}");
    }
    assert!(host.state.media.publish(&workspace, id, 30 * 86_400_000, Audience::Provider).await.is_ok());
    let guessed = path.replacen("/files/", "/files/x", 1);
    assert_eq!(host.client.get(host.url(&guessed)).send().await.unwrap().status(), StatusCode::NOT_FOUND);
    now.fetch_add(60_001, Ordering::Relaxed);
    assert_eq!(host.client.get(host.url(path)).send().await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_a_public_address_a_visitor_is_served_and_for_a_provider_the_setting_is_named() {
    let host = TestHost::start().await;
    let (_, media) = upload(&host, "", "text/plain", b"hello".to_vec()).await;
    let workspace = host.state.db.workspace("default").await.unwrap().unwrap().id;
    let id = media["id"].as_str().unwrap();
    let error = host.state.media.publish(&workspace, id, 1, Audience::Provider).await.unwrap_err();
    assert!(error.to_string().contains("server.public_url"));
    let url = host.state.media.publish(&workspace, id, 60_000, Audience::Visitor).await.unwrap();
    assert_eq!(host.client.get(url).send().await.unwrap().text().await.unwrap(), "hello");
}

#[tokio::test]
async fn old_files_go_and_shared_bytes_stay_as_long_as_somebody_has_them() {
    let host = TestHost::start().await;
    let (_, old) = upload(&host, "", "text/plain", b"the same".to_vec()).await;
    let workspace = host.state.db.workspace("default").await.unwrap().unwrap().id;
    let row = host.state.db.media_of(&workspace, MediaId::of(old["id"].as_str().unwrap())).await.unwrap().unwrap();
    let newer = MediaId::new(row.created_at + 10_000);
    let later = sambung::db::MediaRow { id: newer, created_at: row.created_at + 10_000, ..row.clone() };
    host.state.db.insert_media(later).await.unwrap();
    assert_eq!(
        host.state.media.sweep(row.created_at + 1, (i64::MIN, i64::MIN), 100).await.unwrap(),
        0,
        "the bytes are shared"
    );
    assert!(host.state.media.read(&workspace, &row.id.to_string()).await.is_err());
    assert!(host.state.media.read(&workspace, &newer.to_string()).await.is_ok());
    assert_eq!(host.state.media.sweep(row.created_at + 20_000, (i64::MIN, i64::MIN), 100).await.unwrap(), 1);
    let (status, problem) = host.get(&format!("/v1/media/{newer}")).await;
    assert_eq!((status, &problem["state"]), (StatusCode::CONFLICT, &json!("deleted")));
}

#[tokio::test]
async fn a_preview_of_an_image_is_a_smaller_file_of_the_same_workspace() {
    let host = TestHost::start().await;
    let (_, media) = upload(&host, "", "image/png", png(800, 400)).await;
    let workspace = host.state.db.workspace("default").await.unwrap().unwrap().id;
    let id = media["id"].as_str().unwrap();
    let preview = host.state.media.preview(&workspace, id, 200, 50_000).await.unwrap().unwrap();
    assert_eq!((preview.mime.as_deref(), preview.width, preview.height), (Some("image/jpeg"), Some(200), Some(100)));
    assert!(preview.bytes.unwrap() <= 50_000);
    let (_, text) = upload(&host, "", "text/plain", b"no picture".to_vec()).await;
    let none = host.state.media.preview(&workspace, text["id"].as_str().unwrap(), 200, 50_000).await.unwrap();
    assert!(none.is_none());
}
