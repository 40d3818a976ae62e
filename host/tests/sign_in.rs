//! Signing in with a provider: a real component, a provider on loopback that checks what the standard says, and a browser's part
//! played by a client that keeps cookies.

mod renewing;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Form, Query, State as Axum};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::{Client, Method, StatusCode};
use sambung::auth::Role;
use sambung::clock::Clock;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::common::guests::guest;
use crate::common::{Options, TestHost, until};

const PUBLIC: &str = "https://sambung.example";
const CALLBACK: &str = "https://sambung.example/sign-in/callback";

type Pairs = BTreeMap<String, String>;

/// What the provider knows.
#[derive(Default)]
struct Known {
    /// Codes that are good, with the challenge and the redirect they are bound to.
    codes: BTreeMap<String, (String, String)>,
    /// Tokens that are good, and what renews.
    token: String,
    renewal: String,
    pages: Vec<(&'static str, &'static str)>,
    count: u32,
    refreshes: u32,
    /// How often somebody asked for news with a good token.
    asked: u32,
    revoked: Vec<String>,
    left: Vec<String>,
    denies: bool,
    /// Answers 503 to whoever wants to renew.
    down: bool,
    /// Names no possible time to come again.
    nonsense: bool,
    /// Takes nobody's renewal any more.
    withdrawn: bool,
    /// How often somebody wanted to renew, and whether they wait for an answer.
    tries: u32,
    slow: bool,
    /// How long a renewed token lasts, in seconds, where not for two hours.
    lasts: Option<u64>,
}

type Provider = Arc<Mutex<Known>>;

async fn provider() -> (Provider, String) {
    let known = Known { pages: vec![("p1", "One"), ("p2", "Two")], ..Known::default() };
    let provider: Provider = Arc::new(Mutex::new(known));
    let routes = Router::new()
        .route("/authorize", get(authorize))
        .route("/token", post(token))
        .route("/long", get(long))
        .route("/refresh", post(refresh))
        .route("/revoke", post(revoke))
        .route("/pages", get(pages))
        .route("/leave", post(leave))
        .route("/news", get(news))
        .route("/send", post(send))
        .with_state(provider.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    (provider, origin)
}

async fn authorize(Axum(provider): Axum<Provider>, Query(asked): Query<Pairs>) -> Response {
    let mut known = provider.lock().unwrap();
    assert_eq!((asked["response_type"].as_str(), asked["client_id"].as_str()), ("code", "the-client"));
    assert_eq!((asked["scope"].as_str(), asked["code_challenge_method"].as_str()), ("pages messages", "S256"));
    let (redirect, state) = (&asked["redirect_uri"], &asked["state"]);
    assert_eq!(redirect, CALLBACK, "only what is registered");
    if known.denies {
        let back = format!("{redirect}?error=access_denied&error_description=The+person+said+no.&state={state}");
        return Redirect::to(&back).into_response();
    }
    known.count += 1;
    let code = format!("code-{}", known.count);
    known.codes.insert(code.clone(), (asked["code_challenge"].clone(), redirect.clone()));
    Redirect::to(&format!("{redirect}?code={code}&state={state}")).into_response()
}

fn is_client(headers: &HeaderMap) -> bool {
    let pair = STANDARD.encode("the-client:the-client-secret");
    headers.get("authorization").is_some_and(|value| value == &format!("Basic {pair}"))
}

fn refused(error: &str) -> Response {
    (
        StatusCode::BAD_REQUEST,
        Json(json!({ "error": error, "error_description": format!("{error}, says the provider") })),
    )
        .into_response()
}

async fn token(Axum(provider): Axum<Provider>, headers: HeaderMap, Form(asked): Form<Pairs>) -> Response {
    let mut known = provider.lock().unwrap();
    if !is_client(&headers) {
        return refused("invalid_client");
    }
    let Some((challenge, redirect)) = known.codes.remove(&asked["code"]) else { return refused("invalid_grant") };
    let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(asked["code_verifier"].as_bytes()));
    if proof != challenge || asked["redirect_uri"] != redirect || asked["grant_type"] != "authorization_code" {
        return refused("invalid_grant");
    }
    known.count += 1;
    known.token = format!("short-token-{}-0123456789", known.count);
    known.renewal = format!("renewal-{}-0123456789", known.count);
    Json(json!({ "access_token": known.token, "refresh_token": known.renewal, "expires_in": 3600 })).into_response()
}

async fn long(Axum(provider): Axum<Provider>, Query(asked): Query<Pairs>) -> Response {
    let mut known = provider.lock().unwrap();
    if asked["token"] != known.token || asked["client_secret"] != "the-client-secret" {
        return refused("invalid_grant");
    }
    known.token = known.token.replace("short", "long");
    Json(json!({ "access_token": known.token, "expires_in": 7200 })).into_response()
}

async fn refresh(Axum(provider): Axum<Provider>, headers: HeaderMap, Form(asked): Form<Pairs>) -> Response {
    provider.lock().unwrap().tries += 1;
    while provider.lock().unwrap().slow {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut known = provider.lock().unwrap();
    if known.down {
        let mut answer = StatusCode::SERVICE_UNAVAILABLE.into_response();
        if known.nonsense {
            answer.headers_mut().insert("retry-after", "9223372036854775".parse().unwrap());
        }
        return answer;
    }
    if known.withdrawn || !is_client(&headers) || asked["refresh_token"] != known.renewal {
        return refused("invalid_grant");
    }
    known.count += 1;
    known.refreshes += 1;
    known.token = format!("renewed-token-{}-0123456789", known.count);
    // It turns: the old one is good no more.
    known.renewal = format!("renewal-{}-0123456789", known.count);
    let lasts = known.lasts.unwrap_or(7200);
    Json(json!({ "access_token": known.token, "refresh_token": known.renewal, "expires_in": lasts })).into_response()
}

async fn revoke(Axum(provider): Axum<Provider>, Form(asked): Form<Pairs>) -> StatusCode {
    provider.lock().unwrap().revoked.push(asked["token"].clone());
    StatusCode::OK
}

fn bearer(headers: &HeaderMap) -> String {
    headers["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned()
}

async fn pages(Axum(provider): Axum<Provider>, headers: HeaderMap) -> Response {
    let known = provider.lock().unwrap();
    if bearer(&headers) != known.token {
        return (StatusCode::UNAUTHORIZED, "The token is not good.").into_response();
    }
    let page =
        |(id, name): &(&str, &str)| json!({ "id": id, "name": name, "token": format!("token-of-{id}-0123456789") });
    Json(json!({ "data": known.pages.iter().map(page).collect::<Vec<_>>() })).into_response()
}

async fn news(Axum(provider): Axum<Provider>, headers: HeaderMap) -> Response {
    let mut known = provider.lock().unwrap();
    if bearer(&headers) != known.token {
        return (StatusCode::UNAUTHORIZED, "The token is not good.").into_response();
    }
    known.asked += 1;
    StatusCode::OK.into_response()
}

async fn leave(Axum(provider): Axum<Provider>, headers: HeaderMap) -> StatusCode {
    provider.lock().unwrap().left.push(bearer(&headers));
    StatusCode::OK
}

async fn send(Axum(provider): Axum<Provider>, headers: HeaderMap) -> Response {
    if bearer(&headers) == provider.lock().unwrap().token {
        StatusCode::OK.into_response()
    } else {
        (StatusCode::UNAUTHORIZED, "The token is not good.").into_response()
    }
}

struct Stage {
    host: TestHost,
    provider: Provider,
    origin: String,
    /// How far the clock is ahead of the system's, in milliseconds.
    ahead: Arc<AtomicI64>,
}

/// Keeps its cookies, and goes nowhere by itself.
struct Browser {
    client: Client,
    cookies: Mutex<Pairs>,
}

fn browser() -> Browser {
    let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    Browser { client, cookies: Mutex::default() }
}

impl Browser {
    async fn get(&self, url: impl Into<String>) -> reqwest::Response {
        self.send(self.client.get(url.into())).await
    }

    async fn post(&self, url: String, body: &Value) -> reqwest::Response {
        self.send(self.client.post(url).json(body)).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> reqwest::Response {
        let pairs =
            self.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        let answer = request.header("cookie", pairs.join("; ")).send().await.unwrap();
        for set in answer.headers().get_all("set-cookie") {
            let (name, value) = set.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
        }
        answer
    }
}

fn location(answer: &reqwest::Response) -> String {
    answer.headers()["location"].to_str().unwrap().to_owned()
}

fn options(origin: &str, ahead: &Arc<AtomicI64>) -> Options {
    let ahead = Arc::clone(ahead);
    let clock = Clock::from_fn(move || Clock::system().now() + ahead.load(Ordering::SeqCst));
    let overrides = format!("{{\"https://login.example\" = \"{origin}\"}}");
    Options::default().set("SERVER__PUBLIC_URL", PUBLIC).set("EGRESS__OVERRIDES", overrides).clock(clock)
}

impl Stage {
    async fn open() -> Stage {
        let (provider, origin) = provider().await;
        let ahead = Arc::new(AtomicI64::new(0));
        let host = TestHost::start_with(options(&origin, &ahead)).await;
        let wasm = guest("signs_in");
        let request = host.request(Method::POST, "/v1/plugins").header("content-type", "application/wasm").body(wasm);
        assert!(request.send().await.unwrap().status().is_success());
        Stage { host, provider, origin, ahead }
    }

    async fn with_app() -> Stage {
        let stage = Stage::open().await;
        let settings = json!({ "client_id": "the-client", "client_secret": "the-client-secret" });
        let (status, answer) = stage.host.call(Method::PUT, "/v1/plugins/signs-in/settings", Some(settings)).await;
        assert!(status.is_success(), "{answer}");
        stage
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.provider.lock().unwrap()
    }

    async fn begin(&self, more: Value) -> (StatusCode, Value) {
        let mut body = json!({ "plugin": "signs-in", "name": "Page", "settings": { "mode": "sign-in" } });
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.host.post("/v1/channels", body).await
    }

    /// Opens the address, and follows to the provider and back; answers with the last page.
    async fn sign_in(&self, browser: &Browser, url: &str) -> reqwest::Response {
        let back = self.leave(browser, url).await;
        self.come_back(browser, &back).await
    }

    /// Opens the address and follows to the provider; answers with where it sends back to.
    async fn leave(&self, browser: &Browser, url: &str) -> String {
        let answer = browser.get(url.replace(PUBLIC, &self.host.base)).await;
        assert_eq!(answer.status(), StatusCode::SEE_OTHER, "{}", answer.text().await.unwrap());
        let to_provider = location(&answer);
        assert!(to_provider.starts_with("https://login.example/authorize?"), "{to_provider}");
        let answer = browser.get(to_provider.replace("https://login.example", &self.origin)).await;
        location(&answer)
    }

    async fn come_back(&self, browser: &Browser, back: &str) -> reqwest::Response {
        browser.get(back.replace(PUBLIC, &self.host.base)).await
    }

    /// A channel that is connected to the page `p1`.
    async fn connected(&self) -> Value {
        self.known().pages.truncate(1);
        let (status, channel) = self.begin(json!({})).await;
        assert_eq!(status, StatusCode::CREATED, "{channel}");
        let answer = self.sign_in(&browser(), step_url(&channel)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
        let channel = self.channel(&channel).await;
        assert_eq!((&channel["state"], &channel["account"]), (&json!("connected"), &json!("p1")), "{channel}");
        channel
    }

    async fn channel(&self, channel: &Value) -> Value {
        self.host.get(&path(channel)).await.1
    }

    async fn secret(&self, channel: &Value, name: &str) -> Option<String> {
        let secret = self.host.state.db.secret(channel["id"].as_str().unwrap(), name).await.unwrap()?;
        Some(String::from_utf8(secret.value.expose().to_vec()).unwrap())
    }

    /// A conversation of the channel, in which somebody wrote.
    async fn conversation(&self, channel: &Value) -> String {
        let address = self.host.url(&format!("/hooks/signs-in/{}", channel["id"].as_str().unwrap()));
        let key = channel["settings"]["hook_key"].as_str().unwrap();
        let answer = self.host.client.post(address).header("x-hook-key", key).json(&json!({ "id": "m1" })).send();
        assert_eq!(answer.await.unwrap().status(), StatusCode::OK);
        let all = async || self.host.get("/v1/conversations").await.1["items"].as_array().unwrap().clone();
        until("the conversation is there", async || !all().await.is_empty()).await;
        all().await[0]["id"].as_str().unwrap().to_owned()
    }

    async fn reply(&self, conversation: &str) -> String {
        let body = json!({ "content": { "type": "text", "text": "Hi" } });
        let (status, answer) = self.host.post(&format!("/v1/conversations/{conversation}/messages"), body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{answer}");
        answer["id"].as_str().unwrap().to_owned()
    }

    async fn status(&self, message: &str) -> String {
        self.host.get(&format!("/v1/messages/{message}")).await.1["status"].as_str().unwrap().to_owned()
    }
}

fn path(channel: &Value) -> String {
    format!("/v1/channels/{}", channel["id"].as_str().unwrap())
}

fn step_url(channel: &Value) -> &str {
    assert_eq!(channel["step"]["kind"], "authorize", "{channel}");
    channel["step"]["url"].as_str().unwrap()
}

/// What the last page tells its opener.
async fn told(answer: reqwest::Response) -> Value {
    let page = answer.text().await.unwrap();
    let (_, rest) = page.split_once("data-result=\"").unwrap_or_else(|| panic!("no result in {page}"));
    serde_json::from_str(&rest.split_once('"').unwrap().0.replace("&quot;", "\"").replace("&amp;", "&")).unwrap()
}

#[tokio::test]
async fn signing_in_offers_the_pages_and_keeps_every_token_from_the_plugin() {
    let stage = Stage::with_app().await;
    let (status, channel) = stage.begin(json!({})).await;
    assert_eq!((status, &channel["state"]), (StatusCode::CREATED, &json!("connecting")), "{channel}");
    let url = step_url(&channel);
    assert!(url.starts_with(&format!("{PUBLIC}/sign-in/")), "{url}");
    let agent = stage.host.token_for("default", Role::Agent).await;
    let (_, seen) = stage.host.call_as(&agent, Method::GET, &path(&channel), None).await;
    assert_eq!((&seen["step"]["kind"], &seen["step"]["url"]), (&json!("authorize"), &Value::Null), "admins alone");
    let answer = stage.sign_in(&browser(), url).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let told = told(answer).await;
    assert_eq!(told, json!({ "channel": channel["id"], "state": "goes-on", "error": null }));
    let channel = stage.channel(&channel).await;
    let choice = |id, name| json!({ "id": id, "name": name, "connected": false, "channel": null });
    let choices = [choice("p1", "One"), choice("p2", "Two")];
    assert_eq!(channel["step"], json!({ "kind": "choose", "choices": choices }));
    let (status, channel) = stage.host.post(&format!("{}/answer", path(&channel)), json!({ "choice": "p2" })).await;
    assert_eq!(
        (status, &channel["state"], &channel["account"]),
        (StatusCode::OK, &json!("connected"), &json!("p2")),
        "{channel}"
    );
    assert_eq!(stage.secret(&channel, "page_token").await.unwrap(), "token-of-p2-0123456789");
    assert_eq!(stage.secret(&channel, "user_token").await.unwrap(), stage.known().token, "the long-lived one");
    assert!(stage.secret(&channel, "user_token").await.unwrap().starts_with("long-"));
    let (_, audit) = stage.host.get("/v1/audit").await;
    let actions: Vec<&str> =
        audit["items"].as_array().unwrap().iter().filter_map(|line| line["action"].as_str()).collect();
    assert!(actions.contains(&"channel.sign-in") && actions.contains(&"channel.connect"), "{actions:?}");
    let shown = format!("{channel}{audit}");
    assert!(!shown.contains("-0123456789"), "no token is shown: {shown}");
}

/// The state is good once, in the browser that left with it.
#[tokio::test]
async fn a_callback_is_good_once_and_in_one_browser() {
    let stage = Stage::with_app().await;
    let (_, channel) = stage.begin(json!({})).await;
    let own = browser();
    let back = stage.leave(&own, step_url(&channel)).await;
    let stranger = stage.come_back(&browser(), &back).await;
    assert_eq!(stranger.status(), StatusCode::FORBIDDEN);
    let changed = back.replace("state=sbg_", "state=sbg_0");
    assert_eq!(stage.come_back(&own, &changed).await.status(), StatusCode::GONE);
    assert_eq!(stage.channel(&channel).await["step"]["kind"], "authorize", "nobody took it");
    assert_eq!(stage.come_back(&own, &back).await.status(), StatusCode::OK);
    assert_eq!(stage.channel(&channel).await["step"]["kind"], "choose");
    assert_eq!(stage.come_back(&own, &back).await.status(), StatusCode::GONE, "used");
    let again = own.get(step_url(&channel).replace(PUBLIC, &stage.host.base)).await;
    assert_eq!(again.status(), StatusCode::GONE, "nothing is left to sign in for");
    let page = again.text().await.unwrap();
    assert!(page.contains("over or was used") && !page.contains("<script>"), "{page}");
}

/// Two at once in one browser: each comes back to its own.
#[tokio::test]
async fn two_sign_ins_go_on_beside_each_other_in_one_browser() {
    let stage = Stage::with_app().await;
    let (_, one) = stage.begin(json!({})).await;
    let (_, two) = stage.begin(json!({ "name": "Other" })).await;
    let browser = browser();
    let (back_one, back_two) =
        (stage.leave(&browser, step_url(&one)).await, stage.leave(&browser, step_url(&two)).await);
    for (back, channel) in [(back_one, &one), (back_two, &two)] {
        // The provider's newest token is the only good one here, so the later code is what connects.
        stage.come_back(&browser, &back).await;
        assert_eq!(stage.channel(channel).await["step"]["kind"], "choose");
    }
}

/// A session's sign-in is that session's, even if somebody else gets hold of its address.
#[tokio::test]
async fn a_sign_in_that_a_session_began_is_that_sessions() {
    let stage = Stage::with_app().await;
    let session = async |email: &str| {
        let body = json!({ "email": email, "name": "", "role": "admin", "password": "a long password" });
        let (status, answer) = stage.host.post("/v1/users", body).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        let browser = browser();
        let form = json!({ "email": email, "password": "a long password" });
        let answer = browser.post(stage.host.url("/v1/session"), &form).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        browser
    };
    let (ana, budi) = (session("ana@example.com").await, session("budi@example.com").await);
    let body = json!({ "plugin": "signs-in", "name": "Page", "settings": { "mode": "sign-in" }, "return_to": "/channels?tab=2" });
    let answer = ana.post(stage.host.url("/v1/channels"), &body).await;
    let channel: Value = answer.json().await.unwrap();
    let url = step_url(&channel).replace(PUBLIC, &stage.host.base);
    for other in [&budi, &browser()] {
        let answer = other.send(other.client.get(&url).header("accept-language", "id")).await;
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert!(answer.text().await.unwrap().contains("dimulai oleh orang lain"));
    }
    let answer = stage.sign_in(&ana, step_url(&channel)).await;
    assert_eq!(answer.status(), StatusCode::SEE_OTHER, "the same tab goes on in the console");
    assert_eq!(location(&answer), format!("/channels?tab=2&channel={}&sign_in=ok", channel["id"].as_str().unwrap()));
    for wrong in ["//evil.example", "https://evil.example", "/\\evil.example", "/a b", ""] {
        let (status, problem) = stage.begin(json!({ "return_to": wrong })).await;
        assert_eq!(
            (status, &problem["errors"][0]["pointer"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("#/return_to")),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn who_says_no_is_told_so_and_can_try_again() {
    let stage = Stage::with_app().await;
    let (_, channel) = stage.begin(json!({})).await;
    stage.known().denies = true;
    let browser = browser();
    let answer = stage.sign_in(&browser, step_url(&channel)).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = answer.text().await.unwrap();
    assert!(page.contains("The person said no.") && page.contains("Try again"), "{page}");
    let shown = stage.channel(&channel).await;
    let error = &shown["step"]["error"];
    assert_eq!((&error["code"], &error["provider"]), (&json!("denied"), &json!("The person said no.")), "{error}");
    stage.known().denies = false;
    assert_eq!(stage.sign_in(&browser, step_url(&shown)).await.status(), StatusCode::OK);
    let shown = stage.channel(&channel).await;
    assert_eq!(shown["step"]["kind"], "choose", "{shown}");
}

#[tokio::test]
async fn without_a_registration_nobody_can_sign_in_and_its_address_is_told() {
    let stage = Stage::open().await;
    let (status, problem) = stage.begin(json!({})).await;
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("#/app")),
        "{problem}"
    );
    assert_eq!(stage.host.get("/v1/channels").await.1["items"], json!([]), "nothing is kept");
    let (status, typed) = stage.begin(json!({ "settings": { "mode": "typed" } })).await;
    assert_eq!((status, &typed["state"]), (StatusCode::CREATED, &json!("connected")), "{typed}");
    let settings = json!({ "client_id": "the-client", "client_secret": "wrong-client-secret" });
    let (status, app) = stage.host.post("/v1/plugins/signs-in/apps", json!({ "settings": settings })).await;
    assert_eq!((status, &app["redirect_url"]), (StatusCode::CREATED, &json!(CALLBACK)), "{app}");
    let (status, channel) = stage.begin(json!({ "app": app["id"] })).await;
    assert_eq!(status, StatusCode::CREATED, "{channel}");
    let answer = stage.sign_in(&browser(), step_url(&channel)).await;
    assert_eq!(
        told(answer).await["error"],
        json!({ "code": "refused", "detail": "invalid_client, says the provider" })
    );
}

/// Nobody comes back: a channel that never was goes, and one that stands stays as it is.
#[tokio::test]
async fn a_sign_in_that_nobody_ends_is_over_after_an_hour() {
    let stage = Stage::with_app().await;
    let channel = stage.connected().await;
    let (_, again) = stage.host.post(&format!("{}/reconnect", path(&channel)), json!({})).await;
    let (_, other) = stage.begin(json!({ "name": "Other" })).await;
    let url = step_url(&again).replace(PUBLIC, &stage.host.base);
    stage.ahead.fetch_add(3_600_001, Ordering::SeqCst);
    assert_eq!(browser().get(&url).await.status(), StatusCode::GONE);
    stage.host.state.channels.look_after_credentials().await.unwrap();
    assert_eq!(stage.host.get(&path(&other)).await.0, StatusCode::NOT_FOUND);
    let channel = stage.channel(&channel).await;
    assert_eq!((&channel["state"], &channel["step"]), (&json!("connected"), &Value::Null), "{channel}");
}

/// In place: the same account, and until then what stands goes on.
#[tokio::test]
async fn signing_in_again_takes_the_same_account_and_no_other() {
    let stage = Stage::with_app().await;
    let channel = stage.connected().await;
    let before = stage.secret(&channel, "user_token").await;
    let (status, waiting) = stage.host.post(&format!("{}/reconnect", path(&channel)), json!({})).await;
    assert_eq!((status, &waiting["state"]), (StatusCode::OK, &json!("connected")), "{waiting}");
    stage.known().pages = vec![("p9", "Another")];
    let answer = stage.sign_in(&browser(), step_url(&waiting)).await;
    assert_eq!(told(answer).await["error"]["code"], "account-differs");
    assert_eq!(stage.secret(&channel, "user_token").await, before, "what was proved stands");
    stage.known().pages = vec![("p1", "One"), ("p2", "Two")];
    let waiting = stage.channel(&channel).await;
    assert_eq!(stage.sign_in(&browser(), step_url(&waiting)).await.status(), StatusCode::OK);
    let after = stage.channel(&channel).await;
    assert_eq!((&after["account"], &after["step"]), (&json!("p1"), &Value::Null), "{after}");
    assert_ne!(stage.secret(&channel, "user_token").await, before);
    // A change of something else needs nobody to sign in.
    let (status, changed) =
        stage.host.call(Method::PATCH, &path(&channel), Some(json!({ "settings": { "colour": "red" } }))).await;
    assert_eq!((status, &changed["step"]), (StatusCode::OK, &Value::Null), "{changed}");
}

/// Whoever opens the address of a sign-in while somebody begins another does not take that one's place.
#[tokio::test]
async fn who_leaves_with_an_earlier_sign_in_leaves_the_later_one_alone() {
    let stage = Stage::with_app().await;
    let (_, channel) = stage.begin(json!({})).await;
    let ticket = step_url(&channel).rsplit('/').next().unwrap();
    let ticket_hash = sambung::auth::token::hash(ticket);
    let db = &stage.host.state.db;
    let opened = db.sign_in_by_ticket(ticket_hash, stage.host.state.clock.now()).await.unwrap().unwrap();
    let (status, later) = stage.host.post(&format!("{}/reconnect", path(&channel)), json!({})).await;
    assert_eq!(status, StatusCode::OK, "{later}");
    let departure = sambung::db::Departure { ticket_hash, state_hash: [1; 32], browser_hash: [2; 32], verifier: None };
    assert!(!db.sign_in_leaves(&opened, departure).await.unwrap());
    assert_eq!(step_url(&stage.channel(&channel).await), step_url(&later), "its address is its own");
    assert_eq!(stage.sign_in(&browser(), step_url(&later)).await.status(), StatusCode::OK);
}
