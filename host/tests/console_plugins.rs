//! The pages of plugins.

use reqwest::header::{COOKIE, ORIGIN};
use reqwest::{Method, Response, StatusCode};
use sambung::auth::Role;
use serde_json::json;

use crate::common::guests::{connects, guest, version};
use crate::common::{Options, TestHost};
use crate::console::{page, person, send, sent_to, sign_in};

const PLUGINS: &str = "/plugins";
const CONNECTS: &str = "/plugins/connects";

async fn with_operator() -> (TestHost, String) {
    let host = TestHost::start_with(Options::default().set("SERVER__PUBLIC_URL", "https://sambung.example")).await;
    person(&host, "op@toko.example", "operator").await;
    let session = sign_in(&host, "op@toko.example").await;
    (host, session)
}

async fn upload(host: &TestHost, session: &str, wasm: &[u8]) -> Response {
    let mut body = b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.wasm\"\r\n\r\n".to_vec();
    body.extend_from_slice(wasm);
    body.extend_from_slice(b"\r\n--b--\r\n");
    let request = host.client.post(host.url(PLUGINS)).header(ORIGIN, &host.base).header(COOKIE, session);
    request.header("content-type", "multipart/form-data; boundary=b").body(body).send().await.unwrap()
}

#[tokio::test]
async fn a_plugin_is_uploaded_shown_in_words_approved_disabled_and_removed() {
    let (host, operator) = with_operator().await;
    let (status, html) = page(&host, PLUGINS, &operator).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("LINE") && html.contains("Running") && html.contains("href=\"/plugins\""), "{html}");

    for (wasm, words) in [(&b""[..], "field is required"), (b"\0asm <script>", "The plugin was not installed.")] {
        let refused = upload(&host, &operator, wasm).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let html = refused.text().await.unwrap();
        assert!(html.contains(words) && !html.contains("<script>"), "{html}");
    }
    let first = connects();
    let installed = upload(&host, &operator, &first).await;
    assert_eq!(sent_to(&installed), format!("{CONNECTS}?done=installed"));
    assert_eq!(sent_to(&upload(&host, &operator, &first).await), format!("{CONNECTS}?done=installed"), "once more");
    let (_, html) = page(&host, CONNECTS, &operator).await;
    let (_, shown) = host.get("/v1/plugins/connects").await;
    let may = &shown["permissions"];
    for one in may["egress"].as_array().unwrap().iter().filter_map(|one| one["to"].as_str()) {
        assert!(html.contains(one), "{one}: {html}");
    }
    for one in may["secrets"].as_array().unwrap() {
        assert!(html.contains(&format!("<strong>{}</strong>", one["name"].as_str().unwrap())), "{html}");
    }
    assert!(html.contains(shown["digest"].as_str().unwrap()) && html.contains("1.0.0"), "{html}");
    assert!(html.contains("No channel of this workspace uses it."), "{html}");

    let second = version(first, "2.0.0");
    let waits = upload(&host, &operator, &second).await;
    assert_eq!(waits.status(), StatusCode::CONFLICT);
    let html = waits.text().await.unwrap();
    assert!(
        html.contains("connects 2.0.0 needs your approval") && html.contains("promises no compatibility"),
        "{html}"
    );
    let digest = html.split_once("name=\"digest\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
    let wrong = send(&host, &operator, "/plugins/approvals", &[("digest", "x")]).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let approved = send(&host, &operator, "/plugins/approvals", &[("digest", &digest)]).await;
    assert_eq!(sent_to(&approved), "/plugins?done=approved");
    assert_eq!(upload(&host, &operator, &second).await.status(), StatusCode::SEE_OTHER);
    let (_, html) = page(&host, CONNECTS, &operator).await;
    assert!(html.contains("What 2.0.0 may do") && html.contains(">before<"), "{html}");

    let settings = json!({ "account": "a", "token": "t" });
    let channel = json!({ "plugin": "connects", "name": "Kasir <b>", "settings": settings });
    assert_eq!(host.post("/v1/channels", channel).await.0, StatusCode::CREATED);
    assert!(page(&host, CONNECTS, &operator).await.1.contains("Kasir &lt;b&gt;"));
    let enabled = format!("{CONNECTS}/enabled");
    assert_eq!(
        sent_to(&send(&host, &operator, &enabled, &[("enabled", "false")]).await),
        format!("{CONNECTS}?done=saved")
    );
    assert!(page(&host, CONNECTS, &operator).await.1.contains("Nothing is sent until the plugin is enabled again."));
    assert_eq!(host.get("/v1/plugins/connects").await.1["state"], "disabled");
    send(&host, &operator, &enabled, &[("enabled", "true")]).await;
    assert_eq!(host.get("/v1/plugins/connects").await.1["state"], "active");

    let remove = format!("{CONNECTS}/remove");
    assert_eq!(sent_to(&send(&host, &operator, &remove, &[]).await), CONNECTS);
    assert_eq!(host.get("/v1/plugins/connects").await.0, StatusCode::OK, "without the tick nothing goes");
    assert_eq!(sent_to(&send(&host, &operator, &remove, &[("sure", "1")]).await), "/plugins?done=removed");
    assert_eq!(page(&host, CONNECTS, &operator).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_refused_file_of_the_folder_is_shown_with_its_reason_and_its_digest() {
    let (host, operator) = with_operator().await;
    std::fs::write(host.data.join("plugins/broken.wasm"), b"\0asm no plugin").unwrap();
    let shows = async || page(&host, PLUGINS, &operator).await.1.contains("broken.wasm");
    crate::common::until("the page shows the refused file", shows).await;
    let (_, html) = page(&host, PLUGINS, &operator).await;
    let listed = host.get("/v1/plugins").await.1;
    let refused = listed["items"].as_array().unwrap().iter().find(|one| one["state"] == "refused").unwrap();
    assert!(html.contains("Refused files") && html.contains(refused["digest"].as_str().unwrap()), "{html}");
    assert_eq!(refused["approval"], json!(null));
}

#[tokio::test]
async fn only_an_operator_reaches_plugins() {
    let (host, operator) = with_operator().await;
    person(&host, "admin@toko.example", "admin").await;
    let admin = sign_in(&host, "admin@toko.example").await;
    assert!(!page(&host, "/inbox", &admin).await.1.contains("href=\"/plugins\""));
    assert_eq!(upload(&host, &operator, &connects()).await.status(), StatusCode::SEE_OTHER);
    for path in [PLUGINS, CONNECTS] {
        assert_eq!(page(&host, path, &admin).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(upload(&host, &admin, &connects()).await.status(), StatusCode::FORBIDDEN);
    for (path, fields) in [
        ("/plugins/approvals", [("digest", "0")]),
        ("/plugins/connects/enabled", [("enabled", "false")]),
        ("/plugins/connects/remove", [("sure", "1")]),
    ] {
        assert_eq!(send(&host, &admin, path, &fields).await.status(), StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(host.call(Method::GET, "/v1/plugins/connects", None).await.1["state"], "active");
}

#[tokio::test]
async fn what_a_plugin_used_and_said_is_told_to_operators_as_text() {
    let (host, operator) = with_operator().await;
    assert_eq!(upload(&host, &operator, &guest("forges_log")).await.status(), StatusCode::SEE_OTHER);
    let (_, html) = page(&host, "/plugins/forges-log", &operator).await;
    assert!(html.contains("It wrote no line since the server started."), "{html}");
    assert!(!html.contains("Calls that failed"), "{html}");
    let of_loading = host.get("/v1/plugins/forges-log/use").await.1["calls"].as_u64().unwrap();
    let (status, _) = host.post("/v1/channels", json!({ "plugin": "forges-log", "name": "x", "settings": {} })).await;
    assert!(!status.is_success(), "its identify panics");

    let (status, using) = host.get("/v1/plugins/forges-log/use").await;
    assert_eq!(status, StatusCode::OK, "{using}");
    let (calls, failed) = (using["calls"].as_u64().unwrap(), using["failed"].as_u64().unwrap());
    assert!(failed > 0 && calls == of_loading + failed, "{using}");
    assert!(using["cpu_us"].as_u64().unwrap() > 0, "{using}");
    assert!(using["memory_bytes"].as_u64().unwrap() > 0, "{using}");
    let hours = using["hours"].as_array().unwrap();
    let last_two: u64 = hours[22..].iter().map(|hour| hour["calls"].as_u64().unwrap()).sum();
    assert_eq!((hours.len(), last_two), (24, calls), "{using}");
    assert_eq!(
        (&using["faults"][0]["code"], &using["faults"][0]["function"]),
        (&json!("trap"), &json!("connection.identify"))
    );
    let warned = using["lines"].as_array().unwrap().iter().filter(|line| line["level"] == "warn").count();
    assert!(warned >= 2, "the message, and what it wrote to standard error: {using}");
    for line in using["lines"].as_array().unwrap() {
        assert!(!line["text"].as_str().unwrap().chars().any(char::is_control), "one line: {line}");
    }

    let (_, html) = page(&host, "/plugins/forges-log", &operator).await;
    assert!(html.contains("Calls that failed") && html.contains("forged by a plugin"), "{html}");
    assert!(
        html.contains(&format!("{calls} calls, {failed} failed")) && html.contains("class=\"spark-line\""),
        "{html}"
    );
    let admin = host.token_for("default", Role::Admin).await;
    let refused = host.call_as(&admin, Method::GET, "/v1/plugins/forges-log/use", None).await;
    assert_eq!(refused.0, StatusCode::FORBIDDEN);
    assert_eq!(host.get("/v1/plugins/none/use").await.0, StatusCode::NOT_FOUND);
}
