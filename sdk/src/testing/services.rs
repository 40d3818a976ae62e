//! Stand-ins of the imports that remember: everything stays in the thread's state.

/// `secrets`: markers are readable words.
pub(crate) mod secrets {
    use crate::testing::{Kept, with_state};

    pub(crate) fn marker(name: &str, encoding: &str) -> Result<String, String> {
        if !matches!(encoding, "raw" | "json" | "url" | "base64") {
            return Err(format!("no such encoding: {encoding}"));
        }
        if !has(name) {
            return Err(format!("no secret is set under {name}"));
        }
        Ok(format!("secret-{name}-{encoding}"))
    }

    pub(crate) fn has(name: &str) -> bool {
        with_state(|state| state.secrets.contains_key(name))
    }

    pub(crate) fn keep(captured: &str, name: &str, expires_at: Option<u64>) -> Result<(), String> {
        with_state(|state| {
            let Some(value) = state.captured.get(captured).cloned() else {
                return Err(format!("nothing was captured under {captured}"));
            };
            state.secrets.insert(name.to_owned(), value);
            state.kept.push(Kept { label: captured.to_owned(), name: name.to_owned(), expires_at });
            Ok(())
        })
    }
}

/// `kv`, with the contract's limits.
pub(crate) mod kv {
    use crate::testing::with_state;

    const KEYS: usize = 128;
    const KEY_BYTES: usize = 128;
    const VALUE_BYTES: usize = 16 * 1024;

    pub(crate) fn get(key: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(with_state(|state| state.kv.get(key).cloned()))
    }

    pub(crate) fn set(key: &str, value: &[u8]) -> Result<(), String> {
        with_state(|state| {
            if key.len() > KEY_BYTES {
                return Err(format!("a key has at most {KEY_BYTES} bytes"));
            }
            if value.len() > VALUE_BYTES {
                return Err(format!("a value has at most {VALUE_BYTES} bytes"));
            }
            if state.kv.len() >= KEYS && !state.kv.contains_key(key) {
                return Err(format!("a channel has at most {KEYS} keys"));
            }
            state.kv.insert(key.to_owned(), value.to_vec());
            Ok(())
        })
    }

    pub(crate) fn delete(key: &str) -> Result<(), String> {
        with_state(|state| state.kv.remove(key));
        Ok(())
    }
}

/// `media-host`: addresses at a host that does not exist.
pub(crate) mod media_host {
    use crate::testing::with_state;
    use crate::types::MediaRef;

    pub(crate) fn publish(blob: &str, for_ms: u64) -> Result<String, String> {
        with_state(|state| state.published.push((blob.to_owned(), for_ms)));
        Ok(format!("https://files.example/{blob}"))
    }

    pub(crate) fn preview(blob: &str, _max_edge: u32, _max_bytes: u64) -> Result<Option<MediaRef>, String> {
        Ok(with_state(|state| state.previews.get(blob).cloned()))
    }
}

/// `visitor`: entries are numbered.
pub(crate) mod visitor {
    use crate::testing::{Pushed, with_state};

    pub(crate) fn push(visitor: &str, entry: &str) -> Result<String, String> {
        let entry = serde_json::from_str(entry).map_err(|error| error.to_string())?;
        with_state(|state| {
            state.pushed.push(Pushed { visitor: visitor.to_owned(), entry });
            Ok(state.pushed.len().to_string())
        })
    }
}

/// `log`.
pub(crate) mod log {
    use crate::testing::{LogLine, with_state};

    pub(crate) fn log(level: &str, message: &str, fields: &[(String, String)]) {
        with_state(|state| {
            state.logs.push(LogLine { level: level.to_owned(), message: message.to_owned(), fields: fields.to_vec() });
        });
    }
}

/// `mailer`: a server that takes everything it was not told to refuse.
pub(crate) mod mailer {
    use crate::mailer::{Accepted, MailError, Route};
    use crate::testing::with_state;
    use crate::types::Mail;

    pub(crate) fn send(mail: &Mail, route: &Route) -> Result<Accepted, MailError> {
        with_state(|state| {
            state.mails.push((mail.clone(), route.clone()));
            state.mail_answers.pop_front().unwrap_or_else(|| Ok(Accepted::default()))
        })
    }

    pub(crate) fn verify(_route: &Route) -> Result<(), MailError> {
        with_state(|state| state.mail_answers.pop_front().map_or(Ok(()), |answer| answer.map(drop)))
    }
}
