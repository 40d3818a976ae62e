//! Which conversation a mail belongs to: the one that its reply address names, else that of the mails it answers, and never
//! another person's in silence.

use crate::ids;
use sambung_sdk::types::{Mail, Mailbox, Thread};
use serde::{Deserialize, Serialize};

/// Most ids that an answer refers to: the first, and the newest.
const MOST_REFERENCES: usize = 20;

/// What an answer needs to know of the newest mail of a conversation.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Context {
    /// The newest mail of the other side.
    pub id: Option<String>,
    /// What it referred to.
    pub references: Vec<String>,
    /// What it was about.
    pub subject: Option<String>,
    /// Where answers go: to one address, however many the mail asks for.
    pub answer: Option<Address>,
}

/// An address with its name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Address {
    /// The address.
    pub address: String,
    /// The name beside it.
    pub name: Option<String>,
}

impl From<&Mailbox> for Address {
    fn from(mailbox: &Mailbox) -> Self {
        Self { address: mailbox.address.clone(), name: mailbox.name.clone() }
    }
}

impl From<&Address> for Mailbox {
    fn from(address: &Address) -> Self {
        Self::new(&address.address).name(address.name.clone())
    }
}

/// The conversation that the mail's recipients name by a signed address.
pub fn signed(mail: &Mail, forwarding: &str) -> Option<String> {
    let envelope = mail.envelope.iter().flat_map(|envelope| envelope.recipients.iter().map(String::as_str));
    let named = mail.to.iter().chain(&mail.cc).map(|mailbox| mailbox.address.as_str());
    envelope.chain(named).find_map(|address| ids::of_reply_address(address, forwarding))
}

/// The mails that this one answers, best first: what it says it answers, then its references from the newest.
pub fn answered(mail: &Mail) -> Vec<&str> {
    let mut all: Vec<&str> = Vec::new();
    for id in mail.in_reply_to.iter().chain(mail.references.iter().rev()) {
        if !all.contains(&id.as_str()) {
            all.push(id);
        }
    }
    all
}

/// Whom an answer goes to: the first `Reply-To` that is not the channel itself, else the first sender. The others are shown and
/// not written to, because whoever writes a mail could have a hundred people answered.
pub fn answered_to(mail: &Mail, is_own: impl Fn(&str) -> bool) -> Option<&Mailbox> {
    mail.reply_to.iter().find(|mailbox| !is_own(&mailbox.address)).or(mail.from.first())
}

/// The conversation of a mail from this person, which is answered at `answer`.
pub fn of(mail: &Mail, id: &str, person: &str, answer: Option<&Mailbox>, forwarding: &str) -> Thread {
    let root = mail.references.first().or(mail.in_reply_to.first()).map_or(id, String::as_str);
    let key = signed(mail, forwarding).unwrap_or_else(|| ids::conversation(root, person));
    let mut thread = Thread::new(key).context(&context(mail, id, answer));
    for answered in answered(mail) {
        thread = thread.join(answered);
        if let Some(key) = ids::attempt_key(answered) {
            thread = thread.join(key);
        }
    }
    thread.extra.push(("person".to_owned(), "\"one\"".to_owned()));
    thread
}

fn context(mail: &Mail, id: &str, answer: Option<&Mailbox>) -> Context {
    Context {
        id: mail.message_id.as_ref().map(|_| id.to_owned()),
        references: if mail.references.is_empty() { mail.in_reply_to.clone() } else { mail.references.clone() },
        subject: mail.subject.clone(),
        answer: answer.map(Address::from),
    }
}

impl Context {
    /// What an answer refers to, the oldest first.
    pub fn references(&self) -> Vec<String> {
        let mut all = self.references.clone();
        all.extend(self.id.iter().filter(|id| !self.references.contains(id)).cloned());
        if all.len() > MOST_REFERENCES {
            let newest = all.split_off(all.len() - (MOST_REFERENCES - 1));
            all.truncate(1);
            all.extend(newest);
        }
        all
    }
}
