//! While it connects, it sends bodies that are made of many pieces of one file: of more than a body may have, and of as many.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest};
use sambung_sdk::connection::ConnectStep;
use sambung_sdk::crypto;
use sambung_sdk::http::Request;
use sambung_sdk::types::{Channel, Fault};

struct ManyPieces;

/// Pieces of the body that is too many, and of the one that is not.
const PIECES: [usize; 2] = [16_000, 256];

impl Guest for ManyPieces {
    fn identify(_channel: Channel) -> Result<ConnectStep, Vec<Fault>> {
        let fault = |words: String| vec![Fault::new("invalid", words)];
        let file = Request::new("GET", "https://api.provider.example/file").into_blob().send();
        let file = file.map_err(|error| fault(error.words))?.blob.unwrap_or_default();
        let mut said = Vec::new();
        for pieces in PIECES {
            let body = (0..pieces).fold(Request::new("POST", "https://api.provider.example/take"), |request, _| {
                request.blob(file.as_str())
            });
            said.push(match body.send() {
                Ok(answer) => format!("{pieces} pieces: {}", answer.status),
                Err(error) => format!("{pieces} pieces: {}: {}", error.kind, error.words),
            });
        }
        let pieces: Vec<crypto::Piece> = (0..PIECES[0]).map(|_| "x".into()).collect();
        said.push(match crypto::hmac("sha256", &["key".into()], &pieces) {
            Ok(_) => "hashed".to_owned(),
            Err(words) => format!("hashing: {words}"),
        });
        // Nothing of it is kept, so that it can be asked again.
        Err(fault(said.join("; ")))
    }
}

guest!(ManyPieces, "manifests/many_pieces.toml");
