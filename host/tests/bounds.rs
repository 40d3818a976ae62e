//! Bounds that only many of something, or something large, reach.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::stream;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Body, Method, StatusCode};
use sambung::auth::Role;

use super::common::{Options, TestHost, read};
use super::console::{page, person, sign_in};
use super::outbound::Story;

/// Adds people who may sign in, each with a name that begins with `name`.
fn crowd(host: &TestHost, name: &str, count: usize) {
    let sql = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO users (id, workspace_id, email, name, role, created_at)
         SELECT 'usr_{name}' || i, (SELECT id FROM workspaces WHERE name = 'default'), '{name}' || i || '@crowd.example',
           printf('{name} %05d', i), 'agent', 0 FROM n"
    );
    rusqlite::Connection::open(host.data.join("sambung.db")).unwrap().execute_batch(&sql).unwrap();
}

#[tokio::test]
async fn a_thousand_people_are_listed_by_name_and_no_more() {
    let host = TestHost::start().await;
    crowd(&host, "Anna", 1_005);
    let (status, people) = host.get("/v1/people").await;
    assert_eq!(status, StatusCode::OK);
    let names: Vec<_> = people["items"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 1_000);
    assert_eq!((names[0], names[999]), ("Anna 00001", "Anna 01000"));
}

#[tokio::test]
async fn a_conversation_can_be_assigned_to_each_of_many_people_and_taken_by_the_last() {
    let story = Story::begin().await;
    let host = &story.host;
    person(host, "chief@toko.example", "supervisor").await;
    let chief = sign_in(host, "chief@toko.example").await;
    let path = format!("/inbox/{}", story.conversation);
    let few = page(host, &path, &chief).await.1;
    assert!(
        few.contains(r#"name="user" value="usr_"#) && !few.contains(r#"<select class="input" name="user""#),
        "{few}"
    );
    crowd(host, "Anna", 1_100);
    let many = page(host, &path, &chief).await.1;
    assert!(many.contains(r#"<select class="input" name="user""#), "{many}");
    assert!(many.contains("Anna 00999"), "everybody of the directory stands in the list");
    // An agent whose name comes after the bound takes it all the same.
    person(host, "zul@toko.example", "agent").await;
    let zul = sign_in(host, "zul@toko.example").await;
    let own = page(host, &path, &zul).await.1;
    assert!(!own.contains("Anna 0") && own.contains(r#"name="user" value="usr_"#), "{own}");
}

#[tokio::test]
async fn a_plugin_file_is_read_up_to_its_bound_and_no_further() {
    const MOST: usize = 256 << 10;
    let host = TestHost::start_with(Options::default().set("RUNTIME__LIMITS__FILE_BYTES", MOST)).await;
    let upload = async |body: Body| {
        let request = host.request(Method::POST, "/v1/plugins").header(CONTENT_TYPE, "application/wasm").body(body);
        read(request.send().await.unwrap()).await
    };
    let (status, problem) = upload(vec![0; MOST].into()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "it was read whole, and is no component: {problem}");
    let (status, problem) = upload(vec![0; MOST + 1].into()).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE, "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains(&MOST.to_string()), "{problem}");
    // An upload without an announced length and without an end is cut off: no more than the bound is held of it.
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let endless = stream::repeat_with(move || {
        counted.fetch_add(16 << 10, Ordering::Relaxed);
        Ok::<_, std::io::Error>(vec![0_u8; 16 << 10])
    });
    let request = host.request(Method::POST, "/v1/plugins").header(CONTENT_TYPE, "application/wasm");
    let answer = request.body(Body::wrap_stream(endless)).send().await;
    assert!(
        answer.is_ok_and(|answer| answer.status() == StatusCode::PAYLOAD_TOO_LARGE)
            || sent.load(Ordering::Relaxed) > MOST
    );
    // What was sent beyond the bound stands in buffers of the connection.
    assert!(sent.load(Ordering::Relaxed) < MOST + (16 << 20), "{sent:?}");
    let agent = host.token_for("default", Role::Agent).await;
    let refused = host.client.post(host.url("/v1/plugins")).bearer_auth(agent).body(vec![0; 10]).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}
