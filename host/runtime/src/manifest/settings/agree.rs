//! Whether forms and the texts beside them speak of the same: a field's `x-help-anchor` names a step, and `[fields]` names
//! fields. A wrong word there would show a person nothing.

use serde_json::Value;

use super::lint::{LintFault, escape};
use super::{all_fields, properties};
use crate::manifest::Texts;
use crate::manifest::section::nearest;

/// Whether the forms of a plugin (each by "channel" or "app") and its texts, all in one language, name what is there.
///
/// # Errors
/// Every fault at once: a pointer into the form of a channel or app, or the key of the texts.
pub fn agree(forms: &[(&str, &Value)], texts: &Texts) -> Result<(), Vec<LintFault>> {
    let mut faults = Vec::new();
    for (of, schema) in forms {
        let steps = texts.instructions.iter().filter(|step| step.of == *of);
        let anchors: Vec<&str> = steps.filter_map(|step| step.anchor.as_deref()).collect();
        let branches = schema.get("oneOf").and_then(Value::as_array).into_iter().flatten().enumerate();
        let branches = branches.map(|(at, branch)| (format!("/oneOf/{at}"), branch));
        for (pointer, part) in std::iter::once((String::new(), *schema)).chain(branches) {
            for (name, field) in properties(part).into_iter().flatten() {
                let Some(anchor) = field.get("x-help-anchor") else { continue };
                if !anchor.as_str().is_some_and(|anchor| anchors.contains(&anchor)) {
                    let hint = hint(anchor.as_str().unwrap_or_default(), &anchors);
                    faults.push(LintFault {
                        pointer: format!("{of}: {pointer}/properties/{}/x-help-anchor", escape(name)),
                        words: format!("{anchor} is the `anchor` of none of the {of}'s instructions{hint}"),
                    });
                }
            }
        }
    }
    let fields: Vec<&str> = forms.iter().flat_map(|(_, schema)| all_fields(schema)).map(|field| field.name).collect();
    for name in texts.fields.keys().filter(|name| !fields.contains(&name.as_str())) {
        let words = format!("no form has a field of this name{}", hint(name, &fields));
        faults.push(LintFault { pointer: format!("[fields.{name}]"), words });
    }
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}

fn hint(word: &str, known: &[&str]) -> String {
    nearest(word, known.iter().copied()).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}
