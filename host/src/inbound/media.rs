//! Fetches the files of inbound messages: durable, with backoff, streaming, and with a size limit.
//!
//! A file's row says when it is due; a claimed one comes again by itself, and at once after a start.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use sambung_runtime::contract::media::Source;
use sambung_runtime::shares::Place;
use sambung_runtime::{Download, DownloadError, Markers};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Inner;
use crate::db::{DueMedia, MediaOutcome};
use crate::keys::MediaId;
use crate::media::{Claim, MediaError, Owner};
use crate::model::channel::ChannelState;

/// Most files fetched at a time for one channel.
pub(super) const EACH_CHANNEL: usize = 8;
/// How often a file is tried.
const MOST_TRIES: i64 = 8;
/// The first delay after a failure; each following one is four times as long.
const FIRST_DELAY: i64 = 5_000;
/// The longest delay, whoever asks for it.
const LONGEST_DELAY: i64 = 6 * 3_600_000;
/// For how long a provider may go on saying "later".
const PATIENCE: i64 = 24 * 3_600_000;
/// How often the table is looked at without a signal.
const LOOK_AGAIN: Duration = Duration::from_secs(2);

pub(super) async fn run(inner: &Arc<Inner>, stop: &CancellationToken) {
    let mut fetching = JoinSet::new();
    while !stop.is_cancelled() {
        let due = match claim(inner).await {
            Ok(due) => due,
            Err(error) => {
                tracing::warn!(%error, "files that are due could not be claimed");
                Vec::new()
            }
        };
        for (file, place) in due {
            let inner = Arc::clone(inner);
            fetching.spawn(async move {
                fetch(&inner, file).await;
                drop(place);
            });
        }
        tokio::select! {
            _ = fetching.join_next(), if !fetching.is_empty() => {}
            () = inner.wakes.media.notified() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
    }
}

/// Claims files that are due, each with its place: first those of the workspaces, and then the accounts, that hold fewest.
async fn claim(inner: &Inner) -> Result<Vec<(DueMedia, Place)>, crate::db::DbError> {
    let now = inner.clock.now();
    let mut waiting = inner.db.accounts_with_due_media(now, EACH_CHANNEL as u32).await?;
    let member = |account: i64| account.to_string();
    let mut places: HashMap<i64, Vec<Place>> = HashMap::new();
    while !waiting.is_empty() {
        waiting.sort_by_cached_key(|one| (inner.fetches.load(&one.workspace, &member(one.account)), one.due_at));
        waiting.retain_mut(|one| {
            let member = member(one.account);
            if inner.fetches.room(&one.workspace, &member) == 0 {
                return false;
            }
            let Some(place) = inner.fetches.try_take(&one.workspace, &member) else { return false };
            places.entry(one.account).or_default().push(place);
            one.files -= 1;
            one.files > 0
        });
    }
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let of = places.iter().map(|(account, places)| (*account, places.len() as u32)).collect();
    let claimed = inner.db.claim_due_media(now, of).await?;
    Ok(claimed.into_iter().filter_map(|file| places.get_mut(&file.account)?.pop().map(|place| (file, place))).collect())
}

async fn fetch(inner: &Inner, file: DueMedia) {
    let outcome = match try_fetch(inner, &file).await {
        Ok(outcome) => outcome,
        Err(error) => {
            tracing::warn!(%error, file = %file.id, "a file could not be looked into");
            return;
        }
    };
    let word = match &outcome {
        MediaOutcome::Stored(_) => "stored",
        MediaOutcome::Later { .. } => "later",
        MediaOutcome::Failed(_) => "failed",
    };
    metrics::counter!("sambung_inbound_files_total", "outcome" => word).increment(1);
    if let Err(error) = inner.db.settle_media(file.id, outcome, inner.clock.now()).await {
        tracing::warn!(%error, file = %file.id, "a file's state could not be stored");
    }
}

async fn try_fetch(inner: &Inner, due: &DueMedia) -> Result<MediaOutcome, crate::db::DbError> {
    let now = inner.clock.now();
    if let Some(handle) = &due.file.blob {
        return of_mail(inner, due, handle).await;
    }
    let Some(channel) = &due.channel else {
        return Ok(MediaOutcome::Failed("the channel that it came through is not connected".into()));
    };
    let Some(channel) = inner.db.channel(channel).await? else {
        return Ok(MediaOutcome::Failed("the channel that it came through is not connected".into()));
    };
    let generation = inner.plugins.get(&channel.plugin).filter(|generation| generation.is_active());
    let Some(generation) = generation.filter(|_| channel.state != ChannelState::Connecting) else {
        return Ok(MediaOutcome::Later { at: now + 60_000, counted: false });
    };
    let caller = channel.caller();
    let mut markers = Markers::default();
    let source = if generation.plugin.interfaces().media && due.file.ref_.is_some() {
        match generation.plugin.resolve(&caller, channel.to_contract(None), due.file.clone()).await {
            Ok(done) => match done.value {
                Ok(source) => {
                    markers = done.effects.markers;
                    source
                }
                Err(fault) if matches!(fault.kind.as_str(), "unavailable" | "rate-limited" | "unauthorized") => {
                    let asked = fault.retry_after_ms.and_then(|ms| i64::try_from(ms).ok());
                    return Ok(again(due, now, asked, &fault.words));
                }
                Err(fault) => return Ok(MediaOutcome::Failed(fault.words)),
            },
            Err(error) => return Ok(again(due, now, None, &error.to_string())),
        }
    } else if let Some(url) = &due.file.url {
        Source::Open(url.clone())
    } else {
        return Ok(MediaOutcome::Failed("this plugin does not fetch files".into()));
    };
    let download = match source {
        Source::Fetch(request) => Download::Fetch(request, markers),
        Source::Open(url) => Download::Open(url),
        Source::Later(ms) => return Ok(later(due, now, i64::try_from(ms).ok())),
        Source::Gone(reason) => return Ok(MediaOutcome::Failed(reason)),
        Source::Other(open) => return Ok(MediaOutcome::Failed(open.line)),
    };
    Ok(match generation.plugin.download(&caller, download, inner.media.max_bytes()).await {
        Ok(downloaded) => MediaOutcome::Stored(MediaId::of(&downloaded.blob)),
        Err(DownloadError::Later { retry_after_ms }) => {
            later(due, now, retry_after_ms.and_then(|ms| i64::try_from(ms).ok()))
        }
        Err(error) if error.is_temporary() => {
            let asked = match &error {
                DownloadError::Status { retry_after_ms, .. } => retry_after_ms.and_then(|ms| i64::try_from(ms).ok()),
                _ => None,
            };
            again(due, now, asked, &error.to_string())
        }
        Err(error) => MediaOutcome::Failed(error.to_string()),
    })
}

/// A file of a mail, whose bytes the journal has.
async fn of_mail(inner: &Inner, due: &DueMedia, handle: &str) -> Result<MediaOutcome, crate::db::DbError> {
    let now = inner.clock.now();
    let Some(row) = due.request else {
        return Ok(MediaOutcome::Failed("nothing says which mail it is a part of".into()));
    };
    let Some(raw) = inner.db.journal_body(row).await? else {
        return Ok(MediaOutcome::Failed("the raw mail is not kept any more".into()));
    };
    let Some(file) = super::mail::file(raw, handle.to_owned()).await else {
        return Ok(MediaOutcome::Failed("the mail has no such part".into()));
    };
    let claim = Claim { mime: file.mime, name: file.name, kind: Some(due.file.kind.clone()) };
    let kept = async {
        let mut incoming = inner.media.begin(Owner::account(&due.workspace, due.account)).await?;
        incoming.write(&file.bytes.into()).await?;
        incoming.finish(claim).await
    };
    Ok(match kept.await {
        Ok(row) => MediaOutcome::Stored(row.id),
        Err(error @ MediaError::TooLarge(_)) => MediaOutcome::Failed(error.to_string()),
        Err(error) => again(due, now, None, &error.to_string()),
    })
}

/// The provider has it not ready: not a failure, but not for ever either.
fn later(due: &DueMedia, now: i64, asked: Option<i64>) -> MediaOutcome {
    if now - due.created_at > PATIENCE {
        return MediaOutcome::Failed("the provider did not make it ready within a day".into());
    }
    MediaOutcome::Later { at: now + asked.unwrap_or(FIRST_DELAY).clamp(1_000, LONGEST_DELAY), counted: false }
}

/// A failure that may pass.
fn again(due: &DueMedia, now: i64, asked: Option<i64>, words: &str) -> MediaOutcome {
    if due.tries + 1 >= MOST_TRIES {
        return MediaOutcome::Failed(words.to_owned());
    }
    let backoff = FIRST_DELAY.saturating_mul(4_i64.saturating_pow(u32::try_from(due.tries).unwrap_or(u32::MAX)));
    MediaOutcome::Later { at: now + asked.unwrap_or(0).max(backoff).min(LONGEST_DELAY), counted: true }
}

#[cfg(test)]
mod tests {
    use sambung_runtime::contract::types::MediaRef;

    use super::*;

    fn due(tries: i64, created_at: i64) -> DueMedia {
        let file = MediaRef {
            kind: "image".into(),
            blob: None,
            ref_: Some("r".into()),
            url: None,
            mime: None,
            name: None,
            bytes: None,
            width: None,
            height: None,
            duration_ms: None,
            extra: vec![],
        };
        DueMedia {
            id: MediaId::of_row(1),
            workspace: "ws_1".into(),
            account: 1,
            channel: None,
            request: None,
            file,
            tries,
            created_at,
        }
    }

    #[test]
    fn the_providers_own_delay_wins_where_it_is_longer() {
        assert_eq!(again(&due(0, 0), 0, Some(90_000), "busy"), MediaOutcome::Later { at: 90_000, counted: true });
        assert_eq!(again(&due(1, 0), 0, Some(1), "busy"), MediaOutcome::Later { at: 20_000, counted: true });
    }

    #[test]
    fn after_the_last_try_the_reason_is_shown() {
        assert_eq!(again(&due(MOST_TRIES - 1, 0), 0, None, "busy"), MediaOutcome::Failed("busy".into()));
    }

    #[test]
    fn a_provider_that_says_later_for_a_day_is_not_asked_again() {
        assert!(matches!(later(&due(0, 0), PATIENCE, Some(5)), MediaOutcome::Later { counted: false, .. }));
        assert!(matches!(later(&due(0, 0), PATIENCE + 1, Some(5)), MediaOutcome::Failed(_)));
    }
}
