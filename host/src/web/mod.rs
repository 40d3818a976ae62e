//! What every part that speaks HTTP shares: the state, problems, the client's address.
//!
//! It knows no resource.

pub mod client;
pub mod guard;
pub mod listener;
pub mod problem;
pub mod state;
