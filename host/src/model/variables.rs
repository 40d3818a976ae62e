//! Variables in saved replies: `{{contact.name}}`.

/// The variables that a saved reply may hold.
pub const KNOWN: [&str; 3] = ["contact.name", "agent.name", "channel.name"];

/// The parts of a text: what stands between variables, and their names.
enum Part<'t> {
    Text(&'t str),
    Variable(&'t str),
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, following)) = after.split_once("}}") else { break };
        parts.push(Part::Text(before));
        parts.push(Part::Variable(name.trim()));
        rest = following;
    }
    parts.push(Part::Text(rest));
    parts
}

/// The first variable of a text that is not known.
pub fn unknown(text: &str) -> Option<&str> {
    parts(text).into_iter().find_map(|part| match part {
        Part::Variable(name) if !KNOWN.contains(&name) => Some(name),
        _ => None,
    })
}

/// A text with the values of its variables. A value is put in as it is, even where it looks like a variable.
pub fn filled(text: &str, value: impl Fn(&str) -> String) -> String {
    let part = |part: Part<'_>| match part {
        Part::Text(text) => text.to_owned(),
        Part::Variable(name) => value(name),
    };
    parts(text).into_iter().map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_variables_take_their_values_and_others_are_named() {
        let text = "Hi {{contact.name}}, {{ agent.name }} here. {{";
        assert_eq!(unknown(text), None);
        assert_eq!(filled(text, |name| format!("<{name}>")), "Hi <contact.name>, <agent.name> here. {{");
        assert_eq!(filled("{{contact.name}}", |_| "{{agent.name}}".to_owned()), "{{agent.name}}");
        assert_eq!(unknown("{{contact.name}} {{contact.phone}}"), Some("contact.phone"));
        assert_eq!(unknown("{{}}"), Some(""));
    }
}
