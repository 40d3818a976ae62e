//! How the database works, whatever stands in it: one writer, readers beside it, the log that is folded in, and what follows a commit.

pub(in crate::db) mod after;
pub(in crate::db) mod fold;
mod ids;
pub(in crate::db) mod pace;
pub(in crate::db) mod readers;
pub(in crate::db) mod versioned;
pub(in crate::db) mod watch;
pub(in crate::db) mod writer;
