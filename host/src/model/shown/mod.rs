//! What the API, the event feed, outgoing webhooks and the pages show: one struct for each resource.
//!
//! The structs borrow where they can, because inbound makes one for each message out of what it has at hand.

pub mod app;
pub mod audit;
pub mod channel;
pub mod contact;
pub mod content;
pub mod conversation;
pub mod endpoint;
pub mod free;
pub mod journal;
pub mod message;
pub mod person;
pub mod plugin;
pub mod reply;
pub mod system;
pub mod template;
pub mod traffic;
pub mod typing;
pub mod workspace;
