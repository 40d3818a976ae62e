//! Listing templates, page by page.

use crate::support::cloud;
use sambung_plugin_whatsapp::WhatsApp;
use sambung_sdk::json::{Value, json};
use sambung_sdk::templates::Templates;
use sambung_sdk::testing::Host;

const ASKED: &str = "https://graph.facebook.com/v25.0/419561257915477/message_templates?fields=id%2Cname%2Cstatus%2Ccategory%2Clanguage%2Ccomponents%2Cparameter_format%2Cquality_score%2Crejected_reason&limit=100";

/// What a person is told of each blank: where it stands, how long it may be, and what stood there as an example.
#[test]
fn a_blank_is_listed_with_its_example_whether_it_has_a_number_or_a_name() {
    let host = Host::new();
    let positional = json!({
        "id": "1", "name": "order", "language": "id", "status": "APPROVED",
        "components": [
            { "type": "HEADER", "format": "TEXT", "text": "Nomor {{1}}", "example": { "header_text": ["A-7"] } },
            { "type": "BODY", "text": "Halo {{1}}, {{2}}", "example": { "body_text": [["Budi", "besok"]] } },
            { "type": "BUTTONS", "buttons": [{ "type": "COPY_CODE", "text": "Salin", "example": ["HEMAT"] }, { "type": "OTP", "text": "Kode" }] },
        ],
    });
    let named = json!({
        "id": "2", "name": "named", "language": "id", "status": "PAUSED",
        "components": [{ "type": "BODY", "text": "Halo {{nama}}, {{header}}",
            "example": { "body_text_named_params": [{ "param_name": "header", "example": "x" }, { "param_name": "nama", "example": "Budi" }] } }],
    });
    host.expect("GET", ASKED).answer(200, json!({ "data": [positional, named] }));
    let page = WhatsApp::list_templates(cloud(), None).unwrap();
    let of = |at: usize| serde_json::from_str::<Value>(&page.templates[at]).unwrap()["parameters"].clone();
    assert_eq!(
        of(0),
        json!([
            { "name": "header.1", "in": "header", "kind": "text", "max": 60, "example": "A-7" },
            { "name": "1", "in": "body", "kind": "text", "max": 1024, "example": "Budi" },
            { "name": "2", "in": "body", "kind": "text", "max": 1024, "example": "besok" },
            { "name": "button.0.code", "in": "button", "kind": "text", "max": 15, "example": "HEMAT" },
            { "name": "button.1", "in": "button", "kind": "text", "max": 15 },
        ])
    );
    assert_eq!(
        of(1),
        json!([
            { "name": "nama", "in": "body", "kind": "text", "max": 1024, "example": "Budi" },
            { "name": "body.header", "in": "body", "kind": "text", "max": 1024, "example": "x" },
        ])
    );
}

#[test]
fn templates_come_page_by_page_with_what_must_be_filled_in() {
    let host = Host::new();
    let template = json!({
        "id": "1", "name": "order", "language": "id", "status": "APPROVED", "category": "UTILITY",
        "components": [
            { "type": "HEADER", "format": "IMAGE" },
            { "type": "BODY", "text": "Halo {{1}}, pesanan {{2}}. {{1}}" },
            { "type": "BUTTONS", "buttons": [{ "type": "QUICK_REPLY", "text": "Ya" }, { "type": "URL", "url": "https://x/{{1}}" }] },
        ],
    });
    host.expect("GET", ASKED)
        .answer(200, json!({ "data": [template], "paging": { "cursors": { "after": "c1" }, "next": "https://…" } }));
    let page = WhatsApp::list_templates(cloud(), None).unwrap();
    assert_eq!(page.next.as_deref(), Some("c1"));
    let listed: Value = serde_json::from_str(&page.templates[0]).unwrap();
    assert_eq!((listed["status"].as_str(), listed["category"].as_str()), (Some("approved"), Some("utility")));
    let names: Vec<&str> =
        listed["parameters"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["header", "1", "2", "button.0.payload", "button.1"]);
    assert_eq!(listed["parameters"][3]["required"], false, "a quick reply carries its words where nothing is given");
    assert_eq!((&listed["header_kind"], &listed["buttons"][1]["kind"]), (&json!("image"), &json!("url")));
    host.expect("GET", format!("{ASKED}&after=c1"))
        .answer(200, json!({ "data": [], "paging": { "cursors": { "after": "c2" } } }));
    assert_eq!(WhatsApp::list_templates(cloud(), page.next).unwrap().next, None);
}
