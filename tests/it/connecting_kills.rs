//! The program is killed while it connects a channel, at each moment between the first question to the provider and the commit: after
//! the next start the account is one channel's or free, and the provider delivers to a channel that is there, or as it did before.

use std::collections::BTreeSet;

use sambung_tests::api::{Api, now_ms, until};
use sambung_tests::host::{connect_line, hook, leading, x_keys};
use sambung_tests::providers::Meddled;
use sambung_tests::providers::Meddling::{self, HoldsAfter, HoldsBefore, Refuses};
use sambung_tests::providers::line::{self, Line, SECRET};
use sambung_tests::providers::telegram::{TOKEN as BOT_TOKEN, Telegram};
use sambung_tests::providers::x::X;
use sambung_tests::server::Server;
use serde_json::{Value, json};

const USER: &str = "U4af4980629f1a2b3c4d5e6f708192a3b";
const ENDPOINT: &str = "/v2/bot/channel/webhook/endpoint";

fn line_form() -> Value {
    json!({ "plugin": "line", "name": "Shop", "settings": {
        "channel_secret": SECRET, "channel_access_token": line::TOKEN } })
}

/// Asks, and kills the program once the request that `held` waits for has come. The program does not run afterwards.
async fn cut_off(server: &mut Server, held: Meddled, method: &'static str, path: &str, body: Value) {
    cut_off_with(server, held, method, path, body, None).await;
}

/// As [`cut_off`], with an `Idempotency-Key`.
async fn cut_off_with(
    server: &mut Server,
    held: Meddled,
    method: &'static str,
    path: &str,
    body: Value,
    key: Option<&'static str>,
) {
    let (api, path) = (server.api(), path.to_owned());
    let asked = tokio::spawn(async move { api.ask_once(method, &path, &body, key).await });
    held.arrived().await;
    server.kill().await;
    assert!(asked.await.unwrap().is_err(), "nothing was answered before the crash");
}

async fn again(server: &mut Server) {
    server.spawn();
    server.ready().await;
}

async fn channels(api: &Api) -> Vec<Value> {
    api.get("/v1/channels").await["items"].as_array().unwrap().clone()
}

/// The only channel, once it is connected and nothing of it is under way.
async fn connected(api: &Api) -> Value {
    until("the one channel is connected", async || {
        let mut all = channels(api).await;
        let channel = all.pop().filter(|channel| all.is_empty() && channel["state"] == "connected")?;
        Some(channel)
    })
    .await
}

/// Addresses that LINE was told, in order.
fn told(line: &Line) -> Vec<String> {
    let puts = line.recorded().into_iter().filter(|one| one.method == "PUT" && one.url.ends_with(ENDPOINT));
    let address = |body: &[u8]| serde_json::from_slice::<Value>(body).unwrap()["endpoint"].as_str().unwrap().to_owned();
    puts.map(|one| address(&one.body)).collect()
}

/// A refusal of the account leads to the channel that has it.
async fn leads_to(api: &Api, form: Value, channel: &Value) {
    let taken = api.expect(409, "POST", "/v1/channels", form).await;
    assert_eq!((&taken["code"], &taken["channel"]["id"]), (&json!("account-connected"), &channel["id"]), "{taken}");
    assert_eq!(api.get(taken["channel"]["url"].as_str().unwrap()).await["id"], channel["id"]);
}

async fn leaves(api: &Api, channel: &Value) {
    let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    until("it is disconnected", async || {
        let (status, _) = api.ask("DELETE", &path, &Value::Null).await.ok()?;
        // The host's own rounds may be at it.
        (status == 204).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_cut_off_at_any_moment_goes_on_and_registers_one_address() {
    let moments: [(&str, &'static str, &str, Meddling); 4] = [
        ("while the account is asked for", "GET", "/v2/bot/info", HoldsBefore),
        ("between the claim and the first change", "GET", ENDPOINT, HoldsBefore),
        ("while the address is on its way", "PUT", ENDPOINT, HoldsBefore),
        ("between the registration and the commit", "PUT", ENDPOINT, HoldsAfter),
    ];
    for (moment, method, path, what) in moments {
        let line = Line::start().await;
        let mut server = Server::start(&leading(&line.overrides(), "")).await;
        let api = server.api();
        line.reach_endpoint_at(&api.url(""));
        let held = line.meddle(method, path, what);
        cut_off(&mut server, held, "POST", "/v1/channels", line_form()).await;
        again(&mut server).await;
        line.reach_endpoint_at(&api.url(""));

        let channel = connected(&api).await;
        assert_eq!(line.endpoint().as_deref(), channel["webhook_url"].as_str(), "{moment}");
        assert_eq!(told(&line).iter().collect::<BTreeSet<_>>().len(), 1, "{moment}: {:?}", told(&line));
        assert_eq!(line.post_text(&hook(&api, &channel), USER, now_ms(), "Halo").await.unwrap(), 200, "{moment}");
        leads_to(&api, line_form(), &channel).await;
        leaves(&api, &channel).await;
        api.expect(201, "POST", "/v1/channels", line_form()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_repeated_with_its_key_after_the_crash_answers_with_the_same_channel() {
    let line = Line::start().await;
    let mut server = Server::start(&leading(&line.overrides(), "")).await;
    let api = server.api();
    let held = line.meddle("PUT", ENDPOINT, HoldsAfter);
    cut_off_with(&mut server, held, "POST", "/v1/channels", line_form(), Some("connect-1")).await;
    again(&mut server).await;
    line.reach_endpoint_at(&api.url(""));
    let (status, answer) = api.ask_once("POST", "/v1/channels", &line_form(), Some("connect-1")).await.unwrap();
    assert_eq!(status, 201, "{answer}");
    assert_eq!(connected(&api).await["id"], answer["id"]);
    assert_eq!(told(&line).iter().collect::<BTreeSet<_>>().len(), 1, "{:?}", told(&line));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_registered_before_the_crash_is_found_and_not_registered_again() {
    for path in ["/2/webhooks", "/2/activity/subscriptions"] {
        let x = X::start().await;
        let mut server = Server::start(&leading(&x.overrides(), "")).await;
        let api = server.api();
        x.reach_endpoint_at(&api.url(""));
        let held = x.meddle("POST", path, HoldsAfter);
        let form = json!({ "plugin": "x", "name": "Shop", "settings": x_keys() });
        cut_off(&mut server, held, "POST", "/v1/channels", form.clone()).await;
        again(&mut server).await;
        x.reach_endpoint_at(&api.url(""));
        let channel = connected(&api).await;
        assert_eq!(x.registered(), [channel["webhook_url"].as_str().unwrap()], "{path}");
        let subscribed = x.subscribed();
        let kinds: BTreeSet<&String> = subscribed.iter().collect();
        assert!(
            subscribed.len() == kinds.len() && subscribed.iter().any(|kind| kind == "dm.received"),
            "{subscribed:?}"
        );
        leads_to(&api, form, &channel).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_refuses_after_the_crash_delivers_as_before_and_the_account_is_free() {
    let telegram = Telegram::start().await;
    let mut server = Server::start(&leading(&telegram.overrides(), "")).await;
    let api = server.api();
    let form = json!({ "plugin": "telegram", "name": "Bot", "settings": { "bot_token": BOT_TOKEN } });
    let held = telegram.meddle("POST", "/setWebhook", HoldsAfter);
    cut_off(&mut server, held, "POST", "/v1/channels", form.clone()).await;
    assert!(telegram.webhook().is_some(), "Telegram took the address, and the channel was not committed");
    let refuses = telegram.meddle("POST", "/setWebhook", Refuses(400));
    again(&mut server).await;
    until("the channel is given up", async || channels(&api).await.is_empty().then_some(())).await;
    assert_eq!(telegram.webhook(), None, "no update goes to a channel that is not there");
    drop(refuses);
    let channel = api.expect(201, "POST", "/v1/channels", form).await;
    assert_eq!(telegram.webhook().unwrap().url, channel["webhook_url"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_that_fails_after_the_crash_leaves_no_address_with_the_provider() {
    let telegram = Telegram::start().await;
    let mut server = Server::start(&leading(&telegram.overrides(), "")).await;
    let api = server.api();
    let form = json!({ "plugin": "telegram", "name": "Bot", "settings": { "bot_token": BOT_TOKEN } });
    let held = telegram.meddle("POST", "/setWebhook", HoldsAfter);
    cut_off_with(&mut server, held, "POST", "/v1/channels", form.clone(), Some("connect-1")).await;
    assert!(telegram.webhook().is_some(), "Telegram took the address");
    let down = telegram.meddle("POST", "/setWebhook", Refuses(503));
    again(&mut server).await;
    down.arrived().await;
    // The change waits for the channel's turn, so the host's own round has ended when it is answered.
    let channel = channels(&api).await.pop().expect("it is tried again in the next round");
    let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    api.expect(200, "PATCH", &path, json!({ "name": "Bot" })).await;
    let (status, refused) = api.ask_once("POST", "/v1/channels", &form, Some("connect-1")).await.unwrap();
    assert_eq!(status, 422, "{refused}");
    assert_eq!(channels(&api).await, [] as [Value; 0], "a channel that is refused is not kept");
    assert_eq!(telegram.webhook(), None, "and no update goes to it");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_provider_is_down_after_the_crash_a_refusal_leads_to_the_channel_and_it_can_be_disconnected() {
    let line = Line::start().await;
    let mut server = Server::start(&leading(&line.overrides(), "")).await;
    let api = server.api();
    let held = line.meddle("GET", ENDPOINT, HoldsBefore);
    cut_off(&mut server, held, "POST", "/v1/channels", line_form()).await;
    let down = line.meddle("GET", ENDPOINT, Refuses(503));
    again(&mut server).await;
    line.reach_endpoint_at(&api.url(""));
    down.arrived().await;
    let channel = channels(&api).await.pop().expect("it is tried again in the next round");
    assert_eq!(channel["state"], "connecting", "{channel}");
    leads_to(&api, line_form(), &channel).await;
    leaves(&api, &channel).await;
    drop(down);
    api.expect(201, "POST", "/v1/channels", line_form()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_attempt_and_a_change_that_are_cut_off_leave_the_live_channel_as_it_was() {
    let line = Line::start().await;
    let mut server = Server::start(&leading(&line.overrides(), "")).await;
    let api = server.api();
    let channel = connect_line(&api, &line).await;
    let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    let change = json!({ "settings": { "channel_access_token": line::TOKEN } });
    for (method, place, held, body) in [
        ("POST", "/v1/channels", "/v2/bot/info", line_form()),
        ("PATCH", path.as_str(), "/v2/bot/info", change.clone()),
        ("PATCH", path.as_str(), ENDPOINT, change),
    ] {
        let held = line.meddle("GET", held, HoldsBefore);
        cut_off(&mut server, held, method, place, body).await;
        again(&mut server).await;
        line.reach_endpoint_at(&api.url(""));
        let now = connected(&api).await;
        assert_eq!((&now["id"], &now["step"]), (&channel["id"], &Value::Null), "{now}");
        assert_eq!(told(&line), [channel["webhook_url"].as_str().unwrap()], "LINE was told one address, once");
        assert_eq!(line.post_text(&hook(&api, &now), USER, now_ms(), "Halo").await.unwrap(), 200);
        api.expect(200, "PATCH", &path, json!({ "settings": { "channel_access_token": line::TOKEN } })).await;
    }
}
