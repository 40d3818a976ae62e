//! A provider that takes a request and never answers, and a plugin that makes of that whatever it likes: each message reaches the
//! provider once and is unknown.

use std::sync::{Arc, Mutex, PoisonError};

use sambung_tests::api::{Api, until};
use sambung_tests::host::{Host, leading};
use sambung_tests::providers::email::{NameServer, Postbox, deliver};
use sambung_tests::server::target_folder;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// For compiling a component on a busy machine.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(300);

/// Takes every request. Only a GET, and what goes to `/half`, is answered: the latter with half of an answer.
#[derive(Clone)]
struct Silent {
    base: String,
    /// The first line of each request, and the body.
    seen: Arc<Mutex<Vec<(String, String)>>>,
}

impl Silent {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = Self { base: format!("http://{}", listener.local_addr().unwrap()), seen: Arc::default() };
        let provider = silent.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(provider.clone().serve(stream));
            }
        });
        silent
    }

    async fn serve(self, mut stream: TcpStream) {
        loop {
            let mut raw = Vec::new();
            let (head, length) = loop {
                let mut chunk = [0; 4096];
                match stream.read(&mut chunk).await {
                    Ok(0) | Err(_) => return,
                    Ok(read) => raw.extend_from_slice(&chunk[..read]),
                }
                let text = String::from_utf8_lossy(&raw).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let line = head.to_lowercase();
                let length = line.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
                if body.len() >= length.unwrap_or(0) {
                    break (head.lines().next().unwrap_or_default().to_owned(), body.to_owned());
                }
            };
            let templates: Vec<String> =
                self.requests("POST /templates").into_iter().map(|(_, body)| listed(&body)).collect();
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).push((head.clone(), length));
            let answer = if head.starts_with("GET") {
                let body = json!(templates).to_string();
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            } else if head.contains("/half") {
                "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf".to_owned()
            } else {
                continue;
            };
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    }

    /// Requests whose first line begins so, with their bodies.
    fn requests(&self, begin: &str) -> Vec<(String, String)> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().filter(|(line, _)| line.starts_with(begin)).cloned().collect()
    }
}

/// A template as the provider lists what it was asked to make.
fn listed(wanted: &str) -> String {
    let wanted: Value = serde_json::from_str(wanted).unwrap();
    json!({ "name": wanted["name"], "language": wanted["language"], "status": "pending", "body": wanted["body"]["text"] })
        .to_string()
}

/// A host with the plugin, its channel, and a conversation that began with a mail.
async fn start(silent: &Silent, plugin: &str, more: &str) -> (Host, Value, String) {
    let names = NameServer::start(&[]).await.address();
    let overrides = [("https://api.provider.example".to_owned(), silent.base.clone())];
    let config = leading(
        &overrides,
        &format!(
            "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\n[outbound]\nunknown_wait_ms = 10\n{more}"
        ),
    );
    let host = Host::start(&config).await;
    let guest = sambung_guests::component(&target_folder(), &plugin.replace('-', "_"));
    let upload = host
        .api()
        .request("POST", "/v1/plugins")
        .header("content-type", "application/wasm")
        .timeout(PATIENCE)
        .body(guest);
    let answer = upload.send().await.unwrap();
    assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    let channel = json!({ "plugin": plugin, "name": "Silent", "settings": {} });
    let channel = host.api().expect(201, "POST", "/v1/channels", channel).await;
    let address = channel["settings"]["forwarding_address"].as_str().unwrap();
    deliver(host.mail(), "siti@customer.example", address, "From: siti@customer.example\n\nHalo\n").await;
    let conversation = host.api().first_conversation().await["id"].as_str().unwrap().to_owned();
    (host, channel, conversation)
}

fn attempts(message: &Value) -> usize {
    message["attempts"].as_array().unwrap().len()
}

async fn stays_unknown(api: &Api, id: &str) {
    let message = api.message_when(id, "unknown").await;
    assert_eq!(attempts(&message), 1, "{message}");
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    let message = api.get(&format!("/v1/messages/{id}")).await;
    assert_eq!((&message["status"], attempts(&message)), (&json!("unknown"), 1), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_an_answer_is_unknown_whatever_the_plugin_says_of_it() {
    let silent = Silent::start().await;
    let (host, _, conversation) = start(&silent, "maps-silence", "").await;
    for (answer, method, path) in [
        ("unavailable", "POST", "/send/1"),
        ("rate-limited", "PUT", "/send/2"),
        ("window-closed", "PATCH", "/send/3"),
        ("invalid", "POST", "/send/4"),
        ("sent", "POST", "/send/5"),
        ("unavailable", "POST", "/half/6"),
    ] {
        let message = host.api().reply(&conversation, &format!("{answer} {method} {path}")).await;
        stays_unknown(host.api(), &message).await;
        assert_eq!(silent.requests(&format!("{method} {path} ")).len(), 1, "{answer}: it reached the provider once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_never_left_is_still_tried_again() {
    let silent = Silent::start().await;
    let (host, _, conversation) =
        start(&Silent { base: "http://127.0.0.1:1".into(), ..silent }, "maps-silence", "").await;
    let message = host.api().reply(&conversation, "unavailable POST /send/1").await;
    until("it was tried twice", async || {
        let message = host.api().get(&format!("/v1/messages/{message}")).await;
        (attempts(&message) >= 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_whose_server_hangs_up_before_it_answers_is_unknown_though_the_plugin_would_try_again() {
    let (silent, postbox) = (Silent::start().await, Postbox::start().await);
    let relay = format!("[mail.relay]\nhost = '127.0.0.1'\nport = {}\nsecurity = 'none'\n", postbox.address().port());
    let (host, _, conversation) = start(&silent, "mails", &relay).await;
    postbox.say_next(".", "");
    let message = host.api().reply(&conversation, "lost").await;
    stays_unknown(host.api(), &message).await;
    assert_eq!(postbox.taken().len(), 1, "the server has it once");
    postbox.say_next(".", "451 4.3.0 later");
    let message = host.api().reply(&conversation, "later").await;
    until("what the server refused for now is tried again", async || {
        let message = host.api().get(&format!("/v1/messages/{message}")).await;
        (attempts(&message) >= 2).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_providers_list_decides_what_became_of_a_template_and_not_the_plugin() {
    let silent = Silent::start().await;
    let (host, channel, _) = start(&silent, "maps-silence", "").await;
    let api = host.api();
    let path = format!("/v1/channels/{}/templates", channel["id"].as_str().unwrap());
    let wanted = json!({ "name": "promo", "language": "id", "category": "utility", "body": { "text": "Halo." } });
    let made = api.expect(201, "POST", &path, wanted).await;
    assert_eq!(made["status"], "pending", "{made}");
    assert_eq!(silent.requests("POST /templates").len(), 1, "made once");
    // The plugin says that it is removed, and the provider still lists it.
    let (status, answer) = api.ask("DELETE", &format!("{path}/promo:id"), &Value::Null).await.unwrap();
    assert!((500..600).contains(&status), "{status} {answer}");
    assert_eq!(api.get(&path).await["items"].as_array().unwrap().len(), 1, "it is still there");
}
