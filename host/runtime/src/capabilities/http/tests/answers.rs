//! What becomes of answers: captures, blobs and limits.

use super::*;

#[tokio::test]
async fn captures_take_secrets_out_before_the_plugin_sees_them() {
    let ground = ground().await;
    let mut vault = Vault::default();
    let capture = |pointer: &str, label: &str| Capture {
        pointer: pointer.to_owned(),
        label: label.to_owned(),
        extra: Vec::new(),
    };
    let mut login = request("POST", "https://api.example.com/v1/login");
    login.captures =
        vec![capture("/access_token", "user"), capture("/pages/*/token", "page"), capture("/missing", "none")];
    let response = made(&ground, &mut vault, login).await.unwrap();
    let body: Value = serde_json::from_slice(&response.body).unwrap();
    assert_eq!(
        body,
        json!({"access_token": "user", "pages": [{"token": "page:0"}, {"token": "page:1"}], "id": 7, "note": "***"})
    );
    assert_eq!(vault.captured("user").unwrap().expose(), b"s3ss10n-v4lue");
    assert_eq!(vault.captured("page:1").unwrap().expose(), b"page-two");
    assert!(vault.captured("none").is_none());
    let mut form = request("GET", "https://api.example.com/v1/form");
    form.captures = vec![capture("oauth_token", "t")];
    let response = made(&ground, &mut vault, form).await.unwrap();
    assert_eq!(response.body, b"oauth_token=t&user=7");
    assert_eq!(vault.captured("t").unwrap().expose(), b"abcdefgh");
}

#[tokio::test]
async fn an_answer_that_captures_cannot_be_taken_out_of_is_withheld() {
    let ground = ground().await;
    let mut vault = Vault::default();
    for path in ["text", "html", "bare", "cut", "broken"] {
        let mut login = request("POST", &format!("https://api.example.com/v1/{path}"));
        login.captures =
            vec![Capture { pointer: "/access_token".to_owned(), label: "user".to_owned(), extra: Vec::new() }];
        match made(&ground, &mut vault, login).await {
            Ok(response) => assert_eq!((path, response.status, response.body), ("broken", 502, Vec::new())),
            Err(error) => {
                assert_eq!((error.kind.as_str(), error.dispatched), ("invalid", true), "{path}");
                assert!(!error.words.contains("v4lue"), "{path}: {}", error.words);
            }
        }
    }
}

#[tokio::test]
async fn captures_are_bounded_in_number_and_in_what_they_write() {
    let ground = ground().await;
    let asked = |label: String, number: usize| {
        let mut login = request("POST", "https://api.example.com/v1/many");
        let capture = Capture { pointer: "/tokens/*".to_owned(), label, extra: Vec::new() };
        login.captures = vec![capture; number];
        login
    };
    assert_eq!(kind_of(&ground, asked("l".repeat(129), 1)).await, ("limit".to_owned(), false));
    assert_eq!(kind_of(&ground, asked("l".to_owned(), 33)).await, ("limit".to_owned(), false));
    assert_eq!(kind_of(&ground, asked("l".to_owned(), 1)).await, ("limit".to_owned(), true), "300 values");
}

#[tokio::test]
async fn bodies_come_from_blobs_and_answers_go_into_blobs() {
    let _turn = TURN.lock().await;
    let ground = ground().await;
    let mut get = request("GET", "https://api.example.com/v1/file");
    get.into_blob = true;
    let response = made(&ground, &mut Vault::default(), get).await.unwrap();
    assert!(response.body.is_empty());
    let blob = response.blob.unwrap();
    let mut post = request("POST", "https://api.example.com/v1/upload");
    post.body = vec![Piece::Bytes(b"head".to_vec()), Piece::Blob(blob.clone()), Piece::Bytes(b"tail".to_vec())];
    made(&ground, &mut Vault::default(), post).await.unwrap();
    let seen = seen();
    assert_eq!((seen["bytes"].as_u64(), seen["headers"]["content-length"].as_str()), (Some(5008), Some("5008")));
    for (offset, length, bytes) in [(0, 2000, 2000), (4000, 2000, 1000), (5000, 1, 0), (1500, 2000, 2000)] {
        let section = Section { blob: blob.clone(), offset, length, extra: Vec::new() };
        let mut post = request("POST", "https://api.example.com/v1/upload");
        post.body = vec![Piece::Section(section)];
        made(&ground, &mut Vault::default(), post).await.unwrap();
        let seen = self::seen();
        assert_eq!(seen["bytes"].as_u64(), Some(bytes), "{length} from {offset} on");
    }
    let mut missing = request("POST", "https://api.example.com/v1/upload");
    missing.body = vec![Piece::Blob("blob_9".to_owned())];
    assert_eq!(kind_of(&ground, missing).await, told("invalid"));
    let mut error = request("GET", "https://api.example.com/v1/gone");
    error.into_blob = true;
    let response = made(&ground, &mut Vault::default(), error).await.unwrap();
    assert_eq!((response.status, response.blob), (410, None));
}

#[tokio::test]
async fn what_goes_into_a_blob_is_scrubbed_as_well() {
    let _turn = TURN.lock().await;
    let (ground, memory) = ground_and_memory(Limits::default(), &["https://api.example.com"]).await;
    let mut get = request("GET", "https://api.example.com/v1/me");
    get.auth = Auth::Bearer("token".to_owned());
    let mut fetched = get.clone();
    fetched.into_blob = true;
    let response = made(&ground, &mut Vault::default(), fetched).await.unwrap();
    let downloaded = download(&ground, Download::Fetch(get, Markers::default()), 5000).await.unwrap();
    let blobs = memory.blobs.lock().unwrap();
    for blob in [&response.blob.unwrap(), &downloaded.blob] {
        let text = String::from_utf8(blobs[blob].clone()).unwrap();
        assert!(text.contains("Bearer ***") && !text.contains("t0k"), "{text}");
    }
    assert_eq!(downloaded.bytes, blobs[&downloaded.blob].len() as u64);
}

#[tokio::test]
async fn downloads_stream_into_blobs_and_say_why_not() {
    let ground = ground().await;
    let from =
        |path: &str| Download::Fetch(request("GET", &format!("https://api.example.com/v1/{path}")), Markers::default());
    let file = download(&ground, from("file"), 5000).await.unwrap();
    assert_eq!((file.bytes, file.mime.as_deref(), file.name.as_deref()), (5000, Some("image/png"), Some("a b.png")));
    assert_eq!(download(&ground, from("file"), 4999).await, Err(DownloadError::TooLarge { max_bytes: 4999 }));
    assert_eq!(download(&ground, from("huge"), 9999).await, Err(DownloadError::TooLarge { max_bytes: 9999 }));
    assert_eq!(download(&ground, from("later"), 1).await, Err(DownloadError::Later { retry_after_ms: Some(3000) }));
    assert_eq!(download(&ground, from("gone"), 1).await, Err(DownloadError::Gone { status: 410 }));
    let open = Download::Open("https://inside.example.net/file".to_owned());
    let Err(DownloadError::Failed { kind, .. }) = download(&ground, open, 1).await else { panic!("not refused") };
    assert_eq!(kind, "blocked");
    let plain = Download::Open("http://inside.example.net/file".to_owned());
    let Err(DownloadError::Failed { kind, .. }) = download(&ground, plain, 1).await else { panic!("not refused") };
    assert_eq!(kind, "forbidden");
}

#[tokio::test]
async fn an_answer_over_the_limit_ends_the_call_while_it_streams() {
    let ground =
        ground_with(Limits { response_bytes: 10_000, ..Limits::default() }, &["https://api.example.com"]).await;
    let over =
        fetch(&ground, &mut Vault::default(), request("GET", "https://api.example.com/v1/huge")).await.unwrap_err();
    assert_eq!(over, Over(CallFault::ResponseBytes));
}
