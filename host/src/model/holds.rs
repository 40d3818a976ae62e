//! What an error's scope holds back, and no more.

use crate::keys::{ContactId, ConversationId};

/// What is held back until a time. The word and the key under which the database keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// Everything to one conversation.
    Thread(ConversationId),
    /// Everything to one person through this channel.
    Recipient(ContactId),
    /// Everything through this channel.
    Channel,
    /// Everything through every channel of this registration with the provider.
    App(String),
}

impl Hold {
    /// What a scope of the contract names for a message of this conversation, contact and registration; none for "message",
    /// for what does not exist here, and for a word that is not known (then only the message itself waits).
    pub fn of(
        scope: &str,
        conversation: ConversationId,
        contact: Option<ContactId>,
        app: Option<&str>,
    ) -> Option<Hold> {
        match scope {
            "thread" => Some(Hold::Thread(conversation)),
            "recipient" => Some(contact.map_or(Hold::Thread(conversation), Hold::Recipient)),
            "channel" => Some(Hold::Channel),
            "app" => Some(app.map_or(Hold::Channel, |id| Hold::App(id.to_owned()))),
            _ => None,
        }
    }

    /// The scope's word.
    pub fn scope(&self) -> &'static str {
        match self {
            Hold::Thread(_) => "thread",
            Hold::Recipient(_) => "recipient",
            Hold::Channel => "channel",
            Hold::App(_) => "app",
        }
    }

    /// What of that scope; empty where the account says it all.
    pub fn key(&self) -> String {
        match self {
            Hold::Thread(id) => id.row().to_string(),
            Hold::Recipient(id) => id.row().to_string(),
            Hold::App(id) => id.clone(),
            Hold::Channel => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each scope names its own and nothing beside it.
    #[test]
    fn a_scope_holds_what_it_names() {
        let of = |scope| Hold::of(scope, ConversationId::of_row(1), Some(ContactId::of_row(2)), None);
        assert_eq!(of("message"), None);
        assert_eq!(of("galaxy"), None);
        assert_eq!(of("thread"), Some(Hold::Thread(ConversationId::of_row(1))));
        assert_eq!(of("recipient"), Some(Hold::Recipient(ContactId::of_row(2))));
        assert_eq!(of("channel"), Some(Hold::Channel));
        assert_eq!(of("app"), Some(Hold::Channel), "a channel without a registration is all there is");
        assert_eq!(Hold::of("app", ConversationId::of_row(1), None, Some("app_1")), Some(Hold::App("app_1".into())));
    }
}
