//! There is nobody to connect to, so connecting is looking the settings over.

use crate::Webchat;
use crate::settings::Form;
use sambung_sdk::prelude::*;

impl Connection for Webchat {
    fn connect(channel: Channel, _answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        let form: Form = channel.read_settings().map_err(|fault| vec![fault])?;
        let faults: Vec<Fault> = form
            .domain
            .iter()
            .filter(|site| !is_origin(site))
            .map(|site| {
                let words = format!("{site} is not a site such as https://shop.example");
                Fault::new("invalid", words).field("domain").code("domain")
            })
            .chain(form.color.iter().filter(|color| !is_color(color)).map(|color| {
                let words = format!("{color} is not a colour such as #1f6feb");
                Fault::new("invalid", words).field("color").code("color")
            }))
            .collect();
        if faults.is_empty() { Ok(account(&channel).into()) } else { Err(faults) }
    }

    fn check(channel: Channel) -> Result<Health, Fault> {
        Ok(Health::of(account(&channel)))
    }

    fn disconnect(_channel: Channel) -> Result<(), Fault> {
        Ok(())
    }
}

/// Each channel is an account of its own.
fn account(channel: &Channel) -> Account {
    Account::new(&channel.id, "Web chat")
}

/// Whether this is what a browser sends as `Origin`: scheme, host and perhaps a port.
fn is_origin(site: &str) -> bool {
    let rest = site.strip_prefix("https://").or_else(|| site.strip_prefix("http://"));
    let Some(rest) = rest else {
        return false;
    };
    let (host, port) = rest.rsplit_once(':').unwrap_or((rest, "0"));
    let host_fits =
        !host.is_empty() && host.chars().all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.'));
    host_fits && port.parse::<u16>().is_ok()
}

fn is_color(color: &str) -> bool {
    color
        .strip_prefix('#')
        .is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(settings: &Value) -> Result<ConnectStep, Vec<Fault>> {
        Webchat::connect(Channel::with_settings("ch_1", settings), None)
    }

    #[test]
    fn a_web_chat_connects_as_an_account_of_its_own() {
        let step = connect(&json!({"domain": ["https://shop.example", "http://localhost:8000"]}));
        let Ok(ConnectStep::Connected(account)) = step else {
            panic!("{step:?}");
        };
        assert_eq!(account.id, "ch_1");
    }

    #[test]
    fn every_wrong_setting_is_named_at_once() {
        let faults = connect(&json!({"domain": ["shop.example", "https://a.example/x"], "color": "red"}))
            .expect_err("three settings are wrong");
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_deref()).collect();
        assert_eq!(fields, [Some("domain"), Some("domain"), Some("color")]);
    }

    #[test]
    fn a_port_that_is_none_is_not_a_site() {
        assert!(!is_origin("https://a.example:port"));
        assert!(!is_origin("https://"));
        assert!(is_origin("https://a.example:8443"));
    }
}
