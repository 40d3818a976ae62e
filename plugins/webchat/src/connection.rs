//! There is nobody to connect to: a web chat is connected as soon as its settings fit the form.

use crate::Webchat;
use sambung_sdk::prelude::*;

impl Connection for Webchat {
    fn connect(channel: Channel, _answer: Option<String>) -> Result<ConnectStep, Vec<Fault>> {
        Ok(account(&channel).into())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_web_chats_are_two_accounts_and_stay_who_they_are() {
        let connect = |id: &str| Webchat::connect(Channel { id: id.to_owned(), ..Channel::default() }, None);
        assert_ne!(connect("ch_1"), connect("ch_2"));
        assert_eq!(connect("ch_1"), connect("ch_1"));
    }
}
