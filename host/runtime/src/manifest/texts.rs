//! `texts.en.toml`, `texts.id.toml`: everything a person reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::section::{Section, nearest};
use super::{AddressKind, Manifest, Origin, Scope};

/// A plugin's words in one language.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Texts {
    /// What the channel is called.
    pub name: String,
    /// One or two sentences.
    pub description: String,
    /// How to connect, in order.
    pub instructions: Vec<Step>,
    /// By the setting's name.
    pub fields: BTreeMap<String, FieldText>,
    /// Words for codes that the plugin uses in faults, findings and failures.
    pub reasons: BTreeMap<String, String>,
    /// The words of the button that leads to the form: "Add Line Account". None: the host's own.
    pub add: Option<String>,
    /// The words of the form's button: "Install". None: the host's own.
    pub submit: Option<String>,
    /// What is said once a channel is connected. None: the host's own words.
    pub connected: Option<ConnectedText>,
}

/// What is said once a channel is connected.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ConnectedText {
    /// The dialog's title.
    pub title: String,
    /// What happens now, or what is left to do.
    pub text: String,
}

/// Characters of a button's words.
const MOST_BUTTON: usize = 40;
/// Characters of the title that is shown once a channel is connected.
const MOST_TITLE: usize = 80;
/// Characters of the text below that title.
const MOST_TEXT: usize = 400;

/// One step of the instructions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// What a field's `x-help-anchor` points to.
    pub anchor: Option<String>,
    /// "channel" or "app": which form it stands beside.
    pub of: String,
    /// What to do.
    pub text: String,
    /// Where.
    pub link: Option<String>,
    /// The name of what the host shows here to be copied: `webhook_url`, `redirect_url`, `forwarding_address` or a generated
    /// secret that is shown.
    pub copy: Option<String>,
}

/// Words beside one field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FieldText {
    /// The label.
    pub title: Option<String>,
    /// Where to find the value and what it is for.
    pub help: Option<String>,
    /// An example, shown while the field is empty.
    pub placeholder: Option<String>,
}

pub(super) fn read(top: Section<'_>, manifest: &Manifest) -> Texts {
    let instructions = top.tables("instructions");
    let texts = Texts {
        name: top.required("name"),
        description: top.required("description"),
        instructions: instructions.iter().map(|section| step(section, manifest)).collect(),
        fields: top
            .table("fields")
            .map(|fields| fields.named_tables().into_iter().map(|(name, section)| (name, field(&section))).collect())
            .unwrap_or_default(),
        reasons: top.table("reasons").map(|reasons| reasons.named_strings().into_iter().collect()).unwrap_or_default(),
        add: bounded(&top, "add", top.string("add"), MOST_BUTTON),
        submit: bounded(&top, "submit", top.string("submit"), MOST_BUTTON),
        connected: top.table("connected").map(|section| connected(&section)),
    };
    for (at, (step, section)) in texts.instructions.iter().zip(&instructions).enumerate() {
        if step.anchor.is_some() && texts.instructions[..at].iter().any(|earlier| earlier.anchor == step.anchor) {
            section.fault("anchor", "an earlier step has this anchor already");
        }
    }
    top.finish();
    texts
}

fn connected(section: &Section<'_>) -> ConnectedText {
    let text = |key, most| bounded(section, key, Some(section.required(key)), most).unwrap_or_default();
    let told = ConnectedText { title: text("title", MOST_TITLE), text: text("text", MOST_TEXT) };
    section.finish();
    told
}

/// A text that is one line, not blank, and no longer than its place on the screen; none after a fault.
fn bounded(section: &Section<'_>, key: &str, text: Option<String>, most: usize) -> Option<String> {
    let text = text?;
    let length = text.chars().count();
    if length > most {
        section.fault(key, format!("has {length} characters, and {most} is the most"));
    } else if text.chars().any(char::is_control) {
        section.fault(key, "must be one line");
    } else if text.trim().is_empty() && !text.is_empty() {
        section.fault(key, "must not be empty");
    } else if !text.is_empty() {
        return Some(text);
    } else if section.has(key) {
        section.fault(key, "must not be empty");
    }
    None
}

fn step(section: &Section<'_>, manifest: &Manifest) -> Step {
    let step = Step {
        anchor: section.string("anchor"),
        of: section.word("of", &[("channel", "channel"), ("app", "app")], "channel").to_owned(),
        text: section.required("text"),
        link: section.string("link"),
        copy: section.string("copy"),
    };
    if step.link.as_deref().is_some_and(|link| !link.starts_with("https://")) {
        section.fault("link", "an https address");
    }
    if let Some(copy) = &step.copy {
        check_copy(section, copy, &step.of, &copyable(manifest, &step.of));
    }
    section.finish();
    step
}

/// What stands in a channel or an app for somebody to copy it.
fn copyable<'m>(manifest: &'m Manifest, of: &str) -> Vec<&'m str> {
    let is_app = of == "app";
    let has_address = |webhook: &super::Webhook| !is_app || webhook.address == AddressKind::App;
    let own = [
        ("webhook_url", manifest.webhooks.iter().any(has_address)),
        ("redirect_url", is_app && !manifest.oauth2.is_empty()),
        ("forwarding_address", !is_app && manifest.ingress.mail),
    ];
    let scope = if is_app { Scope::App } else { Scope::Channel };
    let shown = manifest.secrets.iter().filter(|secret| {
        secret.scope == scope && matches!(&secret.origin, Origin::Generated(generate) if generate.shown)
    });
    own.into_iter()
        .filter_map(|(name, is_there)| is_there.then_some(name))
        .chain(shown.map(|secret| secret.name.as_str()))
        .collect()
}

fn check_copy(section: &Section<'_>, copy: &str, of: &str, known: &[&str]) {
    if known.contains(&copy) {
        return;
    }
    let hint = match nearest(copy, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "by this manifest there is nothing to copy: leave it out".to_owned(),
        None => format!("there is {}", known.join(", ")),
    };
    section.fault("copy", format!("`{copy}` is nothing that is shown with a {of} to be copied; {hint}"));
}

fn field(section: &Section<'_>) -> FieldText {
    let field = FieldText {
        title: section.string("title"),
        help: section.string("help"),
        placeholder: section.string("placeholder"),
    };
    section.finish();
    field
}
