//! From translated requests to rows: who wrote, in which conversation, what, and what was said about messages of ours.
//!
//! One savepoint for each row of the journal and one for each item in it, so that items stand or fall alone; feed rows stand
//! in the same one. Everything derived is a maximum over facts, never the last one applied: a late or replayed row changes
//! nothing it should not.

mod backlog;
mod echo;
mod erase;
mod events;
pub(in crate::db) mod journal;
mod journal_items;
mod media;
mod messages;
mod notices;
mod people;
pub(in crate::db) mod polls;
mod rows;
mod site;
mod standing;
mod targets;
mod threads;
mod traces;
mod translated;

pub use erase::Erased;
pub use media::{AccountWithMedia, DueMedia, MediaOutcome};
pub use people::StrangerRow;
pub use translated::{Committed, Effect, Progress, STEP, Translated, Translation};

pub(in crate::db) use echo::take_over;
pub(in crate::db) use journal_items::channel_appeared;
pub(in crate::db) use targets::provider_id_appeared;
pub(in crate::db) use threads::thread_learnt;

#[cfg(test)]
mod tests;
