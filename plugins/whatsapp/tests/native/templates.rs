//! Listing templates, page by page.

use crate::support::cloud;
use sambung_plugin_whatsapp::WhatsApp;
use sambung_sdk::json::{Value, json};
use sambung_sdk::templates::Templates;
use sambung_sdk::testing::Host;

const ASKED: &str = "https://graph.facebook.com/v24.0/419561257915477/message_templates?fields=id%2Cname%2Cstatus%2Ccategory%2Clanguage%2Ccomponents%2Cparameter_format%2Cquality_score%2Crejected_reason&limit=100";

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
    assert_eq!(names, ["header", "1", "2", "button.1"]);
    host.expect("GET", format!("{ASKED}&after=c1"))
        .answer(200, json!({ "data": [], "paging": { "cursors": { "after": "c2" } } }));
    assert_eq!(WhatsApp::list_templates(cloud(), page.next).unwrap().next, None);
}
