//! `[ingress]`: what comes in beside webhooks.

use serde::{Deserialize, Serialize};

use super::section::Section;

/// Ways in that are not a provider's webhook. They cannot be verified by a recipe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ingress {
    /// Mail to the channel's address.
    pub mail: bool,
    /// The host asks the provider (`polling`).
    pub poll: bool,
    /// Visitors of a web page, through the widget's routes.
    pub visitor: bool,
}

pub(super) fn read(section: &Section<'_>) -> Ingress {
    let ingress = Ingress {
        mail: section.boolean("mail").unwrap_or(false),
        poll: section.boolean("poll").unwrap_or(false),
        visitor: section.boolean("visitor").unwrap_or(false),
    };
    section.finish();
    ingress
}
