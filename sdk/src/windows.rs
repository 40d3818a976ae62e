//! When a business may write, as data; the host keeps the clock.

pub use crate::bindings::plugin::exports::sambung::channel::windows::WindowRule;

/// The messaging windows of a channel. Required of every plugin.
pub trait Windows {
    /// Called once when the plugin is loaded. A pure function: only `log` answers. An empty list: a business may always
    /// write.
    fn window_rules() -> Vec<WindowRule>;
}

impl WindowRule {
    /// A rule that an event opens and that then allows free-form content until something closes it.
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            lasts_ms: None,
            counts_from: "event".to_owned(),
            uses: None,
            allows: vec!["free-form".to_owned()],
            requires: Vec::new(),
            cost: None,
            only_if: None,
            opens_by: "event".to_owned(),
            extra: Vec::new(),
        }
    }

    /// How long one opening lasts.
    pub fn lasts_ms(mut self, milliseconds: u64) -> Self {
        self.lasts_ms = Some(milliseconds);
        self
    }

    /// The time counts from when the host received the event, not from the provider's time.
    pub fn counts_from_receipt(mut self) -> Self {
        self.counts_from = "receipt".to_owned();
        self
    }

    /// How many sends one opening is good for.
    pub fn uses(mut self, uses: u32) -> Self {
        self.uses = Some(uses);
        self
    }

    /// What may be sent, instead of free-form content.
    pub fn allows<const N: usize>(mut self, what: [&str; N]) -> Self {
        self.allows = what.into_iter().map(str::to_owned).collect();
        self
    }

    /// What a send must be or have: "human", "approval".
    pub fn requires<const N: usize>(mut self, what: [&str; N]) -> Self {
        self.requires = what.into_iter().map(str::to_owned).collect();
        self
    }

    /// "free", "quota" or "paid": the host takes the cheapest open rule.
    pub fn cost(mut self, cost: impl Into<String>) -> Self {
        self.cost = Some(cost.into());
        self
    }

    /// A feature of the channel without which the rule does not exist.
    pub fn only_if(mut self, feature: impl Into<String>) -> Self {
        self.only_if = Some(feature.into());
        self
    }

    /// The rule stands open without any event.
    pub fn always(mut self) -> Self {
        self.opens_by = "always".to_owned();
        self
    }
}
