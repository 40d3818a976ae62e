//! The console's frame: signing in and out, who sees what, and what a page lets a browser do.

use reqwest::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::json;

use crate::common::TestHost;

const PASSWORD: &str = "a good password";

async fn person(host: &TestHost, email: &str, role: &str) {
    let body = json!({ "email": email, "name": "Rina <script>alert(1)</script>", "role": role, "password": PASSWORD });
    let (status, answer) = host.post("/v1/users", body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
}

/// A form as a browser sends it from a page of this host.
fn form(host: &TestHost, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = host.client.post(host.url(path)).header(ORIGIN, &host.base).header("sec-fetch-site", "same-origin");
    request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
}

/// Where an answer sends the browser.
fn sent_to(answer: &Response) -> &str {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    answer.headers()[LOCATION].to_str().unwrap()
}

fn cookie(answer: &Response) -> String {
    answer.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

async fn sign_in(host: &TestHost, email: &str) -> String {
    let answer = form(host, "/sign-in", &[("email", email), ("password", PASSWORD)]).send().await.unwrap();
    assert_eq!(sent_to(&answer), "/integrations");
    cookie(&answer)
}

async fn page(host: &TestHost, path: &str, cookie: &str) -> (StatusCode, String) {
    let answer = host.client.get(host.url(path)).header(COOKIE, cookie).send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    assert!(!policy.contains("unsafe"), "{path}: {policy}");
    assert_eq!(headers["cache-control"], "no-store", "{path}");
    assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
    let html = answer.text().await.unwrap();
    assert!(!html.contains("<script") && !html.contains(" style=") && !html.contains("onclick"), "{path}: {html}");
    (status, html)
}

#[tokio::test]
async fn a_person_signs_in_goes_where_they_wanted_and_signs_out() {
    let host = TestHost::start().await;
    person(&host, "rina@toko.example", "admin").await;
    let asked = host.client.get(host.url("/integrations?after=ch_1")).send().await.unwrap();
    assert_eq!(asked.status(), StatusCode::SEE_OTHER);
    let to_sign_in = asked.headers()[LOCATION].to_str().unwrap().to_owned();
    assert_eq!(to_sign_in, "/sign-in?to=%2Fintegrations%3Fafter%3Dch_1");
    let (status, html) = page(&host, &to_sign_in, "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains(r#"name="to" value="/integrations?after=ch_1""#), "{html}");

    let wrong = [("email", "rina@toko.example"), ("password", "wrong"), ("to", "/integrations?after=ch_1")];
    let answer = form(&host, "/sign-in", &wrong).header(ACCEPT_LANGUAGE, "id").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let html = answer.text().await.unwrap();
    assert!(html.contains("Alamat email atau kata sandi salah"), "{html}");
    assert!(
        html.contains(r#"value="rina@toko.example""#) && html.contains("after=ch_1"),
        "what was typed stays: {html}"
    );
    let empty = form(&host, "/sign-in", &[("email", ""), ("password", "")]).send().await.unwrap();
    assert_eq!(empty.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(empty.text().await.unwrap().matches("field is required").count(), 2);

    for (to, location) in [
        ("/integrations?after=ch_1", "/integrations?after=ch_1"),
        ("//evil.example", "/integrations"),
        ("https://evil.example", "/integrations"),
        ("/\\evil.example", "/integrations"),
    ] {
        let right = [("email", "rina@toko.example"), ("password", PASSWORD), ("to", to)];
        let answer = form(&host, "/sign-in", &right).send().await.unwrap();
        assert_eq!(sent_to(&answer), location, "{to}");
    }
    let session = sign_in(&host, "rina@toko.example").await;
    assert_eq!(page(&host, "/integrations", &session).await.0, StatusCode::OK);
    let out = form(&host, "/sign-out", &[]).header(COOKIE, &session).send().await.unwrap();
    assert_eq!(sent_to(&out), "/sign-in");
    assert_eq!(page(&host, "/integrations", &session).await.0, StatusCode::SEE_OTHER, "the session has ended");
}

#[tokio::test]
async fn a_page_of_another_site_can_neither_sign_a_person_in_nor_out() {
    let host = TestHost::start().await;
    person(&host, "rina@toko.example", "admin").await;
    let session = sign_in(&host, "rina@toko.example").await;
    let fields = [("email", "rina@toko.example"), ("password", PASSWORD)];
    for path in ["/sign-in", "/sign-out", "/preferences", "/setup/x"] {
        let forged = form(&host, path, &fields).header(COOKIE, &session);
        let mut forged = forged.build().unwrap();
        forged.headers_mut().insert(ORIGIN, "https://evil.example".parse().unwrap());
        forged.headers_mut().insert("sec-fetch-site", "cross-site".parse().unwrap());
        let answer = host.client.execute(forged).await.unwrap();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{path}");
        assert!(answer.headers().get(SET_COOKIE).is_none(), "{path}");
    }
    assert_eq!(page(&host, "/integrations", &session).await.0, StatusCode::OK);
}

#[tokio::test]
async fn integrations_show_channels_to_all_plugins_to_admins_and_run_nobodys_script() {
    let host = TestHost::start().await;
    for (email, role) in [("admin@toko.example", "admin"), ("agent@toko.example", "agent")] {
        person(&host, email, role).await;
    }
    let settings = json!({ "domain": ["https://toko.example"] });
    let channel = json!({ "plugin": "webchat", "name": "Toko <script>alert(2)</script>", "settings": settings });
    let (status, channel) = host.post("/v1/channels", channel).await;
    assert_eq!(status, StatusCode::CREATED, "{channel}");
    let (admin, agent) = (sign_in(&host, "admin@toko.example").await, sign_in(&host, "agent@toko.example").await);
    let (_, of_admin) = page(&host, "/integrations", &admin).await;
    let (_, of_agent) = page(&host, "/integrations", &agent).await;
    for html in [&of_admin, &of_agent] {
        assert!(html.contains("Toko &lt;script&gt;alert(2)"), "{html}");
    }
    assert!(of_admin.contains("id=\"available\"") && !of_agent.contains("id=\"available\""));

    let paused = json!({ "paused": true });
    let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    assert_eq!(host.call(Method::PATCH, &path, Some(paused)).await.0, StatusCode::OK);
    assert!(page(&host, "/integrations", &agent).await.1.contains("Paused"));
}

#[tokio::test]
async fn a_browser_keeps_its_language_and_theme() {
    let host = TestHost::start().await;
    let chosen = form(&host, "/preferences", &[("language", "id"), ("to", "/sign-in")]).send().await.unwrap();
    assert_eq!(sent_to(&chosen), "/sign-in");
    let language = cookie(&chosen);
    let theme = cookie(&form(&host, "/preferences", &[("theme", "dark")]).send().await.unwrap());
    let (_, html) = page(&host, "/sign-in", &format!("{language}; {theme}")).await;
    assert!(html.contains(r#"lang="id" data-theme="dark""#) && html.contains("Kata sandi"), "{html}");
    let (_, html) = page(&host, "/sign-in", "sambung_language=xx; sambung_theme=\"><script>").await;
    assert!(html.contains(r#"<html lang="en">"#), "{html}");
    let auto = form(&host, "/preferences", &[("theme", "auto")]).send().await.unwrap();
    assert!(auto.headers()[SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn what_a_page_loads_is_there_and_stays_in_the_cache() {
    let host = TestHost::start().await;
    let (_, html) = page(&host, "/sign-in", "").await;
    let addresses: Vec<_> = html.split('"').filter(|text| text.starts_with("/console/")).collect();
    assert!(addresses.len() >= 2, "{html}");
    for address in addresses {
        let answer = host.client.get(host.url(address)).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{address}");
        assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"), "{address}");
    }
    let answer = host.client.get(host.url("/sign-in?to=a&to=b")).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    assert!(answer.text().await.unwrap().contains("There is no such page"));
}
