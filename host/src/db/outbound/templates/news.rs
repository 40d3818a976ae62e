//! What an event says of a template: taken over at once, and read again soon, since an event tells a part and may come late.

use rusqlite::{Connection, OptionalExtension, params};
use serde_json::{Value, json};

use crate::db::DbError;
use crate::db::outbound::templates::{KnownTemplate, channel_of, find, known, make_stale, tell};

/// Takes over `wit/schemas/template-changed.json` in the act that stores the event. A template that is not known yet comes with
/// the next reading.
pub(in crate::db) fn changed(
    db: &Connection,
    workspace: &str,
    account_id: i64,
    news: &str,
    now: i64,
) -> Result<(), DbError> {
    make_stale(db, account_id, now)?;
    let news: Value = serde_json::from_str(news).unwrap_or_default();
    let Some(before) = meant(db, account_id, &news)? else { return Ok(()) };
    let after = with(before.clone(), &news);
    if after == before {
        return Ok(());
    }
    db.prepare_cached(
        "UPDATE templates SET status = ?4, body = ?5 WHERE account_id = ?1 AND name = ?2 AND language = ?3",
    )?
    .execute(params![account_id, after.name, after.language, after.status, after.body.to_string()])?;
    tell(db, workspace, channel_of(db, account_id)?.as_deref(), &after, now)
}

/// The template that is meant: by name and language, else by the provider's id.
fn meant(db: &Connection, account_id: i64, news: &Value) -> Result<Option<KnownTemplate>, DbError> {
    let word = |key: &str| news.get(key).and_then(Value::as_str);
    if let (Some(name), Some(language)) = (word("name"), word("language")) {
        return find(db, account_id, name, language);
    }
    let Some(id) = word("id") else { return Ok(None) };
    let mut ask = db.prepare_cached(
        "SELECT name, language, status, enabled, body, synced_at FROM templates WHERE account_id = ?1 AND body ->> '$.id' = ?2",
    )?;
    Ok(ask.query_row(params![account_id, id], known).optional()?)
}

fn with(mut template: KnownTemplate, news: &Value) -> KnownTemplate {
    let word = |key: &str| news.get(key).and_then(Value::as_str);
    let Some(body) = template.body.as_object_mut() else { return template };
    for key in ["category", "quality"] {
        if let Some(value) = word(key) {
            body.insert(key.to_owned(), json!(value));
        }
    }
    if let Some(status) = word("status") {
        body.insert("status".to_owned(), json!(status));
        body.remove("reason");
        status.clone_into(&mut template.status);
    }
    if let Some(reason) = word("reason") {
        body.insert("reason".to_owned(), json!(reason));
    }
    template
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template() -> KnownTemplate {
        KnownTemplate {
            name: "n".into(),
            language: "id".into(),
            status: "pending".into(),
            enabled: true,
            body: json!({"status": "pending", "category": "utility", "body": "Halo"}),
            synced_at: 1,
        }
    }

    #[test]
    fn each_event_changes_what_it_names_and_nothing_else() {
        let rejected = with(template(), &json!({"status": "rejected", "reason": "SCAM", "category": null}));
        assert_eq!(rejected.status, "rejected");
        assert_eq!(
            rejected.body,
            json!({"status": "rejected", "category": "utility", "body": "Halo", "reason": "SCAM"})
        );
        let approved = with(rejected.clone(), &json!({"status": "approved"}));
        assert_eq!(approved.body.get("reason"), None, "an earlier reason is no more");
        let quality = with(rejected, &json!({"quality": "red"}));
        assert_eq!((quality.status.as_str(), &quality.body["reason"]), ("rejected", &json!("SCAM")));
        let warned = with(approved, &json!({"reason": "FLAGGED", "category": "marketing"}));
        assert_eq!((warned.status.as_str(), warned.is_sendable()), ("approved", true));
        assert_eq!((&warned.body["reason"], &warned.body["category"]), (&json!("FLAGGED"), &json!("marketing")));
        assert_eq!(with(template(), &json!({})), template());
    }
}
