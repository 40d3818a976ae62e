//! What the provider tells of a template that changed (webhooks `message_template_status_update`,
//! `message_template_quality_update`, `template_category_update`, `message_template_components_update`).

use sambung_sdk::json::{Value, json};

/// Events after which a template may be sent.
const APPROVED: [&str; 2] = ["APPROVED", "REINSTATED"];
/// Events that warn of a template that may be sent as before.
const WARNINGS: [&str; 1] = ["FLAGGED"];

/// The data of the happening, after `wit/schemas/template-changed.json`.
pub fn changed(value: Value) -> Value {
    let event = value["event"].as_str();
    let status = event
        .filter(|event| !WARNINGS.contains(event))
        .map(|event| if APPROVED.contains(&event) { "approved".to_owned() } else { event.to_lowercase() });
    let category = value["new_category"].as_str().or(value["message_template_category"].as_str());
    json!({
        "name": value["message_template_name"],
        "language": value["message_template_language"],
        "id": id(&value["message_template_id"]),
        "status": status,
        "category": category.map(str::to_lowercase),
        "quality": value["new_quality_score"].as_str().map(str::to_lowercase),
        "reason": reason(&value),
        "data": value,
    })
}

fn id(id: &Value) -> Option<String> {
    id.as_str().map(str::to_owned).or_else(|| id.as_u64().map(|id| id.to_string()))
}

/// Everything that is said of why, in the provider's words.
fn reason(value: &Value) -> Option<String> {
    let flagged = value["event"].as_str().filter(|event| WARNINGS.contains(event));
    let word = value["reason"].as_str().filter(|reason| *reason != "NONE");
    let detail = |object: &str, name: &str| value[object][name].as_str();
    let disabled = &value["disable_info"]["disable_date"];
    let disabled = disabled.as_str().map(str::to_owned).or_else(|| disabled.as_u64().map(|time| time.to_string()));
    let disabled = disabled.map(|date| format!("disable date: {date}"));
    let said: Vec<&str> = [
        flagged,
        word,
        detail("rejection_info", "reason"),
        detail("rejection_info", "recommendation"),
        detail("other_info", "title"),
        detail("other_info", "description"),
        disabled.as_deref(),
    ]
    .into_iter()
    .flatten()
    .filter(|words| !words.is_empty())
    .collect();
    (!said.is_empty()).then(|| said.join(": "))
}
