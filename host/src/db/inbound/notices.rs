//! What the provider says about the account itself, as findings of the channel.

use rusqlite::Connection;
use sambung_runtime::contract::inbound::{Event, Happening, Notice};
use serde_json::Value;

use crate::db::engine::after;
use crate::db::inbound::site::Site;
use crate::db::{DbError, channels};
use crate::model::channel::{Finding, FindingSource, Instruction};

/// Shows a notice as a finding of the channel.
pub(super) fn notice(site: &Site<'_>, notice: &Notice, at: i64) -> Result<(), DbError> {
    match site.channel {
        Some(channel) => show(site.db, channel, finding_of(notice), at),
        None => Ok(()),
    }
}

/// Shows what changed about the account as a finding of the channel.
pub(super) fn account_changed(site: &Site<'_>, body: &str, at: i64) -> Result<(), DbError> {
    match site.channel {
        Some(channel) => show(site.db, channel, account_finding(body), at),
        None => Ok(()),
    }
}

/// Events that take effect while a channel is not connected yet.
pub(super) fn early(db: &Connection, channel: &str, event: &Event, at: i64) -> Result<(), DbError> {
    if matches!(event.what, Happening::Notice(_) | Happening::AccountChanged(_)) {
        // It may be what the channel waits for.
        after::wake_channels();
    }
    match &event.what {
        Happening::Notice(notice) => show(db, channel, finding_of(notice), at),
        Happening::AccountChanged(body) => show(db, channel, account_finding(body), at),
        _ => Ok(()),
    }
}

fn show(db: &Connection, channel: &str, finding: Finding, at: i64) -> Result<(), DbError> {
    if channels::note(db, channel, &finding, FindingSource::Notice.as_str(), at)? {
        channels::tell(db, channel, at)?;
    }
    Ok(())
}

fn finding_of(notice: &Notice) -> Finding {
    let fix = (notice.link.is_some() || notice.copy.is_some()).then(|| Instruction {
        reason: None,
        text: notice.words.clone(),
        link: notice.link.clone(),
        copy: notice.copy.clone(),
    });
    Finding::new(level(&notice.level), notice.code.clone(), notice.words.clone(), fix)
}

fn level(word: &str) -> &str {
    if matches!(word, "info" | "warning" | "error") { word } else { "warning" }
}

fn account_finding(body: &str) -> Finding {
    let json: Value = serde_json::from_str(body).unwrap_or(Value::Null);
    let text = |key: &str| json.get(key).and_then(Value::as_str);
    let what = text("what").or_else(|| text("field")).or_else(|| text("kind")).unwrap_or("account");
    let words = text("words").map_or_else(|| body.chars().take(500).collect(), str::to_owned);
    Finding::new(level(text("level").unwrap_or("info")), format!("account-changed:{what}"), words, None)
}
