//! The log: one event, one line, whatever stands in it. Texts of plugins, providers and senders come into the log in many places,
//! and none of them may look like a line of its own.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Stderr, Write};

use anyhow::Context;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{Config, LogFormat};

/// Begins to log on standard error.
pub(super) fn begin(config: &Config) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.logs.filter).context("logs.filter")?;
    let colours = io::stderr().is_terminal();
    // A log that cannot be written, on a disk that is full, is no reason to fail; the default complains on the same stream, and
    // panics when it cannot.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Lines { colours })
        .with_ansi(colours)
        .log_internal_errors(false);
    match config.logs.format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Text => builder.init(),
    }
    Ok(())
}

/// Makes a writer for each event.
struct Lines {
    /// The formatter writes colours, and escapes those that a text brings.
    colours: bool,
}

impl MakeWriter<'_> for Lines {
    type Writer = Line;

    fn make_writer(&self) -> Line {
        Line { colours: self.colours, out: io::stderr() }
    }
}

/// Writes one event, which the formatter hands over as a whole.
struct Line {
    colours: bool,
    out: Stderr,
}

impl Write for Line {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        self.write_all(event)?;
        Ok(event.len())
    }

    fn write_all(&mut self, event: &[u8]) -> io::Result<()> {
        let text = String::from_utf8_lossy(event);
        match one_line(&text, self.colours) {
            Some(line) => self.out.write_all(line.as_bytes()),
            None => self.out.write_all(event),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// The event with everything escaped that ends a line, moves a terminal's cursor or turns the direction of a text, as JSON escapes
/// it; `None` where there is nothing of it.
fn one_line(event: &str, colours: bool) -> Option<String> {
    let (body, end) = match event.strip_suffix('\n') {
        Some(body) => (body, "\n"),
        None => (event, ""),
    };
    let unsafe_here = |c: char| is_unsafe(c) && !(colours && c == '\u{1b}');
    if !body.chars().any(unsafe_here) {
        return None;
    }
    let mut line = String::with_capacity(event.len() + 16);
    for c in body.chars() {
        match c {
            '\n' => line.push_str("\\n"),
            '\r' => line.push_str("\\r"),
            '\t' => line.push_str("\\t"),
            c if unsafe_here(c) => {
                // Writing to a string does not fail.
                let _ = write!(line, "\\u{:04x}", u32::from(c));
            }
            c => line.push(c),
        }
    }
    line.push_str(end);
    Some(line)
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_event_is_one_line() {
        let forged = "harmless\r\nWARN forged\u{1b}[2J\u{2028}\u{202e}\u{85}\n";
        assert_eq!(
            one_line(forged, false).as_deref(),
            Some("harmless\\r\\nWARN forged\\u001b[2J\\u2028\\u202e\\u0085\n")
        );
        assert_eq!(one_line("\u{1b}[32m INFO\u{1b}[0m starts\n", true), None);
        assert_eq!(one_line("pesan biasa, 写真\n", false), None);
    }

    #[test]
    fn what_is_json_stays_json() {
        let event = format!("{}\n", serde_json::json!({ "message": "a\u{2028}b\u{7f}" }));
        let line = one_line(&event, false).expect("something is escaped");
        let read: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(read["message"], "a\u{2028}b\u{7f}");
    }

    proptest! {
        #[test]
        fn nothing_but_the_end_ends_the_line(text in any::<String>()) {
            let line = one_line(&format!("{text}\n"), false).unwrap_or_else(|| format!("{text}\n"));
            prop_assert!(line.ends_with('\n'));
            prop_assert!(!line[..line.len() - 1].chars().any(is_unsafe));
        }
    }
}
