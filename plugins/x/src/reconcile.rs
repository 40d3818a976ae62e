//! What became of a message whose answer was lost: it is looked for in its conversation.

use crate::api::{ask, now_ms, to};
use crate::outbound::conversation;
use crate::polled::milliseconds;
use crate::polling::fields;
use crate::settings::{self, Mode};
use crate::text::without_link;
use crate::{X, quick_replies};
use sambung_sdk::json::Value;
use sambung_sdk::reconcile::{Lost, Reconcile, Verdict};
use sambung_sdk::types::{Channel, Content, Fault, Receipt};

/// How far X's clock may be from the host's, in milliseconds.
const CLOCKS_MS: u64 = 2_000;
/// How long after the call began a message may appear, in milliseconds.
const LATEST_MS: u64 = 60_000;
/// Messages that are looked through.
const PAGE: &str = "20";

impl Reconcile for X {
    fn reconcile(channel: Channel, attempts: Vec<Lost>) -> Vec<Result<Verdict, Fault>> {
        let mut taken = Vec::new();
        attempts.iter().map(|lost| verdict(&channel, lost, &mut taken)).collect()
    }
}

fn verdict(channel: &Channel, lost: &Lost, taken: &mut Vec<String>) -> Result<Verdict, Fault> {
    let own = channel.account.as_deref().ok_or_else(|| Fault::new("invalid", "the channel has no account"))?;
    let page = page(settings::mode(channel)?, lost)?;
    let events = page["data"].as_array().map(Vec::as_slice).unwrap_or_default();
    let times = lost.at.saturating_sub(CLOCKS_MS)..=lost.at.saturating_add(LATEST_MS);
    let time = |event: &Value| event["created_at"].as_str().and_then(milliseconds);
    let found = events.iter().rev().find(|event| {
        let id = event["id"].as_str().unwrap_or_default();
        event["sender_id"] == own
            && time(event).is_some_and(|time| times.contains(&time))
            && !taken.iter().any(|known| known == id)
            && holds(event, &lost.attempt.content)
    });
    if let Some(id) = found.and_then(|event| event["id"].as_str()) {
        taken.push(id.to_owned());
        return Ok(Verdict::Sent(Receipt::new([id])));
    }
    // The page must reach back to before the call, and X have had its time.
    let whole = page["meta"]["next_token"].is_null() || events.iter().any(|event| time(event) < Some(*times.start()));
    let late = now_ms() > *times.end();
    Ok(if whole && late { Verdict::NotSent } else { Verdict::Unclear })
}

fn page(mode: Mode, lost: &Lost) -> Result<Value, Fault> {
    let place = conversation(&lost.attempt).map_err(|error| Fault::new("invalid", error.words))?;
    let request = fields(to("GET", &format!("{place}/dm_events")).query("max_results", PAGE));
    ask(&mode.as_user(request))?.json().map_err(Fault::unavailable)
}

/// Whether a message is this content as X writes it: links are shortened, and a file has one of its own.
fn holds(event: &Value, content: &Content) -> bool {
    let (words, file) = match content {
        Content::Text(text) => (text.body.clone(), false),
        Content::Media(media) => (media.caption.clone().unwrap_or_default(), true),
        Content::Interactive(content) => (quick_replies::text(content).unwrap_or_default(), false),
        _ => return false,
    };
    let has_file = event["attachments"]["media_keys"].as_array().is_some_and(|keys| !keys.is_empty());
    has_file == file && plain(event).trim() == words.trim()
}

fn plain(event: &Value) -> String {
    let links = || event["entities"]["urls"].as_array().into_iter().flatten();
    let mut text = without_link(event["text"].as_str().unwrap_or_default(), links());
    for link in links() {
        if let (Some(short), Some(long)) = (link["url"].as_str(), link["expanded_url"].as_str()) {
            text = text.replace(short, long);
        }
    }
    text
}
