//! From one content to the provider's calls.

pub use crate::bindings::plugin::exports::sambung::channel::outbound::{SendError, SendFault};
pub use crate::types::{Outgoing, Receipt};

use crate::http::FetchError;
use crate::types::{Channel, Thread};

/// Sending. Required of every plugin.
pub trait Outbound {
    /// Called with the contents of one message that are due together, at most the manifest's `limits.together`. Answers one
    /// by one, in order. May use the network. Called again with the same attempt keys only when nothing was sent, when the
    /// error says `retryable`, or within the manifest's `[resend]`.
    fn send(messages: Vec<Outgoing>, channel: Channel) -> Vec<Result<Receipt, SendError>>;
}

impl SendError {
    /// An error whose `scope` and `retryable` are what its fault mostly means; both may be changed after.
    pub fn new(fault: SendFault, words: impl Into<String>) -> Self {
        let (scope, retryable) = match &fault {
            SendFault::RateLimited => ("channel", true),
            SendFault::Unavailable => ("message", true),
            SendFault::Unauthorized | SendFault::Quota => ("channel", false),
            SendFault::WindowClosed | SendFault::Moved => ("thread", false),
            SendFault::Unreachable | SendFault::OptedOut => ("recipient", false),
            SendFault::Invalid
            | SendFault::Template
            | SendFault::TooLarge
            | SendFault::Unknown
            | SendFault::Other(_) => ("message", false),
        };
        Self {
            fault,
            scope: scope.to_owned(),
            retryable,
            retry_after_ms: None,
            rule: None,
            moved: None,
            field: None,
            code: None,
            words: words.into(),
            extra: Vec::new(),
        }
    }

    /// What the host holds back: "message", "thread", "recipient", "channel", "app".
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// Whether the same attempt may be tried again.
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = retryable;
        self
    }

    /// When to try again.
    pub fn retry_after_ms(mut self, milliseconds: impl Into<Option<u64>>) -> Self {
        self.retry_after_ms = milliseconds.into();
        self
    }

    /// The window rule that proved shut.
    pub fn rule(mut self, rule: impl Into<Option<String>>) -> Self {
        self.rule = rule.into();
        self
    }

    /// Where the conversation went.
    pub fn moved(mut self, thread: Thread) -> Self {
        self.moved = Some(thread);
        self
    }

    /// JSON Pointer of the part of the content that is to blame.
    pub fn field(mut self, pointer: impl Into<String>) -> Self {
        self.field = Some(pointer.into());
        self
    }

    /// The provider's own code.
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

/// A request that got no answer: *unknown* when a byte of it may have left, else worth another try, unless the host refused
/// to make it at all.
impl From<FetchError> for SendError {
    fn from(error: FetchError) -> Self {
        let fault = if error.dispatched {
            SendFault::Unknown
        } else if error.is_refusal() {
            SendFault::Invalid
        } else {
            SendFault::Unavailable
        };
        Self::new(fault, error.words).code(error.kind)
    }
}
