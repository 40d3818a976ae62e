//! No byte of a plugin, a visitor or a customer becomes a page of the host's origin, and the host's cookies count there alone.

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::guests::{guest, with};
use crate::common::{Options, TestHost, read};

async fn upload(host: &TestHost, wasm: Vec<u8>) -> (StatusCode, Value) {
    let request = host.request(Method::POST, "/v1/plugins").header("content-type", "application/wasm").body(wasm);
    read(request.send().await.unwrap()).await
}

/// What keeps a browser from running an answer, whatever stands in it.
fn is_inert(headers: &HeaderMap) {
    let policies: Vec<_> =
        headers.get_all("content-security-policy").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(policies.len(), 1, "{headers:?}");
    let directives: Vec<&str> = policies[0].split(';').map(str::trim).collect();
    assert!(directives.contains(&"sandbox") && directives.contains(&"default-src 'none'"), "{headers:?}");
    assert!(!policies[0].contains("script-src"), "{headers:?}");
    let sniff: Vec<_> = headers.get_all("x-content-type-options").iter().collect();
    assert_eq!(sniff, ["nosniff"], "{headers:?}");
    assert!(!headers.get("content-type").is_some_and(|kind| kind.to_str().unwrap().contains("html")), "{headers:?}");
}

async fn connected(host: &TestHost) -> Value {
    let (status, plugin) = upload(host, guest("serves_pages")).await;
    assert_eq!(status, StatusCode::CREATED, "{plugin}");
    let body = json!({ "plugin": "serves-pages", "name": "Pages", "settings": {} });
    let (status, channel) = host.post("/v1/channels", body).await;
    assert_eq!((status, &channel["state"]), (StatusCode::CREATED, &json!("connected")), "{channel}");
    channel
}

#[tokio::test]
async fn a_plugin_with_a_page_among_its_files_is_refused_and_what_it_may_serve_is_inert() {
    let host = TestHost::start().await;
    let (status, problem) = upload(&host, with(guest("serves_pages"), "image/svg+xml", "text/html;a=b")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    let reason = problem["reason"].as_str().unwrap();
    assert!(
        reason.contains("help.html") && reason.contains("text/css"),
        "it says which file, and what may be: {reason}"
    );

    let channel = connected(&host).await;
    let address = host.url(&format!("/widget/{}/help.html", channel["id"].as_str().unwrap()));
    let asset = host.client.get(address).send().await.unwrap();
    assert_eq!((asset.status(), asset.headers()["content-type"].to_str().unwrap()), (StatusCode::OK, "image/svg+xml"));
    is_inert(asset.headers());
    for path in ["/widget/nowhere/a.js", "/hooks/nowhere"] {
        is_inert(host.client.get(host.url(path)).send().await.unwrap().headers());
    }
}

#[tokio::test]
async fn of_a_plugins_answer_to_a_webhook_only_status_body_and_a_fixed_set_of_headers_pass() {
    let host = TestHost::start_with(Options::default().set("SERVER__PUBLIC_URL", "https://sambung.example")).await;
    let channel = connected(&host).await;
    let base = channel["webhook_url"].as_str().unwrap().strip_prefix("https://sambung.example").unwrap().to_owned();
    let deliver = async |id: &str, status: u16| {
        let key = channel["settings"]["hook_key"].as_str().unwrap();
        let request = host.client.post(host.url(&base)).header("x-hook-key", key);
        request.json(&json!({ "id": id, "status": status })).send().await.unwrap()
    };
    let answer = deliver("m1", 202).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    is_inert(answer.headers());
    let mut names: Vec<_> = answer.headers().keys().map(|name| name.as_str().to_owned()).collect();
    names.retain(|name| !matches!(name.as_str(), "date" | "content-length"));
    names.sort_unstable();
    assert_eq!(names, ["content-security-policy", "content-type", "retry-after", "x-content-type-options"]);
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    assert_eq!(answer.headers()["retry-after"], "7");
    assert!(answer.text().await.unwrap().starts_with("<!doctype html>"), "the body is the plugin's");

    let redirected = deliver("m2", 302).await;
    assert_eq!(redirected.status(), StatusCode::OK, "the recipe's answer goes out in the place of a redirection");
    assert!(!redirected.headers().contains_key("location"));
    assert_eq!(redirected.text().await.unwrap(), "");
}

#[tokio::test]
async fn an_uploaded_page_is_a_download_and_answers_of_the_api_are_no_pages() {
    let host = TestHost::start().await;
    for kind in ["text/html; charset=utf-8", "image/svg+xml", "application/xhtml+xml", "text/xsl"] {
        let request = host.request(Method::POST, "/v1/media?name=a.html").header("content-type", kind);
        let (status, file) = read(request.body("<script>alert(1)</script>").send().await.unwrap()).await;
        assert_eq!(status, StatusCode::CREATED, "{file}");
        let path = format!("/v1/media/{}", file["id"].as_str().unwrap());
        let answer = host.request(Method::GET, &path).send().await.unwrap();
        is_inert(answer.headers());
        assert_eq!(answer.headers()["content-type"], "application/octet-stream", "{kind}");
        assert!(answer.headers()["content-disposition"].to_str().unwrap().starts_with("attachment"));
    }
    for path in ["/v1/me", "/v1/plugins", "/v1/plugins/webchat/icon", "/nowhere", "/v1/media/md_none"] {
        is_inert(host.request(Method::GET, path).send().await.unwrap().headers());
    }
}

const OPERATOR: (&str, &str) = ("operator@example.com", "a long enough password");

async fn session_cookie(host: &TestHost) -> String {
    let link = host.setup_link.as_deref().unwrap();
    let (email, password) = OPERATOR;
    let body = json!({ "token": link, "email": email, "password": password });
    let setup = host.client.post(host.url("/v1/setup")).json(&body).send().await.unwrap();
    assert_eq!(setup.status(), StatusCode::CREATED, "{}", setup.text().await.unwrap());
    let body = json!({ "email": email, "password": password });
    let answer = host.client.post(host.url("/v1/session")).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::CREATED);
    answer.headers()["set-cookie"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn over_https_the_sessions_cookie_is_one_that_no_neighbour_can_plant() {
    let host = TestHost::start_with(Options::default().set("SERVER__PUBLIC_URL", "https://sambung.example")).await;
    let line = session_cookie(&host).await;
    let (pair, attributes) = line.split_once("; ").unwrap();
    let (name, value) = pair.split_once('=').unwrap();
    assert_eq!(name, "__Host-sambung_session");
    let attributes: Vec<_> = attributes.split("; ").collect();
    assert!(
        ["Path=/", "HttpOnly", "Secure", "SameSite=Lax"].iter().all(|wanted| attributes.contains(wanted)),
        "{line}"
    );
    assert!(!line.contains("Domain"), "{line}");
    let me = async |cookie: String| host.client.get(host.url("/v1/me")).header("cookie", cookie).send().await.unwrap();
    assert_eq!(me(pair.to_owned()).await.status(), StatusCode::OK);
    assert_eq!(
        me(format!("sambung_session={value}")).await.status(),
        StatusCode::UNAUTHORIZED,
        "the plain name is planted"
    );

    let gone = host.client.delete(host.url("/v1/session")).header("cookie", pair).send().await.unwrap();
    let line = gone.headers()["set-cookie"].to_str().unwrap();
    assert!(line.starts_with("__Host-sambung_session=;") && line.contains("Secure"), "{line}");
    assert_eq!(me(pair.to_owned()).await.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn over_plain_http_on_this_machine_the_cookie_has_its_plain_name() {
    let host = TestHost::start().await;
    let line = session_cookie(&host).await;
    assert!(line.starts_with("sambung_session=") && !line.contains("Secure"), "{line}");
}

#[tokio::test]
async fn the_reference_page_runs_no_script_but_the_servers_own() {
    let host = TestHost::start().await;
    let page = host.client.get(host.url("/docs/")).send().await.unwrap();
    assert_eq!(page.status(), 200);
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("script-src"), "scripts follow the default: {policy}");
    let html = page.text().await.unwrap();
    for script in html.split("<script").skip(1) {
        assert!(script.trim_start().starts_with("src=\"./"), "a script that the policy stops: {script}");
    }
}
