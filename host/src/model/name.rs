//! What people may call things: channels, people, tokens, registrations, files.

use sambung_runtime::manifest::settings::is_unprintable;

use super::fault::FieldError;

/// Longest name, in characters.
const MOST: usize = 200;

/// What is wrong with a name, if anything. An empty one is no fault: whether a name is required is for its place to say.
pub fn fault(pointer: &str, name: &str) -> Option<FieldError> {
    if name.contains(is_unprintable) {
        let words = "must be one line without control characters";
        return Some(FieldError::new(pointer, "control-characters", words));
    }
    if name.chars().count() > MOST {
        return Some(FieldError::new(pointer, "too-long", format!("must have at most {MOST} characters")));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_text_is_a_name_and_control_characters_are_none() {
        for good in ["", "Toko Bunga", "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}", "\u{e17}\u{e35}\u{e48}", "a  b"] {
            assert_eq!(fault("#/name", good), None, "{good:?}");
        }
        for bad in
            ["a\nb", "a\r\nBcc: x", "\0", "a\tb", "\u{1b}[31m", "\u{7f}", "\u{85}", "\u{2028}", "\u{202e}gpj.exe"]
        {
            assert_eq!(fault("#/name", bad).map(|fault| fault.code), Some("control-characters".into()), "{bad:?}");
        }
        assert!(fault("#/name", &"n".repeat(201)).is_some_and(|fault| fault.code == "too-long"));
    }
}
