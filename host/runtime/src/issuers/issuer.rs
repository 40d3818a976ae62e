//! One issuer: its keys are fetched once for everybody who waits, and whoever leaves ends no fetch.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderMap;
use http::header::CACHE_CONTROL;
use tokio::sync::watch;
use url::Url;

use super::kept::{Kept, Pace, Step};
use crate::egress::{Client, DialError};
use crate::recipe::{KeySet, KeySetError, Lookup};

/// The longest answer that is read; a key is below one KB.
const MOST_BYTES: usize = 256 << 10;

/// An issuer, by where it publishes its keys.
pub(super) struct Issuer {
    jwks: Url,
    client: Client,
    pace: Pace,
    kept: Mutex<Kept>,
}

/// Why there are no new keys.
#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    Dial(#[from] DialError),
    #[error("it answered {0}, not 200; redirects are not followed")]
    Status(u16),
    #[error(transparent)]
    Keys(#[from] KeySetError),
}

impl Issuer {
    pub(super) fn new(jwks: Url, client: Client, pace: Pace) -> Issuer {
        Issuer { jwks, client, pace, kept: Mutex::default() }
    }

    /// What is known of a key; fetched where that may help.
    pub(super) async fn find(self: &Arc<Issuer>, kid: &str) -> Lookup {
        let since = Instant::now();
        loop {
            let mut fetch = match self.step(kid, since) {
                Ok(lookup) => return lookup,
                Err(fetch) => fetch,
            };
            // Nothing is ever sent: it closes.
            let _ = fetch.changed().await;
        }
    }

    /// What is known, or the fetch to wait for; it begins here where there is none on its way.
    fn step(self: &Arc<Issuer>, kid: &str, since: Instant) -> Result<Lookup, watch::Receiver<()>> {
        let now = Instant::now();
        let mut kept = self.kept();
        match kept.look(kid, since, now, &self.pace) {
            Step::Tell(lookup) => Ok(lookup),
            Step::Wait(fetch) => Err(fetch),
            Step::Fetch => {
                let ends = kept.begin(now);
                let fetch = ends.subscribe();
                let issuer = Arc::clone(self);
                tokio::spawn(async move {
                    issuer.refresh(now).await;
                    drop(ends);
                });
                Err(fetch)
            }
        }
    }

    async fn refresh(&self, asked: Instant) {
        let outcome = match self.fetch().await {
            Ok((keys, said)) => {
                self.kept().hold(keys, asked, said, &self.pace);
                "ok"
            }
            Err(error) => {
                self.kept().fail(asked);
                tracing::warn!(jwks = %self.jwks, %error, "an issuer's keys could not be fetched");
                "failed"
            }
        };
        metrics::counter!("sambung_issuer_fetches_total", "outcome" => outcome).increment(1);
    }

    async fn fetch(&self) -> Result<(KeySet, Option<Duration>), FetchError> {
        let answer = self.client.get(&self.jwks, self.pace.deadline, MOST_BYTES).await?;
        if answer.status != 200 {
            return Err(FetchError::Status(answer.status));
        }
        Ok((KeySet::read(&answer.body)?, max_age(&answer.headers)))
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how long the issuer says that its answer holds.
fn max_age(headers: &HeaderMap) -> Option<Duration> {
    let directives = headers.get_all(CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    directives.flat_map(|value| value.split(',')).find_map(|directive| {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.trim().to_ascii_lowercase().as_str() {
            "no-store" | "no-cache" => Some(Duration::ZERO),
            "max-age" => value.trim().trim_matches('"').parse().ok().map(Duration::from_secs),
            _ => None,
        }
    })
}
