//! `media-host`: what the host does with files it holds.

use crate::calls::Import;
use crate::contract::bindings::sambung::channel::media_host::Host;
use crate::contract::types::MediaRef;
use crate::services::Audience;
use crate::state::State;

impl Host for State {
    async fn publish(&mut self, blob: String, for_ms: u64) -> wasmtime::Result<Result<String, String>> {
        if let Err(refusal) = self.enter(Import::MediaHost)? {
            return Ok(Err(refusal));
        }
        let caller = self.caller.clone();
        let blobs = self.services.blobs.clone();
        let audience = if self.manifest.ingress.visitor { Audience::Visitor } else { Audience::Provider };
        let published = blobs.publish(&caller, &blob, for_ms, audience).await;
        Ok(published.map_err(|error| error.to_string()))
    }

    async fn preview(
        &mut self,
        blob: String,
        max_edge: u32,
        max_bytes: u64,
    ) -> wasmtime::Result<Result<Option<MediaRef>, String>> {
        if let Err(refusal) = self.enter(Import::MediaHost)? {
            return Ok(Err(refusal));
        }
        let caller = self.caller.clone();
        let blobs = self.services.blobs.clone();
        let preview = blobs.preview(&caller, &blob, max_edge, max_bytes).await;
        Ok(preview.map_err(|error| error.to_string()))
    }
}
