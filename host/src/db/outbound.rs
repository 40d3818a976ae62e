//! Messages on their way out: queued, claimed for a call of the provider, settled by what came of it, and what was said of them later.

pub(in crate::db) mod addressee;
pub(in crate::db) mod claim;
pub(in crate::db) mod queue;
pub(in crate::db) mod settle;
pub(in crate::db) mod status;
pub(in crate::db) mod templates;
pub(in crate::db) mod unknown;
