//! What cannot work is refused when it is written, with the field and what to do.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::common::guests::{connects, version, with};
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
async fn what_visitors_name_is_one_line_of_text() {
    let host = TestHost::start().await;
    let site = "https://shop.example";
    let (_, channel) =
        host.post("/v1/channels", json!({ "plugin": "webchat", "name": "W", "settings": { "domain": [site] } })).await;
    let widget = host.url(&format!("/widget/{}", channel["id"].as_str().unwrap()));
    let post = |path: &str| host.client.post(format!("{widget}/{path}")).header("origin", site);
    let (_, session) = read(post("sessions").json(&json!({})).send().await.unwrap()).await;
    let token = session["token"].as_str().unwrap();
    let message = json!({ "id": "00000000-0000-4000-8000-000000000001", "name": "Siti\r\nBcc: x@y.example",
        "content": { "type": "text", "text": "Halo" } });
    let (status, problem) = read(post("messages").bearer_auth(token).json(&message).send().await.unwrap()).await;
    assert_eq!((status, pointers(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["#/name"]), "{problem}");
    let upload = post("media?name=a%0Ab.txt").bearer_auth(token).header("content-type", "text/plain").body("x");
    let (status, problem) = read(upload.send().await.unwrap()).await;
    assert_eq!((status, pointers(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["#/name"]), "{problem}");
}

#[tokio::test]
async fn a_setting_holds_no_control_characters() {
    let host = host().await;
    for bad in ["a\u{1b}[2J", "a\0", "a\u{202e}b"] {
        let body = json!({ "plugin": "connects", "name": "One", "settings": { "account": bad, "token": "t" } });
        let (status, problem) = host.post("/v1/channels", body).await;
        let expected = (StatusCode::UNPROCESSABLE_ENTITY, vec!["#/settings/account"]);
        assert_eq!((status, pointers(&problem)), expected, "{bad:?}: {problem}");
    }
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

/// A build of `connects` whose provider delivers to a registration, signed with the secret of this name.
fn delivers_to_an_app(secret: &str, to: &str) -> Vec<u8> {
    let by_channel = "keys = [\"hook_key\"]\nfrom = \"header:x-hook-key\"";
    let by_app = "keys = [\"app_secret\"]\nfrom = \"header:x-hook-k\"";
    let app = with(with(connects(), "address = \"channel\"", "address = \"app\"    "), by_channel, by_app);
    version(with(app, "app_secret", secret), to)
}

#[tokio::test]
async fn a_channel_whose_registration_cannot_verify_anything_is_refused_and_one_that_lost_it_says_so() {
    let host = TestHost::start_with(Options::default().set("SERVER__PUBLIC_URL", "https://sambung.example")).await;
    let install = async |wasm: Vec<u8>| {
        let request = host.request(Method::POST, "/v1/plugins").header("content-type", "application/wasm").body(wasm);
        let (status, plugin) = read(request.send().await.unwrap()).await;
        assert_eq!(status, StatusCode::CREATED, "{plugin}");
    };
    install(delivers_to_an_app("app_secret", "1.0.1")).await;
    let one = json!({ "plugin": "connects", "name": "One", "settings": { "account": "a", "token": "t" } });
    let (status, problem) = host.post("/v1/channels", one.clone()).await;
    assert_eq!((status, pointers(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["#/app"]), "{problem}");
    let saved = async |name: &str| {
        let (status, app) =
            host.call(Method::PUT, "/v1/plugins/connects/settings", Some(json!({ "app_id": "1", name: "s" }))).await;
        assert_eq!(status, StatusCode::OK, "{app}");
    };
    saved("app_secret").await;
    let (status, channel) = host.post("/v1/channels", one).await;
    assert_eq!((status, &channel["findings"]), (StatusCode::CREATED, &json!([])), "{channel}");
    let check = format!("/v1/channels/{}/check", channel["id"].as_str().unwrap());
    let codes = async || {
        let (status, channel) = host.post(&check, json!({})).await;
        assert_eq!(status, StatusCode::OK, "{channel}");
        let found = channel["findings"].as_array().unwrap().clone();
        found.iter().map(|one| format!("{} {}", one["level"], one["code"]).replace('"', "")).collect::<Vec<_>>()
    };
    assert_eq!(codes().await, Vec::<String>::new());

    // The next version verifies with another secret of the registration, which nobody has filled in.
    install(delivers_to_an_app("app_secre2", "1.0.2")).await;
    assert_eq!(codes().await, ["error no-app"]);
    let two = json!({ "plugin": "connects", "name": "Two", "settings": { "account": "b", "token": "t" } });
    let (status, problem) = host.post("/v1/channels", two).await;
    assert_eq!((status, pointers(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, vec!["#/app"]), "{problem}");
    saved("app_secre2").await;
    assert_eq!(codes().await, Vec::<String>::new(), "the finding ends with its cause");
}
