//! Whether a manifest lets a request go where it wants to go, and a secret with it.

use serde_json::Value;
use url::Url;

use super::Client;
use crate::manifest::destination::{HostPattern, takes};
use crate::manifest::{Destination, Manifest, SecretDecl, Target};

/// Whether one of the manifest's destinations allows this request.
///
/// # Errors
/// Words that say what would allow it.
pub fn check(manifest: &Manifest, settings: &Value, client: &Client, method: &str, url: &Url) -> Result<(), String> {
    let allowed = manifest.egress.iter().any(|destination| match destination {
        Destination::FromSetting { setting, methods } => {
            takes(methods, method) && of_setting(settings, setting, client).is_some_and(|target| target.matches(url))
        }
        fixed => fixed.allows(method, url),
    });
    if allowed {
        return Ok(());
    }
    let host = url.host_str().unwrap_or_default();
    Err(format!(
        "plugin.toml does not allow {method} {}://{host}{} (an [[egress]] entry with host = \"{host}\" would)",
        url.scheme(),
        port_words(url),
    ))
}

/// Whether a file may be fetched from anywhere: without a secret, over https, where the manifest says so.
pub fn check_media(manifest: &Manifest, settings: &Value, client: &Client, url: &Url) -> Result<(), String> {
    let anywhere = manifest.egress.contains(&Destination::MediaFromAnywhere);
    if anywhere && url.scheme() == "https" && url.port().is_none() {
        return Ok(());
    }
    check(manifest, settings, client, "GET", url)
}

/// Whether a secret may go to this address at all; in which part of the request is another question.
pub fn secret_may_go(secret: &SecretDecl, settings: &Value, client: &Client, url: &Url) -> bool {
    secret.destinations.iter().any(|target| match &target.host {
        HostPattern::Setting(setting) => {
            of_setting(settings, setting, client).is_some_and(|target| target.matches(url))
        }
        _ => target.matches(url),
    })
}

/// The origin and path that a setting names: https, unless the operator sends it elsewhere anyway.
fn of_setting(settings: &Value, setting: &str, client: &Client) -> Option<Target> {
    let url = Url::parse(settings.get(setting)?.as_str()?.trim()).ok()?;
    let proper = url.username().is_empty() && (url.scheme() == "https" || client.is_overridden(&url));
    proper.then(|| Target::of_url(&url)).flatten()
}

fn port_words(url: &Url) -> String {
    url.port().map(|port| format!(":{port}")).unwrap_or_default()
}
