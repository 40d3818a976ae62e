//! `secrets`: names, markers and what captures took. The vault holds the values; this is the gate before it.

use crate::calls::Import;
use crate::contract::bindings::sambung::channel::secrets::Host;
use crate::state::State;

impl Host for State {
    async fn marker(&mut self, name: String, encoding: String) -> wasmtime::Result<Result<String, String>> {
        if let Err(refusal) = self.enter(Import::SecretsMarker)? {
            return Ok(Err(refusal));
        }
        let _ = (name, encoding);
        Ok(Err("unavailable".to_owned()))
    }

    async fn has(&mut self, name: String) -> wasmtime::Result<bool> {
        if self.enter(Import::SecretsHas)?.is_err() {
            return Ok(false);
        }
        Ok(matches!(self.secret(&name).await, Ok(Some(_))))
    }

    async fn keep(
        &mut self,
        captured: String,
        name: String,
        expires_at: Option<u64>,
    ) -> wasmtime::Result<Result<(), String>> {
        if let Err(refusal) = self.enter(Import::SecretsKeep)? {
            return Ok(Err(refusal));
        }
        let _ = (captured, name, expires_at);
        Ok(Err("unavailable".to_owned()))
    }
}
