//! What cannot work is refused when it is written, with the field and what to do.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::guests::connects;
use crate::common::{Options, TestHost, read};

async fn host() -> TestHost {
    let host = TestHost::start_with(Options::default().set("SERVER__PUBLIC_URL", "https://sambung.example")).await;
    let request = host.request(Method::POST, "/v1/plugins").header("content-type", "application/wasm").body(connects());
    let (status, plugin) = read(request.send().await.unwrap()).await;
    assert_eq!(status, StatusCode::CREATED, "{plugin}");
    host
}

fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_required_secret_cannot_be_emptied() {
    let host = host().await;
    let body = json!({ "plugin": "connects", "name": "One", "settings": { "account": "a", "token": "t" } });
    let (status, channel) = host.post("/v1/channels", body).await;
    assert_eq!(status, StatusCode::CREATED, "{channel}");
    let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    let (status, problem) = host.call(Method::PATCH, &path, Some(json!({ "settings": { "token": null } }))).await;
    assert_eq!((status, pointers(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["#/settings/token"]), "{problem}");
    let (_, shown) = host.get(&path).await;
    assert_eq!((&shown["state"], &shown["settings"]["token"]), (&json!("connected"), &json!({ "set": true })));

    let app = json!({ "app_id": "1", "app_secret": "s" });
    let (status, shown) = host.call(Method::PUT, "/v1/plugins/connects/settings", Some(app)).await;
    assert_eq!(status, StatusCode::OK, "{shown}");
    let emptied = json!({ "app_secret": null });
    let (status, problem) = host.call(Method::PUT, "/v1/plugins/connects/settings", Some(emptied)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "a registration's secret likewise: {problem}");
}

#[tokio::test]
async fn what_people_name_is_one_line_of_text() {
    let host = host().await;
    let settings = json!({ "account": "a", "token": "t" });
    let channel = json!({ "plugin": "connects", "name": "One", "settings": settings });
    let (_, channel) = host.post("/v1/channels", channel).await;
    let channel = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    let (_, token) = host.post("/v1/tokens", json!({ "name": "robot", "role": "agent" })).await;
    let token = format!("/v1/tokens/{}", token["id"].as_str().unwrap());
    let user = json!({ "email": "a@b.example", "name": "A", "role": "agent", "password": "a long enough password" });
    let (status, user) = host.post("/v1/users", user).await;
    assert_eq!(status, StatusCode::CREATED, "{user}");
    let user = format!("/v1/users/{}", user["id"].as_str().unwrap());
    for bad in ["a\nb", "a\r\nBcc: x@y.example", "nul\0", "\u{1b}[2Jx", "\u{202e}txt.exe", &"n".repeat(201)] {
        let named = |mut body: Value| {
            body["name"] = json!(bad);
            Some(body)
        };
        let person = json!({ "email": "c@d.example", "role": "agent", "password": "a long enough password" });
        let app = json!({ "settings": { "app_id": "1", "app_secret": "s" } });
        for (method, path, body) in [
            (
                Method::POST,
                "/v1/channels",
                named(json!({ "plugin": "connects", "settings": { "account": "b", "token": "t" } })),
            ),
            (Method::PATCH, channel.as_str(), named(json!({}))),
            (Method::POST, "/v1/tokens", named(json!({ "role": "agent" }))),
            (Method::PATCH, token.as_str(), named(json!({}))),
            (Method::POST, "/v1/users", named(person)),
            (Method::PATCH, user.as_str(), named(json!({}))),
            (Method::POST, "/v1/workspaces", named(json!({}))),
            (Method::POST, "/v1/plugins/connects/apps", named(app)),
        ] {
            let (status, problem) = host.call(method.clone(), path, body).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{method} {path} {bad:?}: {problem}");
            assert_eq!(pointers(&problem), ["#/name"], "{method} {path}: {problem}");
        }
        let query: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("name", bad).finish();
        let upload = host.request(Method::POST, &format!("/v1/media?{query}")).body("x");
        let (status, problem) = read(upload.send().await.unwrap()).await;
        assert_eq!((status, pointers(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["#/name"]), "{bad:?}");
    }
    let endpoint = json!({ "url": "https://shop.example/\nhook" });
    let (status, problem) = host.post("/v1/endpoints", endpoint).await;
    assert_eq!((status, pointers(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["#/url"]), "{problem}");
}

#[tokio::test]
async fn an_address_that_no_mail_reaches_is_refused() {
    let host = TestHost::start_with(Options::default().set("MAIL__DOMAIN", "in.example")).await;
    for bad in [
        "a@@b.com",
        "a@b@c.com",
        "@b.com",
        "a@",
        "a b@c.com",
        "a@b..com",
        "a@-b.com",
        ".a@b.com",
        "a..b@c.com",
        "a\n@b.com",
        "A <a@b.com>",
    ] {
        let body = json!({ "email": bad, "name": "A", "role": "agent", "password": "a long enough password" });
        let (status, problem) = host.post("/v1/users", body).await;
        assert_eq!(
            (status, pointers(&problem)),
            (StatusCode::UNPROCESSABLE_ENTITY, vec!["#/email"]),
            "{bad}: {problem}"
        );
        let settings = json!({ "address": bad, "display_name": "Shop", "sending": "relay" });
        let (status, problem) =
            host.post("/v1/channels", json!({ "plugin": "email", "name": "M", "settings": settings })).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}: {problem}");
        assert_eq!(pointers(&problem), ["#/settings/address"], "{bad}: {problem}");
    }
    for good in ["a@b.com", "first.last+tag@sub.example.co.id", "o'neil@example.com"] {
        let body = json!({ "email": good, "name": "A", "role": "agent", "password": "a long enough password" });
        let (status, answer) = host.post("/v1/users", body).await;
        assert_eq!(status, StatusCode::CREATED, "{good}: {answer}");
    }
}
