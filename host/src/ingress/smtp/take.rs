//! One mail, received whole: looked into, put into the journal once for each channel, and only then acknowledged.

use std::net::IpAddr;

use sambung_runtime::contract::types::Authentication;
use serde_json::json;

use super::Shared;
use crate::db::{DbError, NewRow};
use crate::disk::Purpose;
use crate::inbound::mail;
use crate::mail::Seen;

/// A recipient that is a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recipient {
    /// As it was written.
    pub address: String,
    pub channel: String,
}

/// A mail with what was said of it.
pub(super) struct Received {
    pub client: Option<IpAddr>,
    pub helo: String,
    pub sender: String,
    pub recipients: Vec<Recipient>,
    pub raw: Vec<u8>,
}

/// Why a mail is not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    /// It goes in a circle.
    #[error("it passed {0} servers, so it goes in a circle")]
    Loop(usize),
    /// It may be taken another time.
    #[error("{0}")]
    NotNow(String),
}

impl From<DbError> for Refusal {
    fn from(error: DbError) -> Refusal {
        tracing::warn!(%error, "a mail was not taken");
        Refusal::NotNow("it could not be stored".to_owned())
    }
}

impl Shared {
    /// Takes a mail: once this returns it is on disk for every recipient.
    pub(super) async fn take(&self, received: Received) -> Result<(), Refusal> {
        let passed = passed_servers(&received.raw);
        if passed > self.config.max_received {
            return Err(Refusal::Loop(passed));
        }
        let now = self.state.clock.now();
        if !self.state.disk.allows(Purpose::Requests, now) {
            return Err(Refusal::NotNow("the disk is nearly full".to_owned()));
        }
        let seen = Seen { client: received.client, helo: &received.helo, sender: &received.sender };
        let verdicts = self.verdicts.of(&received.raw, &seen, self.config.hostname()).await;
        let mut channels: Vec<&str> = received.recipients.iter().map(|one| one.channel.as_str()).collect();
        channels.sort_unstable();
        channels.dedup();
        let mut rows = Vec::with_capacity(channels.len());
        for id in channels {
            match self.state.db.channel(id).await? {
                Some(channel) => rows.push(channel),
                // It was disconnected while the mail was on its way: nothing is stored, and the next time its address is nobody's.
                None => return Err(Refusal::NotNow("one of its recipients is gone".to_owned())),
            }
        }
        for channel in rows {
            let row = NewRow {
                plugin: channel.plugin.as_str().into(),
                address: format!("{}/{}", channel.plugin, channel.id).into(),
                workspace: Some(channel.workspace.as_str().into()),
                channel: Some(channel.id.as_str().into()),
                app: None,
                recipe: mail::RECIPE.to_owned(),
                method: "MAIL".to_owned(),
                path: String::new(),
                query: String::new(),
                headers: headers(&received, &channel.id, &verdicts),
                body: received.raw.clone(),
                received_at: now,
            };
            self.state.inbound.receive(row, None).await?;
        }
        metrics::counter!("sambung_mails_received_total").increment(1);
        Ok(())
    }

    /// The channel of an address; none: nobody here.
    pub(super) async fn recipient(&self, address: &str) -> Result<Option<Recipient>, DbError> {
        let Some(found) = crate::mail::Recipient::read(address, &self.config.domain) else { return Ok(None) };
        let channel = self.state.db.channel_at_address(&found.local).await?;
        let Some(channel) = channel else { return Ok(None) };
        // A plugin that was removed receives nothing.
        let there = match self.state.db.channel(&channel).await? {
            Some(row) => self.state.plugins.get(&row.plugin).is_some(),
            None => false,
        };
        Ok(there.then(|| Recipient { address: address.to_owned(), channel }))
    }
}

/// What the journal keeps beside the mail itself: verdicts belong to the moment, and names may say something else tomorrow.
fn headers(received: &Received, channel: &str, verdicts: &[Authentication]) -> Vec<(String, String)> {
    let mut headers = vec![(mail::SENDER.to_owned(), received.sender.clone())];
    let own = received.recipients.iter().filter(|one| one.channel == channel);
    headers.extend(own.map(|one| (mail::RECIPIENT.to_owned(), one.address.clone())));
    if let Some(client) = received.client {
        headers.push(("client".to_owned(), client.to_string()));
    }
    headers.push(("helo".to_owned(), received.helo.clone()));
    headers.push((mail::VERDICTS.to_owned(), json!(verdicts).to_string()));
    headers
}

/// How many `Received` headers a mail has.
fn passed_servers(raw: &[u8]) -> usize {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(raw.len());
    let lines = raw[..end].split(|byte| *byte == b'\n');
    lines.filter(|line| line.len() > 9 && line[..9].eq_ignore_ascii_case(b"received:")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_counted_in_the_header_alone() {
        let mail = b"Received: by a\r\nRECEIVED: by b\r\n\tfolded\r\nX-Received: c\r\n\r\nReceived: not a header\r\n";
        assert_eq!(passed_servers(mail), 2);
        assert_eq!(passed_servers(b""), 0);
    }
}
