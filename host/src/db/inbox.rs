//! What people see of conversations: contacts, conversations and messages as they are shown, saved replies, who types, and how much there
//! is.

pub(in crate::db) mod contacts;
pub(in crate::db) mod conversations;
pub(in crate::db) mod messages;
pub(in crate::db) mod replies;
pub(in crate::db) mod traffic;
pub(in crate::db) mod typing;
