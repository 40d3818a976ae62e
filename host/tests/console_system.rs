//! The pages of operators: workspaces, and the host itself.

use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::common::{Options, TestHost};
use crate::console::{page, person, send, sent_to, sign_in};

const WORKSPACES: &str = "/settings/workspaces";
const SYSTEM: &str = "/system";

async fn operator_of(host: &TestHost) -> String {
    person(host, "op@toko.example", "operator").await;
    sign_in(host, "op@toko.example").await
}

#[tokio::test]
async fn workspaces_are_added_and_renamed_by_forms_and_the_first_stays_the_first() {
    let host = TestHost::start().await;
    let operator = operator_of(&host).await;
    let (status, html) = page(&host, WORKSPACES, &operator).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("(yours)") && html.contains("default"), "{html}");

    for (name, said) in [
        ("", "field is required"),
        ("toko kopi", "without blanks"),
        ("<script>", "&lt;script&gt;"),
        ("default", "has this name already"),
    ] {
        let refused = send(&host, &operator, WORKSPACES, &[("name", name)]).await;
        if name == "<script>" {
            assert_eq!(refused.status(), StatusCode::SEE_OTHER, "marks are characters of a name");
            let (_, html) = page(&host, WORKSPACES, &operator).await;
            assert!(html.contains(said) && !html.contains("<script>"), "{html}");
            continue;
        }
        assert!(refused.status().is_client_error(), "{name}");
        let html = refused.text().await.unwrap();
        assert!(html.contains(said), "{name}: {html}");
    }
    let added = send(&host, &operator, WORKSPACES, &[("name", " warung ")]).await;
    let (status, html) = page(&host, sent_to(&added), &operator).await;
    assert_eq!(status, StatusCode::OK, "it goes on to the workspace's first admin");
    assert!(html.contains("Add an admin to warung"), "{html}");

    let (_, listed) = host.get("/v1/workspaces").await;
    let of = |name: &str| listed["items"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    let (first, warung) = (of("default"), of("warung"));
    assert_eq!((&first["people"], &warung["people"], &warung["channels"]), (&json!(1), &json!(0), &json!(0)));
    let at = |workspace: &serde_json::Value| format!("{WORKSPACES}/{}", workspace["id"].as_str().unwrap());
    let taken = send(&host, &operator, &at(&warung), &[("name", "default")]).await;
    assert_eq!(taken.status(), StatusCode::CONFLICT);
    assert!(taken.text().await.unwrap().contains("has this name already"));
    let renamed = send(&host, &operator, &at(&first), &[("name", "toko")]).await;
    assert_eq!(renamed.status(), StatusCode::SEE_OTHER);
    let missing = send(&host, &operator, &format!("{WORKSPACES}/ws_none"), &[("name", "x")]).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    let (_, inbox) = page(&host, "/inbox", &operator).await;
    assert!(inbox.contains("toko"), "the rail has the new name: {inbox}");
    let (_, log) = host.get("/v1/audit?limit=1").await;
    assert_eq!(log["items"][0]["action"], "workspace.change", "{log}");

    let (data, _folder) = host.stop().await;
    let host = TestHost::start_in(data, Options::default()).await;
    let workspace = host.state.auth.default_workspace().await.unwrap();
    assert_eq!((workspace.id.as_str(), workspace.name.as_str()), (first["id"].as_str().unwrap(), "toko"));
}

#[tokio::test]
async fn the_system_page_tells_what_differs_from_the_defaults_and_no_secret() {
    let overridden = Options::default().set("METRICS__TOKEN", "hush-hush").set("RETENTION__FEED_DAYS", 3);
    let host = TestHost::start_with(overridden.set("MAIL__RELAY__USER", "<b>me")).await;
    let operator = operator_of(&host).await;
    let (status, html) = page(&host, SYSTEM, &operator).await;
    assert_eq!(status, StatusCode::OK);
    for shown in ["Ready", env!("CARGO_PKG_VERSION"), "retention.feed_days", "metrics.token", "(set)", "&lt;b&gt;me"] {
        assert!(html.contains(shown), "{shown}: {html}");
    }
    assert!(html.contains("Messages to be sent") && html.contains("Requests of the API and the pages"), "{html}");
    assert!(!html.contains("hush-hush"), "{html}");
    let (_, system) = host.get("/v1/system").await;
    let feed_days = system["overrides"].as_array().unwrap().iter().find(|one| one["key"] == "retention.feed_days");
    assert_eq!(feed_days.unwrap()["value"], "3", "{system}");
    assert_eq!((&system["ready"], &system["held_since"]), (&json!(true), &json!(null)), "{system}");
    assert!(!system.to_string().contains("hush-hush"), "{system}");
    for pool in system["pools"].as_array().unwrap() {
        assert!(!html.contains(&format!("<td>{}</td>", pool["name"].as_str().unwrap())), "{pool} has words");
    }
    let queue =
        |name: &str| system["queues"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap().clone();
    assert_eq!(queue("messages")["waiting"], 0);
    let status = host.call_as("", Method::GET, "/v1/system", None).await.0;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_operator_lets_everything_go_on_after_a_restore() {
    let host = TestHost::start().await;
    let operator = operator_of(&host).await;
    let db = rusqlite::Connection::open(host.data.join("sambung.db")).unwrap();
    db.execute("INSERT INTO system (key, value) VALUES ('held_since', '1000')", []).unwrap();
    assert_eq!(host.state.db.held_since().await.unwrap(), Some(1_000), "as a restore leaves it");
    let (_, html) = page(&host, SYSTEM, &operator).await;
    assert!(html.contains("held after a restore"), "{html}");
    let released = send(&host, &operator, "/system/release", &[]).await;
    let (_, html) = page(&host, sent_to(&released), &operator).await;
    assert!(html.contains("Everything goes on.") && !html.contains("held after a restore"), "{html}");
}

#[tokio::test]
async fn an_admin_sees_neither_page_nor_the_ways_to_them() {
    let host = TestHost::start().await;
    person(&host, "admin@toko.example", "admin").await;
    let admin = sign_in(&host, "admin@toko.example").await;
    for path in ["/settings/people", "/inbox"] {
        let (_, html) = page(&host, path, &admin).await;
        assert!(!html.contains(WORKSPACES) && !html.contains(SYSTEM), "{path}: {html}");
    }
    for path in [WORKSPACES, SYSTEM] {
        assert_eq!(page(&host, path, &admin).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    for path in [WORKSPACES, "/settings/workspaces/ws_1", "/system/release"] {
        assert_eq!(send(&host, &admin, path, &[("name", "x")]).await.status(), StatusCode::FORBIDDEN, "{path}");
    }
}
