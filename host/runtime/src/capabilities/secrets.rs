//! `secrets`: names, markers and what captures took. The vault holds the values; this is the gate before it.

use crate::call::KeptSecret;
use crate::calls::Import;
use crate::capabilities::vault::Encoding;
use crate::contract::bindings::sambung::channel::secrets::Host;
use crate::manifest::Origin;
use crate::state::State;

impl Host for State {
    async fn marker(&mut self, name: String, encoding: String) -> wasmtime::Result<Result<String, String>> {
        if let Err(refusal) = self.enter(Import::SecretsMarker)? {
            return Ok(Err(refusal));
        }
        let encoding = match Encoding::read(&encoding) {
            Ok(encoding) => encoding,
            Err(words) => return Ok(Err(words)),
        };
        Ok(match self.secret(&name).await {
            Ok(Some(value)) => self.vault.issue(&name, encoding, value),
            Ok(None) => Err(format!("the secret {name:?} is not set")),
            Err(words) => Err(words),
        })
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
        Ok(self.kept(&captured, name, expires_at))
    }
}

impl State {
    fn kept(&mut self, captured: &str, name: String, expires_at: Option<u64>) -> Result<(), String> {
        let declared = self.manifest.secret(&name).ok_or_else(|| format!("plugin.toml declares no secret {name:?}"))?;
        if declared.origin != Origin::Obtained {
            return Err(format!("the secret {name:?} is not declared with origin = \"obtained\""));
        }
        let value = self.vault.captured(captured).ok_or_else(|| format!("nothing was captured as {captured:?}"))?;
        let expires_at = expires_at.map(i64::try_from).transpose().map_err(|_| {
            format!(
                "the secret {name:?} cannot expire then: give milliseconds since 1970, or none where it does not expire"
            )
        })?;
        let secret = KeptSecret { name, value: value.clone(), expires_at };
        self.vault.keep(secret.name.clone(), secret.value.clone());
        self.effects.secrets.retain(|other| other.name != secret.name);
        self.effects.secrets.push(secret);
        Ok(())
    }
}
