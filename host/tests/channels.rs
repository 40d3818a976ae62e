//! The life of channels and registrations, with a component that connects in every way there is.

use reqwest::{Method, StatusCode};
use sambung::auth::Role;
use sambung::db::{NewChannel, NewSecret};
use sambung_runtime::SecretValue;
use serde_json::{Value, json};

use crate::common::guests::connects;
use crate::common::{Options, TestHost, until};

pub const PUBLIC: &str = "https://sambung.example";

pub async fn host() -> TestHost {
    // Built first: it takes a minute, and a server that stood still for so long would begin its rounds in the middle of a story.
    connects();
    let host = TestHost::start_with(Options::default().set("SERVER__PUBLIC_URL", PUBLIC)).await;
    install(&host).await;
    host
}

pub async fn install(host: &TestHost) {
    let request = host.request(Method::POST, "/v1/plugins").header("content-type", "application/wasm").body(connects());
    assert!(request.send().await.unwrap().status().is_success());
}

async fn connect(host: &TestHost, settings: Value) -> (StatusCode, Value) {
    host.post("/v1/channels", json!({ "plugin": "connects", "name": "One", "settings": settings })).await
}

pub async fn connected(host: &TestHost, settings: Value) -> Value {
    let (status, channel) = connect(host, settings).await;
    assert_eq!((status, &channel["state"]), (StatusCode::CREATED, &json!("connected")), "{channel}");
    channel
}

pub fn path(channel: &Value) -> String {
    format!("/v1/channels/{}", channel["id"].as_str().unwrap())
}

pub async fn patch(host: &TestHost, channel: &Value, settings: Value) -> (StatusCode, Value) {
    host.call(Method::PATCH, &path(channel), Some(json!({ "settings": settings }))).await
}

pub async fn check(host: &TestHost, channel: &Value) -> Value {
    let (status, channel) = host.post(&format!("{}/check", path(channel)), json!({})).await;
    assert_eq!(status, StatusCode::OK, "{channel}");
    channel
}

pub fn codes(channel: &Value) -> Vec<&str> {
    channel["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap()).collect()
}

async fn count(host: &TestHost) -> usize {
    host.get("/v1/channels").await.1["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn a_connected_channel_shows_everything_but_its_secrets() {
    let host = host().await;
    let channel = connected(&host, json!({ "account": "acme", "token": "very-secret" })).await;
    let id = channel["id"].as_str().unwrap();
    assert_eq!((&channel["account"], &channel["account_name"]), (&json!("acme"), &json!("Account acme")));
    assert_eq!(channel["settings"]["token"], json!({ "set": true }));
    assert_eq!(channel["webhook_url"], format!("{PUBLIC}/hooks/connects/{id}"));
    assert_eq!(channel["features"]["webhook"], channel["webhook_url"], "the plugin sees the same address");
    assert_eq!(channel["settings"]["hook_key"].as_str().unwrap().len(), 40, "made by the host, to be copied");
    let agent = host.token_for("default", Role::Agent).await;
    let (_, seen) = host.call_as(&agent, Method::GET, &path(&channel), None).await;
    assert_eq!(seen["settings"]["hook_key"], json!({ "set": true }), "not an agent's to copy");
    assert!(!seen.to_string().contains("very-secret"));
    assert_eq!(host.state.db.kv_value(id, "connects").await.unwrap().unwrap(), b"yes", "what the call wrote is kept");
    for (method, path) in [(Method::POST, "/v1/channels".to_owned()), (Method::DELETE, path(&channel))] {
        assert_eq!(host.call_as(&agent, method, &path, Some(json!({}))).await.0, StatusCode::FORBIDDEN);
    }
}

#[tokio::test]
async fn every_wrong_field_is_told_at_once() {
    let host = host().await;
    let body = json!({ "plugin": "connects", "name": " ", "settings": { "account": "", "acount": "x", "base_url": "nowhere" } });
    let (status, problem) = host.post("/v1/channels", body).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let errors = problem["errors"].as_array().unwrap();
    let detail = |pointer: &str| {
        errors.iter().find(|error| error["pointer"] == pointer).unwrap_or_else(|| panic!("{pointer}: {errors:?}"))["detail"].clone()
    };
    for pointer in ["#/name", "#/settings/account", "#/settings/token"] {
        assert_eq!(detail(pointer), "field is required");
    }
    assert_eq!(detail("#/settings/acount"), "unknown field; did you mean `account`?");
    assert!(detail("#/settings/base_url").as_str().unwrap().starts_with("must be an address"));
    let (status, problem) = host.post("/v1/channels", json!({ "plugin": "nobody", "name": "x", "settings": {} })).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("#/plugin")));
    assert_eq!(count(&host).await, 0);
}

#[tokio::test]
async fn a_refused_credential_is_told_in_the_providers_words_and_nothing_is_kept() {
    let host = host().await;
    let (status, problem) = connect(&host, json!({ "account": "acme", "token": "t", "connect": "refuse" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        problem["errors"],
        json!([{ "pointer": "#/settings/token", "code": "refused", "detail": "Invalid OAuth access token.",
            "provider": "Invalid OAuth access token." }])
    );
    let (status, problem) = connect(&host, json!({ "account": "acme", "token": "t", "connect": "trap" })).await;
    assert_eq!((status, &problem["fault"]), (StatusCode::BAD_GATEWAY, &json!("trap")));
    assert_eq!(count(&host).await, 0);
    assert!(host.state.db.secret_names_of_channels("connects").await.unwrap().is_empty());
    connected(&host, json!({ "account": "acme", "token": "t" })).await;
}

#[tokio::test]
async fn what_a_plugin_finds_while_it_connects_stands_on_the_channel_until_it_is_looked_at_again() {
    let host = host().await;
    let channel = connected(&host, json!({ "account": "acme", "token": "t", "connect": "finding" })).await;
    let codes =
        |channel: &Value| channel["findings"].as_array().unwrap().iter().map(|one| one["code"].clone()).collect();
    let found: Vec<Value> = codes(&host.get(&path(&channel)).await.1);
    assert_eq!(found, [json!("slow")]);
    let (status, channel) = host.post(&format!("{}/check", path(&channel)), json!({})).await;
    assert_eq!((status, codes(&channel)), (StatusCode::OK, Vec::<Value>::new()), "{channel}");
}

#[tokio::test]
async fn a_plugin_that_receives_by_webhook_needs_a_public_address_and_web_chat_does_not() {
    let host = TestHost::start().await;
    install(&host).await;
    let (status, problem) = connect(&host, json!({ "account": "acme", "token": "t" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(problem["detail"].as_str().unwrap().contains("server.public_url"), "{problem}");
    let (status, channel) =
        host.post("/v1/channels", json!({ "plugin": "webchat", "name": "Chat", "settings": {} })).await;
    assert_eq!((status, &channel["state"]), (StatusCode::CREATED, &json!("connected")), "{channel}");
}

#[tokio::test]
async fn an_account_is_connected_once_in_the_whole_host_and_nobody_learns_whose_it_is() {
    let host = host().await;
    connected(&host, json!({ "account": "acme", "token": "t" })).await;
    let (status, problem) = connect(&host, json!({ "account": "acme", "token": "t" })).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("account-connected")));
    let other = host.token_for("elsewhere", Role::Admin).await;
    let body = json!({ "plugin": "connects", "name": "Two", "settings": { "account": "acme", "token": "t" } });
    let (status, problem) = host.call_as(&other, Method::POST, "/v1/channels", Some(body)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("account-connected")));
    assert!(!problem.to_string().contains("default") && !problem.to_string().contains("ch_"), "{problem}");
    assert_eq!(count(&host).await, 1);
}

#[tokio::test]
async fn a_registration_that_fails_leaves_nothing_and_its_account_is_free() {
    let host = host().await;
    let form = |how: &str| json!({ "account": "acme", "token": "t", "connect": how });
    let (status, problem) = connect(&host, form("refuse-register")).await;
    assert_eq!(
        (status, &problem["errors"][0]["detail"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("No more webhooks."))
    );
    assert_eq!(connect(&host, form("trap-register")).await.0, StatusCode::BAD_GATEWAY);
    assert_eq!(count(&host).await, 0);
    let channel = connected(&host, json!({ "account": "acme", "token": "t" })).await;
    let (status, problem) = patch(&host, &channel, json!({ "connect": "refuse-register" })).await;
    assert_eq!((status, &problem["refused"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(true)));
    let (_, now) = host.get(&path(&channel)).await;
    assert_eq!((&now["state"], &now["settings"]["connect"]), (&json!("connected"), &Value::Null), "{now}");
    assert_eq!(connect(&host, form("")).await.0, StatusCode::CONFLICT, "the account is still the channel's");
}

#[tokio::test]
async fn a_channel_that_would_wait_for_an_account_that_is_connected_is_refused_at_once() {
    let host = host().await;
    let wait = json!({ "account": "acme", "token": "t", "connect": "wait-as" });
    let (status, waiting) = connect(&host, wait.clone()).await;
    assert_eq!((status, &waiting["state"]), (StatusCode::CREATED, &json!("connecting")));
    // What only waits has proved nothing, and keeps nobody away.
    let first = connected(&host, json!({ "account": "acme", "token": "t" })).await;
    let (status, problem) = connect(&host, wait).await;
    assert_eq!((status, &problem["channel"]["id"]), (StatusCode::CONFLICT, &first["id"]), "{problem}");
    assert_eq!(codes(&check(&host, &waiting).await), ["account-connected"]);
}

#[tokio::test]
async fn registering_again_needs_a_connected_channel_and_an_admin() {
    let host = host().await;
    let (_, waiting) = connect(&host, json!({ "account": "acme", "token": "t", "connect": "wait" })).await;
    let (status, problem) = host.post(&format!("{}/register", path(&waiting)), json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("not-connected")));
    let channel = connected(&host, json!({ "account": "other", "token": "t" })).await;
    let again = format!("{}/register", path(&channel));
    assert_eq!(host.post(&again, json!({})).await.0, StatusCode::OK);
    let agent = host.token_for("default", Role::Agent).await;
    assert_eq!(host.call_as(&agent, Method::POST, &again, None).await.0, StatusCode::FORBIDDEN);
    let elsewhere = host.token_for("elsewhere", Role::Admin).await;
    assert_eq!(host.call_as(&elsewhere, Method::POST, &again, None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_choice_is_asked_for_and_answered() {
    let host = host().await;
    let (status, channel) = connect(&host, json!({ "account": "x", "token": "t", "connect": "choose" })).await;
    assert_eq!((status, &channel["state"]), (StatusCode::CREATED, &json!("connecting")));
    assert_eq!(channel["step"]["kind"], "choose");
    assert_eq!(
        channel["step"]["choices"][1],
        json!({ "id": "page-2", "name": "Two", "connected": false, "channel": null })
    );
    let answer = format!("{}/answer", path(&channel));
    let (status, problem) = host.post(&answer, json!({ "choice": "page-3" })).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("#/choice")));
    let (_, channel) = host.post(&answer, json!({ "choice": "page-2" })).await;
    assert_eq!(
        (&channel["state"], &channel["account"], &channel["step"]),
        (&json!("connected"), &json!("page-2"), &Value::Null)
    );
    assert_eq!(host.post(&answer, json!({ "choice": "page-1" })).await.1["code"], "nothing-asked");

    // The next channel's choices say what is connected already, and where: by name only within the workspace.
    let choosing = json!({ "account": "x", "token": "t", "connect": "choose" });
    let (_, second) = connect(&host, choosing.clone()).await;
    let (one, two) = (&second["step"]["choices"][0], &second["step"]["choices"][1]);
    assert_eq!((&one["connected"], &one["channel"]), (&json!(false), &Value::Null));
    assert_eq!(two["connected"], true);
    assert_eq!(two["channel"], json!({ "id": channel["id"], "name": channel["name"] }));
    let (status, problem) = host.post(&format!("{}/answer", path(&second)), json!({ "choice": "page-2" })).await;
    assert_eq!((status, &problem["channel"]["id"]), (StatusCode::CONFLICT, &channel["id"]), "{problem}");
    let other = host.token_for("other", sambung::auth::Role::Admin).await;
    let new = json!({ "plugin": "connects", "name": "Theirs", "settings": choosing });
    let (_, theirs) = host.call_as(&other, Method::POST, "/v1/channels", Some(new)).await;
    let two = &theirs["step"]["choices"][1];
    assert_eq!((&two["connected"], &two["channel"]), (&json!(true), &Value::Null), "{theirs}");
}

#[tokio::test]
async fn a_secret_that_is_asked_for_is_sealed_and_never_answered_back() {
    let host = host().await;
    let (_, channel) = connect(&host, json!({ "account": "acme", "token": "t", "connect": "ask" })).await;
    assert_eq!((&channel["state"], &channel["step"]["kind"]), (&json!("connecting"), &json!("ask")));
    let answer = format!("{}/answer", path(&channel));
    let (_, problem) = host.post(&answer, json!({ "pin": "" })).await;
    assert_eq!(problem["errors"][0], json!({ "pointer": "#/pin", "code": "required", "detail": "field is required" }));
    let (status, channel) = host.post(&answer, json!({ "pin": "123456" })).await;
    assert_eq!((status, &channel["state"]), (StatusCode::OK, &json!("connected")), "{channel}");
    assert_eq!(channel["settings"]["pin"], json!({ "set": true }));
}

#[tokio::test]
async fn a_waiting_channel_becomes_connected_when_a_check_finds_its_account() {
    let host = host().await;
    let (_, channel) =
        connect(&host, json!({ "account": "acme", "token": "t", "connect": "wait", "health": "nobody" })).await;
    assert_eq!(
        channel["step"]["instructions"][0],
        json!({ "reason": null, "text": "Turn the switch on.", "link": null, "copy": "value" })
    );
    assert_eq!(check(&host, &channel).await["state"], "connecting");
    patch(&host, &channel, json!({ "health": null })).await;
    let channel = check(&host, &channel).await;
    assert_eq!((&channel["state"], &channel["account"]), (&json!("connected"), &json!("acme")));
}

#[tokio::test]
async fn findings_are_replaced_and_a_withdrawn_credential_needs_attention() {
    let host = host().await;
    let channel = connected(&host, json!({ "account": "acme", "token": "t", "health": "finding" })).await;
    assert_eq!(codes(&check(&host, &channel).await), ["slow"]);
    patch(&host, &channel, json!({ "health": "unavailable" })).await;
    assert_eq!(codes(&check(&host, &channel).await), ["check-unavailable"]);
    patch(&host, &channel, json!({ "health": "unauthorized" })).await;
    let seen = check(&host, &channel).await;
    assert_eq!(seen["state"], "needs_attention");
    assert!(codes(&seen).contains(&"credential-refused"));
    let (_, seen) = host
        .post(&format!("{}/reconnect", path(&channel)), json!({ "settings": { "token": "new", "health": "" } }))
        .await;
    assert_eq!((&seen["state"], codes(&seen).len()), (&json!("connected"), 0), "{seen}");
    patch(&host, &channel, json!({ "health": "another" })).await;
    let seen = check(&host, &channel).await;
    assert_eq!((&seen["account"], codes(&seen)), (&json!("acme"), vec!["account-differs"]));
}

#[tokio::test]
async fn a_crash_is_a_finding_until_a_good_call_takes_it_back() {
    let host = host().await;
    let channel = connected(&host, json!({ "account": "acme", "token": "t", "health": "trap" })).await;
    for _ in 0..2 {
        let (status, problem) = host.post(&format!("{}/check", path(&channel)), json!({})).await;
        assert_eq!((status, &problem["fault"]), (StatusCode::BAD_GATEWAY, &json!("trap")), "{problem}");
        let (_, seen) = host.get(&path(&channel)).await;
        assert_eq!((&seen["state"], codes(&seen)), (&json!("connected"), vec!["trap"]));
        assert!(seen["findings"][0]["words"].as_str().unwrap().contains("connection.check"), "{seen}");
    }
    let (_, seen) = host.get(&path(&channel)).await;
    assert_eq!(seen["findings"][0]["count"], 2);
    patch(&host, &channel, json!({ "health": null })).await;
    assert!(codes(&check(&host, &channel).await).is_empty());
}

#[tokio::test]
async fn a_check_whose_registration_crashes_says_so_and_the_channel_goes_on_waiting() {
    let host = host().await;
    let form = json!({ "account": "acme", "token": "t", "connect": "wait-trap", "health": "nobody" });
    let (_, channel) = connect(&host, form).await;
    assert_eq!(check(&host, &channel).await["state"], "connecting");
    patch(&host, &channel, json!({ "health": null })).await;
    let (status, problem) = host.post(&format!("{}/check", path(&channel)), json!({})).await;
    assert_eq!((status, &problem["fault"]), (StatusCode::BAD_GATEWAY, &json!("trap")), "{problem}");
    let (_, seen) = host.get(&path(&channel)).await;
    assert_eq!((&seen["state"], codes(&seen)), (&json!("connecting"), vec!["trap"]), "{seen}");
    assert!(seen["findings"][0]["words"].as_str().unwrap().contains("connection.register"), "{seen}");
}

#[tokio::test]
async fn settings_are_proved_before_they_take_the_place_of_what_stands() {
    let host = host().await;
    let channel = connected(&host, json!({ "account": "acme", "token": "old" })).await;
    let proof = channel["features"]["proof"].clone();
    let (status, _) = patch(&host, &channel, json!({ "token": "wrong", "connect": "refuse" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(check(&host, &channel).await["features"]["proof"], proof, "the old credential stands");
    let (_, seen) = patch(&host, &channel, json!({ "token": "" })).await;
    assert_eq!(seen["features"]["proof"], proof, "an empty secret keeps the stored one");
    let before = host.state.db.channel(channel["id"].as_str().unwrap()).await.unwrap().unwrap().credential_version;
    let (_, seen) = patch(&host, &channel, json!({ "token": "new" })).await;
    assert_ne!(seen["features"]["proof"], proof, "connect saw the new one");
    assert_eq!(check(&host, &channel).await["features"]["proof"], seen["features"]["proof"], "and it is kept");
    let after = host.state.db.channel(channel["id"].as_str().unwrap()).await.unwrap().unwrap().credential_version;
    assert!(after > before);
    let (status, problem) = patch(&host, &channel, json!({ "account": "other" })).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("account-differs")));
    assert_eq!(host.get(&path(&channel)).await.1["settings"]["account"], "acme");
}

#[tokio::test]
async fn a_changed_destination_clears_the_secrets_bound_to_it_and_the_audit_names_both() {
    let host = host().await;
    let settings =
        json!({ "account": "acme", "token": "t", "base_url": "https://one.example.com/api", "region": "id" });
    let channel = connected(&host, settings).await;
    let (status, problem) = patch(&host, &channel, json!({ "base_url": "https://two.example.com/api" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        problem["errors"],
        json!([{ "pointer": "#/settings/token", "code": "required", "detail": "field is required" }])
    );
    let (_, seen) = host.get(&path(&channel)).await;
    assert_eq!(seen["settings"]["base_url"], "https://one.example.com/api");
    let change = json!({ "base_url": "https://two.example.com/api", "token": "again" });
    let (status, seen) = patch(&host, &channel, change).await;
    assert_eq!((status, &seen["features"]["base_url"]), (StatusCode::OK, &json!("https://two.example.com/api")));
    let (_, audit) = host.get("/v1/audit").await;
    let line = audit["items"].as_array().unwrap().iter().find(|line| line["action"] == "channel.settings").unwrap();
    let moved = &line["detail"]["destinations"][0];
    assert_eq!(
        (&moved["old"], &moved["new"]),
        (&json!("https://one.example.com/api"), &json!("https://two.example.com/api"))
    );
    assert!(!audit.to_string().contains("again"), "no secret in the audit");
    let (status, problem) = patch(&host, &channel, json!({ "region": "sg" })).await;
    assert_eq!((status, &problem["errors"][0]["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("locked")));
}

#[tokio::test]
async fn an_unreachable_provider_keeps_nobody_from_leaving_and_the_account_attaches_again() {
    let host = host().await;
    for health in ["unavailable", "trap"] {
        let channel = connected(&host, json!({ "account": "acme", "token": "t", "health": health })).await;
        let id = channel["id"].as_str().unwrap();
        let account = host.state.db.channel(id).await.unwrap().unwrap().account_id;
        assert_eq!(host.call(Method::DELETE, &path(&channel), None).await.0, StatusCode::NO_CONTENT);
        assert_eq!(host.get(&path(&channel)).await.0, StatusCode::NOT_FOUND);
        assert!(host.state.db.secrets_of(id).await.unwrap().is_empty());
        assert_eq!(host.state.db.kv_value(id, "connects").await.unwrap(), None);
        let workspace = host.state.db.workspace("default").await.unwrap().unwrap().id;
        assert_eq!(host.state.db.account_of(&workspace, "connects", "acme").await.unwrap(), account);
    }
    let channel = connected(&host, json!({ "account": "acme", "token": "t" })).await;
    let row = host.state.db.channel(channel["id"].as_str().unwrap()).await.unwrap().unwrap();
    let account = host.state.db.account_of(&row.workspace, "connects", "acme").await.unwrap();
    assert_eq!(row.account_id, account);
}

#[tokio::test]
async fn channels_are_nobodys_but_their_workspaces() {
    let host = host().await;
    let channel = connected(&host, json!({ "account": "acme", "token": "t" })).await;
    let other = host.token_for("elsewhere", Role::Admin).await;
    let path = path(&channel);
    for (method, path) in [
        (Method::GET, path.clone()),
        (Method::PATCH, path.clone()),
        (Method::DELETE, path.clone()),
        (Method::POST, format!("{path}/check")),
        (Method::POST, format!("{path}/answer")),
    ] {
        let (status, _) = host.call_as(&other, method.clone(), &path, Some(json!({ "name": "x" }))).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    let (_, list) = host.call_as(&other, Method::GET, "/v1/channels", None).await;
    assert!(list["items"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn an_admin_holds_a_channel_and_lets_it_go() {
    let host = host().await;
    let channel = connected(&host, json!({ "account": "acme", "token": "t" })).await;
    let (_, seen) = host.call(Method::PATCH, &path(&channel), Some(json!({ "paused": true, "name": "Two" }))).await;
    assert_eq!((&seen["state"], &seen["name"]), (&json!("paused"), &json!("Two")));
    let (_, seen) = host.call(Method::PATCH, &path(&channel), Some(json!({ "paused": false }))).await;
    assert_eq!((&seen["state"], &seen["name"]), (&json!("connected"), &json!("Two")));
}

#[tokio::test]
async fn a_connection_that_a_crash_interrupted_goes_on_at_the_next_start() {
    let host = host().await;
    let workspace = host.state.db.workspace("default").await.unwrap().unwrap().id;
    for (id, connect) in [("ch_1", ""), ("ch_2", "refuse")] {
        let new = NewChannel {
            mail: None,
            id: id.to_owned(),
            workspace: workspace.clone(),
            plugin: "connects".to_owned(),
            name: "Interrupted".to_owned(),
            app: None,
            settings: json!({ "account": id, "connect": connect }),
            secrets: vec![NewSecret {
                name: "token".to_owned(),
                value: SecretValue::from("t".to_owned()),
                expires_at: None,
            }],
        };
        host.state.db.insert_channel(new, None, host.state.clock.now()).await.unwrap();
    }
    let (data, _folder) = host.stop().await;
    let host = TestHost::start_in(data, Options::default().set("SERVER__PUBLIC_URL", PUBLIC)).await;
    until("the one is connected and the refused one is gone", async || {
        host.get("/v1/channels/ch_1").await.1["state"] == "connected"
            && host.get("/v1/channels/ch_2").await.0 == StatusCode::NOT_FOUND
    })
    .await;
    assert!(host.state.db.secrets_of("ch_2").await.unwrap().is_empty());
}

#[tokio::test]
async fn the_same_key_connects_once() {
    let host = host().await;
    let body = json!({ "plugin": "connects", "name": "One", "settings": { "account": "acme", "token": "t" } });
    let mut ids = Vec::new();
    for _ in 0..2 {
        let request = host.request(Method::POST, "/v1/channels").header("idempotency-key", "k1").json(&body);
        let (status, channel) = crate::common::read(request.send().await.unwrap()).await;
        assert_eq!(status, StatusCode::CREATED, "{channel}");
        ids.push(channel["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(count(&host).await, 1);
}

#[tokio::test]
async fn the_default_registration_is_saved_prepared_and_used() {
    let host = host().await;
    let save = |settings: Value| host.call(Method::PUT, "/v1/plugins/connects/settings", Some(settings));
    let (status, problem) = save(json!({ "app_id": "1" })).await;
    assert_eq!(
        (status, &problem["errors"][0]["pointer"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("#/settings/app_secret"))
    );
    let (status, problem) = save(json!({ "app_id": "1", "app_secret": "s", "prepare": "refuse" })).await;
    assert_eq!((status, &problem["errors"][0]["detail"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("No such app.")));
    assert!(host.get("/v1/plugins/connects/apps").await.1["items"].as_array().unwrap().is_empty(), "nothing is kept");
    let (status, app) = save(json!({ "app_id": "1", "app_secret": "s" })).await;
    assert_eq!((status, &app["name"], &app["default"]), (StatusCode::OK, &json!("Prepared"), &json!(true)), "{app}");
    assert_eq!(app["settings"]["app_secret"], json!({ "set": true }));
    assert_eq!(app["settings"]["verify_token"].as_str().unwrap().len(), 32);
    assert_eq!(app["instructions"][0]["text"], "Add the product.");
    let (_, again) = save(json!({ "settings": { "app_id": "2" } })).await;
    assert_eq!((&again["id"], &again["settings"]["app_id"]), (&app["id"], &json!("2")));
    assert_eq!(again["settings"]["verify_token"], app["settings"]["verify_token"]);

    let channel = connected(&host, json!({ "account": "acme", "token": "t" })).await;
    assert_eq!((&channel["app"], &channel["features"]["app"]), (&app["id"], &app["id"]));
    let app_path = format!("/v1/plugins/connects/apps/{}", app["id"].as_str().unwrap());
    assert_eq!(host.call(Method::DELETE, &app_path, None).await.1["code"], "in-use");
    let admin = host.token_for("default", Role::Admin).await;
    let (_, seen) = host.call_as(&admin, Method::GET, &app_path, None).await;
    assert_eq!(seen["settings"]["verify_token"], json!({ "set": true }), "shared: the operator's to copy");
    assert_eq!(host.call_as(&admin, Method::PATCH, &app_path, Some(json!({}))).await.0, StatusCode::FORBIDDEN);
    host.call(Method::DELETE, &path(&channel), None).await;
    assert_eq!(host.call(Method::DELETE, &app_path, None).await.0, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_workspaces_own_registration_is_its_own() {
    let host = host().await;
    let (mine, theirs) = (host.token_for("default", Role::Admin).await, host.token_for("elsewhere", Role::Admin).await);
    let body = json!({ "name": "Ours", "settings": { "app_id": "1", "app_secret": "s" } });
    let (status, app) = host.call_as(&mine, Method::POST, "/v1/plugins/connects/apps", Some(body)).await;
    assert_eq!((status, &app["shared"], &app["name"]), (StatusCode::CREATED, &json!(false), &json!("Ours")), "{app}");
    let app_path = format!("/v1/plugins/connects/apps/{}", app["id"].as_str().unwrap());
    assert_eq!(host.call_as(&theirs, Method::GET, &app_path, None).await.0, StatusCode::NOT_FOUND);
    let body =
        json!({ "plugin": "connects", "name": "x", "app": app["id"], "settings": { "account": "b", "token": "t" } });
    let (status, problem) = host.call_as(&theirs, Method::POST, "/v1/channels", Some(body.clone())).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("#/app")));
    let (status, channel) = host.call_as(&mine, Method::POST, "/v1/channels", Some(body)).await;
    assert_eq!((status, &channel["app"]), (StatusCode::CREATED, &app["id"]));
    let (status, _) =
        host.call_as(&mine, Method::POST, "/v1/plugins/connects/apps", Some(json!({ "shared": true }))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_registration_is_checked_and_shows_what_is_wrong() {
    let host = host().await;
    let save = |settings: Value| host.call(Method::PUT, "/v1/plugins/connects/settings", Some(settings));
    let (_, app) = save(json!({ "app_id": "1", "app_secret": "s", "prepare": "warn" })).await;
    assert_eq!((&app["findings"], &app["checked_at"]), (&json!([]), &Value::Null));
    let app_path = format!("/v1/plugins/connects/apps/{}", app["id"].as_str().unwrap());
    let check = async || host.post(&format!("{app_path}/check"), json!({})).await;
    let (status, seen) = check().await;
    assert_eq!((status, &seen["findings"][0]["code"]), (StatusCode::OK, &json!("review")), "{seen}");
    assert_eq!(seen["findings"][0]["fix"]["text"], "Ask for a review.");
    assert!(seen["checked_at"].is_string());
    assert_eq!(host.get(&app_path).await.1["findings"], seen["findings"], "they are kept");
    let (_, seen) = save(json!({ "prepare": "withdrawn" })).await;
    assert_eq!(seen["findings"], json!([]), "they were found with the old settings");
    let (status, seen) = check().await;
    assert_eq!((status, &seen["findings"][0]["code"]), (StatusCode::OK, &json!("check-unauthorized")));
    assert_eq!(seen["findings"][0]["words"], "The app was withdrawn.");
    save(json!({ "prepare": "trap" })).await;
    assert_eq!(check().await.1["fault"], "trap");
    save(json!({ "prepare": null })).await;
    assert_eq!(check().await.1["findings"], json!([]));
    let (_, audit) = host.get("/v1/audit").await;
    let lines = audit["items"].as_array().unwrap().iter().filter(|line| line["action"] == "app.check");
    assert_eq!(lines.count(), 3, "a failed call is no deed");

    let (admin, other) = (host.token_for("default", Role::Admin).await, host.token_for("elsewhere", Role::Admin).await);
    let path = format!("{app_path}/check");
    assert_eq!(
        host.call_as(&admin, Method::POST, &path, None).await.0,
        StatusCode::FORBIDDEN,
        "shared: the operator's"
    );
    let body = json!({ "name": "Ours", "settings": { "app_id": "2", "app_secret": "s" } });
    let (_, ours) = host.call_as(&admin, Method::POST, "/v1/plugins/connects/apps", Some(body)).await;
    let path = format!("/v1/plugins/connects/apps/{}/check", ours["id"].as_str().unwrap());
    assert_eq!(host.call_as(&admin, Method::POST, &path, None).await.0, StatusCode::OK);
    assert_eq!(host.call_as(&other, Method::POST, &path, None).await.0, StatusCode::NOT_FOUND);
    let agent = host.token_for("default", Role::Agent).await;
    assert_eq!(host.call_as(&agent, Method::POST, &path, None).await.0, StatusCode::FORBIDDEN);
}
