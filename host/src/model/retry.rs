//! When something that did not work is tried again. Chance is an argument, so that the schedule can be proved.

use sambung_runtime::manifest::Resend;

/// Automatic tries of one part after failures that may pass; then it has failed and a person decides.
pub const MOST_TRIES: u32 = 10;

const FIRST_MS: f64 = 2_000.0;
const LONGEST_MS: f64 = 15.0 * 60_000.0;
/// Longest delay of a provider's own that is honoured; what asks for more is tried after this.
const PROVIDERS_LONGEST_MS: i64 = 24 * 60 * 60_000;

/// Milliseconds until the next try of a send after `tries` tries (at least one), or none when there were enough.
///
/// The provider's own delay wins over the schedule. `chance` from 0 to 1 spreads what failed together.
pub fn send_delay(tries: u32, provider: Option<u64>, chance: f64) -> Option<i64> {
    if tries >= MOST_TRIES {
        return None;
    }
    if let Some(asked) = provider {
        return Some(i64::try_from(asked).unwrap_or(i64::MAX).min(PROVIDERS_LONGEST_MS));
    }
    let doubled = FIRST_MS * 2f64.powi(tries.saturating_sub(1).min(30) as i32);
    Some(spread(doubled.min(LONGEST_MS), chance))
}

/// Milliseconds until the provider is asked again what became of an unknown attempt, after it was asked `asked` times.
pub fn reconcile_delay(asked: u32, chance: f64) -> i64 {
    let doubled = 5_000.0 * 2f64.powi(asked.min(30) as i32);
    spread(doubled.min(60.0 * 60_000.0), chance)
}

/// Milliseconds until a provider is polled again after this many failures in a row (at least one): its own delay, else the
/// schedule's.
pub fn poll_delay(failures: u32, provider: Option<u64>, chance: f64) -> i64 {
    if let Some(asked) = provider {
        return i64::try_from(asked).unwrap_or(i64::MAX).clamp(1_000, PROVIDERS_LONGEST_MS);
    }
    let doubled = FIRST_MS * 2f64.powi(failures.saturating_sub(1).min(30) as i32);
    spread(doubled.min(5.0 * 60_000.0), chance)
}

/// Whether the provider still honours an attempt key that was first sent then, under this rule. A margin of a tenth is left
/// for clocks and for the way there.
pub fn may_resend(resend: Option<&Resend>, rule: Option<&str>, first_sent_at: i64, now: i64) -> bool {
    let Some(resend) = resend else { return false };
    let excepted = rule.is_some_and(|rule| resend.except_rules.iter().any(|known| known == rule));
    let safe = i64::try_from(resend.for_ms - resend.for_ms / 10).unwrap_or(i64::MAX);
    !excepted && now.saturating_sub(first_sent_at) < safe
}

/// The schedule that Standard Webhooks recommends, in seconds before each try; the first is at once.
const DELIVERY_S: [i64; 10] = [0, 5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600];

/// Milliseconds until an endpoint is tried again after `tries` failed tries (at least one), or none when that was the last.
///
/// A longer `retry-after` of the endpoint's own wins, up to a day.
pub fn delivery_delay(tries: u32, retry_after_ms: Option<u64>, chance: f64) -> Option<i64> {
    let seconds = *DELIVERY_S.get(tries as usize)?;
    let scheduled = spread(seconds as f64 * 1000.0, chance);
    let asked = retry_after_ms.map_or(0, |ms| i64::try_from(ms).unwrap_or(i64::MAX).min(PROVIDERS_LONGEST_MS));
    Some(scheduled.max(asked))
}

/// Up to a fifth more or less.
fn spread(ms: f64, chance: f64) -> i64 {
    (ms * (0.8 + 0.4 * chance.clamp(0.0, 1.0))) as i64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// After the last try there is no next one.
    #[test]
    fn tries_come_to_an_end() {
        assert_eq!(send_delay(MOST_TRIES, None, 0.5), None);
        assert_eq!(send_delay(MOST_TRIES, Some(5), 0.5), None);
        assert_eq!(delivery_delay(10, None, 0.5), None);
    }

    /// What the provider asks for is done, within a day.
    #[test]
    fn the_providers_delay_wins() {
        assert_eq!(send_delay(1, Some(90_000), 0.0), Some(90_000));
        assert_eq!(send_delay(1, Some(u64::MAX), 0.0), Some(PROVIDERS_LONGEST_MS));
        assert_eq!(delivery_delay(1, Some(60_000), 0.5), Some(60_000));
    }

    /// A provider that fails is asked ever more rarely, and never less than once in some minutes.
    #[test]
    fn polls_back_off_and_go_on() {
        assert_eq!([1, 2, 3].map(|failures| poll_delay(failures, None, 0.5)), [2_000, 4_000, 8_000]);
        assert_eq!(poll_delay(u32::MAX, None, 0.5), 300_000);
        assert_eq!(poll_delay(1, Some(35_000), 0.5), 35_000);
        assert_eq!(poll_delay(1, Some(0), 0.5), 1_000, "a provider that says at once is not hammered");
    }

    /// The delays of an endpoint without jitter are the recommended ones.
    #[test]
    fn endpoints_are_tried_for_three_days() {
        let total: i64 = (1..10).filter_map(|tries| delivery_delay(tries, None, 0.5)).sum();
        assert_eq!(total / 1000, 75 * 3600 + 35 * 60 + 5);
    }

    proptest! {
        /// A later try never waits less than half of an earlier one, whatever chance says, and no longer than the longest.
        #[test]
        fn delays_grow_and_are_bounded(tries in 1..MOST_TRIES - 1, a in 0.0..1.0f64, b in 0.0..1.0f64) {
            let now = send_delay(tries, None, a).unwrap();
            let next = send_delay(tries + 1, None, b).unwrap();
            prop_assert!(next * 2 >= now);
            prop_assert!(now as f64 <= LONGEST_MS * 1.2);
        }
    }
}
