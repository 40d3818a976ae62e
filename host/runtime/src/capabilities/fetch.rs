//! `http`: the gate before requests to the provider. What is allowed and how it is done stands in `capabilities::http`.

use crate::calls::Import;
use crate::contract::bindings::sambung::channel::http::Host;
use crate::contract::http::{FetchError, Request, Response};
use crate::state::State;

impl Host for State {
    async fn fetch(&mut self, _request: Request) -> wasmtime::Result<Result<Response, FetchError>> {
        if let Err(refusal) = self.enter(Import::Http)? {
            return Ok(Err(FetchError {
                kind: "wrong-call".to_owned(),
                dispatched: false,
                words: refusal,
                extra: Vec::new(),
            }));
        }
        Ok(Err(FetchError { kind: "blocked".to_owned(), dispatched: false, words: String::new(), extra: Vec::new() }))
    }
}
