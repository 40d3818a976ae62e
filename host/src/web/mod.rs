//! What every part that speaks HTTP shares: the state, problems, the client's address, and the acts that the API and the pages do
//! alike.

pub mod audit;
pub mod caller;
pub mod client;
pub mod contacts;
pub(crate) mod cookies;
pub mod csrf;
pub mod endpoints;
pub mod export;
pub mod guard;
pub mod inbox;
pub mod journal;
pub mod language;
pub mod listener;
mod measured;
pub mod once;
pub mod own_path;
pub mod people;
pub mod plugins;
pub mod problem;
pub mod replies;
pub mod session;
pub mod share;
mod standing;
pub mod state;
pub mod system;
pub mod templates;
pub mod tokens;
pub mod traffic;
pub mod typing;
pub mod upload;
pub mod whole;
pub mod widget;
pub mod workspaces;
