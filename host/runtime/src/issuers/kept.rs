//! The keys of one issuer as they are kept, and what is to be done when one is asked for. It knows no clock and no network.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::recipe::{KeySet, Lookup};

/// How long keys hold, and how often they are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Keys hold at least so long, whatever the issuer says.
    pub(super) least_fresh: Duration,
    /// And at most so long.
    pub(super) most_fresh: Duration,
    /// Keys of an issuer that does not say hold so long.
    pub(super) usual_fresh: Duration,
    /// Keys that no longer hold go on being used for so long, while newer ones cannot be had.
    pub(super) grace: Duration,
    /// Between two fetches, while there are keys that can be used: anybody may name a key that does not exist.
    pub(super) pause: Duration,
    /// Between two fetches, while there are none.
    pub(super) pause_without: Duration,
    /// The longest that one fetch may take. A request waits for it.
    pub(super) deadline: Duration,
}

impl Pace {
    pub(super) const USUAL: Pace = Pace {
        least_fresh: Duration::from_secs(5 * 60),
        most_fresh: Duration::from_secs(24 * 3600),
        usual_fresh: Duration::from_secs(3600),
        grace: Duration::from_secs(24 * 3600),
        pause: Duration::from_secs(60),
        pause_without: Duration::from_secs(5),
        deadline: Duration::from_secs(5),
    };

    fn fresh(&self, said: Option<Duration>) -> Duration {
        said.unwrap_or(self.usual_fresh).clamp(self.least_fresh, self.most_fresh)
    }
}

/// What is known of an issuer's keys.
#[derive(Default)]
pub(super) struct Kept {
    held: Option<Held>,
    /// When they were asked for last, with whatever end.
    asked: Option<Instant>,
    /// When the last fetch began that brought none.
    failed: Option<Instant>,
    /// Closes when the fetch that is on its way has ended.
    fetch: Option<watch::Receiver<()>>,
}

struct Held {
    keys: KeySet,
    /// When the fetch that brought them began.
    asked: Instant,
    fresh_until: Instant,
    usable_until: Instant,
}

/// What to do about a key.
#[derive(Debug)]
pub(super) enum Step {
    /// That is what is known of it.
    Tell(Lookup),
    /// A fetch is on its way: look again after it.
    Wait(watch::Receiver<()>),
    /// Fetch, then look again.
    Fetch,
}

impl Kept {
    /// What to do about a key that somebody has been waiting for since `since`.
    pub(super) fn look(&self, kid: &str, since: Instant, now: Instant, pace: &Pace) -> Step {
        let held = self.held.as_ref().filter(|held| now < held.usable_until);
        let key = held.and_then(|held| held.keys.find(kid));
        match (held, &key) {
            (Some(held), Some(key)) if now < held.fresh_until => return Step::Tell(Lookup::Known(key.clone())),
            // Only keys that were asked for since then prove that it does not exist: it may be new.
            (Some(held), None) if held.asked >= since => return Step::Tell(Lookup::Absent),
            _ => {}
        }
        let pause = if held.is_some() { pace.pause } else { pace.pause_without };
        let told = Step::Tell(key.map_or(Lookup::Unreachable, Lookup::Known));
        // Whoever had a fetch made does not wait for another one.
        if self.failed.is_some_and(|failed| failed >= since) {
            return told;
        }
        if let Some(fetch) = self.fetch.as_ref().filter(|fetch| fetch.has_changed().is_ok()) {
            return Step::Wait(fetch.clone());
        }
        let may_fetch = self.asked.is_none_or(|asked| now.duration_since(asked) >= pause);
        if may_fetch { Step::Fetch } else { told }
    }

    /// A fetch begins; what is given back is dropped when it has ended, however it does.
    pub(super) fn begin(&mut self, now: Instant) -> watch::Sender<()> {
        let (ends, fetch) = watch::channel(());
        (self.asked, self.fetch) = (Some(now), Some(fetch));
        ends
    }

    /// A fetch that began at `asked` brought nothing.
    pub(super) fn fail(&mut self, asked: Instant) {
        self.failed = Some(asked);
    }

    /// A fetch that began at `asked` brought these, to be held for as long as the issuer said.
    pub(super) fn hold(&mut self, keys: KeySet, asked: Instant, said: Option<Duration>, pace: &Pace) {
        let fresh_until = asked + pace.fresh(said);
        self.held = Some(Held { keys, asked, fresh_until, usable_until: fresh_until + pace.grace });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const HOUR: Duration = Duration::from_secs(3600);

    fn keys(kid: &str) -> KeySet {
        let coordinate = "A".repeat(43);
        let key = serde_json::json!({ "kty": "EC", "crv": "P-256", "kid": kid, "x": coordinate, "y": coordinate });
        KeySet::read(serde_json::json!({ "keys": [key] }).to_string().as_bytes()).unwrap()
    }

    fn fails(kept: &mut Kept, asked: Instant) {
        drop(kept.begin(asked));
        kept.fail(asked);
    }

    /// Keys that were asked for at `asked`.
    fn kept(asked: Instant, said: Option<Duration>) -> Kept {
        let mut kept = Kept::default();
        drop(kept.begin(asked));
        kept.hold(keys("k"), asked, said, &Pace::USUAL);
        kept
    }

    fn look(kept: &Kept, kid: &str, now: Instant) -> &'static str {
        step(kept.look(kid, now, now, &Pace::USUAL))
    }

    fn step(step: Step) -> &'static str {
        match step {
            Step::Tell(Lookup::Known(_)) => "known",
            Step::Tell(Lookup::Absent) => "absent",
            Step::Tell(Lookup::Unreachable) => "unreachable",
            Step::Wait(_) => "wait",
            Step::Fetch => "fetch",
        }
    }

    #[test]
    fn keys_hold_as_long_as_the_issuer_says_within_bounds() {
        let start = Instant::now();
        for (said, held) in [
            (None, HOUR),
            (Some(Duration::ZERO), 300 * SECOND),
            (Some(600 * SECOND), 600 * SECOND),
            (Some(Duration::MAX), 24 * HOUR),
        ] {
            let kept = kept(start, said);
            assert_eq!(look(&kept, "k", start + held - SECOND), "known", "{said:?}");
            assert_eq!(look(&kept, "k", start + held), "fetch", "{said:?}");
        }
    }

    #[test]
    fn keys_that_no_longer_hold_are_used_while_newer_ones_cannot_be_had_and_not_for_ever() {
        let start = Instant::now();
        let mut kept = kept(start, None);
        let late = start + 2 * HOUR;
        fails(&mut kept, late);
        assert_eq!(step(kept.look("k", late, late + SECOND, &Pace::USUAL)), "known", "whoever waited for that fetch");
        assert_eq!(look(&kept, "k", late + 59 * SECOND), "known", "whoever comes soon after it");
        assert_eq!(look(&kept, "k", late + 60 * SECOND), "fetch", "at most once a minute");
        let too_late = start + 25 * HOUR;
        fails(&mut kept, too_late);
        assert_eq!(look(&kept, "k", too_late + SECOND), "unreachable", "a day after they ended");
        assert_eq!(look(&kept, "k", too_late + 5 * SECOND), "fetch");
    }

    #[test]
    fn an_unknown_key_is_asked_for_at_most_once_a_minute_and_refused_only_when_it_was() {
        let start = Instant::now();
        let mut kept = kept(start, None);
        let soon = start + 30 * SECOND;
        assert_eq!(look(&kept, "other", soon), "unreachable", "it may be newer than what is kept");
        let later = start + 60 * SECOND;
        assert_eq!(look(&kept, "other", later), "fetch");
        let ends = kept.begin(later);
        assert_eq!(look(&kept, "other", later + SECOND), "wait", "one fetch at a time");
        assert_eq!(look(&kept, "k", later + SECOND), "known", "known keys wait for nobody");
        kept.hold(keys("k"), later, None, &Pace::USUAL);
        drop(ends);
        assert_eq!(step(kept.look("other", later, later + SECOND, &Pace::USUAL)), "absent");
        assert_eq!(step(kept.look("other", soon, later + SECOND, &Pace::USUAL)), "absent");
        assert_eq!(look(&kept, "other", later + SECOND), "unreachable", "somebody who came after that fetch began");
    }

    #[test]
    fn without_keys_they_are_asked_for_again_soon_but_not_by_every_request() {
        let start = Instant::now();
        let mut kept = Kept::default();
        assert_eq!(look(&kept, "k", start), "fetch");
        let ends = kept.begin(start);
        assert_eq!(look(&kept, "k", start + SECOND), "wait");
        kept.fail(start);
        drop(ends);
        assert_eq!(look(&kept, "k", start + 4 * SECOND), "unreachable");
        assert_eq!(look(&kept, "k", start + 5 * SECOND), "fetch");
        let _ends = kept.begin(start + 5 * SECOND);
        let first = kept.look("k", start, start + 6 * SECOND, &Pace::USUAL);
        assert_eq!(step(first), "unreachable", "whoever had a fetch made waits for no other");
    }
}
