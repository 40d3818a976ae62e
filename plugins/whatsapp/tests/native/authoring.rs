//! Making templates, removing them, and what the provider tells of them.

use crate::support::{ACCOUNT, cloud, gateway, translate};
use sambung_plugin_whatsapp::WhatsApp;
use sambung_sdk::http::{Auth, Piece};
use sambung_sdk::inbound::{Happening, ItemResult};
use sambung_sdk::json::{Value, json};
use sambung_sdk::template_authoring::TemplateAuthoring;
use sambung_sdk::testing::Host;
use sambung_sdk::types::Fault;

const TEMPLATES: &str = "https://graph.facebook.com/v25.0/419561257915477/message_templates";

fn create(template: &Value) -> Result<Value, Vec<Fault>> {
    WhatsApp::create_template(cloud(), template.to_string()).map(|made| serde_json::from_str(&made).unwrap())
}

/// The body of the last request.
fn sent(host: &Host) -> Value {
    serde_json::from_slice(&host.requests().last().unwrap().body_bytes()).unwrap()
}

fn simple() -> Value {
    json!({ "name": "order_sent", "language": "id", "category": "utility", "parameter_format": "positional",
            "body": { "text": "Halo {{1}}, pesanan dikirim.", "examples": { "1": "Dewi" } } })
}

fn refusal(subcode: i64, words: &str) -> Value {
    json!({ "error": { "message": "Invalid parameter", "code": 100, "error_subcode": subcode, "error_user_msg": words } })
}

#[test]
fn a_template_with_every_part_becomes_the_providers_components() {
    let host = Host::new();
    host.expect("POST", TEMPLATES).answer(200, json!({ "id": "77", "status": "PENDING", "category": "MARKETING" }));
    let made = create(&json!({
        "name": "order_sent", "language": "id", "category": "utility", "parameter_format": "positional",
        "header": { "kind": "text", "text": "Pesanan {{1}}", "examples": { "1": "A-17" } },
        "body": { "text": "Halo {{1}}, tiba {{2}} {{3}} {{4}} {{5}} {{6}} {{7}} {{8}} {{9}} {{10}}, ya.",
                  "examples": { "1": "a", "2": "b", "3": "c", "4": "d", "5": "e", "6": "f", "7": "g", "8": "h", "9": "i", "10": "j" } },
        "footer": "Toko",
        "buttons": [
            { "kind": "url", "label": "Lacak", "url": "https://toko.example/{{1}}", "example": "https://toko.example/A-17" },
            { "kind": "url", "label": "Toko", "url": "https://toko.example/" },
            { "kind": "phone", "label": "Telepon", "phone": "+6221555" },
            { "kind": "quick-reply", "label": "Terima kasih" },
            { "kind": "copy-code", "example": "HEMAT" },
        ],
    }))
    .unwrap();
    assert_eq!(
        sent(&host),
        json!({
            "name": "order_sent", "language": "id", "category": "UTILITY",
            "components": [
                { "type": "HEADER", "format": "TEXT", "text": "Pesanan {{1}}", "example": { "header_text": ["A-17"] } },
                { "type": "BODY", "text": "Halo {{1}}, tiba {{2}} {{3}} {{4}} {{5}} {{6}} {{7}} {{8}} {{9}} {{10}}, ya.",
                  "example": { "body_text": [["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"]] } },
                { "type": "FOOTER", "text": "Toko" },
                { "type": "BUTTONS", "buttons": [
                    { "type": "URL", "text": "Lacak", "url": "https://toko.example/{{1}}", "example": ["https://toko.example/A-17"] },
                    { "type": "URL", "text": "Toko", "url": "https://toko.example/" },
                    { "type": "PHONE_NUMBER", "text": "Telepon", "phone_number": "+6221555" },
                    { "type": "QUICK_REPLY", "text": "Terima kasih" },
                    { "type": "COPY_CODE", "example": "HEMAT" },
                ] },
            ],
        })
    );
    assert_eq!(
        (&made["id"], &made["status"], &made["category"]),
        (&json!("77"), &json!("pending"), &json!("marketing")),
        "the provider may take it for another category"
    );
    assert_eq!(made["parameters"].as_array().unwrap().len(), 14, "{made}");
}

#[test]
fn named_blanks_go_with_their_names_and_an_address_counts_its_own() {
    let host = Host::new();
    host.expect("POST", TEMPLATES).answer(200, json!({ "id": "77" }));
    let made = create(&json!({
        "name": "promo", "language": "id", "category": "marketing", "parameter_format": "named",
        "header": { "kind": "text", "text": "Untuk {{nama}}", "examples": { "nama": "Dewi" } },
        "body": { "text": "Halo {{nama}}!", "examples": { "nama": "Dewi" } },
        "buttons": [{ "kind": "url", "label": "Lihat", "url": "https://t.example/{{kode}}", "example": "https://t.example/x" }],
    }))
    .unwrap();
    let body = sent(&host);
    assert_eq!(body["parameter_format"], "named");
    let params = json!([{ "param_name": "nama", "example": "Dewi" }]);
    assert_eq!(body["components"][0]["example"], json!({ "header_text_named_params": params }));
    assert_eq!(body["components"][1]["example"], json!({ "body_text_named_params": params }));
    assert_eq!(body["components"][2]["buttons"][0]["url"], "https://t.example/{{1}}");
    assert_eq!(made["status"], "pending");
}

#[test]
fn the_example_of_a_header_is_uploaded_first_and_named_by_its_handle() {
    let host = Host::new();
    host.secret("access_token", "t");
    host.expect(
        "POST",
        "https://graph.facebook.com/v25.0/app/uploads?file_name=promo%201.png&file_length=48213&file_type=image%2Fpng",
    )
    .answer(200, json!({ "id": "upload:MTph?sig=ARZ" }));
    host.expect("POST", "https://graph.facebook.com/v25.0/upload:MTph?sig=ARZ").answer(200, json!({ "h": "4::aW1h" }));
    host.expect("POST", TEMPLATES).answer(200, json!({ "id": "77", "status": "PENDING" }));
    let mut template = simple();
    template["header"] = json!({ "kind": "image", "example":
        { "media_id": "md_1", "blob": "md_1", "mime": "image/png", "name": "promo 1.png", "bytes": 48213 } });
    let made = create(&template).unwrap();
    assert_eq!(
        sent(&host)["components"][0],
        json!({ "type": "HEADER", "format": "IMAGE", "example": { "header_handle": ["4::aW1h"] } })
    );
    assert_eq!(made["parameters"][0], json!({ "name": "header", "in": "header", "kind": "image" }));
    let upload = &host.requests()[1];
    assert!(matches!(upload.auth, Auth::None), "the scheme is the upload's own");
    assert!(upload.headers.contains(&("authorization".to_owned(), "OAuth secret-access_token-raw".to_owned())));
    assert!(upload.headers.contains(&("file_offset".to_owned(), "0".to_owned())));
    assert_eq!(upload.body, [Piece::Blob("md_1".to_owned())]);
}

/// A file that the provider does not want is told at the file, and no template is asked for.
#[test]
fn a_refused_example_is_told_at_the_example() {
    let host = Host::new();
    host.expect(
        "POST",
        "https://graph.facebook.com/v25.0/app/uploads?file_name=a.mp4&file_length=9&file_type=video%2Fmp4",
    )
    .answer(400, refusal(0, "too small"));
    let mut template = simple();
    template["header"] = json!({ "kind": "video", "example":
        { "media_id": "md_1", "mime": "video/mp4", "name": "a.mp4", "bytes": 9 } });
    let faults = create(&template).unwrap_err();
    assert_eq!(faults[0].field.as_deref(), Some("/header/example/media_id"));
    assert_eq!(faults[0].words, "Invalid parameter: too small");
}

/// Nothing is asked for that is known to be refused, and everything that is wrong is told at once.
#[test]
fn every_limit_that_a_template_passes_is_told_at_its_place() {
    let _host = Host::new();
    let button = |kind: &str| json!({ "kind": kind, "label": "x".repeat(26), "url": "https://x/{{1}}/a", "phone": "1".repeat(21), "example": "x".repeat(16) });
    let faults = create(&json!({
        "name": "Order Sent", "language": "id", "category": "authentication",
        "header": { "kind": "text", "text": format!("{{{{1}}}} {{{{2}}}} {}", "é".repeat(60)) },
        "body": { "text": format!("{{{{Nama}}}} {}", "x".repeat(1024)) },
        "footer": format!("{{{{1}}}} {}", "x".repeat(60)),
        "buttons": [button("url"), button("url"), button("url"), button("phone"), button("copy-code"), button("pay")],
    }))
    .unwrap_err();
    let mut places: Vec<&str> = faults.iter().map(|fault| fault.field.as_deref().unwrap()).collect();
    assert!(faults.iter().all(|fault| fault.kind == "invalid" && !fault.words.is_empty()));
    places.dedup();
    assert_eq!(
        places,
        [
            "/name",
            "/category",
            "/header/text",
            "/body/text",
            "/footer",
            "/buttons",
            "/buttons/0/label",
            "/buttons/0/url",
            "/buttons/1/label",
            "/buttons/1/url",
            "/buttons/2/label",
            "/buttons/2/url",
            "/buttons/3/label",
            "/buttons/3/phone",
            "/buttons/4/label",
            "/buttons/4/example",
            "/buttons/5/label",
            "/buttons/5/kind",
        ]
    );
    let mut template = simple();
    template["header"] = json!({ "kind": "image", "example": { "media_id": "md_1", "mime": "image/webp" } });
    let faults = create(&template).unwrap_err();
    assert_eq!(
        faults[0].words,
        "for a header of the kind image the example is image/jpeg or image/png, and this is image/webp"
    );
}

#[test]
fn what_the_provider_refuses_is_told_at_the_part_in_its_own_words() {
    let host = Host::new();
    let rows: &[(u16, i64, &str, Option<&str>)] = &[
        (400, 2_388_072, "invalid", Some("/body")),
        (400, 2_388_047, "invalid", Some("/header")),
        (400, 2_388_073, "invalid", Some("/footer")),
        (400, 2_388_299, "invalid", Some("/body/text")),
        (400, 2_388_019, "invalid", None),
        (400, 2_388_023, "exists", Some("/name")),
        (400, 2_388_024, "exists", Some("/name")),
        (500, 0, "invalid", None),
    ];
    for (status, subcode, kind, field) in rows {
        host.expect("POST", TEMPLATES).answer(*status, refusal(*subcode, "so it says"));
        let faults = create(&simple()).unwrap_err();
        assert_eq!(faults.len(), 1);
        let kind = if *status == 500 { "unavailable" } else { kind };
        assert_eq!((faults[0].kind.as_str(), faults[0].field.as_deref()), (kind, *field), "{subcode}");
        assert_eq!(faults[0].words, "Invalid parameter: so it says");
    }
    host.expect("POST", TEMPLATES).fail("timeout", true);
    assert_eq!(create(&simple()).unwrap_err()[0].kind, "unavailable", "nobody knows what became of it");
}

#[test]
fn one_language_is_removed_and_no_other() {
    let host = Host::new();
    let known = json!({ "id": "77", "name": "order_sent", "language": "id", "status": "approved" });
    host.expect("DELETE", format!("{TEMPLATES}?name=order_sent&hsm_id=77")).answer(200, json!({ "success": true }));
    WhatsApp::delete_template(cloud(), known.to_string()).unwrap();
    host.expect("DELETE", format!("{TEMPLATES}?name=order_sent&hsm_id=77"))
        .answer(400, refusal(2_593_002, "not found"));
    let fault = WhatsApp::delete_template(cloud(), known.to_string()).unwrap_err();
    assert_eq!(fault.kind, "not-found");
    let fault = WhatsApp::delete_template(cloud(), json!({ "name": "order_sent" }).to_string()).unwrap_err();
    assert_eq!(fault.kind, "invalid", "without its id every language would go: {fault:?}");
}

#[test]
fn a_gateways_templates_are_its_providers() {
    let _host = Host::new();
    let channel = || gateway("https://wa.example.com", "Authorization: Bearer");
    let faults = WhatsApp::create_template(channel(), simple().to_string()).unwrap_err();
    assert_eq!(faults[0].kind, "forbidden");
    assert_eq!(WhatsApp::delete_template(channel(), "{}".to_owned()).unwrap_err().kind, "forbidden");
}

/// What became of a template, with everything that is said of why.
#[test]
fn news_of_a_template_carry_its_state_and_every_word_of_the_reason() {
    let said = |field: &str, value: Value| {
        let batch = json!({ "object": "whatsapp_business_account", "entry": [
            { "id": ACCOUNT, "time": 1_780_000_000, "changes": [{ "field": field, "value": value }] }] });
        let mut items = translate(batch.to_string().as_bytes()).unwrap().items;
        let ItemResult::Events(mut events) = items.remove(0).outcome else { panic!("no event") };
        let Happening::TemplateChanged(changed) = events.remove(0).what else { panic!("no news of a template") };
        serde_json::from_str::<Value>(&changed).unwrap()
    };
    let news = |event: &str, more: Value| {
        let mut value = json!({ "event": event, "message_template_id": 77, "message_template_name": "order_sent",
            "message_template_language": "id", "reason": null });
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        said("message_template_status_update", value)
    };
    let rows = [
        ("APPROVED", json!({ "reason": "NONE" }), json!("approved"), Value::Null),
        ("REINSTATED", json!({}), json!("approved"), Value::Null),
        (
            "REJECTED",
            json!({ "reason": "INVALID_FORMAT", "rejection_info": { "reason": "A blank begins it.", "recommendation": "Write before it." } }),
            json!("rejected"),
            json!("INVALID_FORMAT: A blank begins it.: Write before it."),
        ),
        (
            "PAUSED",
            json!({ "other_info": { "title": "FIRST_PAUSE", "description": "People blocked it." } }),
            json!("paused"),
            json!("FIRST_PAUSE: People blocked it."),
        ),
        (
            "DISABLED",
            json!({ "disable_info": { "disable_date": 1_751_234_563 } }),
            json!("disabled"),
            json!("disable date: 1751234563"),
        ),
        ("FLAGGED", json!({ "reason": "SPAM" }), Value::Null, json!("FLAGGED: SPAM")),
    ];
    for (event, more, status, reason) in rows {
        let told = news(event, more);
        assert_eq!((&told["status"], &told["reason"]), (&status, &reason), "{event}");
        assert_eq!((&told["name"], &told["language"], &told["id"]), (&json!("order_sent"), &json!("id"), &json!("77")));
    }
    let named =
        json!({ "message_template_id": 77, "message_template_name": "order_sent", "message_template_language": "id" });
    let with = |more: Value| {
        let mut value = named.clone();
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        value
    };
    let quality = with(json!({ "previous_quality_score": "GREEN", "new_quality_score": "YELLOW" }));
    let told = said("message_template_quality_update", quality);
    assert_eq!((&told["quality"], &told["status"]), (&json!("yellow"), &Value::Null));
    let category = with(json!({ "previous_category": "UTILITY", "new_category": "MARKETING" }));
    assert_eq!(said("template_category_update", category)["category"], "marketing");
}
