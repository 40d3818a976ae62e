//! Whether a plugin file may take a running one's place by itself, or what an operator has to approve first.
//!
//! It compares manifests and knows nothing of files, channels or who asks. That every connected channel's settings still fit
//! is the other half of the rule, and is the caller's to see.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use sambung_runtime::manifest::{AddressSource, Destination, Ingress, Manifest, SecretDecl};

/// What becomes of a file that is put where another version runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// It may take over.
    Apply,
    /// Somebody has to approve all of these.
    Approve(Vec<Need>),
}

/// One thing to be approved.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Need {
    /// `major`, `egress`, `secret`, `answers`, `ingress` or `mail`; of what was refused as a whole `removed` or `unknown`.
    pub kind: Cow<'static, str>,
    /// For people.
    pub words: String,
}

/// Compares a new manifest with the running one.
///
/// Within a compatible line (semver's caret rule: the same major, or the same minor below 1.0) a patch or minor version
/// applies, and so does an older one or a rebuild of the same: a file is put there by an operator, and going back to what ran
/// before must not be harder than going on. Another line, or any permission that the running version does not have, is for a
/// person to approve.
pub fn decide(running: &Manifest, new: &Manifest) -> Decision {
    let mut needs = Vec::new();
    if line(&running.version) != line(&new.version) {
        needs.push(Need {
            kind: "major".into(),
            words: format!("{} promises no compatibility with the running {}", new.version, running.version),
        });
    }
    needs.extend(new_permissions(running, new));
    if needs.is_empty() { Decision::Apply } else { Decision::Approve(needs) }
}

fn line(version: &semver::Version) -> (u64, u64) {
    if version.major == 0 { (0, version.minor) } else { (version.major, 0) }
}

/// What the new version may do that the running one may not.
fn new_permissions(running: &Manifest, new: &Manifest) -> Vec<Need> {
    let mut needs = Vec::new();
    let had: BTreeSet<String> = running.egress.iter().flat_map(grants).collect();
    for grant in new.egress.iter().flat_map(grants).filter(|grant| !had.contains(grant)) {
        needs.push(Need { kind: "egress".into(), words: format!("connects to {grant}") });
    }
    for secret in &new.secrets {
        let had: BTreeSet<String> = running.secret(&secret.name).map(uses).unwrap_or_default();
        for place in uses(secret).difference(&had) {
            needs.push(Need { kind: "secret".into(), words: format!("uses the secret `{}` in {place}", secret.name) });
        }
    }
    for webhook in new.webhooks.iter().filter(|webhook| webhook.plugin_answers) {
        if !running.webhooks.iter().any(|known| known.name == webhook.name && known.plugin_answers) {
            needs
                .push(Need { kind: "answers".into(), words: format!("answers the webhook `{}` itself", webhook.name) });
        }
    }
    let ways = [
        ("mail", running.ingress.mail, new.ingress.mail),
        ("polling", running.ingress.poll, new.ingress.poll),
        ("web visitors", running.ingress.visitor, new.ingress.visitor),
    ];
    for (way, _, _) in ways.iter().filter(|(_, had, wants)| *wants && !*had) {
        needs.push(Need { kind: "ingress".into(), words: format!("receives by {way}") });
    }
    let had = running.mail.iter().flat_map(|sending| &sending.from).collect::<BTreeSet<_>>();
    for source in new.mail.iter().flat_map(|sending| &sending.from).filter(|source| !had.contains(source)) {
        needs.push(Need { kind: "mail".into(), words: format!("sends mail as {}", in_words(source)) });
    }
    needs
}

/// Everything that a version may do beyond reading and writing its own channels' messages, in words.
pub fn permissions(of: &Manifest) -> Vec<String> {
    let nothing = Manifest {
        egress: Vec::new(),
        secrets: Vec::new(),
        webhooks: Arc::new([]),
        ingress: Ingress::default(),
        mail: None,
        ..of.clone()
    };
    new_permissions(&nothing, of).into_iter().map(|need| need.words).collect()
}

fn in_words(source: &AddressSource) -> String {
    match source {
        AddressSource::Setting(name) => format!("the address in the setting `{name}`"),
        AddressSource::Generated(name) => format!("the address that the host makes (`{name}`)"),
    }
}

/// A destination, one line for each method that it may be asked with.
fn grants(destination: &Destination) -> Vec<String> {
    let (target, methods) = match destination {
        Destination::Host { target, methods } => (target.to_string(), methods.as_slice()),
        Destination::FromSetting { setting, methods } => {
            (format!("the address in the setting `{setting}`"), methods.as_slice())
        }
        Destination::MediaFromAnywhere => return vec!["any public address, for files without credentials".to_owned()],
    };
    if methods.is_empty() {
        return vec![format!("{target} (any method)")];
    }
    methods.iter().map(|method| format!("{target} ({method})")).collect()
}

fn uses(secret: &SecretDecl) -> BTreeSet<String> {
    secret
        .destinations
        .iter()
        .flat_map(|target| secret.places.iter().map(move |place| format!("`{place}` of requests to {target}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(version: &str, rest: &str) -> Manifest {
        let text = format!("id = \"demo\"\nversion = \"{version}\"\npublisher = \"Tests\"\n{rest}");
        sambung_runtime::manifest::read(&text).expect("the test's manifest is right")
    }

    fn decided(from: &str, to: &str) -> Decision {
        decide(&manifest(from, ""), &manifest(to, ""))
    }

    #[test]
    fn patches_minors_rebuilds_and_older_ones_of_a_line_apply() {
        for to in ["1.2.3", "1.2.4", "1.3.0", "1.1.9"] {
            assert_eq!(decided("1.2.3", to), Decision::Apply, "{to}");
        }
        assert_eq!(decided("0.3.1", "0.3.9"), Decision::Apply);
    }

    #[test]
    fn another_line_waits_for_a_person() {
        for (from, to) in [("1.2.3", "2.0.0"), ("2.0.0", "1.9.9"), ("0.3.1", "0.4.0"), ("0.9.0", "1.0.0")] {
            assert!(matches!(decided(from, to), Decision::Approve(needs) if needs[0].kind == "major"), "{from} {to}");
        }
    }

    #[test]
    fn a_new_destination_waits_for_a_person() {
        let running = manifest("1.0.0", "[[egress]]\nhost = \"api.example.com\"\nmethods = [\"GET\"]\n");
        let new = manifest("1.0.1", "[[egress]]\nhost = \"api.example.com\"\nmethods = [\"GET\", \"POST\"]\n");
        let Decision::Approve(needs) = decide(&running, &new) else { panic!("a method is a permission") };
        assert_eq!(needs.len(), 1);
        assert_eq!(needs[0].words, "connects to https://api.example.com (POST)");
        assert_eq!(decide(&new, &running), Decision::Apply, "asking for less needs nobody");
    }

    #[test]
    fn sending_mail_for_the_first_time_or_as_somebody_else_waits_for_a_person() {
        let silent = manifest("1.0.0", "");
        let own = manifest("1.0.1", "[mail]\nfrom = [\"setting:address\"]\n");
        let more = manifest("1.0.2", "[mail]\nfrom = [\"setting:address\", \"generated:forwarding_address\"]\n");
        for (running, new, words) in [
            (&silent, &own, "sends mail as the address in the setting `address`"),
            (&own, &more, "sends mail as the address that the host makes (`forwarding_address`)"),
        ] {
            let Decision::Approve(needs) = decide(running, new) else { panic!("mail is a permission") };
            assert_eq!(needs.len(), 1);
            assert_eq!((needs[0].kind.as_ref(), needs[0].words.as_str()), ("mail", words));
        }
        assert_eq!(decide(&more, &silent), Decision::Apply, "asking for less needs nobody");
        assert_eq!(permissions(&own), ["sends mail as the address in the setting `address`"]);
    }

    #[test]
    fn a_secret_in_a_new_place_waits_for_a_person() {
        let egress = "[[egress]]\nhost = \"api.example.com\"\nmethods = [\"GET\"]\n";
        let secret = |places: &str| {
            format!(
                "{egress}[[secret]]\nname = \"token\"\nscope = \"channel\"\norigin = \"admin\"\n\
                 destinations = [\"https://api.example.com\"]\nplaces = [{places}]\n"
            )
        };
        let running = manifest("1.0.0", &secret("\"auth\""));
        let new = manifest("1.0.1", &secret("\"auth\", \"query:token\""));
        let Decision::Approve(needs) = decide(&running, &new) else { panic!("a place is a permission") };
        assert_eq!(needs.iter().map(|need| &*need.kind).collect::<Vec<_>>(), ["secret"]);
    }
}
