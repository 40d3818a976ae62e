//! Signals to the provider: that the host noticed a choice of the customer (until then the button shows that it waits), and that a user
//! types.
//!
//! A courtesy: nothing waits for it, it is made at most once for each occasion, and never late.

use std::sync::Arc;

use sambung_runtime::contract::inbound::{Happening, ItemResult};
use sambung_runtime::contract::types::{Content, Target, Thread};

use super::Inner;
use crate::db::{ChannelRow, DbError, Translated, Translation, TypingPlace};

/// Signals at a time, shared by all workspaces; past it choices go without.
pub(super) const AT_ONCE: usize = 32;
/// What is older than this is left alone, in milliseconds.
const LATE: i64 = 30_000;

/// A choice that waits to be noticed.
pub(super) struct Choice {
    workspace: Arc<str>,
    channel: Arc<str>,
    thread: Thread,
    about: Target,
}

/// The choices in a request that was translated when it came.
pub(super) fn choices(translated: &Translated, now: i64) -> Vec<Choice> {
    let row = &translated.row;
    let (Some(workspace), Some(channel), Translation::Outcome { outcome, .. }) =
        (&row.workspace, &row.channel, &translated.translation)
    else {
        return Vec::new();
    };
    if row.replays > 0 || now - row.received_at > LATE {
        return Vec::new();
    }
    let events = outcome.items.iter().filter_map(|item| match &item.outcome {
        ItemResult::Events(events) => Some(events),
        _ => None,
    });
    let messages = events.flatten().filter_map(|event| match &event.what {
        Happening::Message(message) if !matches!(message.kind.as_str(), "echo" | "edited") => Some(message),
        _ => None,
    });
    let chosen = messages.filter(|message| message.content.iter().any(|content| matches!(content, Content::Choice(_))));
    chosen
        .map(|message| Choice {
            workspace: Arc::clone(workspace),
            channel: Arc::clone(channel),
            thread: message.thread.clone(),
            about: Target { id: message.id.clone(), context: message.context.clone(), extra: Vec::new() },
        })
        .collect()
}

/// Tells of those that were stored.
pub(super) fn tell(inner: &Arc<Inner>, choices: Vec<Choice>) {
    for choice in choices {
        let Some(place) = inner.signals.try_take(&choice.workspace, &choice.channel) else { continue };
        let inner = Arc::clone(inner);
        tokio::spawn(async move {
            let _place = place;
            if let Err(error) = signal(&inner, choice).await {
                tracing::debug!(%error, "a choice was not acknowledged");
            }
        });
    }
}

async fn signal(inner: &Inner, choice: Choice) -> Result<(), DbError> {
    let Some(channel) = inner.db.channel(&choice.channel).await? else { return Ok(()) };
    give(inner, &channel, choice.thread, "acknowledge", Some(choice.about)).await;
    Ok(())
}

/// Shows the customer that a user types, where there is a place for one more signal.
pub(super) fn show_typing(inner: &Arc<Inner>, channel: Arc<ChannelRow>, place: TypingPlace) {
    let Some(taken) = inner.signals.try_take(&channel.workspace, &channel.id) else { return };
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        let _taken = taken;
        give(&inner, &channel, place.thread, "typing", place.about).await;
    });
}

async fn give(inner: &Inner, channel: &ChannelRow, thread: Thread, kind: &str, about: Option<Target>) {
    let generation = inner.plugins.get(&channel.plugin);
    let able =
        |generation: &Arc<crate::plugins::Generation>| generation.is_active() && generation.plugin.interfaces().signals;
    let Some(generation) = generation.filter(able) else { return };
    let called =
        generation.plugin.signal(&channel.caller(), channel.to_contract(None), thread, kind.to_owned(), about).await;
    match called.map(|done| done.value) {
        Ok(Ok(())) => {}
        Ok(Err(fault)) => tracing::debug!(words = fault.words, kind, "the provider did not take a signal"),
        // The channel's findings say it.
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use sambung_runtime::contract::inbound::{Event, Item, Message, Outcome};
    use sambung_runtime::contract::types;

    use super::*;
    use crate::db::{PendingRow, Progress};

    fn tapped(received_at: i64, replays: i64) -> Translated {
        let thread = Thread { key: "t".into(), aliases: vec![], joins: vec![], context: None, extra: vec![] };
        let choice = Content::Choice(types::Choice { id: "y".into(), label: None, of: None, extra: vec![] });
        let message = Message {
            kind: "received".into(),
            id: "m".into(),
            thread,
            sender: None,
            content: vec![choice],
            reply_to: None,
            group: None,
            context: Some("{}".into()),
            correlation: None,
            extra: vec![],
        };
        let event = Event {
            id: "e".into(),
            time: None,
            what: Happening::Message(message),
            opens: vec![],
            closes: vec![],
            extra: vec![],
        };
        let item = Item { routes: vec![], raw: None, outcome: ItemResult::Events(vec![event]), extra: vec![] };
        let outcome = Outcome { items: vec![item], answer: None, extra: vec![] };
        let row = PendingRow {
            workspace: Some("ws_1".into()),
            channel: Some("ch_1".into()),
            received_at,
            replays,
            ..PendingRow::default()
        };
        Translated {
            row: Arc::new(row),
            translation: Translation::Outcome { outcome: outcome.into(), rules: Arc::from([]), early: false },
            progress: Progress::default(),
        }
    }

    #[test]
    fn a_choice_is_acknowledged_soon_or_not_at_all_and_never_again() {
        let now = 100_000;
        let soon = choices(&tapped(now - LATE, 0), now);
        assert_eq!((soon.len(), soon[0].about.id.as_str(), soon[0].about.context.as_deref()), (1, "m", Some("{}")));
        assert!(choices(&tapped(now - LATE - 1, 0), now).is_empty(), "a late courtesy is worse than none");
        assert!(choices(&tapped(now, 1), now).is_empty(), "somebody had it run again");
    }
}
