//! Verifying webhooks where that takes an issuer's keys: fetched when a token names one, kept while they hold.
//!
//! Which keys a request needs, and what they prove, is `recipe`'s business; this module fetches them with the plugins'
//! client, under the operator's policy. Plugins whose tokens are from the same issuer share its keys, and so do the
//! generations of a plugin: replacing one fetches nothing again.

mod issuer;
mod kept;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::Value;
use url::Url;

use crate::egress::Client;
use crate::manifest::{AddressKind, Verify, Webhook};
use crate::recipe::{self, Lookup, Raw, Verdict};
use crate::services::SecretValue;
use issuer::Issuer;
use kept::Pace;

/// The issuers that loaded plugins trust, by where they publish their keys.
pub(crate) struct Issuers {
    client: Client,
    known: Mutex<HashMap<Url, Weak<Issuer>>>,
    pace: Pace,
}

impl Issuers {
    pub(crate) fn new(client: Client) -> Issuers {
        Issuers::with_pace(client, Pace::USUAL)
    }

    fn with_pace(client: Client, pace: Pace) -> Issuers {
        Issuers { client, known: Mutex::default(), pace }
    }

    /// What verifies requests by these recipes. Nothing is fetched before a token asks for it.
    pub(crate) fn verifier(&self, webhooks: &Arc<[Webhook]>) -> Verifier {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, issuer| issuer.strong_count() > 0);
        let mut issuers = HashMap::new();
        for jwks in webhooks.iter().flat_map(|webhook| &webhook.verify).filter_map(Verify::jwks) {
            let issuer = known.get(jwks).and_then(Weak::upgrade).unwrap_or_else(|| {
                let issuer = Arc::new(Issuer::new(jwks.clone(), self.client.clone(), self.pace));
                known.insert(jwks.clone(), Arc::downgrade(&issuer));
                issuer
            });
            issuers.insert(jwks.clone(), issuer);
        }
        Verifier { webhooks: webhooks.clone(), issuers: Arc::new(issuers) }
    }
}

/// A plugin's recipes with the keys that they need. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    webhooks: Arc<[Webhook]>,
    issuers: Arc<HashMap<Url, Arc<Issuer>>>,
}

impl Verifier {
    /// As [`recipe::takes`].
    pub fn takes(&self, address: AddressKind, settings: &Value, method: &str, path: &str) -> bool {
        recipe::takes(&self.webhooks, address, settings, method, path)
    }

    /// As [`recipe::receive`]. It waits only where a token names a key that is not there.
    pub async fn receive(
        &self,
        address: AddressKind,
        settings: &Value,
        raw: &Raw<'_>,
        secrets: &(dyn Fn(&str) -> Vec<SecretValue> + Sync),
    ) -> Verdict {
        let mut found = Vec::new();
        if !self.issuers.is_empty() {
            for name in recipe::keys_wanted(&self.webhooks, address, settings, raw) {
                let Some(issuer) = self.issuers.get(&name.jwks) else { continue };
                let lookup = issuer.find(&name.kid).await;
                found.push((name, lookup));
            }
        }
        let keys = |jwks: &Url, kid: &str| {
            let known = found.iter().find(|(name, _)| name.jwks == *jwks && name.kid == kid);
            known.map_or(Lookup::Unreachable, |(_, lookup)| lookup.clone())
        };
        recipe::receive(&self.webhooks, address, settings, raw, secrets, &keys)
    }
}

#[cfg(test)]
mod tests;
