//! The whole host in the test's own process: the very `App` that `serve` starts, over a folder of its own.

use sambung::app::{App, AppError};
use sambung::auth::Role;
use sambung::clock::Clock;
use sambung::config::Config;
use sambung::model::audit::Entry;
use sambung::web::state::State;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::api::Api;
use crate::providers::line::{self, Line};
use crate::providers::whatsapp::{self, WhatsApp};
use crate::providers::x::{self, X};
use crate::server::native_cache;

/// A running host; it is told to stop when it is dropped.
pub struct Host {
    state: State,
    api: Api,
    mail: Option<std::net::SocketAddr>,
    _served: JoinHandle<Result<(), AppError>>,
    folder: TempDir,
}

impl Host {
    /// Starts over an empty folder with this configuration. Its caller is an operator of the default workspace.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(config: &str) -> Self {
        Self::start_at(config, Clock::system()).await
    }

    /// As [`Host::start`], by a clock of the test's own.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start_at(config: &str, clock: Clock) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let cache = native_cache().display().to_string();
        let variables = [("SAMBUNG_RUNTIME__CACHE_DIR".to_owned(), cache)];
        let mut config = Config::read(Some(("test", config)), variables).expect("the test's configuration is one");
        config.server.data_dir = folder.path().join("data");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let base = format!("http://{}", listener.local_addr().expect("a bound listener has an address"));
        let app = App::build(config, clock).await.unwrap_or_else(|error| panic!("{error}"));
        let (state, mail) = (app.state().clone(), app.mail_address());
        let served = tokio::spawn(app.serve(listener));
        let mut host = Self { state, api: Api::at(&base, ""), mail, _served: served, folder };
        host.api = host.caller("default", Role::Operator).await;
        host
    }

    /// The operator's way to the API.
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// A new operator who signs in: the e-mail address and the password.
    ///
    /// # Panics
    /// When the host does not take them.
    pub async fn person(&self) -> (String, String) {
        let (email, password) = ("operator@example.com".to_owned(), hex::encode(sambung::clock::random::<8>()));
        let person = json!({ "email": email, "name": "Operator", "role": "operator", "password": password });
        self.api.expect(201, "POST", "/v1/users", person).await;
        (email, password)
    }

    /// A caller with this role in a workspace, which is made where it is not there.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn caller(&self, workspace: &str, role: Role) -> Api {
        let (db, clock) = (&self.state.db, &self.state.clock);
        let workspace = db.workspace_or_new(clock.id("ws"), workspace, clock.now()).await.expect("a workspace");
        let entry = Entry {
            workspace: Some(workspace.id.clone()),
            at: clock.now(),
            actor: "test".into(),
            role: "operator".into(),
            action: "token.create".into(),
            subject: String::new(),
            detail: json!({}),
        };
        let minted = self.state.auth.create_token(&workspace.id, role, "test", None, entry).await.expect("a token");
        self.api.with_token(&minted.value)
    }

    /// Where mail servers hand mail over.
    ///
    /// # Panics
    /// When the configuration has no listener for mail.
    pub fn mail(&self) -> std::net::SocketAddr {
        self.mail.expect("mail.listen is configured")
    }

    /// How many webhooks wait for translation.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn waiting(&self) -> i64 {
        self.state.inbound.waiting().await.expect("a count")
    }

    /// What the rounds do for credentials, now: see `plugins/renewal.rs`.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn look_after_credentials(&self) {
        self.state.channels.look_after_credentials().await.expect("the database answers");
    }

    /// The data folder.
    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.state.stop.cancel();
    }
}

/// The configuration that leads what is meant for a provider to its simulator; `more` comes after.
pub fn leading(overrides: &[(String, String)], more: &str) -> String {
    let lines: String = overrides.iter().map(|(from, to)| format!("'{from}' = '{to}'\n")).collect();
    format!("[server]\npublic_url = 'https://chat.example'\n[egress.overrides]\n{lines}{more}")
}

/// A host with a connected LINE channel.
///
/// # Panics
/// When it does not connect.
pub async fn with_line(line: &Line, more: &str) -> (Host, Value) {
    let host = Host::start(&leading(&line.overrides(), more)).await;
    let channel = connect_line(host.api(), line).await;
    (host, channel)
}

/// Connects LINE: the channel.
///
/// # Panics
/// When it does not connect.
pub async fn connect_line(api: &Api, line: &Line) -> Value {
    line.reach_endpoint_at(&api.url(""));
    let settings = json!({ "channel_secret": line::SECRET, "channel_access_token": line::TOKEN });
    let channel = json!({ "plugin": "line", "name": "Shop", "settings": settings });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    assert_eq!(channel["state"], "connected", "{channel}");
    channel
}

/// Where a provider's webhooks for a channel or a registration are posted from here: the address that the API hands out, at this
/// host.
///
/// # Panics
/// It has none.
pub fn hook(api: &Api, shown: &Value) -> String {
    api.url(&hook_path(shown))
}

/// The path of the address that the API hands out for the first of a plugin's channels.
///
/// # Panics
/// There is none.
pub async fn first_hook(api: &Api, plugin: &str) -> String {
    hook_path(&api.get(&format!("/v1/channels?plugin={plugin}")).await["items"][0])
}

/// The path of the address that the API hands out for a channel or a registration.
///
/// # Panics
/// It has none.
pub fn hook_path(shown: &Value) -> String {
    let address = shown["webhook_url"].as_str().unwrap_or_else(|| panic!("no address for the provider: {shown}"));
    let host = address.split_once("://").map_or(address, |(_, host)| host);
    host.find('/').map(|at| host[at..].to_owned()).unwrap_or_default()
}

/// A host with a registered Meta app and both of the account's numbers connected.
///
/// # Panics
/// When something does not connect.
pub async fn with_whatsapp(platform: &WhatsApp, more: &str) -> (Host, [Value; 2]) {
    with_whatsapp_at(platform, more, Clock::system()).await
}

/// As [`with_whatsapp`], by a clock of the test's own.
///
/// # Panics
/// When something does not connect.
pub async fn with_whatsapp_at(platform: &WhatsApp, more: &str, clock: Clock) -> (Host, [Value; 2]) {
    let host = Host::start_at(&leading(&platform.overrides(), more), clock).await;
    let api = host.api();
    platform.reach_endpoint_at(&api.url(""));
    let app = json!({ "app_id": whatsapp::APP_ID, "app_secret": whatsapp::APP_SECRET });
    api.expect(200, "PUT", "/v1/plugins/whatsapp/settings", app).await;
    assert!(platform.registered().is_some(), "the address is registered, and the handshake answered");
    let channels = [connect_number(api, 0).await, connect_number(api, 1).await];
    assert!(platform.subscribed());
    (host, channels)
}

async fn connect_number(api: &Api, number: usize) -> Value {
    let settings = json!({
        "mode": "cloud",
        "phone_number_id": whatsapp::NUMBERS[number].0,
        "business_account_id": whatsapp::ACCOUNT,
        "access_token": whatsapp::TOKEN,
    });
    let channel = json!({ "plugin": "whatsapp", "name": format!("Number {number}"), "settings": settings });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    assert_eq!(channel["state"], "connected", "{channel}");
    channel
}

/// The four keys of X's app, as somebody types them.
pub fn x_keys() -> Value {
    json!({
        "mode": "own-app",
        "consumer_key": x::CONSUMER_KEY,
        "consumer_secret": x::CONSUMER_SECRET,
        "access_token": x::ACCESS_TOKEN,
        "access_token_secret": x::ACCESS_TOKEN_SECRET,
    })
}

/// A host with an X account that is connected by its own app's four keys.
///
/// # Panics
/// When it does not connect.
pub async fn with_x(platform: &X, more: &str) -> (Host, Value) {
    let host = Host::start(&leading(&platform.overrides(), more)).await;
    let api = host.api();
    platform.reach_endpoint_at(&api.url(""));
    let channel = json!({ "plugin": "x", "name": "Shop", "settings": x_keys() });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    assert_eq!(channel["state"], "connected", "{channel}");
    (host, channel)
}
