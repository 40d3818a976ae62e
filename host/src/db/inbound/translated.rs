//! A request with what its plugin made of it, and what becomes of it.

use std::sync::Arc;

use sambung_runtime::CallError;
use sambung_runtime::contract::inbound::{Event, Happening, Item, ItemResult, Outcome};
use sambung_runtime::contract::windows::WindowRule;

use crate::db::PendingRow;
use crate::model::content;

/// A request with what its plugin made of it.
#[derive(Debug, Clone)]
pub struct Translated {
    /// The request.
    pub row: Arc<PendingRow>,
    /// What came of the translation.
    pub translation: Translation,
    /// What of it is committed already.
    pub progress: Progress,
}

/// Events of one request that one commit takes. A request with more is committed in steps, so that others' requests, which wait for
/// the same writer, are not held up by it.
pub const STEP: usize = 64;

/// How far a request is that is committed in steps. It is in the journal, and waits there, until its last step: cut off in between
/// it is translated again, and the ids of its events tell what is stored already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The item that comes next.
    pub(super) item: usize,
    /// The event of it that comes next.
    pub(super) event: usize,
    /// What became of those before.
    pub(super) tally: Tally,
}

/// What became of the items of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub stored: u32,
    pub parked: u32,
    pub items: u32,
    pub first_reason: Option<String>,
}

/// Bytes that the disk takes in about the time of one event without files and long texts.
const BYTES_OF_EVENT: usize = 8 << 10;

impl Translated {
    /// How long it takes to commit what is left of it, in events of the usual length, an item without any counting as one.
    pub fn weight(&self) -> usize {
        let of_body = self.row.body.len() / BYTES_OF_EVENT;
        let Translation::Outcome { outcome, .. } = &self.translation else { return of_body.max(1) };
        let left = outcome.items.iter().skip(self.progress.item);
        let (mut events, mut html) = (0, 0);
        for events_of_item in left.map(events_of) {
            events += events_of_item.len().max(1);
            html += events_of_item.iter().map(html_bytes).sum::<usize>();
        }
        let events = events.saturating_sub(self.progress.event).max(1);
        events.max(of_body).max(html / BYTES_OF_EVENT)
    }
}

/// The HTML of a mail may be much longer than the rest of what is stored of a request.
fn html_bytes(event: &Event) -> usize {
    match &event.what {
        Happening::Message(message) => message.content.iter().map(content::html_bytes).sum(),
        _ => 0,
    }
}

/// The events of an item that has any.
pub(super) fn events_of(item: &Item) -> &[Event] {
    match &item.outcome {
        ItemResult::Events(events) => events,
        _ => &[],
    }
}

/// What came of a translation.
#[derive(Debug, Clone)]
pub enum Translation {
    /// The plugin's answer.
    Outcome {
        /// Its items.
        outcome: Arc<Outcome>,
        /// The plugin's window rules.
        rules: Arc<[WindowRule]>,
        /// The channel was not connected when the plugin was asked.
        early: bool,
    },
    /// The channel is connecting, and nobody waits at the provider: nothing was translated.
    TooEarly,
    /// Nothing can be made of it, with the reason.
    Parked(String),
    /// The plugin failed.
    Failed(CallError),
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// All of it is stored, or ignored with a reason.
    Settled,
    /// Some of it, or all, is kept aside with a reason.
    Parked,
    /// It waits for its channel to be connected.
    Waiting,
    /// Some of it is stored, and the rest comes with the next commit.
    Partly,
    /// It has to be translated again: its channel became connected meanwhile, or what came before it is not stored yet.
    Again,
}

impl Effect {
    /// The word in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Effect::Settled => "settled",
            Effect::Parked => "parked",
            Effect::Waiting => "waiting",
            Effect::Partly => "partly",
            Effect::Again => "again",
        }
    }

    /// The state of its row.
    pub(in crate::db) fn state(self) -> &'static str {
        match self {
            Effect::Settled | Effect::Parked | Effect::Waiting => self.word(),
            Effect::Partly | Effect::Again => "pending",
        }
    }
}

/// A request that was committed.
#[derive(Debug, Clone)]
pub struct Committed {
    /// What became of it.
    pub effect: Effect,
    /// Events that are new.
    pub stored: u32,
    /// Where the next commit begins, where there is one.
    pub progress: Option<Progress>,
}

/// Of a request that gave nothing.
pub(super) const NOTHING: Committed = Committed { effect: Effect::Settled, stored: 0, progress: None };
