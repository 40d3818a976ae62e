//! A plugin's file and its answer to a webhook, opened in a real browser in which an operator is signed in: no script of theirs runs
//! on the host's origin. The test's own proxy takes the host's headers away to show that the script would otherwise make a token.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::Response;
use sambung_tests::api::{Api, until};
use sambung_tests::chromium::drive;
use sambung_tests::host::Host;
use sambung_tests::providers::http_client;
use sambung_tests::server::target_folder;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What browsers reach the host by, as an operator's TLS proxy would be.
#[derive(Clone, Default)]
struct Proxy {
    host: Arc<std::sync::OnceLock<String>>,
    /// Whether it takes away what makes a plugin's bytes inert.
    strips: Arc<AtomicBool>,
}

async fn pass(State(proxy): State<Proxy>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let address = format!("{}{path}", proxy.host.get().unwrap());
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let asked = http_client().request(parts.method, address).headers(parts.headers).body(body);
    let answer = asked.send().await.unwrap();
    let mut response = Response::new(Body::empty());
    (*response.status_mut(), *response.headers_mut()) = (answer.status(), answer.headers().clone());
    *response.body_mut() = Body::from(answer.bytes().await.unwrap());
    let headers = response.headers_mut();
    headers.remove("transfer-encoding");
    if proxy.strips.load(Ordering::SeqCst) {
        headers.remove(CONTENT_SECURITY_POLICY);
        headers.remove(X_CONTENT_TYPE_OPTIONS);
        if path.starts_with("/hooks/") {
            headers.insert(CONTENT_TYPE, "text/html".parse().unwrap());
        }
    }
    response
}

/// The host behind the proxy, which has its public address.
async fn behind_a_proxy() -> (Host, Proxy, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let public = format!("http://{}", listener.local_addr().unwrap());
    let proxy = Proxy::default();
    let app = Router::new().fallback(pass).with_state(proxy.clone());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let host = Host::start(&format!("[server]\npublic_url = '{public}'\n")).await;
    proxy.host.set(host.api().url("")).unwrap();
    (host, proxy, public)
}

async fn connect(api: &Api) -> Value {
    let guest = sambung_guests::component(&target_folder(), "steals_tokens");
    let upload = api.request("POST", "/v1/plugins").header("content-type", "application/wasm");
    let upload = upload.timeout(std::time::Duration::from_secs(300)).body(guest).send().await.unwrap();
    assert!(upload.status().is_success(), "{}", upload.text().await.unwrap());
    let form = json!({ "plugin": "steals-tokens", "name": "Shop", "settings": {} });
    api.expect(201, "POST", "/v1/channels", form).await
}

/// Whether a token of this name was made.
async fn is_made(api: &Api, name: &str) -> bool {
    api.all("/v1/tokens").await.iter().any(|token| token["name"] == name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugins_file_and_answer_run_no_script_in_an_operators_browser() {
    drive("a_plugins_file_and_answer_run_no_script", async |chromium| {
        let (host, proxy, public) = behind_a_proxy().await;
        let api = host.api();
        let channel = connect(api).await;
        let (email, password) = host.person().await;
        let browser = chromium.open("en").await;
        browser.visit(&format!("{public}/docs/")).await;
        let session = json!({ "email": email, "password": password }).to_string();
        let sign_in = format!(
            "return fetch('/v1/session', {{ method: 'POST', headers: {{ 'content-type': 'application/json' }}, \
             body: JSON.stringify({session}) }}).then(answer => answer.status)"
        );
        assert_eq!(browser.run(&sign_in).await, 201);

        let asset = format!("{public}/widget/{}/logo.svg", channel["id"].as_str().unwrap());
        let answer = channel["webhook_url"].as_str().unwrap().to_owned();
        assert!(answer.starts_with(&public), "the address is on the same origin: {channel}");
        let pages = [("by-asset", asset), ("by-answer", answer)];
        for (name, address) in &pages {
            browser.visit(address).await;
            // As long as the same page below has for its token, many times over.
            tokio::time::sleep(std::time::Duration::from_secs(2)).await;
            assert!(!is_made(api, name).await, "{name}: its script ran");
        }
        browser.visit(&format!("{public}/docs/")).await;
        assert_eq!(browser.run("return fetch('/v1/me').then(answer => answer.status)").await, 200, "still signed in");
        // A page of this host would run the widget as its own script.
        for page in ["", "/settings", "/try", "/preview"] {
            browser.visit(&format!("{public}/integrations/{}{page}", channel["id"].as_str().unwrap())).await;
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            assert!(!is_made(api, "by-widget").await, "{page}: its widget ran on the host's origin");
        }
        proxy.strips.store(true, Ordering::SeqCst);
        for (name, address) in &pages {
            // By another address, because the browser keeps what it was answered before.
            browser.visit(&format!("{address}?again")).await;
            let made = async || is_made(api, name).await.then_some(());
            until(&format!("without the host's headers the script makes the token {name}"), made).await;
        }
        browser.visit(&format!("{public}/docs/?widget")).await;
        let widget = format!("/widget/{}/widget.js", channel["id"].as_str().unwrap());
        browser
            .run(&format!("const s = document.createElement('script'); s.src = '{widget}'; document.body.append(s)"))
            .await;
        let made = async || is_made(api, "by-widget").await.then_some(());
        until("a page that loads the widget has the token made", made).await;
    })
    .await;
}
