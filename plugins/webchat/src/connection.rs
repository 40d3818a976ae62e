//! There is nobody to connect to: a web chat is connected as soon as its settings fit the form.

use crate::Webchat;
use crate::settings::EARLIER;
use sambung_sdk::prelude::*;

impl Connection for Webchat {
    fn identify(channel: Channel, _answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        Ok(account(&channel).into())
    }

    fn register(channel: Channel) -> Result<Connected, Vec<Fault>> {
        Ok(account(&channel).into())
    }

    fn check(channel: Channel) -> Result<Health, Fault> {
        Ok(Health::of(account(&channel)))
    }

    fn disconnect(_channel: Channel) -> Result<(), Fault> {
        Ok(())
    }
}

/// Each channel is an account of its own, or goes on with that of an earlier one.
fn account(channel: &Channel) -> Account {
    let settings: Value = sambung_sdk::json::read(&channel.settings).unwrap_or_default();
    let earlier = settings[EARLIER].as_str().filter(|id| !id.is_empty());
    Account::new(earlier.unwrap_or(&channel.id), "Web chat")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_web_chats_are_two_accounts_and_stay_who_they_are() {
        let connect = |id: &str| Webchat::identify(Channel { id: id.to_owned(), ..Channel::default() }, None);
        assert_ne!(connect("ch_1"), connect("ch_2"));
        assert_eq!(connect("ch_1"), connect("ch_1"));
    }

    #[test]
    fn a_web_chat_goes_on_with_the_account_of_an_earlier_one() {
        let account = |earlier: &str| {
            let settings = json!({ "earlier": earlier }).to_string();
            account(&Channel { id: "ch_2".to_owned(), settings, ..Channel::default() })
        };
        assert_eq!(account("ch_1"), Account::new("ch_1", "Web chat"));
        assert_eq!(account(""), Account::new("ch_2", "Web chat"));
    }
}
