//! What an outcome is, in a few words: for the tables of the plugins' tests.

use sambung_sdk::inbound::{Event, Happening, Item, ItemResult, Outcome};
use sambung_sdk::types::Content;

/// A word for each item.
pub fn summary(outcome: &Outcome) -> Vec<String> {
    outcome.items.iter().map(item).collect()
}

/// What an item is.
pub fn item(item: &Item) -> String {
    match &item.outcome {
        ItemResult::Events(events) => events.iter().map(happening).collect::<Vec<_>>().join(" & "),
        ItemResult::Ignored(reason) => format!("ignored: {reason}"),
        ItemResult::Failed(reason) => format!("failed: {reason}"),
        ItemResult::Other(open) => format!("item of another kind: {}", open.kind),
    }
}

/// The one event of an item.
pub fn only(item: &Item) -> Event {
    match &item.outcome {
        ItemResult::Events(events) if events.len() == 1 => events[0].clone(),
        other => panic!("not one event: {other:?}"),
    }
}

fn happening(event: &Event) -> String {
    let rules: Vec<&str> = event.opens.iter().map(|opening| opening.rule.as_str()).collect();
    let opens = match rules.as_slice() {
        [] => "",
        ["customer-service", "human-agent"] => " opens",
        other => panic!("one rule alone is opened: {other:?}"),
    };
    let standby = if event.extra.iter().any(|(name, _)| name == "mode") { " in standby" } else { "" };
    let what = match &event.what {
        Happening::Message(message) => {
            let what = if message.kind == "received" { "message" } else { &message.kind };
            let ours = if message.correlation.is_some() { " with correlation" } else { "" };
            format!("{what} {}{ours}", contents(&message.content))
        }
        Happening::Deleted(_) => "deleted".to_owned(),
        Happening::Reaction(reaction) => format!("reaction {}", reaction.emojis.join(" ")),
        Happening::Delivery(delivery) => delivery.state.clone(),
        Happening::Watermark(mark) => {
            let to = if mark.id.is_some() { "a message" } else { "a time" };
            format!("{} up to {to}", mark.state)
        }
        Happening::Notice(notice) => format!("notice {}", notice.code),
        Happening::Subscription(one) => format!("{} {}", one.topic, if one.active { "begins" } else { "ends" }),
        Happening::Other(open) => format!("other {}", open.kind),
        other => panic!("the plugin makes no such event: {other:?}"),
    };
    format!("{what}{opens}{standby}")
}

fn contents(contents: &[Content]) -> String {
    contents.iter().map(content).collect::<Vec<_>>().join(" + ")
}

fn content(content: &Content) -> String {
    match content {
        Content::Media(media) => {
            let caption = if media.caption.is_some() { " with caption" } else { "" };
            format!("{}{caption}", media.file.kind)
        }
        Content::Unsupported(open) => format!("unsupported {}", open.kind),
        Content::Other(open) => format!("other {}", open.kind),
        other => other.kind().to_owned(),
    }
}
