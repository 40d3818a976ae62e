//! `http`: the gate before requests to the provider. What is allowed and how it is done stands in `capabilities::http`.

use crate::calls::Import;
use crate::capabilities::http::{Ground, fetch};
use crate::contract::bindings::sambung::channel::http::Host;
use crate::contract::http::{FetchError, Request, Response};
use crate::state::State;

impl Host for State {
    async fn fetch(&mut self, request: Request) -> wasmtime::Result<Result<Response, FetchError>> {
        if let Err(refusal) = self.enter(Import::Http)? {
            return Ok(Err(FetchError {
                kind: "wrong-call".to_owned(),
                dispatched: false,
                words: refusal,
                extra: Vec::new(),
            }));
        }
        let ground = self.ground();
        let mut vault = std::mem::take(&mut self.vault);
        let answered = fetch(&ground, &mut vault, request).await;
        self.vault = vault;
        Ok(answered?)
    }
}

impl State {
    /// What requests of this call may use.
    fn ground(&self) -> Ground {
        Ground {
            manifest: self.manifest.clone(),
            caller: self.caller.clone(),
            services: self.services.clone(),
            client: self.client.clone(),
            budget: self.budget.clone(),
            limits: self.limits.clone(),
            workers: self.workers.clone(),
            watch: self.meter.watch.clone(),
        }
    }
}
