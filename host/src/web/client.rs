//! The client of a request, with proxies that are trusted looked through.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::request::Parts;

use super::state::State;
use crate::model::client_key::ClientKey;
use crate::model::proxies::{Range, client_address};

/// The client that limits by address count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub ClientKey);

impl FromRequestParts<State> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Infallible> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |info| info.0.ip());
        Ok(ClientAddress(ClientKey::of(address(peer, &parts.headers, &state.proxies))))
    }
}

/// The client that a trusted proxy forwards a request for; none where the peer is no such proxy, or names no client.
pub(super) fn forwarded_client(peer: IpAddr, headers: &HeaderMap, trusted: &[Range]) -> Option<ClientKey> {
    if trusted.is_empty() {
        return None;
    }
    let client = address(peer, headers, trusted);
    (client != peer.to_canonical()).then(|| ClientKey::of(client))
}

fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[Range]) -> IpAddr {
    if trusted.is_empty() {
        return peer.to_canonical();
    }
    let forwarded =
        headers.get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok()).collect::<Vec<_>>().join(",");
    client_address(peer, Some(&forwarded), trusted)
}
