//! Ids of mails and keys of conversations. How they are made is part of the plugin's compatibility.

use sambung_sdk::crypto::{self, Piece};
use sambung_sdk::types::Mail;
use std::fmt::Write;

/// The secret that signs reply addresses.
const REPLY_KEY: &str = "reply_key";
/// Stands beside the id of a mail of ours and says the same: servers on its way change the id and leave this alone.
pub const HEADER: &str = "X-Sambung-Id";
/// Digits of a conversation's key, and of a signature: 80 bits each, so that both fit into a local part of 64.
const DIGITS: usize = 20;

/// The id of a mail: its own, else a digest of what makes it this one.
pub fn of(mail: &Mail) -> String {
    if let Some(id) = &mail.message_id {
        return id.clone();
    }
    let from = mail.from.first().map(|from| from.address.as_str()).unwrap_or_default();
    let date = mail.header("date").unwrap_or_default();
    let parts = [date, from, mail.subject.as_deref().unwrap_or_default(), mail.text.as_deref().unwrap_or_default()];
    format!("{}@no-message-id", digest(&parts.join("\n")))
}

/// The id of a mail of ours: what the attempt key is comes back in every answer to it.
pub fn own(attempt_key: &str, domain: &str) -> String {
    format!("{attempt_key}@{domain}")
}

/// The attempt key of an id that [`own`] made.
pub fn attempt_key(id: &str) -> Option<&str> {
    let (key, _) = id.split_once('@')?;
    let is_uuid = key.len() == 36
        && key.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        });
    is_uuid.then_some(key)
}

/// Whether a mail of this domain's has such an id. Other programs make ids of the same form, so the form alone says nothing.
pub fn is_own(id: &str, domain: &str) -> bool {
    attempt_key(id).is_some() && id.rsplit_once('@').is_some_and(|(_, at)| at.eq_ignore_ascii_case(domain))
}

/// The key of the conversation that one person has about the mail with this id, the first of all.
pub fn conversation(root: &str, person: &str) -> String {
    digest(&format!("{root}\n{person}"))
}

/// The address whose answers belong to a conversation, whatever their headers say.
pub fn reply_address(forwarding: &str, key: &str) -> Option<String> {
    let (local, domain) = forwarding.rsplit_once('@')?;
    Some(format!("{local}+{key}{}@{domain}", signature(key)?))
}

/// The conversation that an address of [`reply_address`] names, where it is ours and signed.
pub fn of_reply_address(address: &str, forwarding: &str) -> Option<String> {
    let (address, forwarding) = (address.to_ascii_lowercase(), forwarding.to_ascii_lowercase());
    let (local, domain) = forwarding.rsplit_once('@')?;
    let token = address.strip_suffix(domain)?.strip_suffix('@')?.strip_prefix(local)?.strip_prefix('+')?;
    if token.len() != 2 * DIGITS || !token.is_ascii() {
        return None;
    }
    let (key, signed) = token.split_at(DIGITS);
    // How long a comparison takes must not tell how much of a guess is right.
    let differing = signature(key)?.bytes().zip(signed.bytes()).fold(0, |differing, (a, b)| differing | (a ^ b));
    (differing == 0).then(|| key.to_owned())
}

fn signature(key: &str) -> Option<String> {
    let signed = crypto::hmac("sha256", &[Piece::named(REPLY_KEY)], &["conversation ".into(), key.into()]).ok()?;
    Some(hex(&signed))
}

fn digest(text: &str) -> String {
    crypto::digest("sha256", text.as_bytes()).map(|digest| hex(&digest)).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().take(DIGITS / 2).fold(String::with_capacity(DIGITS), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
