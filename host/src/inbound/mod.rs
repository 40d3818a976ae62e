//! From verified requests to conversations: a request is put into the journal and acknowledged, then translated, in parallel with
//! others, and what came of it is committed in order of arrival for each address; files and names are fetched afterwards by durable
//! jobs.
//!
//! It knows neither HTTP nor how a request was verified. Whatever it holds in memory can be lost, because the journal has it.

mod acknowledge;
mod handover;
mod lanes;
pub mod mail;
mod media;
mod pipeline;
mod polling;
mod profiles;
mod translate;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sambung_runtime::contract::inbound::Response;
use sambung_runtime::shares::Shares;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::db::{ChannelRow, Db, DbError, JournalReader, NewRow, Replay, TypingPlace};
use crate::keys::{MediaId, RequestId};
use crate::media::Media;
use crate::plugins::{Registry, Renewals};
use crate::upkeep::Upkeep;
use crate::wake::Wakes;

/// Inbound work. Cheap to clone.
#[derive(Clone)]
pub struct Inbound(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    wakes: Wakes,
    plugins: Registry,
    renewals: Renewals,
    /// Where files are kept.
    media: Media,
    answers: Arc<Answers>,
    handover: Arc<handover::Handover>,
    polling: polling::Settings,
    /// Events that one request may make.
    most_events: usize,
    /// Places for requests in flight: see the pipeline.
    requests: Shares,
    /// Places for signals.
    signals: Shares,
    /// Places for fetching files.
    fetches: Shares,
    upkeep: Upkeep,
}

/// What of the configuration concerns inbound work.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// Requests in flight, from their arrival until what came of them is committed, shared by all workspaces.
    pub requests: usize,
    /// Polls at a time, shared by all workspaces.
    pub polls: usize,
    /// Files that are fetched at a time, shared by all workspaces.
    pub fetches: usize,
    /// Events that one request may make.
    pub most_events: usize,
    /// Providers cannot reach this host, so that whoever can be polled is.
    pub unreachable: bool,
}

/// Told the id of a request before it is translated.
pub type Named = Box<dyn FnOnce(RequestId) + Send>;

/// Those who wait for what a plugin answers a request.
#[derive(Default)]
struct Answers(Mutex<HashMap<RequestId, oneshot::Sender<Option<Response>>>>);

/// How often waiting echoes are looked at.
const ECHOES: Duration = Duration::from_secs(2);
/// Echoes made messages in one act.
const ECHOES_AT_ONCE: u32 = 50;

impl Inbound {
    /// Nothing runs before [`Inbound::run`].
    pub fn new(
        db: Db,
        clock: Clock,
        wakes: Wakes,
        (plugins, renewals, upkeep): (Registry, Renewals, Upkeep),
        media: Media,
        settings: Settings,
    ) -> Inbound {
        Inbound(Arc::new(Inner {
            db,
            clock,
            wakes,
            plugins,
            renewals,
            media,
            answers: Arc::default(),
            handover: Arc::default(),
            polling: polling::Settings {
                places: Shares::new("polls", settings.polls),
                unreachable: settings.unreachable,
            },
            requests: Shares::new("inbound_requests", settings.requests),
            signals: Shares::new("signals", acknowledge::AT_ONCE),
            fetches: Shares::limited("fetches", settings.fetches, media::EACH_CHANNEL),
            most_events: settings.most_events,
            upkeep,
        }))
    }

    /// Works until `stop`; what is in flight then is done again at the next start.
    pub async fn run(&self, stop: CancellationToken) {
        let jobs = async {
            let all = async {
                tokio::join!(
                    media::run(&self.0, &stop),
                    profiles::run(&self.0, &stop),
                    polling::run(&self.0),
                    self.settle_echoes()
                )
            };
            tokio::select! {
                () = stop.cancelled() => {}
                _ = all => {}
            }
        };
        tokio::join!(pipeline::run(&self.0, &stop), jobs);
    }

    async fn settle_echoes(&self) {
        loop {
            tokio::time::sleep(ECHOES).await;
            if let Err(error) = self.0.db.settle_waiting_echoes(self.0.clock.now(), ECHOES_AT_ONCE).await {
                tracing::warn!(%error, "echoes could not be settled");
            }
        }
    }

    /// Has a settled or parked row of the journal translated again.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn replay(&self, reader: JournalReader, id: RequestId) -> Result<Replay, DbError> {
        self.0.db.replay_row(reader, id).await
    }

    /// Has a failed file of this workspace fetched again; whether there was one.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn fetch_media_again(&self, workspace: &str, id: MediaId) -> Result<bool, DbError> {
        self.0.db.fetch_media_again(workspace, id, self.0.clock.now()).await
    }

    /// Rows that wait for translation.
    ///
    /// # Errors
    /// The database refuses.
    pub async fn waiting(&self) -> Result<i64, DbError> {
        self.0.db.count_pending_rows().await
    }

    /// Shows the customer of a conversation that a user types. Nothing waits for it; while too many signals are under way it is left out.
    pub fn show_typing(&self, channel: Arc<ChannelRow>, place: TypingPlace) {
        acknowledge::show_typing(&self.0, channel, place);
    }

    /// Takes a verified request: once this returns it is in the journal and may be acknowledged. `expected`: see
    /// [`Inbound::expect_answer`].
    ///
    /// # Errors
    /// The database refuses; the request may be sent again.
    pub async fn receive(&self, row: NewRow, expected: Option<Named>) -> Result<(), DbError> {
        let handover = Arc::clone(&self.0.handover);
        let named = expected.unwrap_or_else(|| Box::new(drop));
        self.0.db.append_journal(row, named, move |row| handover.give(row)).await
    }

    /// For a request that its plugin answers: hand the first to [`Inbound::receive`], await the second. It ends without an
    /// answer where the request was not translated, or the plugin said nothing.
    pub fn expect_answer(&self) -> (Named, oneshot::Receiver<Option<Response>>) {
        let (tell, told) = oneshot::channel();
        let answers = Arc::clone(&self.0.answers);
        (Box::new(move |row| answers.expect(row, tell)), told)
    }
}

impl Answers {
    fn expect(&self, row: RequestId, tell: oneshot::Sender<Option<Response>>) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.retain(|_, tell| !tell.is_closed());
        waiting.insert(row, tell);
    }

    fn give(&self, row: RequestId, answer: impl FnOnce() -> Option<Response>) {
        let waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&row);
        if let Some(tell) = waiting {
            // Whoever waited may have lost patience.
            let _ = tell.send(answer());
        }
    }
}
