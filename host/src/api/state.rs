//! The state of every handler, by the name that handlers use.

pub use crate::web::state::State;
