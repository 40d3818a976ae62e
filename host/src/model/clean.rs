//! Texts of one line that others wrote (names, subjects, names of files, ids), without what no such text may hold.

/// Most characters of a person's name.
const MOST_NAME: usize = 300;

/// The text as one line: ends of lines and tabs become a space, and control characters and the marks that turn the direction
/// of what follows (which make one name look like another) are left out.
pub fn line(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                if !clean.ends_with(' ') {
                    clean.push(' ');
                }
            }
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {}
            c => clean.push(c),
        }
    }
    if clean.starts_with(char::is_whitespace) || clean.ends_with(char::is_whitespace) {
        clean = clean.trim().to_owned();
    }
    clean
}

/// As [`line()`]; none where nothing is left.
pub fn some_line(text: &str) -> Option<String> {
    Some(line(text)).filter(|text| !text.is_empty())
}

/// A person's name, of at most 300 characters; none where nothing is left.
pub fn name(text: &str) -> Option<String> {
    let mut name = line(text);
    if let Some((end, _)) = name.char_indices().nth(MOST_NAME) {
        name.truncate(end);
    }
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_one_line_that_shows_what_it_is() {
        assert_eq!(line("Siti\r\nBcc: x@y.example\0"), "Siti Bcc: x@y.example");
        assert_eq!(line("\u{202e}elpmaxe\u{2066}\u{9b}31m"), "elpmaxe31m");
        assert_eq!(line(" Süti \u{200f}أمل 👩‍👧 "), "Süti \u{200f}أمل 👩‍👧");
        assert_eq!(name(" \u{7}\r\n "), None);
        assert_eq!(name(&"ü".repeat(400)).map(|name| name.chars().count()), Some(300));
    }

    proptest! {
        #[test]
        fn a_line_has_no_control_character_and_is_cleaned_once(text in prop::collection::vec(any::<char>(), 0..60)) {
            let once = line(&text.into_iter().collect::<String>());
            prop_assert!(!once.chars().any(char::is_control));
            prop_assert_eq!(&line(&once), &once);
        }
    }
}
