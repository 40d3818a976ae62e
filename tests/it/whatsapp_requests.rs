//! Every request that the WhatsApp plugin makes, held against the published descriptions; and every operation that its page
//! lists is made.

use std::collections::BTreeSet;

use sambung_plugin_whatsapp::WhatsApp;
use sambung_sdk::apps::{App, Apps};
use sambung_sdk::connection::Connection;
use sambung_sdk::http::{Auth, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::media::{Media, Source};
use sambung_sdk::outbound::{Outbound, Outgoing};
use sambung_sdk::signals::Signals;
use sambung_sdk::template_authoring::TemplateAuthoring;
use sambung_sdk::templates::Templates;
use sambung_sdk::testing::{Host, connect};
use sambung_sdk::types::{Channel, Content, Identity, MediaRef, Target, Thread};
use sambung_tests::fixtures;
use sambung_tests::openapi::{Call, Description, Misfit};

const GRAPH: &str = "https://graph.facebook.com/v25.0";
const GATEWAY: &str = "https://gateway.example/v1";
const NUMBER: &str = "106540352242922";
const ACCOUNT: &str = "419561257915477";
const PHONE: &str = "6281230001111";
const PAGE: &str = include_str!("../../plugins/whatsapp/README.md");

/// The page's name of an operation and the description's. `/subscriptions`, the end of a subscription and uploads are in no
/// published description.
const OPERATIONS: [(&str, Option<&str>); 15] = [
    ("GET /{Phone-Number-ID}", Some("GET /{Version}/{Phone-Number-ID}")),
    ("GET /{WABA-ID}/phone_numbers", Some("GET /{Version}/{WABA-ID}/phone_numbers")),
    ("POST /{WABA-ID}/subscribed_apps", Some("POST /{Version}/{WABA-ID}/subscribed_apps")),
    ("DELETE /{WABA-ID}/subscribed_apps", None),
    ("POST /{Phone-Number-ID}/messages", Some("POST /{Version}/{Phone-Number-ID}/messages")),
    ("POST /{Phone-Number-ID}/media", Some("POST /{Version}/{Phone-Number-ID}/media")),
    ("GET /{Media-ID}", Some("GET /{Version}/{Media-ID}")),
    ("GET /{WABA-ID}/message_templates", Some("GET /{Version}/{WABA-ID}/message_templates")),
    ("POST /{WABA-ID}/message_templates", Some("POST /{Version}/{WABA-ID}/message_templates")),
    ("DELETE /{WABA-ID}/message_templates", Some("DELETE /{Version}/{WABA-ID}/message_templates")),
    ("POST /app/uploads", None),
    ("POST /{upload}", None),
    ("GET /{app id}/subscriptions", None),
    ("POST /{app id}/subscriptions", None),
    ("DELETE /{app id}/subscriptions", None),
];

#[test]
fn every_request_fits_the_published_description_and_every_listed_operation_is_sent() {
    let test = "whatsapp_requests::every_request_fits_the_published_description_and_every_listed_operation_is_sent";
    let Some(folder) = fixtures::folder(test, "whatsapp/openapi") else { return };
    let description = Description::read(&folder.join("business-messaging-api_v23.0.yaml"));
    let mut misfits = Vec::new();
    let mut sent = BTreeSet::new();
    for (operation, request) in cloud() {
        sent.insert(operation.to_owned());
        let published = OPERATIONS.iter().find(|(listed, _)| *listed == operation).unwrap().1;
        if let Some(published) = published
            && let Err(misfit) = check(&description, published, &request)
        {
            let body = String::from_utf8_lossy(&request.body_bytes()).into_owned();
            misfits.push(format!("{} {}\n{body}\n{misfit}", request.method, request.url));
        }
    }
    assert!(misfits.is_empty(), "{}", misfits.join("\n\n"));
    assert_eq!(sent, listed(), "what was sent (left) and what the plugin's page lists (right)");
}

#[test]
fn every_request_to_an_on_premises_gateway_fits_the_published_description() {
    let test = "whatsapp_requests::every_request_to_an_on_premises_gateway_fits_the_published_description";
    let Some(folder) = fixtures::folder(test, "whatsapp-onprem/openapi") else { return };
    let description = Description::read(&folder.join("whatsapp-business-onprem-1.0.swagger.yaml"));
    for request in gateway() {
        let url = request.url.strip_prefix(GATEWAY).unwrap();
        let body = request.body_bytes();
        // A file is sent as it is, which the description calls a string.
        let file = url == "/media";
        let mut spelt: Value = serde_json::from_slice(&body).unwrap_or_default();
        spell_coordinates(&mut spelt);
        let shown = match (file, body.is_empty()) {
            (true, _) => b"\"bytes\"".to_vec(),
            (false, true) => Vec::new(),
            (false, false) => spelt.to_string().into_bytes(),
        };
        let call = Call { method: &request.method, url, headers: &headers(&request), body: &shown };
        let told = String::from_utf8_lossy(&shown).into_owned();
        description.check(&call).unwrap_or_else(|misfit| panic!("{} {url}\n{told}\n{misfit}", request.method));
    }
}

/// What the description's schemas lack though Meta's guides describe it: the attempt key ("Messages", parameter
/// `biz_opaque_callback_data`), and the typing indicator.
fn check(description: &Description, operation: &str, request: &Request) -> Result<(), Misfit> {
    let bytes = request.body_bytes();
    let multipart = request.headers.iter().any(|(_, value)| value.starts_with("multipart/form-data"));
    let mut body: Value = if multipart { fields(&bytes) } else { serde_json::from_slice(&bytes).unwrap_or_default() };
    if let Some(object) = body.as_object_mut() {
        object.remove("biz_opaque_callback_data");
        object.remove("typing_indicator");
    }
    spell_coordinates(&mut body);
    // Required by the schema, and left away by each of the description's own examples.
    if body["template"]["language"].is_object() {
        body["template"]["language"]["policy"] = json!("deterministic");
    }
    if body["status"] == "read" {
        return description.fits("MarkMessageRequestPayload", &body);
    }
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    // The description of v23.0 has its examples with any version.
    let headers = headers(request);
    // Graph's own paging and choice of fields, which the description tells of at other edges and forgot at this one.
    let forgot = operation.starts_with("GET") && operation.ends_with("/message_templates");
    let url = if forgot { request.url.split('?').next().unwrap_or_default() } else { &request.url };
    let call = Call { method: &request.method, url, headers: &headers, body: &body };
    description.check_as(operation, &call).map(drop)
}

/// Both descriptions call coordinates strings, though their own examples and the guides have numbers.
fn spell_coordinates(body: &mut Value) {
    for name in ["latitude", "longitude"] {
        if body["location"][name].is_number() {
            body["location"][name] = json!(body["location"][name].to_string());
        }
    }
}

/// The headers with the token, which the host adds.
fn headers(request: &Request) -> Vec<(String, String)> {
    let Auth::Bearer(secret) = &request.auth else { panic!("{} goes without its token", request.url) };
    let token = [("Authorization".to_owned(), format!("Bearer {secret}"))];
    request.headers.iter().cloned().chain(token).collect()
}

/// The names of a form's fields, each with a word for its bytes.
fn fields(form: &[u8]) -> Value {
    let text = String::from_utf8_lossy(form);
    let names = text.split("form-data; name=\"").skip(1).filter_map(|rest| rest.split_once('"'));
    names.map(|(name, _)| (name.to_owned(), json!("bytes"))).collect::<serde_json::Map<_, _>>().into()
}

/// The first column of the page's table: one or several methods and a path.
fn listed() -> BTreeSet<String> {
    let mut operations = BTreeSet::new();
    for cell in PAGE.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" |")).map(|(cell, _)| cell) {
        let words = cell.replace('`', "");
        let Some((methods, path)) = words.split_once('/') else { continue };
        for method in methods.split(',').map(str::trim).filter(|method| !method.is_empty()) {
            operations.insert(format!("{method} /{path}"));
        }
    }
    assert!(!operations.is_empty(), "the plugin's page lists no operation");
    operations
}

fn channel() -> Channel {
    let settings = json!({ "mode": "cloud", "phone_number_id": NUMBER, "business_account_id": ACCOUNT });
    Channel::with_settings("ch_1", &settings)
}

fn behind_gateway() -> Channel {
    let mut channel = Channel::with_settings("ch_2", &json!({ "mode": "gateway", "base_url": GATEWAY }));
    channel.webhook_url = Some("https://sambung.example/hooks/whatsapp/ch_2/key".to_owned());
    channel
}

fn cloud() -> Vec<(&'static str, Request)> {
    let mut requests = Vec::new();
    let mut note = |host: Host| requests.extend(host.requests());
    note(connecting());
    note(registering());
    for content in contents(true) {
        note(sending(&content, &channel(), &format!("{GRAPH}/{NUMBER}")));
    }
    note(rest());
    note(authoring());
    requests.into_iter().map(|request| (operation(&request), request)).collect()
}

/// Which of the page's operations a request is.
fn operation(request: &Request) -> &'static str {
    let path = request.url.strip_prefix(GRAPH).unwrap().split('?').next().unwrap();
    let last = path.rsplit('/').next().unwrap();
    let name = match last {
        NUMBER => "/{Phone-Number-ID}",
        "media-1" => "/{Media-ID}",
        "uploads" => return of("POST /app/uploads"),
        upload if upload.starts_with("upload:") => return of("POST /{upload}"),
        "messages" | "media" => return of(&format!("{} /{{Phone-Number-ID}}/{last}", request.method)),
        "subscriptions" => return of(&format!("{} /{{app id}}/{last}", request.method)),
        _ => return of(&format!("{} /{{WABA-ID}}/{last}", request.method)),
    };
    of(&format!("{} {name}", request.method))
}

fn of(name: &str) -> &'static str {
    OPERATIONS.iter().map(|(known, _)| *known).find(|known| *known == name).unwrap_or_else(|| panic!("{name} is new"))
}

fn connecting() -> Host {
    let host = Host::new();
    for _ in 0..2 {
        let number = json!({ "display_phone_number": "+1 555", "verified_name": "Shop" });
        host.expect("GET", format!("{GRAPH}/{NUMBER}?fields=display_phone_number%2Cverified_name%2Cquality_rating%2Ccode_verification_status%2Cname_status"))
            .answer(200, number);
        host.expect("GET", format!("{GRAPH}/{ACCOUNT}/phone_numbers?limit=100"))
            .answer(200, json!({ "data": [{ "id": NUMBER }] }));
    }
    host.expect("POST", format!("{GRAPH}/{ACCOUNT}/subscribed_apps")).answer(200, json!({ "success": true }));
    let connected = connect::<WhatsApp>(channel(), None);
    assert!(connected.is_ok(), "{connected:?}");
    host.expect("DELETE", format!("{GRAPH}/{ACCOUNT}/subscribed_apps")).answer(200, json!({ "success": true }));
    let mut last = channel();
    last.extra.push(("alone".to_owned(), "true".to_owned()));
    assert!(WhatsApp::disconnect(last).is_ok());
    host
}

fn registering() -> Host {
    let host = Host::new();
    host.secret("app_secret", "s").secret("verify_token", "v");
    let app = || App {
        id: "app_1".to_owned(),
        webhook_url: Some("https://sambung.example/hooks/whatsapp".to_owned()),
        settings: json!({ "app_id": "123" }).to_string(),
        ..App::default()
    };
    let address = format!("{GRAPH}/123/subscriptions?access_token=123%7Csecret-app_secret-url");
    host.expect("POST", address.clone()).answer(200, json!({ "success": true }));
    host.expect("GET", address.clone()).answer(200, json!({ "data": [] }));
    host.expect("DELETE", format!("{address}&object=whatsapp_business_account"))
        .answer(200, json!({ "success": true }));
    assert!(WhatsApp::prepare(app()).is_ok());
    assert!(<WhatsApp as Apps>::check(app()).is_ok());
    assert!(WhatsApp::release(app()).is_ok());
    host
}

fn place() -> Content {
    let mut content = Content::location(-6.2, 106.8);
    if let Content::Location(place) = &mut content {
        place.name = Some("Monas".to_owned());
        place.address = Some("Jakarta".to_owned());
    }
    content
}

/// Contents of every kind that the plugin sends.
fn contents(cloud: bool) -> Vec<Content> {
    let file = |kind: &str, mime: &str| {
        MediaRef::new(kind).blob("blob-1").bytes(1_000).mime(mime.to_owned()).name("file.bin".to_owned())
    };
    let interactive = |value: Value| Content::Interactive(value.to_string());
    let row = |id: &str| json!({ "id": id, "label": "Pick" });
    let mut contents = vec![
        Content::text("Halo 🙂 https://example.com"),
        Content::media_with_caption(file("image", "image/png"), "look".to_owned()),
        Content::media(file("video", "video/mp4")),
        Content::media(file("audio", "audio/mpeg")),
        Content::media(file("voice", "audio/ogg")),
        Content::media_with_caption(file("document", "application/pdf"), "read".to_owned()),
        place(),
    ];
    if cloud {
        contents.extend([
            Content::media(file("sticker", "image/webp")),
            interactive(json!({ "kind": "buttons", "title": "T", "body": "Which?", "buttons": [row("1"), row("2")] })),
            interactive(
                json!({ "kind": "list", "body": "Which?", "sections": [{ "title": "S", "rows": [row("1")] }] }),
            ),
            Content::Template(
                json!({ "name": "order_ready", "language": "id", "parameters": { "1": "Budi" } }).to_string(),
            ),
        ]);
    }
    contents
}

fn sending(content: &Content, channel: &Channel, number: &str) -> Host {
    let host = Host::new();
    if matches!(content, Content::Media(_)) {
        host.expect("POST", format!("{number}/media"))
            .answer(200, json!({ "id": "media-2", "media": [{ "id": "media-2" }] }));
    }
    let accepted = json!({ "contacts": [{ "input": PHONE, "wa_id": PHONE }], "messages": [{ "id": "wamid.OUT" }] });
    host.expect("POST", format!("{number}/messages")).answer(200, accepted);
    let mut message = Outgoing::new("123e4567-e89b-12d3-a456-426614174000", Thread::new(PHONE), content.clone());
    message.to = vec![Identity::phone(PHONE)];
    let answers = WhatsApp::send(vec![message], channel.clone());
    assert!(answers[0].is_ok(), "{content:?}: {answers:?}");
    host
}

fn rest() -> Host {
    let host = Host::new();
    host.expect("GET", format!("{GRAPH}/media-1?phone_number_id={NUMBER}"))
        .answer(200, json!({ "url": "https://lookaside.fbsbx.com/1" }));
    let found = WhatsApp::resolve(channel(), MediaRef::new("image").reference("media-1"));
    assert!(matches!(found, Ok(Source::Fetch(_))), "{found:?}");
    let templates = format!(
        "{GRAPH}/{ACCOUNT}/message_templates?fields=id%2Cname%2Cstatus%2Ccategory%2Clanguage%2Ccomponents%2Cparameter_format%2Cquality_score%2Crejected_reason&limit=100"
    );
    host.expect("GET", templates.clone()).answer(200, json!({ "data": [] }));
    host.expect("GET", format!("{templates}&after=a")).answer(200, json!({ "data": [] }));
    assert!(WhatsApp::list_templates(channel(), None).is_ok());
    assert!(WhatsApp::list_templates(channel(), Some("a".to_owned())).is_ok());
    for kind in ["read", "typing"] {
        host.expect("POST", format!("{GRAPH}/{NUMBER}/messages")).answer(200, json!({ "success": true }));
        let about = Some(Target::new("wamid.IN"));
        assert!(WhatsApp::signal(channel(), Thread::new(PHONE), kind.to_owned(), about).is_ok());
    }
    host
}

fn authoring() -> Host {
    let host = Host::new();
    host.secret("access_token", "t");
    let templates = format!("{GRAPH}/{ACCOUNT}/message_templates");
    let parts = json!({
        "name": "order_sent", "language": "id", "category": "utility", "parameter_format": "positional",
        "body": { "text": "Halo {{1}}!", "examples": { "1": "Dewi" } }, "footer": "Toko",
        "buttons": [
            { "kind": "url", "label": "Lacak", "url": "https://toko.example/{{1}}", "example": "https://toko.example/1" },
            { "kind": "phone", "label": "Telepon", "phone": "+6221555" },
            { "kind": "quick-reply", "label": "Ya" },
            { "kind": "copy-code", "example": "HEMAT" },
        ],
    });
    let file = json!({ "media_id": "md_1", "blob": "md_1", "mime": "image/png", "name": "a.png", "bytes": 9 });
    let named = json!({ "text": "Untuk {{nama}}", "examples": { "nama": "Dewi" } });
    for (header, body, format) in [
        (json!({ "kind": "image", "example": file }), parts["body"].clone(), "positional"),
        (json!({ "kind": "location" }), parts["body"].clone(), "positional"),
        (json!({ "kind": "text", "text": "Untuk {{nama}}", "examples": { "nama": "Dewi" } }), named, "named"),
    ] {
        let mut template = parts.clone();
        if header["kind"] == "image" {
            host.expect("POST", format!("{GRAPH}/app/uploads?file_name=a.png&file_length=9&file_type=image%2Fpng"))
                .answer(200, json!({ "id": "upload:1?sig=2" }));
            host.expect("POST", format!("{GRAPH}/upload:1?sig=2")).answer(200, json!({ "h": "4::h" }));
        }
        host.expect("POST", templates.clone()).answer(200, json!({ "id": "7", "status": "PENDING" }));
        (template["header"], template["body"], template["parameter_format"]) = (header, body, json!(format));
        let made = WhatsApp::create_template(channel(), template.to_string());
        assert!(made.is_ok(), "{made:?}");
    }
    host.expect("DELETE", format!("{templates}?name=order_sent&hsm_id=7")).answer(200, json!({ "success": true }));
    let known = json!({ "id": "7", "name": "order_sent", "language": "id" });
    assert!(WhatsApp::delete_template(channel(), known.to_string()).is_ok());
    host
}

fn gateway() -> Vec<Request> {
    let host = Host::new();
    host.secret("token", "t");
    let registered = json!({ "settings": { "application": { "webhooks": { "url": behind_gateway().webhook_url } } } });
    host.expect("GET", format!("{GATEWAY}/settings/application")).answer(200, registered.clone());
    host.expect("PATCH", format!("{GATEWAY}/settings/application")).answer(200, json!({}));
    assert!(connect::<WhatsApp>(behind_gateway(), None).is_ok());
    host.expect("PUT", format!("{GATEWAY}/messages/wamid.IN")).answer(200, json!({}));
    let about = Some(Target::new("wamid.IN"));
    assert!(WhatsApp::signal(behind_gateway(), Thread::new(PHONE), "read".to_owned(), about).is_ok());
    host.expect("GET", format!("{GATEWAY}/settings/application")).answer(200, registered);
    host.expect("DELETE", format!("{GATEWAY}/settings/application")).answer(200, json!({}));
    assert!(WhatsApp::disconnect(behind_gateway()).is_ok());
    let mut requests = host.requests();
    drop(host);
    for content in contents(false) {
        requests.extend(sending(&content, &behind_gateway(), GATEWAY).requests());
    }
    if let Ok(Source::Fetch(request)) = WhatsApp::resolve(behind_gateway(), MediaRef::new("image").reference("media-1"))
    {
        requests.push(request);
    }
    assert!(requests.iter().any(|request| request.url.ends_with("/media/media-1")));
    requests
}
