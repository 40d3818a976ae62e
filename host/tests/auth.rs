//! Roles, workspaces, sessions, tokens, the first operator, repeated requests.

use reqwest::header::{COOKIE, ORIGIN, RETRY_AFTER, SET_COOKIE};
use reqwest::{Method, StatusCode};
use sambung::auth::Role;
use serde_json::{Value, json};

use crate::common::{Options, TestHost, read};

const PASSWORD: &str = "a good password";

async fn user(host: &TestHost, email: &str, role: &str) -> Value {
    let (status, user) = host.post("/v1/users", json!({ "email": email, "role": role, "password": PASSWORD })).await;
    assert_eq!(status, StatusCode::CREATED, "{user}");
    user
}

async fn sign_in(host: &TestHost, email: &str, password: &str) -> (StatusCode, Option<String>) {
    let answer = host
        .client
        .post(host.url("/v1/session"))
        .json(&json!({ "email": email, "password": password }))
        .send()
        .await
        .unwrap();
    let cookie =
        answer.headers().get(SET_COOKIE).map(|value| value.to_str().unwrap().split(';').next().unwrap().to_owned());
    (answer.status(), cookie)
}

#[tokio::test]
async fn nobody_comes_in_without_credentials() {
    let host = TestHost::start().await;
    for token in ["", "sbg_short", &format!("sbg_{}", "A".repeat(43))] {
        let (status, problem) = host.call_as(token, Method::GET, "/v1/me", None).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(problem["type"], "/problems/unauthorized");
    }
}

#[tokio::test]
async fn a_session_begins_with_the_right_password_and_ends_with_sign_out() {
    let host = TestHost::start().await;
    user(&host, "ann@example.com", "agent").await;
    assert_eq!(sign_in(&host, "ann@example.com", "wrong password").await.0, StatusCode::UNAUTHORIZED);
    let (status, cookie) = sign_in(&host, "Ann@Example.com", PASSWORD).await;
    assert_eq!(status, StatusCode::CREATED);
    let cookie = cookie.unwrap();
    let me = async || read(host.client.get(host.url("/v1/me")).header(COOKIE, &cookie).send().await.unwrap()).await;
    let (status, body) = me().await;
    assert_eq!((status, &body["role"], &body["email"]), (StatusCode::OK, &json!("agent"), &json!("ann@example.com")));
    assert!(!body["permissions"].as_array().unwrap().contains(&json!("users.write")));
    let out = host.client.delete(host.url("/v1/session")).header(COOKIE, &cookie).send().await.unwrap();
    assert_eq!(out.status(), StatusCode::NO_CONTENT);
    assert_eq!(me().await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_page_of_another_site_cannot_use_a_session() {
    let host = TestHost::start().await;
    user(&host, "ann@example.com", "admin").await;
    let cookie = sign_in(&host, "ann@example.com", PASSWORD).await.1.unwrap();
    let post = async |origin: &str, site: &str| {
        host.client
            .post(host.url("/v1/tokens"))
            .header(COOKIE, &cookie)
            .header(ORIGIN, origin)
            .header("sec-fetch-site", site)
            .json(&json!({ "name": "x", "role": "agent" }))
            .send()
            .await
            .unwrap()
            .status()
    };
    assert_eq!(post("https://evil.example", "cross-site").await, StatusCode::FORBIDDEN);
    assert_eq!(post(&host.base, "same-origin").await, StatusCode::CREATED);
}

#[tokio::test]
async fn each_role_reaches_what_it_may_and_no_more() {
    let host = TestHost::start().await;
    let least = [
        (Method::GET, "/v1/me", Role::Agent),
        (Method::GET, "/v1/users", Role::Admin),
        (Method::GET, "/v1/tokens", Role::Admin),
        (Method::GET, "/v1/audit", Role::Admin),
        (Method::GET, "/v1/workspaces", Role::Operator),
        (Method::POST, "/v1/system/release", Role::Operator),
    ];
    for role in Role::ALL {
        let token = host.token_for("default", role).await;
        for (method, path, needed) in &least {
            let (status, _) = host.call_as(&token, method.clone(), path, None).await;
            let expected = if role >= *needed { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(status, expected, "{role} {method} {path}");
        }
    }
}

#[tokio::test]
async fn nobody_makes_somebody_mightier_than_oneself() {
    let host = TestHost::start().await;
    let operator = user(&host, "op@example.com", "operator").await;
    let admin = host.token_for("default", Role::Admin).await;
    let new = json!({ "email": "x@example.com", "role": "operator", "password": PASSWORD });
    assert_eq!(host.call_as(&admin, Method::POST, "/v1/users", Some(new)).await.0, StatusCode::FORBIDDEN);
    let new = json!({ "name": "x", "role": "operator" });
    assert_eq!(host.call_as(&admin, Method::POST, "/v1/tokens", Some(new)).await.0, StatusCode::FORBIDDEN);
    let path = format!("/v1/users/{}", operator["id"].as_str().unwrap());
    let change = json!({ "password": "another password" });
    assert_eq!(host.call_as(&admin, Method::PATCH, &path, Some(change)).await.0, StatusCode::FORBIDDEN);
    assert_eq!(host.call(Method::DELETE, &path, None).await.0, StatusCode::CONFLICT, "the last operator stays");
}

#[tokio::test]
async fn another_workspace_is_not_found() {
    let host = TestHost::start().await;
    let theirs = user(&host, "ann@example.com", "agent").await;
    let path = format!("/v1/users/{}", theirs["id"].as_str().unwrap());
    let other = host.token_for("other", Role::Admin).await;
    assert_eq!(host.call_as(&other, Method::GET, &path, None).await.0, StatusCode::NOT_FOUND);
    assert_eq!(host.call_as(&other, Method::DELETE, &path, None).await.0, StatusCode::NOT_FOUND);
    let enter = |token: &str, workspace: &str| {
        host.client.get(host.url("/v1/me")).bearer_auth(token).header("Sambung-Workspace", workspace).send()
    };
    assert_eq!(enter(&other, "default").await.unwrap().status(), StatusCode::FORBIDDEN);
    let (status, me) = read(enter(&host.token, "other").await.unwrap()).await;
    assert_eq!((status, &me["workspace"]["name"]), (StatusCode::OK, &json!("other")));
    assert_eq!(enter(&host.token, "nowhere").await.unwrap().status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn faults_of_fields_are_told_all_at_once() {
    let host = TestHost::start().await;
    let (status, problem) = host.post("/v1/users", json!({ "role": "agent", "email": "", "password": "" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let faults = problem["errors"].as_array().unwrap();
    assert_eq!(faults.len(), 2);
    assert_eq!(faults[0], json!({ "pointer": "#/email", "code": "required", "detail": "field is required" }));
    let (status, problem) = host.post("/v1/users", json!({ "role": "agent", "mail": "x" })).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("#/mail")));
    let answer = host.request(Method::POST, "/v1/users").header("content-type", "application/json").body("{");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
}

#[tokio::test]
async fn a_revoked_token_and_a_disabled_person_are_out_at_once() {
    let host = TestHost::start().await;
    let (_, made) = host.post("/v1/tokens", json!({ "name": "robot", "role": "agent" })).await;
    let value = made["value"].as_str().unwrap().to_owned();
    assert_eq!(host.call_as(&value, Method::GET, "/v1/me", None).await.0, StatusCode::OK);
    let path = format!("/v1/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(host.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(host.call_as(&value, Method::GET, "/v1/me", None).await.0, StatusCode::UNAUTHORIZED);

    let ann = user(&host, "ann@example.com", "agent").await;
    let cookie = sign_in(&host, "ann@example.com", PASSWORD).await.1.unwrap();
    let path = format!("/v1/users/{}", ann["id"].as_str().unwrap());
    assert_eq!(host.call(Method::PATCH, &path, Some(json!({ "disabled": true }))).await.0, StatusCode::OK);
    let me = host.client.get(host.url("/v1/me")).header(COOKIE, &cookie).send().await.unwrap();
    assert_eq!(me.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(sign_in(&host, "ann@example.com", PASSWORD).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn too_many_sign_ins_are_told_when_to_come_back() {
    let host = TestHost::start_with(Options::default().set("AUTH__SIGN_IN_PER_MINUTE", 2)).await;
    for _ in 0..2 {
        assert_eq!(sign_in(&host, "ann@example.com", "wrong").await.0, StatusCode::UNAUTHORIZED);
    }
    let body = json!({ "email": "ann@example.com", "password": "wrong" });
    let answer = host.client.post(host.url("/v1/session")).json(&body).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers()[RETRY_AFTER].to_str().unwrap().parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn the_printed_link_sets_the_first_operators_password_once() {
    let host = TestHost::start().await;
    let link = host.url(&format!("/setup/{}", host.setup_link.clone().unwrap()));
    let page = host.client.get(&link).header("accept-language", "id-ID,id;q=0.9").send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let html = page.text().await.unwrap();
    assert!(html.contains("Kata sandi") && html.contains("method=\"post\""));
    // No script but the server's own, which knows nothing of the link.
    assert!(!html.replace("<script type=\"module\" src=\"/console/", "").contains("<script"), "{html}");
    let submit = async |body: &'static str| {
        let request = host.client.post(&link).header("content-type", "application/x-www-form-urlencoded");
        request.header(ORIGIN, &host.base).header("sec-fetch-site", "same-origin").body(body).send().await.unwrap()
    };
    assert_eq!(submit("email=op%40example.com&password=short").await.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let done = submit("email=op%40example.com&password=a+good+password").await;
    assert_eq!(done.status(), StatusCode::SEE_OTHER);
    assert_eq!(done.headers()["location"], "/integrations");
    assert!(done.headers()[SET_COOKIE].to_str().unwrap().contains("HttpOnly; SameSite=Lax"));
    assert_eq!(submit("email=op2%40example.com&password=a+good+password").await.status(), StatusCode::GONE);
    assert_eq!(sign_in(&host, "op@example.com", PASSWORD).await.0, StatusCode::CREATED);
    let (data, folder) = host.stop().await;
    let again = TestHost::start_in(data, Options::default()).await;
    assert_eq!(again.setup_link, None);
    drop((again, folder));
}

#[tokio::test]
async fn what_an_admin_does_stands_in_the_audit_log() {
    let host = TestHost::start().await;
    let made = user(&host, "ann@example.com", "agent").await;
    let (_, workspace) = host.post("/v1/workspaces", json!({ "name": "branch" })).await;
    let (_, log) = host.get("/v1/audit?limit=2").await;
    assert_eq!(log["items"][0]["action"], "workspace.create");
    assert_eq!(log["items"][0]["subject"], workspace["id"]);
    assert_eq!(log["items"][0]["host"], true);
    assert_eq!(log["items"][1]["action"], "user.create");
    assert_eq!(log["items"][1]["subject"], made["id"]);
    assert!(!log.to_string().contains(PASSWORD));
    let next = log["next"].as_str().unwrap();
    let (_, rest) = host.get(&format!("/v1/audit?cursor={next}")).await;
    assert_eq!(rest["next"], Value::Null);
    let admin = host.token_for("default", Role::Admin).await;
    let (_, log) = host.call_as(&admin, Method::GET, "/v1/audit", None).await;
    assert!(log["items"].as_array().unwrap().iter().all(|line| line["host"] == false));
}

#[tokio::test]
async fn the_same_key_gives_the_same_answer_and_another_body_is_refused() {
    let host = TestHost::start().await;
    let post = async |key: &str, name: &str| {
        let body = json!({ "name": name, "role": "agent" });
        let answer =
            host.request(Method::POST, "/v1/tokens").header("Idempotency-Key", key).json(&body).send().await.unwrap();
        let replayed = answer.headers().contains_key("idempotency-replayed");
        let (status, body) = read(answer).await;
        (status, body, replayed)
    };
    let first = post("k1", "one").await;
    assert_eq!((first.0, first.2), (StatusCode::CREATED, false));
    let second = post("k1", "one").await;
    assert_eq!((second.0, &second.1, second.2), (StatusCode::CREATED, &first.1, true));
    let other = post("k1", "two").await;
    assert_eq!((other.0, &other.1["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("idempotency-key-reused")));
    assert_ne!(post("k2", "one").await.1["id"], first.1["id"]);
    let value = first.1["value"].as_str().unwrap();
    let bytes = std::fs::read(host.data.join("sambung.db-wal")).unwrap();
    assert!(!bytes.windows(value.len()).any(|window| window == value.as_bytes()), "a kept answer is sealed");
}

#[tokio::test]
async fn repeated_in_parallel_a_request_is_done_once() {
    let host = TestHost::start().await;
    let one = || async {
        let body = json!({ "name": "parallel", "role": "agent" });
        let request = host.request(Method::POST, "/v1/tokens").header("Idempotency-Key", "p").json(&body);
        request.send().await.unwrap().status()
    };
    let statuses = futures_util::future::join_all((0..8).map(|_| one())).await;
    assert!(statuses.iter().all(|status| [StatusCode::CREATED, StatusCode::CONFLICT].contains(status)), "{statuses:?}");
    let (_, list) = host.get("/v1/tokens?limit=200").await;
    let made = list["items"].as_array().unwrap().iter().filter(|token| token["name"] == "parallel").count();
    assert_eq!(made, 1);
}

#[tokio::test]
async fn a_key_whose_request_was_cut_off_by_a_crash_is_free_again() {
    let host = TestHost::start().await;
    let ticket = sambung::db::Ticket { workspace: "w".into(), actor: "a".into(), key: "k".into() };
    let begin = async |host: &TestHost| host.state.db.begin_request(ticket.clone(), [1; 32], 1_000, 0).await.unwrap();
    assert_eq!(begin(&host).await, sambung::db::Earlier::New);
    assert_eq!(begin(&host).await, sambung::db::Earlier::Running);
    let (data, folder) = host.stop().await;
    let host = TestHost::start_in(data, Options::default()).await;
    assert_eq!(begin(&host).await, sambung::db::Earlier::New);
    drop((host, folder));
}

#[tokio::test]
async fn the_reference_describes_every_route_and_needs_no_network() {
    let host = TestHost::start().await;
    let (status, document) = host.get("/openapi.json").await;
    assert_eq!(status, StatusCode::OK);
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    for path in ["/v1/session", "/v1/me", "/v1/users/{id}", "/v1/tokens", "/v1/workspaces", "/v1/audit"] {
        assert!(document["paths"][path].is_object(), "{path}");
    }
    let page = host.client.get(host.url("/docs/")).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    assert!(!page.text().await.unwrap().contains("https://"));
}

#[tokio::test]
async fn metrics_need_a_token() {
    let host = TestHost::start_with(Options::default().set("METRICS__TOKEN", "scrape")).await;
    let get = async |token: &str| host.client.get(host.url("/metrics")).bearer_auth(token).send().await.unwrap();
    assert_eq!(host.client.get(host.url("/metrics")).send().await.unwrap().status(), StatusCode::UNAUTHORIZED);
    assert_eq!(get("scrap").await.status(), StatusCode::UNAUTHORIZED);
    let agent = host.token_for("default", Role::Agent).await;
    assert_eq!(get(&agent).await.status(), StatusCode::FORBIDDEN);
    assert!(get("scrape").await.text().await.unwrap().contains("sambung_database_writes_waiting"));
    assert_eq!(get(&host.token).await.status(), StatusCode::OK);
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let host = TestHost::start().await;
    assert_eq!(host.get("/v1/nothing").await.0, StatusCode::NOT_FOUND);
    let (status, problem) = host.call(Method::PUT, "/v1/me", None).await;
    assert_eq!((status, &problem["code"]), (StatusCode::METHOD_NOT_ALLOWED, &json!("method-not-allowed")));
}

/// Tries to sign in at a client address that a trusted proxy names: the status.
async fn sign_in_at(host: &TestHost, client: &str, email: &str, password: &str) -> StatusCode {
    let form = json!({ "email": email, "password": password });
    let request = host.client.post(host.url("/v1/session")).header("x-forwarded-for", client).json(&form);
    request.send().await.unwrap().status()
}

fn behind_a_proxy(most: u32) -> Options {
    Options::default().set("AUTH__SIGN_IN_PER_MINUTE", most).set("SERVER__TRUSTED_PROXIES", "127.0.0.1")
}

#[tokio::test]
async fn a_person_signs_in_where_they_did_before_while_strangers_try_their_account() {
    let host = TestHost::start_with(behind_a_proxy(5)).await;
    user(&host, "ann@example.com", "agent").await;
    user(&host, "ben@example.com", "agent").await;
    assert_eq!(sign_in_at(&host, "203.0.113.1", "ann@example.com", PASSWORD).await, StatusCode::CREATED);
    let mut answered = Vec::new();
    for last in 10..20 {
        answered.push(sign_in_at(&host, &format!("203.0.113.{last}"), " ANN@example.com", "a wrong password").await);
    }
    assert_eq!(answered[..4], [StatusCode::UNAUTHORIZED; 4]);
    assert_eq!(answered[5..], [StatusCode::TOO_MANY_REQUESTS; 5], "many addresses have one limit for an account");
    assert_eq!(sign_in_at(&host, "203.0.113.1", "ann@example.com", PASSWORD).await, StatusCode::CREATED);
    assert_eq!(sign_in_at(&host, "203.0.113.99", "ben@example.com", PASSWORD).await, StatusCode::CREATED);
    for _ in 0..3 {
        sign_in_at(&host, "203.0.113.1", "ann@example.com", "a wrong password").await;
    }
    let wrong = sign_in_at(&host, "203.0.113.1", "ann@example.com", "a wrong password").await;
    assert_eq!(wrong, StatusCode::TOO_MANY_REQUESTS, "a known address has a limit as well");
}

#[tokio::test]
async fn the_addresses_of_an_ipv6_64_and_both_writings_of_an_ipv4_address_share_a_limit() {
    let host = TestHost::start_with(behind_a_proxy(3)).await;
    for written in [
        ["2001:db8::1", "2001:db8::2", "2001:db8::ffff:3", "2001:db8::4"],
        ["203.0.113.9", "::ffff:203.0.113.9", "203.0.113.9", "::ffff:203.0.113.9"],
    ] {
        let mut answered = Vec::new();
        for (number, client) in written.iter().enumerate() {
            answered
                .push(sign_in_at(&host, client, &format!("{client}-{number}@example.com"), "a wrong password").await);
        }
        assert_eq!(answered[2..], [StatusCode::UNAUTHORIZED, StatusCode::TOO_MANY_REQUESTS], "{written:?}");
    }
    assert_eq!(
        sign_in_at(&host, "2001:db8:0:1::1", "x@example.com", "a wrong password").await,
        StatusCode::UNAUTHORIZED
    );
}

#[tokio::test]
async fn what_is_too_long_for_an_address_or_a_password_is_refused_before_it_is_counted() {
    let host = TestHost::start_with(behind_a_proxy(2)).await;
    let ask = async |email: String, password: String| {
        let form = json!({ "email": email, "password": password });
        read(host.client.post(host.url("/v1/session")).json(&form).send().await.unwrap()).await
    };
    for _ in 0..3 {
        let (status, problem) = ask(format!("{}@example.com", "x".repeat(300)), "y".repeat(600)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(
            (&problem["errors"][0]["pointer"], &problem["errors"][1]["pointer"]),
            (&json!("#/email"), &json!("#/password"))
        );
    }
    assert_eq!(ask("x".repeat(100_000), "y".into()).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    for path in ["/v1/setup", "/setup/x"] {
        let long = format!("email={}", "x".repeat(100_000));
        let kind = if path == "/v1/setup" { "application/json" } else { "application/x-www-form-urlencoded" };
        let answer = host.client.post(host.url(path)).header("content-type", kind).body(long).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
    }
    assert_eq!(ask("ann@example.com".into(), "a wrong password".into()).await.0, StatusCode::UNAUTHORIZED);
}
