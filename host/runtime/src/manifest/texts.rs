//! `texts.en.toml`, `texts.id.toml`: everything a person reads.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::section::Section;

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
}

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
    /// The name of what the host shows here to be copied: `webhook_url`, `redirect_url` or a generated secret that is shown.
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

pub(super) fn read(top: Section<'_>) -> Texts {
    let texts = Texts {
        name: top.required("name"),
        description: top.required("description"),
        instructions: top.tables("instructions").iter().map(step).collect(),
        fields: top
            .table("fields")
            .map(|fields| fields.named_tables().into_iter().map(|(name, section)| (name, field(&section))).collect())
            .unwrap_or_default(),
        reasons: top.table("reasons").map(|reasons| reasons.named_strings().into_iter().collect()).unwrap_or_default(),
    };
    top.finish();
    texts
}

fn step(section: &Section<'_>) -> Step {
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
    section.finish();
    step
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
