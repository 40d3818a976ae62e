//! X from a form to a conversation and back, over real HTTP, with the whole host and the simulator.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sambung_tests::api::{Api, until};
use sambung_tests::browser::Browser;
use sambung_tests::host::{Host, hook_path, leading, with_x, x_keys};
use sambung_tests::providers::http_client;
use sambung_tests::providers::x::{CLIENT, CONSUMER_KEY, CONSUMER_SECRET, OWN, Trouble, X, answer_to};
use serde_json::{Value, json};

const CUSTOMER: &str = "3001969357";
const PIXEL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

fn picture() -> Vec<u8> {
    STANDARD.decode(PIXEL).unwrap()
}

/// What every message of the one conversation says, the oldest first.
async fn texts(api: &Api) -> Vec<String> {
    let messages = api.all_messages().await;
    let text = |message: &Value| message["content"]["text"].as_str().unwrap_or_default().to_owned();
    messages.iter().rev().map(text).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_told_at_its_field_and_nothing_is_kept() {
    let x = X::start().await;
    let host = Host::start(&leading(&x.overrides(), "")).await;
    let api = host.api();
    x.reach_endpoint_at(&api.url(""));
    let rows = [
        ("consumer_secret", "wrong", "consumer_key", "Unable to verify your credentials"),
        ("access_token_secret", "wrong", "access_token", "Unauthorized"),
        ("access_token", "4337869213-another", "access_token", "Unauthorized"),
    ];
    for (key, value, blamed, words) in rows {
        let mut settings = x_keys();
        settings[key] = json!(value);
        let channel = json!({ "plugin": "x", "name": "Shop", "settings": settings });
        let problem = api.expect(422, "POST", "/v1/channels", channel).await;
        assert_eq!(problem["errors"][0]["pointer"], format!("#/settings/{blamed}"), "{problem}");
        assert_eq!(problem["errors"][0]["provider"], words, "{problem}");
    }
    let mut settings = x_keys();
    settings["consumer_key"] = json!("");
    settings["access_token"] = json!("no token at all");
    let channel = json!({ "plugin": "x", "name": "Shop", "settings": settings });
    let problem = api.expect(422, "POST", "/v1/channels", channel).await.to_string();
    assert!(problem.contains("field is required") && problem.contains("#/settings/access_token"), "{problem}");
    assert_eq!(api.get("/v1/channels").await["items"], json!([]));
    assert!(x.registered().is_empty());
}

/// X calls the address while it is registered, and whenever it likes afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn the_challenge_is_answered_and_only_signed_deliveries_are_taken() {
    let x = X::start().await;
    let (host, channel) = with_x(&x, "").await;
    let api = host.api();
    let path = hook_path(&channel);
    assert_eq!(x.registered(), [format!("https://chat.example{path}")]);
    assert_eq!(x.subscribed().len(), 5, "{:?}", x.subscribed());
    let address = api.url(&path);
    let answer = http_client().get(format!("{address}?crc_token=test+token")).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/json");
    assert_eq!(answer.json::<Value>().await.unwrap()["response_token"], answer_to(CONSUMER_SECRET, "test token"));
    assert_eq!(http_client().get(&address).send().await.unwrap().status(), 400);
    // Nobody has a delivery signed by asking for a challenge.
    let forged = sambung_sdk::http::encode("{\"for_user_id\":\"1\"}");
    let refused = http_client().get(format!("{address}?crc_token={forged}")).send().await.unwrap();
    assert!(!refused.status().is_success(), "{}", refused.status());
    let unsigned = http_client().post(&address).body("{}").send().await.unwrap();
    assert_eq!(unsigned.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_goes_both_ways_and_an_echo_is_not_another_message() {
    let x = X::start().await;
    let (host, _) = with_x(&x, "").await;
    let api = host.api();
    let first = x.write(CUSTOMER, "Halo <b> & 🙂");
    let second = x.write(CUSTOMER, "ada?");
    assert_eq!(x.post_messages(&[&first, &second]).await.unwrap(), 200);
    // The newer API tells of the same, and so does a delivery that comes again.
    assert_eq!(x.post_activity(&second).await.unwrap(), 200);
    assert_eq!(x.post_messages(&[&first, &second]).await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    let id = conversation["id"].as_str().unwrap();
    let reply = api.reply(id, "Ada & siap").await;
    let sent = api.message_when(&reply, "sent").await;
    let delivered = x.deliveries();
    assert_eq!(
        (delivered.len(), delivered[0].text.as_str(), delivered[0].recipient.as_str()),
        (1, "Ada & siap", CUSTOMER)
    );
    assert_eq!(x.post_activity(&delivered[0]).await.unwrap(), 200);
    // What was written in X's own app is shown too, once.
    let elsewhere = x.write_as_own(CUSTOMER, "from the app");
    assert_eq!(x.post_activity(&elsewhere).await.unwrap(), 200);
    assert_eq!(x.post_messages(&[&elsewhere]).await.unwrap(), 200);
    api.translated().await;
    until("the app's own message is there", async || {
        texts(api).await.contains(&"from the app".to_owned()).then_some(())
    })
    .await;
    assert_eq!(texts(api).await, ["Halo <b> & 🙂", "ada?", "Ada & siap", "from the app"]);
    let read = json!({ "sender_id": CUSTOMER, "created_timestamp": sambung_tests::api::now_ms().to_string(),
        "last_read_event_id": elsewhere.id });
    assert_eq!(x.post_event("dm.read", json!({ "direct_message_mark_read_events": [read] })).await.unwrap(), 200);
    api.message_when(&reply, "read").await;
    assert_eq!(sent["content"]["text"], "Ada & siap");
    assert_eq!(api.all("/v1/conversations").await.len(), 1);
    assert_eq!(api.all("/v1/contacts").await.len(), 1);
}

/// The beginning of an MP4, and enough of a rest for two segments.
fn film() -> Vec<u8> {
    let mut film = b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom".to_vec();
    film.resize(5 << 20, 7);
    film
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_comes_with_the_account_s_signature_and_a_film_goes_in_segments_with_its_words() {
    let x = X::start().await;
    let (host, _) = with_x(&x, "").await;
    let api = host.api();
    let sent = x.write_picture(CUSTOMER, "lihat", &picture());
    assert_eq!(x.post_messages(&[&sent]).await.unwrap(), 200);
    let stored = until("the picture is stored", async || {
        let contents = api.all_messages().await.into_iter().map(|message| message["content"].clone());
        contents.into_iter().find(|content| content["state"] == "stored")
    })
    .await;
    assert_eq!(stored["caption"], "lihat", "{stored}");
    let path = format!("/v1/media/{}", stored["media_id"].as_str().unwrap());
    assert_eq!(api.request("GET", &path).send().await.unwrap().bytes().await.unwrap(), picture());

    let upload = api.request("POST", "/v1/media?name=film.mp4").header("content-type", "video/mp4").body(film());
    let media: Value = upload.send().await.unwrap().json().await.unwrap();
    let content = json!({ "type": "media", "kind": "video", "media_id": media["id"], "caption": "ini" });
    let conversation = api.first_conversation().await;
    let messages = format!("/v1/conversations/{}/messages", conversation["id"].as_str().unwrap());
    let queued = api.expect(202, "POST", &messages, json!({ "content": content })).await;
    api.message_when(queued["id"].as_str().unwrap(), "sent").await;
    let delivered = x.deliveries();
    assert_eq!((delivered.len(), delivered[0].text.as_str()), (1, "ini"));
    assert!(x.uploaded() == [film()], "the film arrived whole");
}

/// A limit of X's is kept for as long as X says, and what was refused is sent afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_and_a_busy_provider_are_waited_for() {
    let x = X::start().await;
    let (host, _) = with_x(&x, "").await;
    let api = host.api();
    assert_eq!(x.post_activity(&x.write(CUSTOMER, "hi")).await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    x.trouble([Trouble::RateLimit(2), Trouble::Unavailable]);
    let reply = api.reply(conversation["id"].as_str().unwrap(), "later").await;
    api.message_when(&reply, "sent").await;
    assert_eq!(x.deliveries().len(), 1);
    x.trouble([Trouble::NotTaken]);
    let refused = api.reply(conversation["id"].as_str().unwrap(), "no").await;
    let failed = api.message_when(&refused, "failed").await;
    assert!(failed.to_string().contains("You cannot send messages to this user."), "{failed}");
}

/// X took the message, and then failed or fell silent: it is found in the conversation and not sent again.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_answer_was_lost_is_looked_for_and_not_sent_twice() {
    let x = X::start().await;
    let (host, _) = with_x(&x, "[runtime.limits]\ndeadline_ms = 8000\n").await;
    let api = host.api();
    assert_eq!(x.post_activity(&x.write(CUSTOMER, "hi")).await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    for (trouble, text) in [(Trouble::ErrorAfterTaking, "once & only <once>"), (Trouble::SilenceAfterTaking, "silence")]
    {
        x.trouble([trouble]);
        let reply = api.reply(conversation["id"].as_str().unwrap(), text).await;
        api.message_when(&reply, "sent").await;
    }
    assert_eq!(x.deliveries().len(), 2);
    let looked = format!("/2/dm_conversations/with/{CUSTOMER}/dm_events?");
    assert!(x.recorded().iter().any(|one| one.url.starts_with(&looked)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_encrypted_message_is_shown_as_one_and_posts_are_not_messages() {
    let x = X::start().await;
    let (host, _) = with_x(&x, "").await;
    let api = host.api();
    let payload = json!({ "id": "e4f4d3fc-8bbf", "created_at_msec": sambung_tests::api::now_ms().to_string(),
        "sender_id": CUSTOMER, "conversation_id": format!("{CUSTOMER}:{OWN}"), "encoded_event": "CwABAAAAEzIw" });
    assert_eq!(x.post_event("chat.received", payload).await.unwrap(), 200);
    assert_eq!(x.post_event("post.mention.create", json!({ "text": "hey @exampleshop" })).await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    api.translated().await;
    let messages = api.all_messages().await;
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0]["content"]["type"], "unsupported", "{messages:?}");
    assert!(messages[0].to_string().contains("encrypted"), "{messages:?}");
    assert!(!messages[0].to_string().contains("CwABAAAAEzIw"), "{messages:?}");
    assert_eq!(api.all("/v1/conversations").await.len(), 1, "{conversation}");
}

#[tokio::test(flavor = "multi_thread")]
async fn disconnecting_unsubscribes_and_the_conversation_is_there_again_afterwards() {
    let x = X::start().await;
    let (host, channel) = with_x(&x, "").await;
    let api = host.api();
    assert_eq!(x.post_activity(&x.write(CUSTOMER, "hi")).await.unwrap(), 200);
    api.first_conversation().await;
    let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    api.expect(204, "DELETE", &path, Value::Null).await;
    assert!(x.subscribed().is_empty() && x.registered().is_empty(), "{:?} {:?}", x.subscribed(), x.registered());
    assert_eq!(texts(api).await, ["hi"]);
    let again = json!({ "plugin": "x", "name": "Shop", "settings": x_keys() });
    let again = api.expect(201, "POST", "/v1/channels", again).await;
    assert_eq!(again["account"], OWN, "{again}");
    assert_eq!(x.post_activity(&x.write(CUSTOMER, "again")).await.unwrap(), 200);
    until("it goes on", async || (texts(api).await == ["hi", "again"]).then_some(())).await;
    assert_eq!(api.all("/v1/conversations").await.len(), 1);
}

/// Without the newer API the older one delivers.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_without_the_newer_api_subscribes_by_the_older() {
    let x = X::start().await;
    x.forbid_activity();
    let (host, channel) = with_x(&x, "").await;
    assert_eq!(x.subscribed(), ["all"]);
    let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    host.api().expect(204, "DELETE", &path, Value::Null).await;
    assert!(x.subscribed().is_empty());
}

/// Opens an address in a browser for which public addresses lead here.
async fn sign_in(api: &Api, x: &X, url: &str) -> u16 {
    let leads = [("https://chat.example", api.url("")), ("https://x.com", x.address().to_owned())];
    Browser::new(leads.map(|(from, to)| (from.to_owned(), to))).open(url).await.0
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_signs_in_writes_and_takes_its_leave() {
    let x = X::start().await;
    let host = Host::start(&leading(&x.overrides(), "")).await;
    let api = host.api();
    x.reach_endpoint_at(&api.url(""));
    let wrong = json!({ "consumer_key": CONSUMER_KEY, "consumer_secret": "wrong", "client_id": CLIENT.0, "client_secret": CLIENT.1 });
    let problem = api.expect(422, "PUT", "/v1/plugins/x/settings", wrong).await;
    assert!(problem.to_string().contains("Unable to verify your credentials"), "{problem}");
    let app = json!({ "consumer_key": CONSUMER_KEY, "consumer_secret": CONSUMER_SECRET, "client_id": CLIENT.0, "client_secret": CLIENT.1 });
    let app = api.expect(200, "PUT", "/v1/plugins/x/settings", app).await;
    x.allow_return_to(app["redirect_url"].as_str().unwrap());
    assert_eq!(x.registered(), ["https://chat.example/hooks/x"], "the app's address answered the challenge");
    let channel = json!({ "plugin": "x", "name": "Shop", "settings": { "mode": "sign-in" } });
    let channel = api.expect(201, "POST", "/v1/channels", channel).await;
    assert_eq!(channel["step"]["kind"], "authorize", "{channel}");
    assert_eq!(sign_in(api, &x, channel["step"]["url"].as_str().unwrap()).await, 200);
    let path = format!("/v1/channels/{}", channel["id"].as_str().unwrap());
    let channel = api.get(&path).await;
    assert_eq!((&channel["state"], &channel["account"]), (&json!("connected"), &json!(OWN)), "{channel}");
    assert_eq!(x.post_activity(&x.write(CUSTOMER, "hi")).await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    let reply = api.reply(conversation["id"].as_str().unwrap(), "hello").await;
    api.message_when(&reply, "sent").await;
    let token = x.token().unwrap();
    api.expect(204, "DELETE", &path, Value::Null).await;
    assert!(x.subscribed().is_empty(), "{:?}", x.subscribed());
    assert_eq!(x.registered(), ["https://chat.example/hooks/x"], "the app's address stays for other accounts");
    assert_eq!(x.revoked(), [token]);
}
