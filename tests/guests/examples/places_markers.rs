//! While it connects, it writes as many markers as it is given into a body of megabytes, again and again.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest};
use sambung_sdk::connection::{Account, ConnectStep};
use sambung_sdk::http::Request;
use sambung_sdk::secrets;
use sambung_sdk::types::{Channel, Fault};

struct PlacesMarkers;

/// Bytes of one body.
const BODY: usize = 6 << 20;
/// Requests of one call.
const REQUESTS: usize = 20;
/// Markers of one call.
const MARKERS: usize = 256;

impl Guest for PlacesMarkers {
    fn identify(_channel: Channel) -> Result<ConnectStep, Vec<Fault>> {
        let words = (0..MARKERS).map(|_| secrets::marker("key", "json")).collect::<Result<Vec<_>, _>>();
        let words = words.map_err(|words| vec![Fault::new("invalid", words)])?;
        let mut body = String::with_capacity(BODY + 64 * MARKERS);
        body.push_str("{\"text\":\"");
        // What looks like the beginning of a marker has to be looked at.
        while body.len() < BODY {
            body.push_str("sbgsbgsb");
        }
        body.push_str("\",\"keys\":[\"");
        body.push_str(&words.join("\",\""));
        body.push_str("\"]}");
        for _ in 0..REQUESTS {
            // It is refused, because a marker stands at a place that it is not bound to; what is attacked is the finding out.
            let _ = Request::new("POST", "https://api.provider.example/v1").body(body.as_bytes().to_vec()).send();
        }
        Ok(Account::new("account", "Account").into())
    }
}

guest!(PlacesMarkers, "manifests/places_markers.toml");
