//! Message templates from the form to the customer: made, approved, offered, sent, switched off, removed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sambung::auth::Role;
use sambung_tests::api::{Api, now_ms, until};
use sambung_tests::host::{Host, with_whatsapp};
use sambung_tests::providers::whatsapp::{self, TemplateTrouble, WhatsApp};
use serde_json::{Value, json};

use super::{PHONE, messages, text};

const DAY_S: u64 = 24 * 3600;
/// A call of a plugin may take so long.
const SOON: &str = "[runtime.limits]\ndeadline_ms = 6000\n";

pub(super) fn path(channel: &Value) -> String {
    format!("/v1/channels/{}/templates", channel["id"].as_str().unwrap())
}

fn simple(name: &str) -> Value {
    json!({ "name": name, "language": "id", "category": "utility",
            "body": { "text": "Halo {{1}}, pesanan dikirim.", "examples": { "1": "Dewi" } } })
}

pub(super) fn listed(name: &str, status: &str) -> Value {
    json!({ "id": "1", "name": name, "status": status, "category": "UTILITY", "language": "id",
            "components": [{ "type": "BODY", "text": "Halo {{1}}, pesanan Anda siap." }] })
}

async fn picture(api: &Api) -> String {
    let png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let bytes = STANDARD.decode(png).unwrap();
    let upload = api.request("POST", "/v1/media?name=promo.png").header("content-type", "image/png").body(bytes);
    let media: Value = upload.send().await.unwrap().json().await.unwrap();
    media["id"].as_str().unwrap().to_owned()
}

/// The list once it says so.
pub(super) async fn list_when(api: &Api, channel: &Value, what: &str, says: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    until(what, async || {
        let page = api.get(&path(channel)).await;
        let items = page["items"].as_array()?.clone();
        says(&items).then_some(items)
    })
    .await
}

/// What the feed said of templates of one channel.
pub(super) fn told(host: &Host, channel: &Value) -> Vec<Value> {
    let db = rusqlite::Connection::open(host.data().join("sambung.db")).unwrap();
    let mut ask = db.prepare("SELECT data FROM feed WHERE type = 'template.updated' ORDER BY id").unwrap();
    let rows = ask.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let all = rows.map(|row| serde_json::from_str::<Value>(&row.unwrap()).unwrap());
    all.filter(|data| data["channel_id"] == channel["id"]).collect()
}

/// A conversation whose window is closed.
pub async fn closed_conversation(platform: &WhatsApp, api: &Api) -> Value {
    let late = whatsapp::text(platform, PHONE, now_ms() / 1000 - DAY_S - 60, "Halo?");
    assert_eq!(platform.post(&[whatsapp::value(0, &[late], &[])]).await.unwrap(), 200);
    api.first_conversation().await
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_made_approved_offered_sent_switched_off_and_removed() {
    let platform = WhatsApp::start().await;
    let (host, [channel, _]) = with_whatsapp(&platform, "").await;
    let api = host.api();
    let agent = host.caller("default", Role::Agent).await;
    let media = picture(api).await;
    let wanted = json!({
        "name": "promo_toko", "language": "id", "category": "marketing",
        "header": { "kind": "image", "example": { "media_id": media } },
        "body": { "text": "Halo {{nama}}, diskon {{besar}} menanti.", "examples": { "nama": "Dewi", "besar": "10%" } },
        "footer": "Toko Dewi",
        "buttons": [{ "kind": "quick-reply", "label": "Mau" }],
    });
    agent.expect(403, "POST", &path(&channel), wanted.clone()).await;
    let made = api.expect(201, "POST", &path(&channel), wanted.clone()).await;
    assert_eq!(
        (&made["id"], &made["status"], &made["enabled"]),
        (&json!("promo_toko:id"), &json!("pending"), &json!(true)),
        "{made}"
    );
    let one = format!("{}/promo_toko:id", path(&channel));
    assert_eq!(agent.get(&one).await["provider_id"], made["provider_id"]);
    let page = agent.get(&path(&channel)).await;
    assert_eq!(names(&page["items"]), ["promo_toko"], "{page}");
    assert_eq!(told(&host, &channel).last().unwrap()["status"], "pending");
    let there = platform.templates();
    assert_eq!(there[0]["parameter_format"], "named");
    assert!(there[0]["components"][0]["example"]["header_handle"][0].as_str().unwrap().starts_with("4::image/png"));

    let conversation = closed_conversation(&platform, api).await;
    let use_it = json!({ "content": { "type": "template", "name": "promo_toko", "language": "id",
        "parameters": { "header": { "media_id": media }, "nama": "Budi", "besar": "15%" } } });
    let refused = api.expect(422, "POST", &messages(&conversation), use_it.clone()).await;
    assert_eq!(refused["errors"][0]["code"], "template-not-approved", "{refused}");
    let refused = api.expect(409, "POST", &messages(&conversation), text("Halo")).await;
    assert_eq!(refused["templates"], json!([]), "none that may be sent: {refused}");

    let news = platform.decide("promo_toko", "id", "APPROVED", &json!({}));
    platform.post_change(1_780_000_000, "message_template_status_update", &news).await.unwrap();
    list_when(api, &channel, "it is approved", |list| list[0]["status"] == "approved").await;
    let shown = api.get(&format!("/v1/conversations/{}", conversation["id"].as_str().unwrap())).await;
    assert_eq!(names(&shown["composer"]["templates"]), ["promo_toko"], "{shown}");
    assert_eq!(shown["composer"]["contents"], json!(["template"]));
    let refused = api.expect(409, "POST", &messages(&conversation), text("Halo")).await;
    assert_eq!(names(&refused["templates"]), ["promo_toko"], "{refused}");

    let queued = api.expect(202, "POST", &messages(&conversation), use_it.clone()).await;
    let sent = api.message_when(queued["id"].as_str().unwrap(), "sent").await;
    assert_eq!(sent["content"]["parameters"]["header"]["mime"], "image/png", "{sent}");
    let components = platform.deliveries()[0].body["template"]["components"].clone();
    assert_eq!(components[0]["parameters"][0]["type"], "image", "{components}");
    let mut given = components[1]["parameters"].as_array().unwrap().clone();
    given.sort_by_key(|one| one["parameter_name"].as_str().unwrap().to_owned());
    assert_eq!((&given[0]["text"], &given[1]["text"]), (&json!("15%"), &json!("Budi")));

    agent.expect(403, "PATCH", &one, json!({ "enabled": false })).await;
    let off = api.expect(200, "PATCH", &one, json!({ "enabled": false })).await;
    assert_eq!((&off["enabled"], &off["status"]), (&json!(false), &json!("approved")), "{off}");
    let sync = format!("{}/sync", path(&channel));
    api.expect(200, "POST", &sync, Value::Null).await;
    assert_eq!(api.get(&one).await["enabled"], false, "reading it again changes nothing");
    let refused = api.expect(422, "POST", &messages(&conversation), use_it.clone()).await;
    assert_eq!(refused["errors"][0]["code"], "template-off", "{refused}");
    let refused = api.expect(409, "POST", &messages(&conversation), text("Halo")).await;
    assert_eq!(refused["templates"], json!([]), "{refused}");
    assert_eq!(api.get(&format!("{}?sendable=true", path(&channel))).await["items"], json!([]));
    for (narrowed, there) in
        [("q=MO_TO", true), ("q=ongkir", false), ("status=Approved", true), ("status=pending&q=promo", false)]
    {
        let list = api.get(&format!("{}?{narrowed}", path(&channel))).await;
        assert_eq!(!list["items"].as_array().unwrap().is_empty(), there, "{narrowed}: {list}");
    }
    assert_eq!(api.expect(200, "PATCH", &one, json!({ "enabled": true })).await["enabled"], true);
    api.expect(422, "PATCH", &one, json!({})).await;

    platform.template(
        json!({ "id": "99", "name": "promo_toko", "status": "APPROVED", "category": "MARKETING", "language": "en",
        "components": [{ "type": "BODY", "text": "Hello" }] }),
    );
    agent.expect(403, "DELETE", &one, Value::Null).await;
    for _ in 0..2 {
        api.expect(204, "DELETE", &one, Value::Null).await;
    }
    api.expect(404, "GET", &one, Value::Null).await;
    api.expect(404, "PATCH", &one, json!({ "enabled": true })).await;
    let left: Vec<Value> = platform.templates().iter().map(|one| one["language"].clone()).collect();
    assert_eq!(left, [json!("en")], "the other language stays");
    assert!(told(&host, &channel).iter().any(|data| data["id"] == "promo_toko:id" && data["status"] == "gone"));
    let refused = api.expect(422, "POST", &path(&channel), wanted).await;
    assert!(refused["errors"][0]["detail"].as_str().unwrap().contains("4 weeks"), "{refused}");
    assert_eq!(refused["errors"][0]["pointer"], "#/name");
    let audit = api.get("/v1/audit").await;
    let did: Vec<&str> = audit["items"].as_array().unwrap().iter().map(|one| one["action"].as_str().unwrap()).collect();
    for action in ["template.create", "template.switch", "template.delete"] {
        assert!(did.contains(&action), "{action}: {did:?}");
    }
}

/// Somebody else's templates are nobody's, for every operation.
#[tokio::test(flavor = "multi_thread")]
async fn templates_of_another_workspace_are_not_there() {
    let platform = WhatsApp::start().await;
    platform.template(listed("order_ready", "APPROVED"));
    let (host, [channel, _]) = with_whatsapp(&platform, "").await;
    list_when(host.api(), &channel, "they are read after connecting", |list| list.len() == 1).await;
    let stranger = host.caller("another", Role::Admin).await;
    let one = format!("{}/order_ready:id", path(&channel));
    for (method, path, body) in [
        ("GET", path(&channel), Value::Null),
        ("POST", path(&channel), simple("x")),
        ("POST", format!("{}/sync", path(&channel)), Value::Null),
        ("GET", one.clone(), Value::Null),
        ("PATCH", one.clone(), json!({ "enabled": false })),
        ("DELETE", one, Value::Null),
    ] {
        stranger.expect(404, method, &path, body).await;
    }
    assert_eq!(platform.templates().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_with_a_template_is_told_at_its_field() {
    let platform = WhatsApp::start().await;
    let (host, [channel, _]) = with_whatsapp(&platform, "").await;
    let api = host.api();
    let pointers = async |wanted: Value| {
        let refused = api.expect(422, "POST", &path(&channel), wanted).await;
        let errors = refused["errors"].as_array().unwrap().clone();
        assert!(errors.iter().all(|error| !error["detail"].as_str().unwrap().is_empty()), "{refused}");
        errors.iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(pointers(json!({})).await, ["#/name", "#/language", "#/category", "#/body"]);
    assert_eq!(pointers(json!("x")).await, ["#"]);
    let mut wanted = simple("Not A Name");
    wanted["body"]["text"] = json!(format!("Halo {{{{1}}}} {}", "x".repeat(1100)));
    wanted["footer"] = json!("x".repeat(61));
    assert_eq!(pointers(wanted).await, ["#/name", "#/body/text", "#/footer"], "the provider's limits, all at once");
    let mut wanted = simple("order_sent");
    wanted["header"] = json!({ "kind": "image", "example": { "media_id": "md_nothing" } });
    assert_eq!(pointers(wanted).await, ["#/header/example/media_id"]);
    let mut wanted = simple("order_sent");
    wanted["header"] = json!({ "kind": "video", "example": { "media_id": picture(api).await } });
    assert_eq!(pointers(wanted).await, ["#/header/example/media_id"], "a picture is no film");
    assert!(platform.recorded().iter().all(|one| !one.url.contains("/message_templates") || one.method == "GET"));
    platform.template_trouble([TemplateTrouble::BadBody]);
    let refused = api.expect(422, "POST", &path(&channel), simple("order_sent")).await;
    assert_eq!(refused["errors"][0]["pointer"], "#/body", "{refused}");
    assert_eq!(refused["errors"][0]["detail"], "Invalid parameter: The body says what it must not");
    platform.template_trouble([TemplateTrouble::RateLimit]);
    api.expect(503, "POST", &path(&channel), simple("order_sent")).await;
    assert_eq!(platform.templates(), Vec::<Value>::new());
}

/// What became of a request without an answer is read from the provider's list, and no template is made twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_and_two_admins_make_one_template() {
    let platform = WhatsApp::start().await;
    let (host, [channel, _]) = with_whatsapp(&platform, SOON).await;
    let api = host.api();
    platform.template_trouble([TemplateTrouble::SilenceAfterDoing]);
    let made = api.expect(201, "POST", &path(&channel), simple("lost")).await;
    assert_eq!(made["status"], "pending", "the list says that it was made: {made}");
    let again = api.expect(200, "POST", &path(&channel), simple("lost")).await;
    assert_eq!(again["provider_id"], made["provider_id"]);
    let mut other = simple("lost");
    other["body"]["text"] = json!("Lain {{1}} sekali.");
    let refused = api.expect(409, "POST", &path(&channel), other).await;
    assert_eq!(
        (&refused["code"], &refused["template"]["id"]),
        (&json!("template-exists"), &json!("lost:id")),
        "{refused}"
    );

    platform.template_trouble([TemplateTrouble::ServerError]);
    let (status, refused) = api.ask_once("POST", &path(&channel), &simple("later"), Some("key-1")).await.unwrap();
    assert_eq!(status, 503, "{refused}");
    let (status, made) = api.ask_once("POST", &path(&channel), &simple("later"), Some("key-1")).await.unwrap();
    assert_eq!(status, 201, "{made}");
    let (status, replayed) = api.ask_once("POST", &path(&channel), &simple("later"), Some("key-1")).await.unwrap();
    assert_eq!((status, &replayed), (201, &made), "the same key, the same answer");

    platform.template_trouble([TemplateTrouble::SilenceAfterDoing, TemplateTrouble::ListRefused]);
    let unknown = api.expect(502, "POST", &path(&channel), simple("unclear")).await;
    assert_eq!(unknown["code"], "template-unknown", "{unknown}");
    list_when(api, &channel, "what became of it is read", |list| list.iter().any(|one| one["name"] == "unclear")).await;

    let at_once = path(&channel);
    let body = simple("both");
    let (one, two) = tokio::join!(api.ask("POST", &at_once, &body), api.ask("POST", &at_once, &body));
    let mut statuses = [one.unwrap().0, two.unwrap().0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 201], "who comes second is shown what is there");
    let mut there: Vec<String> =
        platform.templates().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect();
    there.sort();
    assert_eq!(there, ["both", "later", "lost", "unclear"]);

    platform.template_trouble([TemplateTrouble::ServerError]);
    let one = format!("{}/both:id", path(&channel));
    api.expect(503, "DELETE", &one, Value::Null).await;
    assert_eq!(api.get(&one).await["name"], "both", "it is still there");
    platform.template_trouble([TemplateTrouble::SilenceAfterDoing]);
    api.expect(204, "DELETE", &one, Value::Null).await;
}

/// Where a channel has no templates nobody is offered any, and nobody makes one.
#[tokio::test(flavor = "multi_thread")]
async fn a_channel_without_templates_offers_none() {
    let line = sambung_tests::providers::line::Line::start().await;
    let (host, channel) = sambung_tests::host::with_line(&line, "").await;
    let refused = host.api().expect(409, "POST", &path(&channel), simple("order_sent")).await;
    assert_eq!(refused["code"], "no-template-authoring", "{refused}");
    let hook = sambung_tests::host::hook(host.api(), &channel);
    assert_eq!(line.post_text(&hook, super::CUSTOMER, now_ms(), "Halo").await.unwrap(), 200);
    let conversation = host.api().first_conversation().await;
    let shown = host.api().get(&format!("/v1/conversations/{}", conversation["id"].as_str().unwrap())).await;
    assert_eq!(shown["composer"].get("templates"), None, "{shown}");
}
