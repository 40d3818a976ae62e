//! What comes in from outside without an account here: providers' webhooks, mail, and visitors of web pages.
//!
//! Nothing is acknowledged before it is on disk, and nothing is translated here.

mod addresses;
mod budget;
mod hooks;
mod origins;
mod smtp;
mod visitors;
mod widget;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get, post};
use axum::{Extension, Router};

use sambung_runtime::shares::Shares;
use tower::util::MapResponseLayer;

use crate::web::guard;
use crate::web::state::State;
use addresses::Addresses;
use budget::Budget;
use visitors::VisitorLimits;

pub use smtp::{Smtp, SmtpError, TlsError, socket_in};

/// What the handlers here share beside [`State`].
struct Ingress {
    addresses: Addresses,
    /// Bytes of bodies that are being read or wait for their commit.
    bodies: Budget,
    /// Visitors' files that are on their way, by client address.
    uploads: Budget,
    /// The same, shared by all workspaces and their channels.
    upload_places: Shares,
    visitors: VisitorLimits,
}

/// The addresses of this part.
pub fn routes(state: &State) -> Router<State> {
    let config = &state.config.ingress;
    let ingress = Arc::new(Ingress {
        addresses: Addresses::new(state),
        bodies: Budget::with_share("bodies", config.body_bytes, config.body_bytes_per_address),
        uploads: Budget::with_share("uploads", config.uploads, config.uploads_per_address),
        upload_places: Shares::new("uploads", config.uploads),
        visitors: VisitorLimits::new(config.visitor_streams, state.config.server.limiter_keys),
    });
    Router::new()
        .route("/hooks/{*rest}", any(hooks::receive))
        .route("/widget/{channel}/sessions", post(widget::open_session).options(widget::preflight))
        .route("/widget/{channel}/messages", post(widget::write).options(widget::preflight))
        .route("/widget/{channel}/typing", post(widget::typing).options(widget::preflight))
        .route("/widget/{channel}/media", post(widget::upload).options(widget::preflight))
        .route("/widget/{channel}/stream", get(widget::stream).options(widget::preflight))
        .route("/widget/{channel}/{asset}", get(widget::asset))
        // As one layer, because each one of its own costs every webhook two allocations.
        .layer((Extension(ingress), MapResponseLayer::new(guard::all_foreign), DefaultBodyLimit::disable()))
}
