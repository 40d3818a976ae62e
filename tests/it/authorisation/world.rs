//! Two workspaces with something of every kind, and every kind of caller of the first.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use sambung::auth::Role;
use sambung::model::time::rfc3339;
use sambung_tests::api::{Api, now_ms, until};
use sambung_tests::described;
use sambung_tests::host::{Host, leading};
use sambung_tests::providers::http_client;
use sambung_tests::providers::whatsapp::{self, WhatsApp};
use sambung_tests::server::target_folder;
use serde_json::{Value, json};

use super::document::Operation;
use super::table::Given;

/// Stands in names and texts of the other workspace, and so in nothing that its neighbours are told.
const MARK: &str = "not-for-neighbours";
const SITE: &str = "https://shop.example";
const PASSWORD: &str = "a long password";

/// A word that was not used before.
pub fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("unique_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A workspace with something of every kind.
#[derive(Clone)]
pub struct World {
    pub workspace: String,
    pub admin: Caller,
    /// Somebody who signs in.
    pub email: String,
    pub password: &'static str,
    /// The file of the plugin.
    pub plugin: Vec<u8>,
    /// By the collection that it stands in.
    ids: BTreeMap<&'static str, String>,
}

impl World {
    /// An id of this workspace.
    pub fn own(&self, collection: &str) -> String {
        self.ids
            .get(collection)
            .unwrap_or_else(|| panic!("there is nothing of {collection}: add it to the world"))
            .clone()
    }

    /// The id for a parameter of a path.
    pub fn id_for(&self, template: &str, parameter: &str) -> String {
        let mut parts = template.trim_start_matches("/v1/").split('/');
        let collection = parts.next().unwrap_or_default();
        let sub = parts.nth(1).unwrap_or_default();
        match (collection, parameter, sub) {
            ("plugins", "id", _) => "connects".to_owned(),
            ("plugins", "app", _) => self.own("apps"),
            ("channels", "id", "templates") => self.own("channels with templates"),
            ("channels", "template", _) => self.own("templates"),
            ("channels", "id", "messages") => self.own("channels with messages"),
            ("workspaces", "id", _) => self.workspace.clone(),
            (_, "id", _) => self.own(collection),
            _ => panic!("no id is known for {{{parameter}}} in {template}: add it to the world"),
        }
    }

    /// Every id.
    pub fn all_ids(&self) -> Vec<String> {
        self.ids.values().cloned().collect()
    }

    /// The same with ids of the same form that nothing has.
    pub fn missing(&self) -> World {
        let none = |id: &str| match id.split_once('_') {
            _ if id.parse::<u64>().is_ok() => "987654321".to_owned(),
            Some((prefix, rest)) if !rest.contains(':') => format!("{prefix}_{}", "0".repeat(rest.len())),
            _ => id.to_owned(),
        };
        let ids = self.ids.iter().map(|(collection, id)| (*collection, none(id))).collect();
        World { ids, workspace: none(&self.workspace), ..self.clone() }
    }
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Caller {
    pub name: String,
    pub role: Option<Role>,
    credential: Credential,
}

#[derive(Debug, Clone)]
enum Credential {
    Nothing,
    Bearer(String),
    Cookie(String),
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

/// A host with two workspaces.
pub struct Stage {
    host: Host,
    _platform: WhatsApp,
    pub own: World,
    pub other: World,
    pub callers: Vec<Caller>,
    /// What did not hold.
    wrong: Mutex<Vec<String>>,
}

impl Stage {
    pub async fn build() -> Self {
        let platform = WhatsApp::start().await;
        let more = "[auth]\nsign_in_per_minute = 10000\n";
        let host = Host::start(&leading(&platform.overrides(), more)).await;
        let operator = host.api();
        platform.reach_endpoint_at(&operator.url(""));
        let app = json!({ "app_id": whatsapp::APP_ID, "app_secret": whatsapp::APP_SECRET });
        operator.expect(200, "PUT", "/v1/plugins/whatsapp/settings", app).await;
        let plugin = sambung_guests::component(&target_folder(), "connects");
        let upload =
            operator.request("POST", "/v1/plugins").header("content-type", "application/wasm").body(plugin.clone());
        assert!(upload.send().await.unwrap().status().is_success());
        let (other, _) = world(&host, &plugin, "other", 1).await;
        let (own, visitor) = world(&host, &plugin, "own", 0).await;
        shared_row(&host, &platform).await;
        let callers = callers(&host, &visitor).await;
        // The host reads a template again some time after it was made, which changes its row.
        let database = host.data().join("sambung.db");
        until("the templates were read again", async || {
            let db = rusqlite::Connection::open(&database).unwrap();
            let unread = "SELECT count(*) FROM templates WHERE body NOT LIKE '%\"quality\"%'";
            let unread: i64 = db.query_row(unread, [], |row| row.get(0)).unwrap();
            (unread == 0).then_some(())
        })
        .await;
        // What happens by itself is over.
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        Self { host, _platform: platform, own, other, callers, wrong: Mutex::default() }
    }

    pub async fn openapi(&self) -> Value {
        self.host.api().get("/openapi.json").await
    }

    /// Notes what does not hold, so that one run shows everything.
    pub fn hold(&self, holds: bool, words: impl FnOnce() -> String) {
        if !holds {
            self.wrong.lock().unwrap().push(words());
        }
    }

    /// Panics with everything that did not hold.
    pub fn verdict(&self) {
        let wrong = self.wrong.lock().unwrap();
        assert!(wrong.is_empty(), "{} things do not hold: {wrong:#?}", wrong.len());
    }

    pub fn caller(&self, name: &str) -> &Caller {
        self.callers.iter().find(|caller| caller.name == name).unwrap()
    }

    /// Asks; of a stream only its beginning.
    pub async fn ask(&self, caller: &Caller, operation: &Operation, path: &str, body: Given) -> Answer {
        let request = http_client().request(operation.method.parse().unwrap(), self.host.api().url(path));
        let request = match body {
            Given::Nothing => request,
            Given::Json(body) => request.json(&body),
            Given::Bytes(mime, bytes) => request.header("content-type", mime).body(bytes),
        };
        let answer = caller.signed(request).send().await.unwrap_or_else(|error| panic!("{path}: {error}"));
        let status = answer.status().as_u16();
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        let streams = kind.is_some_and(|kind| kind.starts_with("text/event-stream"));
        let body =
            if streams { String::new() } else { String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned() };
        let json = serde_json::from_str(&body).unwrap_or_default();
        described::check(&operation.method.parse().unwrap(), path, status.try_into().unwrap(), &json);
        Answer { status, body }
    }

    /// Names a workspace in the header: the status.
    pub async fn enter(&self, caller: &Caller, workspace: &str) -> u16 {
        let request = http_client().get(self.host.api().url("/v1/me")).header("sambung-workspace", workspace);
        caller.signed(request).send().await.unwrap().status().as_u16()
    }

    /// Asserts that an answer tells nothing of the other workspace, beside what was asked for.
    pub fn leaks_nothing(&self, answer: &Answer, asked: &str, who: &str) {
        self.hold(!answer.body.contains(MARK), || format!("{who} is told of another workspace: {}", answer.body));
        for id in self.other.ids.values().chain([&self.other.workspace]) {
            // A number, and a template's name, may stand there for another reason.
            let tells = id.parse::<u64>().is_err() && !id.contains(':') && answer.body.contains(id.as_str());
            self.hold(!tells || asked.contains(id.as_str()), || {
                format!("{who} is told the id {id} of another workspace: {}", answer.body)
            });
        }
    }

    /// Every row of the database, by table.
    pub fn dump(&self) -> BTreeMap<String, Vec<Row>> {
        let db = rusqlite::Connection::open(self.host.data().join("sambung.db")).unwrap();
        let mut names =
            db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'").unwrap();
        let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        names
            .into_iter()
            .filter(|name| !MOVING.contains(&name.as_str()))
            .map(|name| (name.clone(), rows(&db, &name)))
            .collect()
    }

    /// Asserts that no row of the database changed.
    pub fn assert_unchanged(&self, before: &BTreeMap<String, Vec<Row>>, words: &str) {
        self.compare(before, |_| true, words);
    }

    /// Asserts that no row of the other workspace changed, or was added.
    pub fn assert_others_unchanged(&self, before: &BTreeMap<String, Vec<Row>>, words: &str) {
        let ids: Vec<&String> = self.other.ids.values().filter(|id| id.contains('_') && !id.contains(':')).collect();
        let theirs = |row: &Row| match row.contains("workspace_id=") {
            true => row.contains(&format!("workspace_id=Text(\"{}\")", self.other.workspace)),
            false => ids.iter().any(|id| row.contains(id.as_str())),
        };
        self.compare(before, theirs, words);
    }

    fn compare(&self, before: &BTreeMap<String, Vec<Row>>, which: impl Fn(&Row) -> bool, words: &str) {
        let after = self.dump();
        for (table, rows) in before {
            let old: Vec<_> = rows.iter().filter(|row| which(row)).collect();
            let new: Vec<_> = after[table].iter().filter(|row| which(row)).collect();
            let gone: Vec<_> = old.iter().filter(|row| !new.contains(row)).collect();
            let added: Vec<_> = new.iter().filter(|row| !old.contains(row)).collect();
            let same = gone.is_empty() && added.is_empty();
            self.hold(same, || format!("{words}: {table}: gone {gone:#?}, added {added:#?}"));
        }
    }
}

/// A row as text.
pub type Row = String;

/// What changes by itself: when something is due, and deliveries to an address that nothing answers at.
const MOVING: [&str; 3] = ["system", "deliveries", "template_syncs"];
/// Columns that a caller's visit, or the fan-out to endpoints, moves.
const USED: [&str; 4] = ["last_used_at", "seen_at", "failing_since", "cursor"];

fn rows(db: &rusqlite::Connection, table: &str) -> Vec<Row> {
    let mut ask = db.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let names: Vec<String> = ask.column_names().into_iter().map(str::to_owned).collect();
    let shown = |row: &rusqlite::Row<'_>| -> rusqlite::Result<Row> {
        let mut text = String::new();
        for (at, name) in names.iter().enumerate().filter(|(_, name)| !USED.contains(&name.as_str())) {
            let value: rusqlite::types::Value = row.get(at)?;
            text.push_str(&format!("{name}={value:?} "));
        }
        Ok(text)
    };
    let mut found: Vec<Row> = ask.query_map([], shown).unwrap().map(Result::unwrap).collect();
    found.sort();
    found
}

impl Caller {
    fn bearer(name: &str, role: Option<Role>, token: &str) -> Self {
        Self { name: name.to_owned(), role, credential: Credential::Bearer(token.to_owned()) }
    }

    fn signed(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match &self.credential {
            Credential::Nothing => request,
            Credential::Bearer(token) => request.bearer_auth(token),
            Credential::Cookie(cookie) => request.header("cookie", cookie),
        }
    }
}

/// Has one request arrive that brings a message to each of the two workspaces.
async fn shared_row(host: &Host, platform: &WhatsApp) {
    let value = |number: usize, words: &str| {
        let person = format!("1650555{number:04}");
        whatsapp::value(number, &[whatsapp::text(platform, &person, now_ms() / 1000, words)], &[])
    };
    assert_eq!(platform.post(&[value(0, "ours"), value(1, MARK)]).await.unwrap(), 200);
    for name in ["own", "other"] {
        let api = host.caller(name, Role::Admin).await;
        api.translated().await;
        assert_eq!(api.all("/v1/conversations").await.len(), 2, "{name} has the message that is meant for it");
    }
}

/// Every kind of caller of a workspace.
async fn callers(host: &Host, visitor: &str) -> Vec<Caller> {
    let admin = host.caller("own", Role::Admin).await;
    let nothing = |name: &str, credential| Caller { name: name.to_owned(), role: None, credential };
    let mut callers = vec![
        nothing("nobody", Credential::Nothing),
        nothing("an unknown token", Credential::Bearer(format!("sbg_{}", "A".repeat(43)))),
        nothing("a visitor", Credential::Bearer(visitor.to_owned())),
    ];
    let operator = host.caller("own", Role::Operator).await;
    let made = json!({ "name": "revoked", "role": "operator" });
    let made = operator.expect(201, "POST", "/v1/tokens", made).await;
    let revoke = format!("/v1/tokens/{}", made["id"].as_str().unwrap());
    operator.expect(204, "DELETE", &revoke, Value::Null).await;
    callers.push(Caller::bearer("a revoked token", None, made["value"].as_str().unwrap()));
    let soon = rfc3339(i64::try_from(now_ms() + 1500).unwrap());
    let expiring = json!({ "name": "expiring", "role": "admin", "expires_at": soon });
    let expired = admin.expect(201, "POST", "/v1/tokens", expiring).await;
    callers.push(Caller::bearer("an expired token", None, expired["value"].as_str().unwrap()));
    for role in [Role::Agent, Role::Supervisor, Role::Admin, Role::Operator] {
        let api = host.caller("own", role).await;
        callers.push(Caller::bearer(role.name(), Some(role), api.token()));
    }
    let (_, supervisor) = person(&admin, Role::Supervisor).await;
    callers.push(Caller {
        name: "a supervisor's session".to_owned(),
        role: Some(Role::Supervisor),
        credential: Credential::Cookie(supervisor),
    });
    let (id, disabled) = person(&admin, Role::Admin).await;
    admin.expect(200, "PATCH", &format!("/v1/users/{id}"), json!({ "disabled": true })).await;
    callers.push(nothing("a disabled admin's session", Credential::Cookie(disabled)));
    callers
}

/// Somebody who signed in: the id, and the cookie.
async fn person(admin: &Api, role: Role) -> (String, String) {
    let email = format!("{}@own.example", unique());
    let new = json!({ "email": email, "name": "N", "role": role.name(), "password": PASSWORD });
    let user = admin.expect(201, "POST", "/v1/users", new).await;
    let sign_in = json!({ "email": email, "password": PASSWORD });
    let answer = http_client().post(admin.url("/v1/session")).json(&sign_in).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let cookie = answer.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
    (user["id"].as_str().unwrap().to_owned(), cookie)
}

/// Makes a workspace with something of every kind; answers with a visitor's token besides.
async fn world(host: &Host, plugin: &[u8], name: &str, number: usize) -> (World, String) {
    let api = host.caller(name, Role::Admin).await;
    let mark = if name == "other" { MARK } else { "ours" };
    let id = |value: &Value| value["id"].as_str().unwrap_or_else(|| panic!("no id: {value}")).to_owned();
    let mut ids = BTreeMap::new();

    let settings = json!({ "account": format!("acme-{name}"), "token": "t" });
    let channel = json!({ "plugin": "connects", "name": mark, "settings": settings });
    ids.insert("channels", id(&api.expect(201, "POST", "/v1/channels", channel).await));
    let settings = json!({ "name": mark, "settings": { "app_id": unique(), "app_secret": "s" } });
    ids.insert("apps", id(&api.expect(201, "POST", "/v1/plugins/connects/apps", settings).await));

    let settings = json!({
        "mode": "cloud",
        "phone_number_id": whatsapp::NUMBERS[number].0,
        "business_account_id": whatsapp::ACCOUNT,
        "access_token": whatsapp::TOKEN,
    });
    let channel = json!({ "plugin": "whatsapp", "name": mark, "settings": settings });
    let whatsapp = id(&api.expect(201, "POST", "/v1/channels", channel).await);
    let template = json!({ "name": unique(), "language": "id", "category": "utility",
        "body": { "text": "Halo {{1}}, pesanan dikirim.", "examples": { "1": "Dewi" } } });
    let template = api.expect(201, "POST", &format!("/v1/channels/{whatsapp}/templates"), template).await;
    ids.insert("templates", id(&template));
    ids.insert("channels with templates", whatsapp);

    let settings = json!({ "domain": [SITE], "enabled": true });
    let channel = json!({ "plugin": "webchat", "name": mark, "settings": settings });
    let chat = id(&api.expect(201, "POST", "/v1/channels", channel).await);
    let page = |path: &str| http_client().post(api.url(&format!("/widget/{chat}/{path}"))).header("origin", SITE);
    let session: Value = page("sessions").json(&json!({})).send().await.unwrap().json().await.unwrap();
    let visitor = session["token"].as_str().unwrap_or_else(|| panic!("no visitor: {session}")).to_owned();
    // The other workspace has more rows, so that one of them has a number that no row of the own has.
    for at in 0..if name == "other" { 4 } else { 1 } {
        let message = json!({ "id": format!("m{at}"), "page": "https://shop.example/", "content": { "type": "text", "text": mark } });
        let written = page("messages").bearer_auth(&visitor).json(&message).send().await.unwrap();
        assert!(written.status().is_success(), "{written:?}");
    }
    ids.insert("channels with messages", chat);
    api.translated().await;
    let conversation = api.first_conversation().await;
    ids.insert("conversations", id(&conversation));
    ids.insert("messages", api.reply(conversation["id"].as_str().unwrap(), mark).await);
    api.message_when(&ids["messages"], "sent").await;
    ids.insert("contacts", id(&api.all("/v1/contacts").await[0]));
    ids.insert("journal", api.all("/v1/journal").await[0]["id"].to_string().trim_matches('"').to_owned());

    let upload = api.request("POST", &format!("/v1/media?name={mark}.txt")).header("content-type", "text/plain");
    ids.insert("media", id(&upload.body(mark).send().await.unwrap().json().await.unwrap()));

    let endpoint = json!({ "url": format!("https://{mark}.example/"), "types": [] });
    ids.insert("endpoints", id(&api.expect(201, "POST", "/v1/endpoints", endpoint).await));
    let path = format!("/v1/channels/{}", ids["channels"]);
    api.expect(200, "PATCH", &path, json!({ "name": format!("{mark} again") })).await;
    let deliveries = format!("/v1/endpoints/{}/deliveries", ids["endpoints"]);
    let delivery = until("there is a delivery", async || api.all(&deliveries).await.into_iter().next()).await;
    ids.insert("deliveries", id(&delivery));

    let reply = json!({ "name": mark, "text": mark });
    ids.insert("replies", id(&api.expect(201, "POST", "/v1/replies", reply).await));
    let email = format!("{mark}@{name}.example");
    let user = json!({ "email": email, "name": mark, "role": "agent", "password": PASSWORD });
    ids.insert("users", id(&api.expect(201, "POST", "/v1/users", user).await));
    let token = json!({ "name": mark, "role": "agent" });
    ids.insert("tokens", id(&api.expect(201, "POST", "/v1/tokens", token).await));
    let workspace = api.get("/v1/me").await["workspace"]["id"].as_str().unwrap().to_owned();
    let admin = Caller::bearer("its admin", Some(Role::Admin), api.token());
    let world = World { workspace, admin, email, password: PASSWORD, plugin: plugin.to_vec(), ids };
    (world, visitor)
}
