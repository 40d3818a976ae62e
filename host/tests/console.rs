//! The console's frame: signing in and out, who sees what, and what a page lets a browser do.

use std::io::Read;
use std::time::Duration;

use reqwest::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

use crate::common::guests::connects;
use crate::common::{Options, TestHost, read, until};

const PASSWORD: &str = "a good password";

pub async fn person(host: &TestHost, email: &str, role: &str) {
    let body = json!({ "email": email, "name": "Rina <script>alert(1)</script>", "role": role, "password": PASSWORD });
    let (status, answer) = host.post("/v1/users", body).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
}

/// A form as a browser sends it from a page of this host.
pub(crate) fn form(host: &TestHost, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = host.client.post(host.url(path)).header(ORIGIN, &host.base).header("sec-fetch-site", "same-origin");
    request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body)
}

/// Where an answer sends the browser.
pub(crate) fn sent_to(answer: &Response) -> &str {
    assert_eq!(answer.status(), StatusCode::SEE_OTHER);
    answer.headers()[LOCATION].to_str().unwrap()
}

pub(crate) fn cookie(answer: &Response) -> String {
    answer.headers()[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned()
}

pub async fn sign_in(host: &TestHost, email: &str) -> String {
    let answer = form(host, "/sign-in", &[("email", email), ("password", PASSWORD)]).send().await.unwrap();
    assert_eq!(sent_to(&answer), "/inbox");
    cookie(&answer)
}

pub(crate) async fn page(host: &TestHost, path: &str, cookie: &str) -> (StatusCode, String) {
    let answer = host.client.get(host.url(path)).header(COOKIE, cookie).send().await.unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
    assert!(!policy.contains("unsafe"), "{path}: {policy}");
    assert_eq!(headers["cache-control"], "no-store", "{path}");
    assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
    let html = answer.text().await.unwrap();
    let own = html.replace(r#"<script type="module" src="/console/"#, "");
    assert!(!own.contains("<script") && !html.contains(" style=") && !html.contains("onclick"), "{path}: {html}");
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
        ("//evil.example", "/inbox"),
        ("https://evil.example", "/inbox"),
        ("/\\evil.example", "/inbox"),
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
    assert!(html.contains(r#"<html lang="en" data-zone="UTC">"#), "{html}");
    let zone = cookie(&form(&host, "/preferences", &[("zone", "Asia/Jakarta")]).send().await.unwrap());
    assert!(page(&host, "/sign-in", &zone).await.1.contains(r#"data-zone="Asia/Jakarta""#));
    let nowhere = form(&host, "/preferences", &[("zone", "Nowhere/\"><script>")]).send().await.unwrap();
    assert!(!nowhere.headers().contains_key(SET_COOKIE));
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

/// A host with the plugin that connects in every way there is, and an admin's session.
async fn with_connects() -> (TestHost, String) {
    let host = TestHost::start_with(Options::default().set("SERVER__PUBLIC_URL", "https://sambung.example")).await;
    let upload = host.request(Method::POST, "/v1/plugins").header("content-type", "application/wasm").body(connects());
    let (status, plugin) = read(upload.send().await.unwrap()).await;
    assert_eq!(status, StatusCode::CREATED, "{plugin}");
    person(&host, "admin@toko.example", "admin").await;
    let session = sign_in(&host, "admin@toko.example").await;
    (host, session)
}

const NEW: &str = "/integrations/new/connects";

pub(crate) async fn send(host: &TestHost, session: &str, path: &str, fields: &[(&str, &str)]) -> Response {
    form(host, path, fields).header(COOKIE, session).send().await.unwrap()
}

/// Sends a form whose parts with a file name are files, with the key of the composer where the page at the same path has one.
async fn write(host: &TestHost, session: &str, path: &str, parts: &[(&str, Option<&str>, &str)]) -> Response {
    let key = key_of(&page(host, path, session).await.1);
    write_with(host, session, path, &key, parts).await
}

/// The key of the form that sends a message; empty where the page has no such form.
pub(crate) fn key_of(html: &str) -> String {
    let field = html.split_once("name=\"key\" value=\"").map(|(_, rest)| rest.split('"').next());
    field.flatten().unwrap_or_default().to_owned()
}

/// As [`write`], with this key.
async fn write_with(
    host: &TestHost,
    session: &str,
    path: &str,
    key: &str,
    parts: &[(&str, Option<&str>, &str)],
) -> Response {
    let mut body = format!("--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n{key}\r\n");
    for (name, file, value) in parts {
        let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
        body += &format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n");
    }
    let request = host.client.post(host.url(path)).header(ORIGIN, &host.base).header(COOKIE, session);
    let request = request.header("content-type", "multipart/form-data; boundary=b").body(body + "--b--\r\n");
    request.send().await.unwrap()
}

/// Connects a channel, whose page's address is the answer.
async fn connected(host: &TestHost, session: &str, fields: &[(&str, &str)]) -> String {
    let answer = send(host, session, NEW, fields).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
    // The page shows once that the channel is connected; its address is what stands before the query.
    sent_to(&answer).split('?').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_channel_is_connected_changed_paused_and_disconnected_by_forms_alone() {
    let (host, session) = with_connects().await;
    let (status, html) = page(&host, NEW, &session).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains(r#"type="password""#) && html.contains(r#"name="account""#), "{html}");

    let answer = send(&host, &session, NEW, &[("name", ""), ("account", ""), ("token", "")]).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.text().await.unwrap().contains("field is required"));
    let refused = [("name", "One"), ("account", "a"), ("token", "t"), ("connect", "refuse")];
    let answer = send(&host, &session, NEW, &refused).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let html = answer.text().await.unwrap();
    assert!(html.contains("Invalid OAuth access token.") && html.contains(r#"value="One""#), "{html}");
    assert_eq!(host.get("/v1/channels").await.1["items"], json!([]), "nothing is kept of what was refused");

    let path = connected(&host, &session, &[("name", "One"), ("account", "a"), ("token", "very secret")]).await;
    let (_, html) = page(&host, &path, &session).await;
    assert!(html.contains("Connected") && html.contains("Account a"), "{html}");
    let settings = format!("{path}/settings");
    let (_, html) = page(&host, &settings, &session).await;
    assert!(!html.contains("very secret") && html.contains("Set; leave empty to keep it"), "{html}");
    let changed = send(&host, &session, &settings, &[("name", "Two"), ("account", "a"), ("token", "")]).await;
    assert_eq!(sent_to(&changed), format!("{settings}?saved=1"));
    let (_, html) = page(&host, &format!("{settings}?saved=1"), &session).await;
    assert!(html.contains("The changes are saved.") && html.contains(r#"value="Two""#), "{html}");

    assert_eq!(sent_to(&send(&host, &session, &format!("{path}/pause"), &[("paused", "true")]).await), path);
    assert!(page(&host, &path, &session).await.1.contains("Resume"));
    assert_eq!(sent_to(&send(&host, &session, &format!("{path}/pause"), &[("paused", "false")]).await), path);
    let disconnect = format!("{path}/disconnect");
    let (_, html) = page(&host, &disconnect, &session).await;
    for words in ["Are you sure?", "Disconnecting this channel will also delete this channel", "Cancel", "Disconnect"] {
        assert!(html.contains(words), "{words}: {html}");
    }
    assert_eq!(sent_to(&send(&host, &session, &disconnect, &[]).await), "/integrations");
    assert_eq!(page(&host, &path, &session).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_steps_of_a_connection_are_answered_on_the_channels_page() {
    let (host, session) = with_connects().await;
    let fields = [("name", "Pages"), ("account", "a"), ("token", "t"), ("connect", "choose")];
    let path = connected(&host, &session, &fields).await;
    let (_, html) = page(&host, &path, &session).await;
    assert!(html.contains("Choose what to connect:") && html.contains("page-2"), "{html}");
    let answer = format!("{path}/answer");
    let wrong = send(&host, &session, &answer, &[("choice", "page-9")]).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().await.unwrap().contains("is none of the choices"));
    assert_eq!(sent_to(&send(&host, &session, &answer, &[("choice", "page-2")]).await), format!("{path}?connected=1"));
    assert!(page(&host, &path, &session).await.1.contains("Account page-2"));

    let fields = [("name", "Pin"), ("account", "b"), ("token", "t"), ("connect", "ask")];
    let path = connected(&host, &session, &fields).await;
    let answer = format!("{path}/answer");
    assert_eq!(send(&host, &session, &answer, &[("pin", "1")]).await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(sent_to(&send(&host, &session, &answer, &[("pin", "123456")]).await), format!("{path}?connected=1"));
    assert!(page(&host, &path, &session).await.1.contains("Account b"));

    let fields = [("name", "Taken"), ("account", "b"), ("token", "t")];
    let taken = send(&host, &session, NEW, &fields).await;
    assert_eq!(taken.status(), StatusCode::CONFLICT);
    assert!(taken.text().await.unwrap().contains("Pin"), "the page names the channel that has the account");
}

#[tokio::test]
async fn an_agent_sees_channels_and_no_way_to_change_them() {
    let (host, admin) = with_connects().await;
    let path = connected(&host, &admin, &[("name", "One"), ("account", "a"), ("token", "t")]).await;
    person(&host, "agent@toko.example", "agent").await;
    let agent = sign_in(&host, "agent@toko.example").await;
    let (status, html) = page(&host, &path, &agent).await;
    assert_eq!(status, StatusCode::OK);
    assert!(!html.contains(&format!("action=\"{path}")) && !html.contains("/disconnect"), "{html}");
    for page_of_admins in [NEW.to_owned(), format!("{path}/settings"), format!("{path}/disconnect")] {
        assert_eq!(page(&host, &page_of_admins, &agent).await.0, StatusCode::FORBIDDEN, "{page_of_admins}");
    }
    for act in ["answer", "check", "register", "pause", "settings", "abandon", "disconnect"] {
        let answer = send(&host, &agent, &format!("{path}/{act}"), &[("paused", "true")]).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{act}");
    }
    assert_eq!(send(&host, &agent, NEW, &[("name", "x")]).await.status(), StatusCode::FORBIDDEN);
    let channels = host.get("/v1/channels").await.1;
    assert_eq!((&channels["items"][0]["state"], &channels["items"][1]), (&json!("connected"), &json!(null)));
}

#[tokio::test]
async fn the_inbox_shows_conversations_and_takes_replies_and_shows_what_was_refused() {
    let host = TestHost::start().await;
    person(&host, "agent@toko.example", "agent").await;
    let agent = sign_in(&host, "agent@toko.example").await;
    let (status, html) = page(&host, "/inbox", &agent).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("No conversation yet."), "{html}");
    let chat = json!({ "plugin": "webchat", "name": "Toko", "settings": {} });
    let (_, channel) = host.post("/v1/channels", chat).await;
    let path = format!("/widget/{}", channel["id"].as_str().unwrap());
    let ask = async |path: String, token: &str, body: Value| {
        let request = host.client.post(host.url(&path)).header(ORIGIN, &host.base).bearer_auth(token).json(&body);
        read(request.send().await.unwrap()).await
    };
    let (_, visitor) = ask(format!("{path}/sessions"), "", json!({})).await;
    let token = visitor["token"].as_str().unwrap();
    let content = json!({ "type": "text", "text": "<script>alert(3)</script>" });
    let body = json!({ "id": "1", "name": "Sari <script>", "content": content });
    assert_eq!(ask(format!("{path}/messages"), token, body).await.0, StatusCode::ACCEPTED);
    let first = async || host.get("/v1/conversations").await.1["items"][0]["id"].as_str().map(str::to_owned);
    until("the message is in a conversation", async || first().await.is_some()).await;
    let open = format!("/inbox/{}", first().await.unwrap());
    let (_, html) = page(&host, &open, &agent).await;
    assert!(html.contains("&lt;script&gt;alert(3)&lt;/script&gt;") && html.contains("Sari &lt;script&gt;"), "{html}");
    assert!(html.contains("data-unread=\"true\""), "{html}");

    assert_eq!(sent_to(&write(&host, &agent, &open, &[("text", None, "Buka.\r\nSampai 21.00")]).await), open);
    let (_, html) = page(&host, &open, &agent).await;
    assert!(html.contains("Buka.\nSampai 21.00") && html.contains("data-unread=\"false\""), "{html}");
    // The button is pressed twice, or the answer is lost: one message. The page that is shown next has a key of its own.
    let key = key_of(&page(&host, &open, &agent).await.1);
    assert_eq!(key.len(), 36, "{key}");
    let (again, with_file) = ([("text", None, "Once")], [("text", None, "Once"), ("file", Some("a.txt"), "a")]);
    let both =
        tokio::join!(write_with(&host, &agent, &open, &key, &again), write_with(&host, &agent, &open, &key, &again));
    let statuses = [both.0.status(), both.1.status()];
    assert!(statuses.contains(&StatusCode::SEE_OTHER), "{statuses:?}");
    assert!(
        statuses.iter().all(|status| [StatusCode::SEE_OTHER, StatusCode::CONFLICT].contains(status)),
        "{statuses:?}"
    );
    assert_eq!(sent_to(&write_with(&host, &agent, &open, &key, &again).await), open);
    for other in [&[("text", None, "Another")][..], &with_file[..]] {
        let refused = write_with(&host, &agent, &open, &key, other).await;
        assert_eq!(refused.status(), StatusCode::CONFLICT);
        let html = refused.text().await.unwrap();
        assert!(html.contains("Another message was sent with this form") && html.contains(other[0].2), "{html}");
        assert!(key_of(&html).len() == 36 && key_of(&html) != key, "{html}");
    }
    let keyless = write_with(&host, &agent, &open, "", &[("text", None, "Kept")]).await;
    assert_eq!(keyless.status(), StatusCode::BAD_REQUEST);
    assert!(keyless.text().await.unwrap().contains("Kept"));
    let (_, sent) = host.get(&format!("/v1{}/messages", open.replace("/inbox/", "/conversations/"))).await;
    assert_eq!(sent.to_string().matches("\"Once\"").count(), 1, "{sent}");
    // A form that was refused keeps its key, which sends once it is mended.
    let key = key_of(&page(&host, &open, &agent).await.1);
    let refused = write_with(&host, &agent, &open, &key, &[("text", None, " ")]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(key_of(&refused.text().await.unwrap()), key);
    assert_eq!(sent_to(&write_with(&host, &agent, &open, &key, &[("text", None, "Mended")]).await), open);

    let refused = write(&host, &agent, &open, &[("text", None, " ")]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let long = "x".repeat(20_000);
    let refused = write(&host, &agent, &open, &[("text", None, &long)]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await.unwrap().contains(&long), "what was written stays");
    let many = "x".repeat(200 << 10);
    let refused = write(&host, &agent, &open, &[("p.1", None, &many), ("p.2", None, &many)]).await;
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE, "all fields of a form share one bound");
    let files: Vec<_> = (0..11).map(|_| ("file", Some("a.txt"), "a")).collect();
    let refused = write(&host, &agent, &open, &files).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text().await.unwrap().contains("at most 10 files"));
    assert_eq!(page(&host, "/inbox/cv_none", &agent).await.0, StatusCode::NOT_FOUND);
    let other = host.token_for("elsewhere", sambung::auth::Role::Agent).await;
    let stranger = host.client.get(host.url(&open)).bearer_auth(other).send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::NOT_FOUND, "another workspace has no such conversation");
}

#[tokio::test]
async fn pages_take_places_of_their_workspace_like_requests_to_the_api() {
    let host = TestHost::start_with(Options::default().set("SERVER__API_REQUESTS", 1)).await;
    person(&host, "agent@toko.example", "agent").await;
    let agent = sign_in(&host, "agent@toko.example").await;
    let place = host.state.api.take("another workspace", "somebody", Duration::from_secs(10)).await;
    assert!(place.is_some());
    let (status, html) = page(&host, "/inbox", &agent).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(html.contains("The server is busy."), "{html}");
    drop(place);
    assert_eq!(page(&host, "/inbox", &agent).await.0, StatusCode::OK);
}

#[tokio::test]
async fn contacts_are_searched_named_and_erased_by_an_admin_alone() {
    let super::outbound::Story { host, conversation, .. } = super::outbound::Story::begin().await;
    person(&host, "agent@toko.example", "agent").await;
    person(&host, "admin@toko.example", "admin").await;
    let agent = sign_in(&host, "agent@toko.example").await;
    let admin = sign_in(&host, "admin@toko.example").await;
    let contact = host.get(&format!("/v1/conversations/{conversation}")).await.1["contact"]["id"].clone();
    let one = format!("/contacts/{}", contact.as_str().unwrap());
    let named = [("name", "Sari <script>alert(1)</script>")];
    assert_eq!(sent_to(&send(&host, &agent, &format!("{one}/name"), &named).await), one);
    for path in ["/contacts", "/contacts?q=sari", &one] {
        let (status, html) = page(&host, path, &agent).await;
        assert_eq!(status, StatusCode::OK);
        assert!(html.contains("Sari &lt;script&gt;"), "{path}: {html}");
    }
    assert!(page(&host, "/contacts?q=budi", &agent).await.1.contains("No contact matches."));
    assert!(page(&host, &one, &agent).await.1.contains(&format!("/inbox/{conversation}")));
    let refused = send(&host, &agent, &format!("{one}/name"), &[("name", &"x".repeat(201))]).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);

    let fields = [("name", "Sari"), ("conversation", "cv\r\nset-cookie: x=y")];
    let answer = send(&host, &agent, &format!("{one}/name"), &fields).await;
    assert_eq!(sent_to(&answer), "/inbox", "no line of the browser's goes into a header");
    let answer = send(&host, &agent, "/contacts/ct%0d%0aset-cookie:%20x=y/erase", &[]).await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);

    let erase = format!("{one}/erase");
    assert_eq!(send(&host, &agent, &erase, &[("sure", "1")]).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(sent_to(&send(&host, &admin, &erase, &[]).await), one, "not without being sure");
    assert_eq!(sent_to(&send(&host, &admin, &erase, &[("sure", "1")]).await), "/contacts");
    assert!(page(&host, "/contacts", &admin).await.1.contains("No customer has written yet."));
    assert_eq!(page(&host, "/contacts/ct_none", &admin).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_templates_fields_travel_through_its_steps_and_a_newly_chosen_file_takes_the_place_of_the_old_one() {
    let host = TestHost::start().await;
    person(&host, "admin@toko.example", "admin").await;
    person(&host, "agent@toko.example", "agent").await;
    let admin = sign_in(&host, "admin@toko.example").await;
    let chat = json!({ "plugin": "webchat", "name": "Toko", "settings": {} });
    let (_, channel) = host.post("/v1/channels", chat).await;
    let new = format!("/integrations/{}/templates/new", channel["id"].as_str().unwrap());
    let agent = sign_in(&host, "agent@toko.example").await;
    assert_eq!(page(&host, &new, &agent).await.0, StatusCode::FORBIDDEN);
    let basics = [("name", None, "promo"), ("language", None, "id"), ("category", None, "marketing")];
    let mut content = basics.to_vec();
    content.extend([
        ("step", None, "2"),
        ("header", None, "image"),
        ("body", None, "Halo <b>{{1}}</b>"),
        ("body.1", None, "Dewi"),
    ]);
    let answer = write(&host, &admin, &new, &content).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "the header needs a sample");
    content.extend([("header.media", None, "md_old"), ("header.media", Some("promo.png"), "bytes")]);
    let answer = write(&host, &admin, &new, &content).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let html = answer.text().await.unwrap();
    assert!(
        html.contains(r#"name="name" value="promo""#) && html.contains("Halo &lt;b&gt;<mark>Dewi</mark>"),
        "{html}"
    );
    assert!(html.contains(r#"name="header.media" value="md_"#) && !html.contains("md_old"), "{html}");
    // A channel without templates says so, and nothing that was typed is lost.
    content.retain(|(name, _, _)| !["step", "header", "header.media"].contains(name));
    content.push(("step", None, "3"));
    let answer = write(&host, &admin, &new, &content).await;
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    assert!(answer.text().await.unwrap().contains(r#"name="body" value="Halo &lt;b&gt;{{1}}"#));
}

#[tokio::test]
async fn a_person_changes_their_own_name_and_password_and_stays_signed_in_here_alone() {
    let host = TestHost::start().await;
    person(&host, "agent@toko.example", "agent").await;
    let (here, elsewhere) = (sign_in(&host, "agent@toko.example").await, sign_in(&host, "agent@toko.example").await);
    let profile = "/settings/profile";
    let saved = send(&host, &here, profile, &[("name", "Budi Santoso")]).await;
    assert_eq!(sent_to(&saved), "/settings/profile?saved=1");
    assert!(page(&host, profile, &here).await.1.contains("Budi Santoso"));
    for (fields, words) in [
        ([("current_password", "not this one"), ("password", "another good one")], "this is not your password"),
        ([("current_password", PASSWORD), ("password", "short")], "needs 10 to 512 characters"),
        ([("current_password", ""), ("password", "another good one")], "field is required"),
    ] {
        let refused = send(&host, &here, profile, &fields).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{words}");
        assert!(refused.text().await.unwrap().contains(words), "{words}");
    }
    let fields = [("current_password", PASSWORD), ("password", "another good one")];
    let changed = send(&host, &here, profile, &fields).await;
    let fresh = cookie(&changed);
    assert_eq!(page(&host, profile, &fresh).await.0, StatusCode::OK);
    for old in [&here, &elsewhere] {
        let answer = host.client.get(host.url(profile)).header(COOKIE, old).send().await.unwrap();
        assert_eq!(sent_to(&answer), "/sign-in?to=%2Fsettings%2Fprofile");
    }
    let by_token = host.call(reqwest::Method::PATCH, "/v1/me", Some(json!({"name": "x"}))).await;
    assert_eq!(by_token.0, StatusCode::CONFLICT);
}

/// The first page of a newcomer on a slow line: a browser that takes gzip gets the page and the style sheet packed.
#[tokio::test]
async fn pages_and_their_files_are_packed_for_browsers_that_take_it() {
    let host = TestHost::start().await;
    let packed = async |path: &str| {
        let plain = host.client.get(host.url(path)).send().await.unwrap();
        assert!(!plain.headers().contains_key("content-encoding"), "{path}");
        let plain = plain.bytes().await.unwrap();
        let packed = host.client.get(host.url(path)).header("accept-encoding", "gzip").send().await.unwrap();
        assert_eq!(packed.headers()["content-encoding"], "gzip", "{path}");
        let packed = packed.bytes().await.unwrap();
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain, "{path}");
        (packed.len(), String::from_utf8(unpacked).unwrap())
    };
    let (mut bytes, page) = packed("/sign-in").await;
    let files: Vec<&str> = page.split('"').filter(|part| part.starts_with("/console/")).collect();
    assert!(files.len() >= 2, "{page}");
    for file in files {
        bytes += packed(file.split('#').next().unwrap()).await.0;
    }
    assert!(bytes < 60_000, "the first page takes {bytes} bytes");
}
