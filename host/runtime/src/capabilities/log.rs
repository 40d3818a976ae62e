//! `log`, standard output and standard error: one stream of words with one limit.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::call::{CallFault, Caller};
use crate::calls::{Function, Import};
use crate::contract::bindings::sambung::channel::log::Host;
use crate::meter::Over;
use crate::services::Outcomes;
use crate::state::State;

/// How much of a plugin's last words is kept to explain a crash.
const TAIL_BYTES: usize = 2 << 10;

/// What a line of a standard stream counts beside its bytes: each becomes a line of the host's log.
const LINE_BYTES: usize = 32;

/// Everything that one call writes. Shared with the standard streams, which live apart from the call's state.
#[derive(Clone)]
pub(crate) struct Log(Arc<Shared>);

struct Shared {
    caller: Arc<Caller>,
    function: Function,
    outcomes: Arc<dyn Outcomes>,
    written: Mutex<Written>,
}

struct Written {
    limit: u64,
    bytes: u64,
    over: bool,
    /// Lines that have not ended yet: of standard output, of standard error.
    lines: [Vec<u8>; 2],
    /// The end of standard error.
    tail: Vec<u8>,
    /// The last message of level error.
    error: Option<String>,
}

/// Which of the standard streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standard {
    Output,
    Error,
}

impl Log {
    pub(crate) fn new(caller: Arc<Caller>, function: Function, limit: u64, outcomes: Arc<dyn Outcomes>) -> Log {
        Log(Arc::new(Shared {
            caller,
            function,
            outcomes,
            written: Mutex::new(Written {
                limit,
                bytes: 0,
                over: false,
                lines: [Vec::new(), Vec::new()],
                tail: Vec::new(),
                error: None,
            }),
        }))
    }

    /// Bytes written so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    /// Counts one message by the plugin's own hand, before anything is done with it.
    pub(crate) fn charge(&self, level: &str, message: &str, fields: &[(String, String)]) -> Result<(), Over> {
        let size = fields.iter().fold(level.len() + message.len(), |sum, (name, value)| sum + name.len() + value.len());
        self.lock().charge(size)
    }

    /// One message by the plugin's own hand, which was counted.
    pub(crate) fn message(&self, level: &str, message: &str, fields: &[(String, String)]) {
        if level == "error" {
            self.lock().error = Some(shorten(message));
        }
        let fields = fields.iter().map(|(name, value)| format!("{name:?}={value:?}")).collect::<Vec<_>>().join(" ");
        self.emit(level, message, &fields);
    }

    /// Bytes of a standard stream; whole lines are passed on.
    pub(crate) fn standard(&self, stream: Standard, bytes: &[u8]) -> Result<(), Over> {
        let mut whole = Vec::new();
        {
            let mut written = self.lock();
            written.charge(bytes.len() + memchr::memchr_iter(b'\n', bytes).count() * LINE_BYTES)?;
            if stream == Standard::Error {
                written.tail.extend_from_slice(bytes);
                let excess = written.tail.len().saturating_sub(TAIL_BYTES);
                written.tail.drain(..excess);
            }
            let line = &mut written.lines[stream as usize];
            line.extend_from_slice(bytes);
            if let Some(end) = memchr::memrchr(b'\n', line) {
                let rest = line.split_off(end + 1);
                whole = std::mem::replace(line, rest);
            }
        }
        let level = if stream == Standard::Error { "warn" } else { "info" };
        for line in whole.split_inclusive(|byte| *byte == b'\n') {
            self.emit(level, String::from_utf8_lossy(line).trim_end(), "");
        }
        Ok(())
    }

    /// What the plugin said last before it crashed: a panic's text, else its last error.
    pub(crate) fn last_words(&self) -> String {
        let written = self.lock();
        let tail = String::from_utf8_lossy(&written.tail);
        let panic = tail
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with("note: "))
            .collect::<Vec<_>>()
            .join(" ");
        if panic.is_empty() { written.error.clone().unwrap_or_default() } else { panic }
    }

    /// Whether more was written than allowed; nothing that follows is kept.
    pub(crate) fn is_over(&self) -> bool {
        self.lock().over
    }

    fn emit(&self, level: &str, message: &str, fields: &str) {
        let caller = &self.0.caller;
        let function = self.0.function.name();
        macro_rules! emit {
            ($level:ident) => {
                tracing::$level!(
                    target: "plugin",
                    plugin = %caller.plugin,
                    workspace = %caller.workspace,
                    channel = caller.channel.as_deref(),
                    function,
                    fields,
                    "{message}"
                )
            };
        }
        match level {
            "debug" => emit!(debug),
            "warn" => emit!(warn),
            "error" => emit!(error),
            _ => emit!(info),
        }
        let line = if fields.is_empty() { Cow::Borrowed(message) } else { Cow::Owned(format!("{message} {fields}")) };
        self.0.outcomes.said(caller, level, &line);
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.written.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    fn charge(&mut self, bytes: usize) -> Result<(), Over> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > self.limit {
            self.over = true;
            return Err(Over(CallFault::LogBytes));
        }
        Ok(())
    }
}

fn shorten(message: &str) -> String {
    let end = message.floor_char_boundary(TAIL_BYTES);
    message[..end].to_owned()
}

impl Host for State {
    async fn log(&mut self, level: String, message: String, fields: Vec<(String, String)>) -> wasmtime::Result<()> {
        if self.enter(Import::Log)?.is_err() {
            return Ok(());
        }
        self.log.charge(&level, &message, &fields)?;
        let message = self.vault.scrub_text(&message);
        let fields: Vec<_> = fields.into_iter().map(|(name, value)| (name, self.vault.scrub_text(&value))).collect();
        self.log.message(&level, &message, &fields);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(limit: u64) -> Log {
        Log::new(Arc::default(), Function::Send, limit, Arc::new(crate::services::NoOutcomes))
    }

    #[test]
    fn all_streams_share_one_limit() {
        let log = log(20);
        log.charge("info", "12345", &[]).expect("9 bytes");
        log.standard(Standard::Output, b"12345").expect("14 bytes");
        log.standard(Standard::Error, b"123456").expect("20 bytes");
        assert!(!log.is_over());
        assert_eq!(log.standard(Standard::Error, b"1"), Err(Over(CallFault::LogBytes)));
        assert!(log.is_over());
    }

    #[test]
    fn each_line_of_a_stream_counts() {
        let log = log(100);
        log.standard(Standard::Output, b"\n\n").expect("66 bytes");
        assert_eq!(log.standard(Standard::Output, b"\n\n"), Err(Over(CallFault::LogBytes)));
    }

    #[test]
    fn a_panic_is_told_without_its_advice() {
        let log = log(1000);
        log.message("error", "before", &[]);
        assert_eq!(log.last_words(), "before");
        log.standard(Standard::Error, b"\nthread '<unnamed>' panicked at src/lib.rs:3:5:\n").expect("fits");
        log.standard(Standard::Error, b"no such field\nnote: run with `RUST_BACKTRACE=1`\n").expect("fits");
        assert_eq!(log.last_words(), "thread '<unnamed>' panicked at src/lib.rs:3:5: no such field");
    }

    #[test]
    fn only_the_end_of_a_long_story_is_kept() {
        let log = log(1 << 20);
        log.standard(Standard::Error, &vec![b'a'; 10 * TAIL_BYTES]).expect("fits");
        log.standard(Standard::Error, b"the end").expect("fits");
        let words = log.last_words();
        assert_eq!(words.len(), TAIL_BYTES);
        assert!(words.ends_with("the end"));
    }
}
