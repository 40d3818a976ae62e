//! The openings of one conversation, as its row keeps them: only those that a later question can turn on, so that they are few.

use serde::{Deserialize, Serialize};

/// Most openings of a rule that are kept, the newest, of those that so many sends spend: a business that writes more often than this
/// before the customer writes again goes by another rule.
const LIMITED: usize = 4;
/// As above, of those that any number of sends go by: as many as differ in which ends last.
const UNLIMITED: usize = 8;

/// Something that opened a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The rule that it opens.
    pub rule: String,
    /// The event that opened it.
    pub event: String,
    /// From when it counts, in milliseconds since 1970: see [`super::counts_from`].
    pub at: i64,
    /// The provider's own end, where it says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<i64>,
    /// JSON that one send spends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Sends that it is still good for; none: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uses_left: Option<i64>,
}

/// The openings of a conversation. What they say does not depend on the order in which they were added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Openings(Vec<Opening>);

impl Opening {
    fn is_limited(&self) -> bool {
        self.token.is_some() || self.uses_left.is_some()
    }

    /// Whether all that `other` allows is allowed by this one, for as long.
    fn covers(&self, other: &Opening) -> bool {
        self.rule == other.rule
            && !self.is_limited()
            && !other.is_limited()
            && self.closes_at.is_some() == other.closes_at.is_some()
            && self.closes_at >= other.closes_at
            && self.at >= other.at
            && (self.closes_at, self.at, &self.event) > (other.closes_at, other.at, &other.event)
    }

    fn is(&self, rule: &str, event: &str) -> bool {
        self.rule == rule && self.event == event
    }
}

impl Openings {
    /// In no particular order.
    pub fn all(&self) -> &[Opening] {
        &self.0
    }

    /// Adds one, unless the same event opened the same rule before.
    pub fn add(&mut self, new: Opening) {
        let known = self.0.iter().any(|one| one.is(&new.rule, &new.event));
        if known || self.0.iter().any(|one| one.covers(&new)) {
            return;
        }
        self.0.retain(|one| !new.covers(one));
        let rule = new.rule.clone();
        self.0.push(new);
        self.bound(&rule);
    }

    /// Lets the oldest of a rule go where they are too many.
    fn bound(&mut self, rule: &str) {
        for (limited, most) in [(true, LIMITED), (false, UNLIMITED)] {
            let such = |one: &Opening| one.rule == rule && one.is_limited() == limited;
            if self.0.iter().filter(|one| such(one)).count() > most {
                let places = (0..self.0.len()).filter(|place| such(&self.0[*place]));
                let oldest = places.min_by_key(|place| (self.0[*place].at, self.0[*place].event.clone()));
                oldest.map(|place| self.0.remove(place));
            }
        }
    }

    /// Takes one use of an opening that counts its uses and has one left.
    pub fn spend(&mut self, rule: &str, event: &str) {
        self.count(rule, event, |left| (left - 1).max(0));
    }

    /// Gives a use back that was taken although nothing was sent.
    pub fn give_back(&mut self, rule: &str, event: &str) {
        self.count(rule, event, |left| left + 1);
    }

    fn count(&mut self, rule: &str, event: &str, change: impl Fn(i64) -> i64) {
        if let Some(one) = self.0.iter_mut().find(|one| one.is(rule, event)) {
            one.uses_left = one.uses_left.map(change);
        }
    }

    /// Forgets tokens, and with each the use of its opening.
    pub fn forget_tokens(&mut self) {
        for one in self.0.iter_mut().filter(|one| one.token.is_some()) {
            (one.token, one.uses_left) = (None, Some(0));
        }
    }
}

impl FromIterator<Opening> for Openings {
    fn from_iter<I: IntoIterator<Item = Opening>>(all: I) -> Openings {
        let mut openings = Openings::default();
        all.into_iter().for_each(|one| openings.add(one));
        openings
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn opening(event: usize, (at, closes_at, token): (i64, Option<i64>, bool)) -> Opening {
        let (event, token) = (format!("e{event}"), token.then(|| "t".to_owned()));
        Opening { rule: "day".into(), event, at, closes_at, uses_left: token.as_ref().map(|_| 1), token }
    }

    fn sorted(openings: &Openings) -> Vec<Opening> {
        let mut all = openings.all().to_vec();
        all.sort_by(|one, other| one.event.cmp(&other.event));
        all
    }

    #[test]
    fn an_opening_that_a_newer_one_covers_is_not_kept_and_a_token_is() {
        let lasting = [(10, None, false), (11, Some(900), false), (12, None, false), (13, Some(50), false)];
        let kept: Openings = lasting.into_iter().enumerate().map(|(event, one)| opening(event, one)).collect();
        assert_eq!(sorted(&kept).iter().map(|one| one.at).collect::<Vec<_>>(), [11, 12, 13]);
        let tokens: Openings = (0..9).map(|event| opening(event, (event as i64, None, true))).collect();
        assert_eq!(sorted(&tokens).iter().map(|one| one.at).collect::<Vec<_>>(), [5, 6, 7, 8]);
    }

    #[test]
    fn a_use_is_spent_and_given_back_and_a_forgotten_token_has_none() {
        let mut kept: Openings = [opening(0, (1, None, true))].into_iter().collect();
        kept.spend("day", "e0");
        kept.spend("day", "e0");
        assert_eq!(kept.all()[0].uses_left, Some(0));
        kept.give_back("day", "e0");
        kept.give_back("day", "another");
        assert_eq!(kept.all()[0].uses_left, Some(1));
        kept.forget_tokens();
        assert_eq!((kept.all()[0].uses_left, &kept.all()[0].token), (Some(0), &None));
        kept.add(opening(0, (1, None, true)));
        assert_eq!(kept.all().len(), 1, "the same event opens once");
    }

    proptest! {
        /// In whatever order openings come, the same are kept, and the end that each closing leaves is the end of all.
        #[test]
        fn what_is_kept_says_the_same_as_all(
            all in prop::collection::vec((0..50i64, prop::option::of(0..90i64)), 0..4),
            order in prop::collection::vec(any::<prop::sample::Index>(), 4),
            shut in 0..60i64,
        ) {
            let all: Vec<Opening> =
                all.into_iter().enumerate().map(|(event, (at, end))| opening(event, (at, end, false))).collect();
            let (mut left, mut mixed) = (all.clone(), Vec::new());
            for index in order.iter().take(all.len()) {
                mixed.push(left.remove(index.index(left.len())));
            }
            let kept: Openings = all.iter().cloned().collect();
            let other: Openings = mixed.into_iter().collect();
            prop_assert_eq!(sorted(&kept), sorted(&other));
            let end = |one: &[Opening]| {
                one.iter().filter(|one| one.at > shut).map(|one| one.closes_at.unwrap_or(one.at + 30)).max()
            };
            prop_assert_eq!(end(kept.all()), end(&all));
        }
    }
}
