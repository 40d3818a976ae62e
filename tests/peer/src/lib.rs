//! What the host is compared with: a component for `wasmtime serve` that verifies a webhook's signature, parses its JSON,
//! and stores nothing.
#![cfg(target_family = "wasm")]

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

/// What the simulated provider signs with.
const SECRET: &[u8] = b"8c570fa6dd201bb328f1c1eac23a96d8";

struct Peer;

impl Guest for Peer {
    fn handle(request: IncomingRequest, answer: ResponseOutparam) {
        let status = if is_good(&request) { 200 } else { 401 };
        respond(status, answer);
    }
}

fn is_good(request: &IncomingRequest) -> bool {
    let Some(signature) = request.headers().get("x-line-signature").into_iter().next() else { return false };
    let Some(body) = body(request) else { return false };
    let Ok(signature) = STANDARD.decode(signature) else { return false };
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(SECRET) else { return false };
    mac.update(&body);
    if mac.verify_slice(&signature).is_err() {
        return false;
    }
    serde_json::from_slice::<Value>(&body).is_ok_and(|json| json["events"].is_array())
}

fn body(request: &IncomingRequest) -> Option<Vec<u8>> {
    let body = request.consume().ok()?;
    let mut bytes = Vec::new();
    body.stream().ok()?.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn respond(status: u16, answer: ResponseOutparam) {
    let headers = Fields::new();
    // The names and values are good ones.
    let _ = headers.append("content-length", b"0");
    let response = OutgoingResponse::new(headers);
    let _ = response.set_status_code(status);
    let body = response.body();
    ResponseOutparam::set(answer, Ok(response));
    if let Ok(body) = body {
        let _ = OutgoingBody::finish(body, None);
    }
}

wasip2::http::proxy::export!(Peer);
