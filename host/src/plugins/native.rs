//! Native code of plugin files that nothing uses any more.

use super::registry::Registry;

impl Registry {
    /// Removes native code of what is no generation of an installed plugin, neither the running one nor one to go back to. A
    /// failure costs disk, not service.
    pub async fn tidy_native_code(&self) {
        match self.0.db.digests_of_generations().await {
            Ok(digests) => self.0.runtime.keep_native_code_of(digests).await,
            Err(error) => tracing::warn!(%error, "native code that nothing uses could not be looked for"),
        }
    }
}
