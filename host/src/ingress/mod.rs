//! What comes in from outside without an account here: providers' webhooks, mail, and visitors of web pages.
//!
//! Nothing is acknowledged before it is on disk, and nothing is translated here.

mod addresses;
mod budget;
mod disk;
mod hooks;
mod origins;
mod smtp;
mod visitors;
mod widget;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};
use axum::{Extension, Router, middleware};

use crate::web::guard;
use crate::web::state::State;
use addresses::Addresses;
use budget::Budget;
use disk::Disk;
use visitors::VisitorLimits;

pub use smtp::{Smtp, SmtpError, TlsError, socket_in};

/// What the handlers here share beside [`State`].
struct Ingress {
    addresses: Addresses,
    /// Bytes of bodies that are being read or wait for their commit.
    bodies: Budget,
    /// Visitors' files that are on their way.
    uploads: Budget,
    visitors: VisitorLimits,
    disk: Disk,
}

/// The addresses of this part.
pub fn routes(state: &State) -> Router<State> {
    let config = &state.config.ingress;
    let ingress = Arc::new(Ingress {
        addresses: Addresses::new(state),
        bodies: Budget::with_share(config.body_bytes, config.body_bytes_per_address),
        uploads: Budget::with_share(config.uploads, config.uploads_per_address),
        visitors: VisitorLimits::new(state.config.server.limiter_keys),
        disk: Disk::new(state.config.server.data_dir.clone(), state.config.database.min_free_bytes),
    });
    Router::new()
        .route("/hooks/{*rest}", any(hooks::receive))
        .route("/widget/{channel}/sessions", post(widget::open_session).options(widget::preflight))
        .route("/widget/{channel}/messages", post(widget::write).options(widget::preflight))
        .route("/widget/{channel}/media", post(widget::upload).options(widget::preflight))
        .route("/widget/{channel}/stream", get(widget::stream).options(widget::preflight))
        .route("/widget/{channel}/{asset}", get(widget::asset))
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::map_response(guard::all_foreign))
        .layer(Extension(ingress))
}
