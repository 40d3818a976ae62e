//! When a business may write: rules are the plugin's data, openings and closings are facts, and the arithmetic is here.
//!
//! Whether a window is open is a maximum over openings, cut off by closings; nothing depends on the order in which the facts
//! arrived. Time is an argument.

mod openings;

use sambung_runtime::contract::windows::WindowRule;
use serde_json::Value;

pub use openings::{Opening, Openings};

/// A closing as it is stored: of each rule the latest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The rule it closes.
    pub rule: String,
    /// What was opened until then is shut.
    pub at: i64,
}

/// What is known of one conversation's windows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// What opened them.
    pub openings: Openings,
    /// In any order.
    pub closings: Vec<Closing>,
}

/// What a send wants to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish<'a> {
    /// "free-form", "template": see [`need_of`].
    pub needs: &'a str,
    /// Whether a person wrote it.
    pub human: bool,
    /// Rules that proved shut for it already.
    pub excluded: &'a [String],
}

/// The rule that a send goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The rule; none where the channel has no rules at all.
    pub rule: Option<String>,
    /// The opening whose token or use it spends, by its event.
    pub opening: Option<String>,
    /// The token.
    pub token: Option<String>,
}

/// What a conversation's window looks like to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// Whether free text may be sent.
    pub open: bool,
    /// When that ends by itself; none: not by itself, or it is closed.
    pub closes_at: Option<i64>,
    /// Every kind of content that may be sent now, sorted.
    pub allows: Vec<String>,
    /// Why it is closed: "never-opened", "expired", "used" or "closed".
    pub reason: Option<&'static str>,
}

/// From when an opening counts: the provider's time or the host's, as the rule says. An unknown rule counts from the event.
pub fn counts_from(rule: Option<&WindowRule>, event_at: i64, received_at: i64) -> i64 {
    match rule {
        Some(rule) if rule.counts_from == "receipt" => received_at,
        _ => event_at,
    }
}

/// What a content of this `type` needs to be allowed.
pub fn need_of(content_type: &str) -> &'static str {
    if content_type == "template" { "template" } else { "free-form" }
}

/// The end of a rule's window that one opening gives, or none where it has none of its own.
fn end(rule: &WindowRule, opening: &Opening) -> Option<i64> {
    opening.closes_at.or_else(|| {
        let lasts = i64::try_from(rule.lasts_ms?).unwrap_or(i64::MAX);
        Some(opening.at.saturating_add(lasts))
    })
}

fn cut_off(rule: &WindowRule, opening: &Opening, facts: &Facts) -> bool {
    facts.closings.iter().any(|closing| closing.rule == rule.id && closing.at >= opening.at)
}

/// The openings of a rule that stand at `now`, each with its end.
fn standing<'f>(
    rule: &'f WindowRule,
    facts: &'f Facts,
    now: i64,
) -> impl Iterator<Item = (&'f Opening, Option<i64>)> + 'f {
    facts
        .openings
        .all()
        .iter()
        .filter(|opening| opening.rule == rule.id && opening.uses_left.is_none_or(|left| left > 0))
        .filter(|opening| !cut_off(rule, opening, facts))
        .map(|opening| (opening, end(rule, opening)))
        .filter(move |(_, end)| end.is_none_or(|end| end > now))
}

/// The opening that lasts longest; between equals the newest.
fn best<'f>(rule: &'f WindowRule, facts: &'f Facts, now: i64) -> Option<(&'f Opening, Option<i64>)> {
    standing(rule, facts, now).max_by_key(|(opening, end)| (end.unwrap_or(i64::MAX), opening.at, &opening.event))
}

fn exists(rule: &WindowRule, features: &Value) -> bool {
    rule.only_if.as_ref().is_none_or(|feature| features.get(feature).and_then(Value::as_bool).unwrap_or(false))
}

/// Whether what a rule requires is there. A requirement this host does not know is not met.
fn met(rule: &WindowRule, human: bool, features: &Value) -> bool {
    rule.requires.iter().all(|word| match word.as_str() {
        "human" => human,
        "approval" => features.get(&rule.id).and_then(Value::as_bool).unwrap_or(false),
        _ => false,
    })
}

fn price(rule: &WindowRule) -> u8 {
    match rule.cost.as_deref() {
        None | Some("free") => 0,
        Some("quota") => 1,
        Some("paid") => 2,
        Some(_) => 3,
    }
}

/// The cheapest rule that stands open for this send, or none. Between equally cheap ones the plugin's order decides. A channel
/// without rules may always write.
pub fn choose(rules: &[WindowRule], facts: &Facts, features: &Value, wish: Wish<'_>, now: i64) -> Option<Choice> {
    if rules.is_empty() {
        return Some(Choice { rule: None, opening: None, token: None });
    }
    let mut usable: Vec<&WindowRule> = rules
        .iter()
        .filter(|rule| exists(rule, features) && met(rule, wish.human, features))
        .filter(|rule| rule.allows.iter().any(|allowed| allowed == wish.needs))
        .filter(|rule| !wish.excluded.contains(&rule.id))
        .collect();
    usable.sort_by_key(|rule| price(rule));
    usable.into_iter().find_map(|rule| {
        let named = Some(rule.id.clone());
        if rule.opens_by == "always" {
            return Some(Choice { rule: named, opening: None, token: None });
        }
        let (opening, _) = best(rule, facts, now)?;
        let spends = opening.uses_left.is_some() || opening.token.is_some();
        Some(Choice { rule: named, opening: spends.then(|| opening.event.clone()), token: opening.token.clone() })
    })
}

/// What the window of a conversation looks like at `now` to a person (`human`) or a program.
pub fn look(rules: &[WindowRule], facts: &Facts, features: &Value, human: bool, now: i64) -> Window {
    if rules.is_empty() {
        let allows = vec!["free-form".to_owned(), "template".to_owned()];
        return Window { open: true, closes_at: None, allows, reason: None };
    }
    let existing: Vec<&WindowRule> =
        rules.iter().filter(|rule| exists(rule, features) && met(rule, human, features)).collect();
    let mut allows = Vec::new();
    let mut free_until: Option<i64> = None;
    for rule in &existing {
        let until = if rule.opens_by == "always" {
            i64::MAX
        } else if let Some((_, end)) = best(rule, facts, now) {
            end.unwrap_or(i64::MAX)
        } else {
            continue;
        };
        allows.extend(rule.allows.iter().cloned());
        if rule.allows.iter().any(|allowed| allowed == "free-form") {
            free_until = free_until.max(Some(until));
        }
    }
    allows.sort();
    allows.dedup();
    let reason = free_until.is_none().then(|| why_shut(&existing, facts, now));
    Window { open: free_until.is_some(), closes_at: free_until.filter(|until| *until < i64::MAX), allows, reason }
}

fn why_shut(rules: &[&WindowRule], facts: &Facts, now: i64) -> &'static str {
    let free = |rule: &&&WindowRule| rule.allows.iter().any(|allowed| allowed == "free-form");
    let newest = rules
        .iter()
        .filter(free)
        .flat_map(|rule| {
            facts.openings.all().iter().filter(|opening| opening.rule == rule.id).map(move |opening| (*rule, opening))
        })
        .max_by_key(|(_, opening)| (opening.at, &opening.event));
    match newest {
        None => "never-opened",
        Some((rule, opening)) if cut_off(rule, opening, facts) => "closed",
        Some((rule, opening)) if end(rule, opening).is_some_and(|end| end <= now) => "expired",
        Some(_) => "used",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn rule(id: &str, lasts_ms: Option<u64>, allows: &[&str], cost: &str, opens_by: &str) -> WindowRule {
        WindowRule {
            id: id.into(),
            lasts_ms,
            counts_from: "event".into(),
            uses: None,
            allows: allows.iter().map(|word| (*word).to_owned()).collect(),
            requires: Vec::new(),
            cost: Some(cost.into()),
            only_if: None,
            opens_by: opens_by.into(),
            extra: Vec::new(),
        }
    }

    fn opening(id: i64, rule: &str, at: i64) -> Opening {
        Opening { rule: rule.into(), event: format!("e{id}"), at, closes_at: None, token: None, uses_left: None }
    }

    fn free<'a>(excluded: &'a [String]) -> Wish<'a> {
        Wish { needs: "free-form", human: true, excluded }
    }

    fn token_and_push() -> [WindowRule; 2] {
        [
            rule("push", None, &["free-form"], "quota", "always"),
            rule("reply", Some(60_000), &["free-form"], "free", "event"),
        ]
    }

    /// The free single-use token goes before the paid rule, once.
    #[test]
    fn the_cheapest_open_rule_is_taken_and_its_token_spent() {
        let rules = token_and_push();
        let mut facts = Facts {
            openings: [Opening { token: Some("\"t\"".into()), uses_left: Some(1), ..opening(7, "reply", 1_000) }]
                .into_iter()
                .collect(),
            closings: Vec::new(),
        };
        let features = json!({});
        let choice = choose(&rules, &facts, &features, free(&[]), 2_000).unwrap();
        assert_eq!(
            choice,
            Choice { rule: Some("reply".into()), opening: Some("e7".into()), token: Some("\"t\"".into()) }
        );
        facts.openings.spend("reply", "e7");
        let choice = choose(&rules, &facts, &features, free(&[]), 2_000).unwrap();
        assert_eq!(choice.rule.as_deref(), Some("push"));
    }

    /// What proved shut for a send is not chosen for it again, and past its end a rule is not chosen at all.
    #[test]
    fn excluded_and_expired_rules_are_passed_over() {
        let rules = token_and_push();
        let facts = Facts { openings: [opening(1, "reply", 0)].into_iter().collect(), closings: Vec::new() };
        let features = json!({});
        let excluded = ["reply".to_owned()];
        let chosen = |wish, now| choose(&rules, &facts, &features, wish, now).and_then(|choice| choice.rule);
        assert_eq!(chosen(free(&excluded), 1).as_deref(), Some("push"));
        assert_eq!(chosen(free(&[]), 59_999).as_deref(), Some("reply"));
        assert_eq!(chosen(free(&[]), 60_000).as_deref(), Some("push"));
    }

    /// Outside the day after a customer's message only templates are allowed.
    #[test]
    fn a_closed_window_still_allows_templates() {
        let rules = [
            rule("day", Some(86_400_000), &["free-form", "template"], "free", "event"),
            rule("template", None, &["template"], "paid", "always"),
        ];
        let features = json!({});
        let facts = Facts::default();
        let window = look(&rules, &facts, &features, true, 0);
        assert_eq!(
            window,
            Window { open: false, closes_at: None, allows: vec!["template".into()], reason: Some("never-opened") }
        );
        assert_eq!(choose(&rules, &facts, &features, free(&[]), 0), None);
        let facts = Facts { openings: [opening(1, "day", 5)].into_iter().collect(), closings: Vec::new() };
        let window = look(&rules, &facts, &features, true, 6);
        assert_eq!((window.open, window.closes_at), (true, Some(86_400_005)));
        assert_eq!(look(&rules, &facts, &features, true, 86_400_005).reason, Some("expired"));
    }

    /// A rule for people is not for programs, and one without its feature does not exist.
    #[test]
    fn requirements_and_features_decide() {
        let mut human = rule("human-agent", None, &["free-form"], "free", "always");
        human.requires = vec!["human".into()];
        human.only_if = Some("human_agent".into());
        let rules = [human];
        let yes = json!({"human_agent": true});
        let wish = |human| Wish { needs: "free-form", human, excluded: &[] };
        assert!(choose(&rules, &Facts::default(), &yes, wish(true), 0).is_some());
        assert!(choose(&rules, &Facts::default(), &yes, wish(false), 0).is_none());
        assert!(choose(&rules, &Facts::default(), &json!({}), wish(true), 0).is_none());
    }

    proptest! {
        /// The window is the maximum over openings that no closing cuts off, in whatever order they came.
        #[test]
        fn the_window_is_a_maximum_over_openings(
            at in prop::collection::vec(0..1000i64, 0..8),
            closings in prop::collection::vec(0..1000i64, 0..3),
            now in 0..1200i64,
        ) {
            let rules = [rule("day", Some(100), &["free-form"], "free", "event")];
            let shut = closings.iter().copied().max().unwrap_or(-1);
            let mut facts = Facts {
                openings: at.iter().zip(1..).map(|(at, id)| opening(id, "day", *at)).collect(),
                closings: closings.iter().map(|at| Closing { rule: "day".into(), at: *at }).collect(),
            };
            let expected = at.iter().copied().filter(|at| *at > shut).max().map(|at| at + 100).filter(|end| *end > now);
            let features = json!({});
            let before = look(&rules, &facts, &features, true, now);
            prop_assert_eq!(before.closes_at, expected);
            facts.openings = (1..).zip(&at).collect::<Vec<_>>().into_iter().rev().map(|(id, at)| opening(id, "day", *at)).collect();
            facts.closings.reverse();
            prop_assert_eq!(look(&rules, &facts, &features, true, now), before);
        }

        /// A token with one use is chosen at most once when every choice is spent.
        #[test]
        fn tokens_are_spent_once(tokens in 1..5i64, sends in 1..12usize) {
            let rules = token_and_push();
            let mut facts = Facts {
                openings: (0..tokens).map(|id| Opening {
                    token: Some(id.to_string()), uses_left: Some(1), ..opening(id, "reply", 0)
                }).collect(),
                closings: Vec::new(),
            };
            let features = json!({});
            let mut spent = Vec::new();
            for _ in 0..sends {
                let choice = choose(&rules, &facts, &features, free(&[]), 1).unwrap();
                if let Some(event) = choice.opening {
                    prop_assert!(!spent.contains(&event));
                    facts.openings.spend("reply", &event);
                    spent.push(event);
                }
            }
            prop_assert_eq!(spent.len(), sends.min(tokens as usize));
        }
    }
}
