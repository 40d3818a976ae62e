//! The pages of people and tokens.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use reqwest::{Method, StatusCode};
use sambung::clock::Clock;
use serde_json::json;

use crate::common::{Options, TestHost};
use crate::console::{cookie, key_of, page, person, send, sent_to, sign_in};

const PEOPLE: &str = "/settings/people";
const TOKENS: &str = "/settings/tokens";
const AUDIT: &str = "/settings/audit";
const RINA: [(&str, &str); 3] = [("email", "rina@toko.example"), ("name", "Rina"), ("role", "agent")];
const GOOD: &str = "a good password";

/// The path of the link that a page shows once.
fn link_in(host: &TestHost, html: &str) -> String {
    let shown = html.split_once("is-whole\">").and_then(|(_, rest)| rest.split('<').next()).expect("a link is shown");
    shown.strip_prefix(&host.base).expect("an address of this host").to_owned()
}

async fn with_admin() -> (TestHost, String) {
    let host = TestHost::start().await;
    person(&host, "admin@toko.example", "admin").await;
    let session = sign_in(&host, "admin@toko.example").await;
    (host, session)
}

/// Fills in the form of a page that carries a key, and sends it to `to`.
async fn fill(host: &TestHost, session: &str, at: &str, to: &str, fields: &[(&str, &str)]) -> reqwest::Response {
    let key = key_of(&page(host, at, session).await.1);
    let fields: Vec<_> = [("key", key.as_str())].into_iter().chain(fields.iter().copied()).collect();
    send(host, session, to, &fields).await
}

#[tokio::test]
async fn people_are_added_changed_disabled_and_removed_by_forms() {
    let (host, admin) = with_admin().await;
    let (status, html) = page(&host, PEOPLE, &admin).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("admin@toko.example") && html.contains("(you)"), "{html}");
    assert!(!html.contains(r#"value="operator""#), "an admin gives no role above their own");

    let empty = fill(&host, &admin, PEOPLE, PEOPLE, &[("email", ""), ("role", "agent")]).await;
    assert_eq!(empty.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(empty.text().await.unwrap().matches("field is required").count(), 1);
    let wrong = [("email", "rina"), ("name", "<script>"), ("role", "king")];
    let html = fill(&host, &admin, PEOPLE, PEOPLE, &wrong).await.text().await.unwrap();
    assert!(html.contains("Choose a role.") && html.contains("&lt;script&gt;") && !html.contains("<script>"), "{html}");
    let wrong = [("email", "rina"), ("name", ""), ("role", "agent")];
    let html = fill(&host, &admin, PEOPLE, PEOPLE, &wrong).await.text().await.unwrap();
    assert!(html.contains("This is no e-mail address."), "{html}");
    let above = [("email", "rina@toko.example"), ("role", "operator")];
    let refused = fill(&host, &admin, PEOPLE, PEOPLE, &above).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);

    let added = fill(&host, &admin, PEOPLE, PEOPLE, &RINA).await;
    assert_eq!(added.status(), StatusCode::CREATED);
    let html = added.text().await.unwrap();
    assert!(html.contains("Send this link to Rina.") && html.contains("No password yet"), "{html}");
    let set = send(&host, "", &link_in(&host, &html), &[("password", GOOD)]).await;
    assert_eq!(sent_to(&set), "/inbox", "signed in at once");
    let users = host.get("/v1/users").await.1;
    let rina = users["items"].as_array().unwrap().iter().find(|user| user["email"] == "rina@toko.example").unwrap();
    let at = format!("{PEOPLE}/{}", rina["id"].as_str().unwrap());
    let (_, html) = page(&host, &at, &admin).await;
    assert!(html.contains("Rina") && html.contains("May sign in"), "{html}");
    let taken = fill(&host, &admin, PEOPLE, PEOPLE, &RINA).await;
    assert_eq!(taken.status(), StatusCode::CONFLICT);
    assert!(taken.text().await.unwrap().contains("Another person has this e-mail address already."));

    let changed = send(&host, &admin, &at, &[("name", "Rina S"), ("role", "supervisor")]).await;
    assert_eq!(changed.status(), StatusCode::SEE_OTHER);
    let (_, html) = page(&host, &at, &admin).await;
    assert!(html.contains("Rina S") && html.contains("Supervisor"), "{html}");
    let weak = send(&host, &admin, &at, &[("password", "short")]).await;
    assert_eq!(weak.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(weak.text().await.unwrap().contains("needs 10 to 512 characters"));

    let rina = sign_in(&host, "rina@toko.example").await;
    assert_eq!(page(&host, "/inbox", &rina).await.0, StatusCode::OK);
    let disabled = format!("{at}/disabled");
    assert_eq!(send(&host, &admin, &disabled, &[("disabled", "true")]).await.status(), StatusCode::SEE_OTHER);
    assert!(page(&host, &at, &admin).await.1.contains("Disabled"));
    assert_eq!(page(&host, "/inbox", &rina).await.0, StatusCode::SEE_OTHER, "the session ended: to the sign-in");
    assert_eq!(send(&host, &admin, &disabled, &[("disabled", "false")]).await.status(), StatusCode::SEE_OTHER);
    assert!(page(&host, &at, &admin).await.1.contains("May sign in"));

    let remove = format!("{at}/remove");
    assert_eq!(sent_to(&send(&host, &admin, &remove, &[]).await), at);
    assert_eq!(page(&host, &at, &admin).await.0, StatusCode::OK);
    assert_eq!(sent_to(&send(&host, &admin, &remove, &[("sure", "1")]).await), PEOPLE);
    assert_eq!(page(&host, &at, &admin).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_link_sets_a_password_once_in_its_time_and_for_nobody_else() {
    let now = Arc::new(AtomicI64::new(1_800_000_000_000));
    let read = Arc::clone(&now);
    let options = Options::default().clock(Clock::from_fn(move || read.load(Ordering::SeqCst)));
    let host = TestHost::start_with(options.set("AUTH__SIGN_IN_PER_MINUTE", 1_000)).await;
    person(&host, "admin@toko.example", "admin").await;
    person(&host, "rina@toko.example", "agent").await;
    let admin = sign_in(&host, "admin@toko.example").await;
    let before = sign_in(&host, "rina@toko.example").await;
    let users = host.get("/v1/users").await.1;
    let id_of = |email: &str| {
        let user = users["items"].as_array().unwrap().iter().find(|user| user["email"] == email).unwrap();
        user["id"].as_str().unwrap().to_owned()
    };
    let at = format!("{PEOPLE}/{}", id_of("rina@toko.example"));
    let make = async || {
        let made = fill(&host, &admin, &at, &format!("{at}/link"), &[]).await;
        assert_eq!(made.status(), StatusCode::CREATED);
        link_in(&host, &made.text().await.unwrap())
    };
    let opens = async |link: &str| page(&host, link, "").await.0;
    let first = make().await;
    let second = make().await;
    assert_eq!(opens(&first).await, StatusCode::GONE, "the newer link is in its place");
    assert!(!page(&host, &at, &admin).await.1.contains(&second), "it is shown once");
    let (status, html) = page(&host, &second, "").await;
    assert!(status == StatusCode::OK && html.contains("rina@toko.example"), "{html}");
    for (password, said) in [("", "field is required"), ("short", "needs 10 to 512 characters")] {
        let refused = send(&host, "", &second, &[("password", password)]).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY, "{password}");
        assert!(refused.text().await.unwrap().contains(said), "{password}");
    }
    assert_eq!(page(&host, "/inbox", &before).await.0, StatusCode::OK, "until then nothing changed");
    let set = send(&host, "", &second, &[("password", "quite another one")]).await;
    let after = cookie(&set);
    assert_eq!(page(&host, "/inbox", &after).await.0, StatusCode::OK);
    assert_eq!(page(&host, "/inbox", &before).await.0, StatusCode::SEE_OTHER, "earlier sessions ended");
    assert_eq!(send(&host, "", &second, &[("password", GOOD)]).await.status(), StatusCode::GONE, "once");
    let (_, log) = host.get("/v1/audit?action=user.password").await;
    assert_eq!(log["items"][0]["subject"], id_of("rina@toko.example"), "{log}");

    // The link is no token and no session, and an API answers alike.
    let (status, link) = host.post(&format!("/v1/users/{}/password-link", id_of("rina@toko.example")), json!({})).await;
    assert_eq!(status, StatusCode::CREATED, "{link}");
    let value = link["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    assert_eq!(host.call_as(&value, Method::GET, "/v1/me", None).await.0, StatusCode::UNAUTHORIZED);
    let by_program = async |password: &str| {
        let body = json!({ "token": value, "password": password });
        host.client.post(host.url("/v1/password")).json(&body).send().await.unwrap().status()
    };
    assert_eq!(by_program("short").await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(by_program(GOOD).await, StatusCode::CREATED);
    assert_eq!(by_program(GOOD).await, StatusCode::GONE);

    let late = make().await;
    now.fetch_add(2 * 24 * 3_600_000, Ordering::SeqCst);
    assert_eq!(opens(&late).await, StatusCode::GONE, "its time is over");
    let disabled = make().await;
    let body = json!({ "disabled": true });
    host.call(Method::PATCH, &format!("/v1/users/{}", id_of("rina@toko.example")), Some(body)).await;
    assert_eq!(opens(&disabled).await, StatusCode::GONE, "a person who may not sign in sets no password");
    let refused = fill(&host, &admin, &at, &format!("{at}/link"), &[]).await;
    assert_eq!(refused.status(), StatusCode::CONFLICT);
    assert!(refused.text().await.unwrap().contains("This person may not sign in. Enable them first."));
    assert_eq!(opens("/password/nothing").await, StatusCode::GONE);
}

#[tokio::test]
async fn a_link_ends_with_the_role_that_it_was_made_for_and_a_form_that_comes_again_shows_the_same() {
    let (host, admin) = with_admin().await;
    person(&host, "rina@toko.example", "agent").await;
    let users = host.get("/v1/users").await.1;
    let rina = users["items"].as_array().unwrap().iter().find(|user| user["email"] == "rina@toko.example").unwrap();
    let id = rina["id"].as_str().unwrap();
    let at = format!("{PEOPLE}/{id}");
    let key = key_of(&page(&host, &at, &admin).await.1);
    let make = async || {
        let made = send(&host, &admin, &format!("{at}/link"), &[("key", &key)]).await;
        link_in(&host, &made.text().await.unwrap())
    };
    let link = make().await;
    assert_eq!(make().await, link);
    assert_eq!(page(&host, &link, "").await.0, StatusCode::OK);
    host.call(Method::PATCH, &format!("/v1/users/{id}"), Some(json!({ "role": "operator" }))).await;
    assert_eq!(page(&host, &link, "").await.0, StatusCode::GONE, "who made it may not become an operator by it");
}

#[tokio::test]
async fn an_admin_does_not_change_an_operator_and_an_agent_sees_no_settings() {
    let (host, admin) = with_admin().await;
    person(&host, "op@toko.example", "operator").await;
    let users = host.get("/v1/users").await.1;
    let operator = users["items"].as_array().unwrap().iter().find(|user| user["role"] == "operator").unwrap();
    let at = format!("{PEOPLE}/{}", operator["id"].as_str().unwrap());
    let (_, html) = page(&host, &at, &admin).await;
    assert!(html.contains("a role above yours") && !html.contains("type=\"password\""), "{html}");
    for act in ["", "/link", "/disabled", "/remove"] {
        let fields =
            [("key", "00000000-0000-4000-8000-000000000001"), ("name", "x"), ("disabled", "true"), ("sure", "1")];
        let refused = send(&host, &admin, &format!("{at}{act}"), &fields).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{act}");
    }
    let own = sign_in(&host, "op@toko.example").await;
    let last = send(&host, &own, &format!("{at}/remove"), &[("sure", "1")]).await;
    assert_eq!(last.status(), StatusCode::CONFLICT);
    assert!(last.text().await.unwrap().contains("This is the only operator."));

    person(&host, "agent@toko.example", "agent").await;
    let agent = sign_in(&host, "agent@toko.example").await;
    assert!(!page(&host, "/inbox", &agent).await.1.contains(PEOPLE));
    assert_eq!(page(&host, AUDIT, &agent).await.0, StatusCode::FORBIDDEN);
    for path in [PEOPLE, TOKENS, &at] {
        assert_eq!(page(&host, path, &agent).await.0, StatusCode::FORBIDDEN, "{path}");
        let refused = send(&host, &agent, path, &RINA).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{path}");
    }
}

#[tokio::test]
async fn a_token_is_made_once_shown_once_renamed_and_ended() {
    let (host, admin) = with_admin().await;
    let (_, html) = page(&host, TOKENS, &admin).await;
    let key = key_of(&html);
    let made = send(&host, &admin, TOKENS, &[("key", &key), ("name", ""), ("role", "agent"), ("days", "")]).await;
    assert_eq!(made.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let html = made.text().await.unwrap();
    assert!(html.contains("field is required") && key_of(&html) == key, "{html}");

    let fields = [("key", key.as_str()), ("name", "Kasir"), ("role", "agent"), ("days", "30")];
    let value = async |fields: &[(&str, &str)]| {
        let answer = send(&host, &admin, TOKENS, fields).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        let html = answer.text().await.unwrap();
        assert!(html.contains("it is not shown again") && key_of(&html) != key, "{html}");
        html.split_once("is-whole\">").and_then(|(_, rest)| rest.split('<').next()).unwrap().to_owned()
    };
    let token = value(&fields).await;
    assert_eq!(value(&fields).await, token, "the form that comes again makes no second token");
    let other = [("key", key.as_str()), ("name", "Other"), ("role", "agent"), ("days", "30")];
    assert_eq!(send(&host, &admin, TOKENS, &other).await.status(), StatusCode::CONFLICT);
    let tokens = host.get("/v1/tokens").await.1;
    let of_kasir: Vec<_> = tokens["items"].as_array().unwrap().iter().filter(|row| row["name"] == "Kasir").collect();
    assert_eq!((of_kasir.len(), &of_kasir[0]["role"]), (1, &json!("agent")), "{tokens}");
    assert!(of_kasir[0]["expires_at"].is_string());
    let opens = async || {
        let request = host.client.request(Method::GET, host.url("/v1/conversations")).bearer_auth(&token);
        request.send().await.unwrap().status()
    };
    assert_eq!(opens().await, StatusCode::OK);

    let at = format!("{TOKENS}/{}", of_kasir[0]["id"].as_str().unwrap());
    assert_eq!(sent_to(&send(&host, &admin, &at, &[("name", "Kasir 2")]).await), TOKENS);
    let (_, html) = page(&host, TOKENS, &admin).await;
    assert!(html.contains("Kasir 2") && !html.contains(&token), "{html}");
    assert_eq!(sent_to(&send(&host, &admin, &format!("{at}/end"), &[]).await), TOKENS);
    assert_eq!(opens().await, StatusCode::OK, "without the tick nothing ends");
    assert_eq!(sent_to(&send(&host, &admin, &format!("{at}/end"), &[("sure", "1")]).await), TOKENS);
    assert_eq!(opens().await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_audit_log_names_people_and_goes_on_where_a_page_ends() {
    let (host, admin) = with_admin().await;
    let (_, token) = host.post("/v1/tokens", json!({ "name": "n", "role": "agent" })).await;
    let at = format!("{TOKENS}/{}", token["id"].as_str().unwrap());
    for number in 0..105 {
        let renamed = send(&host, &admin, &at, &[("name", &format!("<b>Kasir {number}</b>"))]).await;
        assert_eq!(renamed.status(), StatusCode::SEE_OTHER);
    }
    let (status, html) = page(&host, AUDIT, &admin).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("Rina &lt;script&gt;") && html.contains("<td>Renamed a token"), "{html}");
    assert!(html.contains("&lt;b&gt;Kasir 104&lt;/b&gt;") && html.contains("&lt;b&gt;Kasir 5&lt;/b&gt;"), "{html}");
    assert!(!html.contains("Kasir 4&lt;") && !html.contains("<b>Kasir"), "{html}");
    let older = html.split('"').find(|text| text.starts_with("/settings/audit?before=")).unwrap().to_owned();
    let (_, html) = page(&host, &older, &admin).await;
    assert!(html.contains("Kasir 4&lt;") && !html.contains("Kasir 5&lt;"), "{html}");
    assert!(html.contains("<td>Made a token") && html.contains("<td>Added a person"), "{html}");
    assert!(!html.contains("before="), "the last page goes nowhere");

    let (_, html) = page(&host, &format!("{AUDIT}?action=user.create"), &admin).await;
    assert!(html.contains("<td>Added a person") && !html.contains("<td>Renamed a token"), "{html}");
    let (_, html) = page(&host, &format!("{AUDIT}?subject=tok_none"), &admin).await;
    assert!(html.contains("No line of the log is like that."), "{html}");
    let (_, html) = page(&host, &format!("{AUDIT}?from=2999-01-01"), &admin).await;
    assert!(html.contains("No line of the log is like that."), "{html}");
    let (status, html) = page(&host, &format!("{AUDIT}?until=soon"), &admin).await;
    assert!(status == StatusCode::UNPROCESSABLE_ENTITY && html.contains("Give a day, as 2026-11-21."), "{html}");
    // Names lead to what the same person did, and to what was done to the same thing.
    let (_, html) = page(&host, AUDIT, &admin).await;
    let same = html.split('"').find(|text| text.starts_with("/settings/audit?subject=tok_")).unwrap().to_owned();
    let (_, html) = page(&host, &same, &admin).await;
    assert!(html.contains("<td>Renamed a token") && !html.contains("<td>Added a person"), "{html}");
}
