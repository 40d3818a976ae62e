//! What of a configuration is not as it is where nothing is said.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::{Config, OPEN_TABLES};

/// A key whose value is not the default.
#[derive(Debug, Clone, PartialEq)]
pub struct Overridden {
    /// `section.key`
    pub key: String,
    /// What it is, without marks; a secret is `(set)`.
    pub value: String,
    /// What it is where nothing is said.
    pub default: String,
}

/// Writes a secret: never itself.
pub(super) fn secret<S: Serializer>(value: &str, to: S) -> Result<S::Ok, S::Error> {
    if value.is_empty() { "" } else { "(set)" }.serialize(to)
}

impl Config {
    /// The keys whose values are not the defaults, by name, whether a file, the environment or an argument set them.
    pub fn overridden(&self) -> Vec<Overridden> {
        let [Ok(own), Ok(usual)] = [serde_json::to_value(self), serde_json::to_value(Config::default())] else {
            return Vec::new();
        };
        let mut found = Vec::new();
        compare("", &own, &usual, &mut found);
        found.sort_by(|one, other| one.key.cmp(&other.key));
        found
    }
}

fn compare(key: &str, own: &Value, usual: &Value, found: &mut Vec<Overridden>) {
    match (own, usual) {
        (Value::Object(own), Value::Object(usual)) => {
            for (name, value) in own {
                let below = match key {
                    "" => name.clone(),
                    open if OPEN_TABLES.contains(&open) => format!("{open}.{name:?}"),
                    section => format!("{section}.{name}"),
                };
                compare(&below, value, usual.get(name).unwrap_or(&Value::Null), found);
            }
        }
        _ if own != usual => {
            found.push(Overridden { key: key.to_owned(), value: text(own), default: text(usual) });
        }
        _ => {}
    }
}

/// A value without marks; a list's items have commas between them.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_named_and_secrets_are_not_told() {
        assert_eq!(Config::default().overridden(), []);
        let file = "[metrics]\ntoken = 'hush'\n[mail.relay]\npassword = 'hush'\n[egress.overrides]\n'https://a.example' = 'http://127.0.0.1:2'\n\
                    [runtime.limits]\ncpu_ms = 7\n[server]\ntrusted_proxies = ['10.0.0.0/8', '::1']\n";
        let mut config = Config::read(Some(("x.toml", file)), []).expect("it is good");
        config.server.listen = "127.0.0.1:3".parse().expect("an address");
        let found = config.overridden();
        let keys: Vec<&str> = found.iter().map(|one| one.key.as_str()).collect();
        let expected = [
            "egress.overrides.\"https://a.example\"",
            "mail.relay.password",
            "metrics.token",
            "runtime.limits.cpu_ms",
            "server.listen",
            "server.trusted_proxies",
        ];
        assert_eq!(keys, expected);
        let of = |at: usize| (found[at].value.as_str(), found[at].default.as_str());
        assert_eq!(of(0), ("http://127.0.0.1:2", ""));
        assert_eq!(of(2), ("(set)", ""));
        assert_eq!(of(4), ("127.0.0.1:3", "127.0.0.1:8080"));
        assert_eq!(of(5), ("10.0.0.0/8, ::1", ""));
        assert!(!format!("{found:?}").contains("hush"));
    }
}
