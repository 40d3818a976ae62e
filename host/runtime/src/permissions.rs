//! What each import of the contract needs a plugin file to declare. An import that is not listed here is a gap: a test over
//! `wit/` fails for it.

use crate::manifest::Manifest;

/// What an import needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// `[[egress]]`: every request is checked against it, so that without one nothing is reachable.
    Egress,
    /// `[[secret]]`: every name is checked against it, so that without one nothing is named.
    Secret,
    /// `[ingress] visitor`: a component that imports it without is refused.
    Visitor,
    /// `[mail]`: a component that imports it without is refused.
    Mail,
    /// No permission, because of this.
    Nothing(&'static str),
}

/// Every function that the contract lets a plugin import, with what it needs.
pub const NEEDS: &[(&str, Needs)] = &[
    ("http.fetch", Needs::Egress),
    ("secrets.marker", Needs::Secret),
    ("secrets.has", Needs::Secret),
    ("secrets.keep", Needs::Secret),
    ("crypto.digest", Needs::Nothing("it computes over the plugin's own bytes")),
    ("crypto.hmac", Needs::Nothing("it computes; a key that it names needs its [[secret]]")),
    ("crypto.verify-ed25519", Needs::Nothing("it computes; a key that it names needs its [[secret]]")),
    ("kv.get", Needs::Nothing("a small memory of the channel's own, which only this plugin reads")),
    ("kv.set", Needs::Nothing("a small memory of the channel's own, which only this plugin reads")),
    ("kv.delete", Needs::Nothing("a small memory of the channel's own, which only this plugin reads")),
    ("media-host.publish", Needs::Nothing("an address for a file that the host handed to this very call's workspace")),
    ("media-host.preview", Needs::Nothing("a smaller picture of a file of the call's workspace")),
    ("mailer.send", Needs::Mail),
    ("mailer.verify", Needs::Mail),
    ("log.log", Needs::Nothing("lines under the plugin's own name, bounded by a limit")),
    ("visitor.push", Needs::Visitor),
];

impl Needs {
    /// Why a file with this manifest may not import the interface at all; none where it may.
    pub(crate) fn missing(self, manifest: &Manifest) -> Option<&'static str> {
        match self {
            Needs::Mail if manifest.mail.is_none() => {
                Some("it sends mail, and `plugin.toml` has no `[mail]`; declare `from`, whose addresses it writes as")
            }
            Needs::Visitor if !manifest.ingress.visitor => Some(
                "it writes to web visitors, and `plugin.toml` does not say `[ingress] visitor = true`; declare that",
            ),
            _ => None,
        }
    }
}

/// What the functions of an interface need.
pub(crate) fn of_interface(interface: &str) -> impl Iterator<Item = Needs> {
    let its = move |name: &str| name.split_once('.').is_some_and(|(of, _)| of == interface);
    NEEDS.iter().filter(move |(name, _)| its(name)).map(|(_, needs)| *needs)
}
