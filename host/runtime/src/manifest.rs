//! What a plugin file says about itself: who it is, where it may connect, which secrets it names, how its webhooks are
//! verified, and what the provider allows.
//!
//! Pure data, read from `plugin.toml` and the texts files. This module knows neither wasmtime, the network nor a database;
//! what a destination or a recipe *does* stands in `egress` and `recipe`.

pub mod destination;
mod ingress;
pub mod limits;
mod mail;
mod oauth2;
mod resend;
mod runtime;
mod secret;
mod section;
pub mod settings;
pub mod source;
mod texts;
pub mod webhook;

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use destination::{Destination, Target};
pub use ingress::Ingress;
pub use limits::ContentLimits;
pub use mail::{AddressSource, Sending};
pub use oauth2::{ClientAuth, Method, OAuth2, Refresh, Step as OAuth2Step};
pub use resend::Resend;
pub use runtime::RuntimeAsk;
pub use secret::{Alphabet, Generate, Origin, Place, Scope, SecretDecl};
pub use source::{Segment, Source};
pub use texts::{ConnectedText, FieldText, Step, Texts};
pub use webhook::{AddressKind, Answer, Verify, Webhook};

use section::Section;

/// Everything that `plugin.toml` says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Names the plugin for ever: lower-case letters, digits and hyphens, at most 40.
    pub id: String,
    /// Decides upgrades.
    pub version: semver::Version,
    /// Who answers for it.
    pub publisher: String,
    /// SPDX expression, as its author wrote it.
    pub license: Option<String>,
    /// Where a person finds more.
    pub homepage: Option<String>,
    /// Where it may connect; nothing else is reachable.
    pub egress: Vec<Destination>,
    /// The secrets it may name.
    pub secrets: Vec<SecretDecl>,
    /// How what providers post is verified and answered, in order: the first that matches decides.
    pub webhooks: Arc<[Webhook]>,
    /// How somebody signs in with the provider, in order: the first that applies to a channel's settings decides.
    pub oauth2: Vec<OAuth2>,
    /// What the provider allows in one message, and how often.
    pub limits: ContentLimits,
    /// For how long the provider honours the attempt key; none: an unknown attempt is never resent.
    pub resend: Option<Resend>,
    /// What comes in beside webhooks.
    pub ingress: Ingress,
    /// As whom it may send mail; none: it may not.
    pub mail: Option<Sending>,
    /// Memory and time it asks for, below the operator's ceilings.
    pub runtime: RuntimeAsk,
}

impl Manifest {
    /// The declaration of a secret.
    pub fn secret(&self, name: &str) -> Option<&SecretDecl> {
        self.secrets.iter().find(|secret| secret.name == name)
    }

    /// How a channel with these settings signs in with the provider; none: by what a person types.
    pub fn sign_in(&self, settings: &serde_json::Value) -> Option<&OAuth2> {
        self.oauth2.iter().find(|flow| flow.applies(settings))
    }

    /// Names of settings whose value is a destination (`from-setting`); changing one clears the secrets bound to it.
    pub fn destination_settings(&self) -> impl Iterator<Item = &str> {
        self.egress.iter().filter_map(|destination| match destination {
            Destination::FromSetting { setting, .. } => Some(setting.as_str()),
            _ => None,
        })
    }
}

/// One thing that is wrong in a file, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFault {
    /// Counted from 1.
    pub line: usize,
    /// The key, as a dotted path from the top: `webhook[0].verify`.
    pub key: String,
    /// What is wrong and what to do.
    pub words: String,
}

impl fmt::Display for ManifestFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(out, "line {}: {}", self.line, self.words)
        } else {
            write!(out, "line {}: `{}`: {}", self.line, self.key, self.words)
        }
    }
}

/// Why a file was refused: every fault at once, in the order of their lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{file}: {}", .faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct ManifestError {
    /// `plugin.toml`, or which texts file.
    pub file: String,
    /// Never empty.
    pub faults: Vec<ManifestFault>,
}

/// Reads `plugin.toml`.
///
/// # Errors
/// Every fault at once: what is no TOML, unknown keys (with the nearest known one), missing and wrong values, and parts
/// that contradict each other (a recipe with a secret that is not declared).
pub fn read(toml: &str) -> Result<Manifest, ManifestError> {
    section::read("plugin.toml", toml, |top| {
        let (egress, secrets, webhooks) = (top.tables("egress"), top.tables("secret"), top.tables("webhook"));
        let oauth2 = top.tables("oauth2");
        let manifest = Manifest {
            id: identifier(&top),
            version: version(&top),
            publisher: top.required("publisher"),
            license: top.string("license"),
            homepage: homepage(&top),
            egress: egress.iter().filter_map(destination::read).collect(),
            secrets: secrets.iter().map(secret::read).collect(),
            webhooks: webhooks.iter().map(webhook::read).collect(),
            oauth2: oauth2.iter().filter_map(oauth2::read).collect(),
            limits: top.table("limits").map(|section| limits::read(&section)).unwrap_or_default(),
            resend: top.table("resend").map(|section| resend::read(&section)),
            ingress: top.table("ingress").map(|section| ingress::read(&section)).unwrap_or_default(),
            mail: top.table("mail").map(|section| mail::read(&section)),
            runtime: top.table("runtime").map(|section| runtime::read(&section)).unwrap_or_default(),
        };
        top.finish();
        let egress_is_whole = manifest.egress.len() == egress.len();
        agree(&manifest, &secrets, &webhooks, egress_is_whole);
        if egress_is_whole && manifest.oauth2.len() == oauth2.len() {
            for (flow, section) in manifest.oauth2.iter().zip(&oauth2) {
                oauth2::agree(section, flow, &manifest.secrets, &manifest.egress);
            }
        }
        manifest
    })
}

/// Reads a texts file (`texts.en.toml`) of the plugin with this manifest.
///
/// # Errors
/// Every fault at once, as [`read`]; among them what the file says is there to be copied and is not.
pub fn read_texts(file: &str, toml: &str, manifest: &Manifest) -> Result<Texts, ManifestError> {
    section::read(file, toml, |top| texts::read(top, manifest))
}

/// The published JSON Schema of `plugin.toml`, for editors and for `sambung plugin inspect`.
pub fn schema() -> serde_json::Value {
    serde_json::from_str(include_str!("../../../wit/schemas/manifest.json"))
        .expect("the published schema is part of the source, and a test parses it")
}

fn identifier(top: &Section<'_>) -> String {
    let id = top.required("id");
    let proper = id.starts_with(|first: char| first.is_ascii_lowercase())
        && id.len() <= 40
        && id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !id.is_empty() && !proper {
        top.fault("id", "lower-case letters, digits and hyphens, a letter first, at most 40");
    }
    id
}

fn version(top: &Section<'_>) -> semver::Version {
    let text = top.required("version");
    semver::Version::parse(&text).unwrap_or_else(|error| {
        if !text.is_empty() {
            top.fault("version", format!("not a semantic version such as 1.2.3: {error}"));
        }
        semver::Version::new(0, 0, 0)
    })
}

fn homepage(top: &Section<'_>) -> Option<String> {
    let page = top.string("homepage")?;
    if !page.starts_with("https://") || url::Url::parse(&page).is_err() {
        top.fault("homepage", "an https address");
    }
    Some(page)
}

/// What no section can see alone. A destination that could not be read may be the one that a secret is
/// bound to, or that keys are fetched from.
fn agree(manifest: &Manifest, secrets: &[Section<'_>], webhooks: &[Section<'_>], egress_is_whole: bool) {
    for (at, (secret, section)) in manifest.secrets.iter().zip(secrets).enumerate() {
        if !secret.name.is_empty() && manifest.secrets[..at].iter().any(|earlier| earlier.name == secret.name) {
            section.fault("name", format!("`{}` is declared twice", secret.name));
        }
        for target in secret.destinations.iter().filter(|_| egress_is_whole) {
            if !manifest.egress.iter().any(|allowed| allowed.covers(target)) {
                section.fault(
                    "destinations",
                    format!("`{}` is bound to {target}, which no [[egress]] allows", secret.name),
                );
            }
        }
    }
    for (at, (webhook, section)) in manifest.webhooks.iter().zip(webhooks).enumerate() {
        webhook::agree(section, webhook, &manifest.secrets);
        if egress_is_whole {
            webhook::reaches(section, webhook, &manifest.egress);
        }
        if manifest.webhooks[..at].iter().any(|earlier| earlier.name == webhook.name) {
            section.fault("name", format!("two are named `{}`", webhook.name));
        }
    }
}

#[cfg(test)]
mod tests;
