//! Rows of the journal that are mails: as the plugin sees them, and their files for the job that stores them.

use sambung_runtime::background;
use sambung_runtime::contract::types::{Authentication, Envelope, Mail};

use crate::db::PendingRow;
use crate::mail::{self, FileOfMail};

/// The recipe of such a row.
pub const RECIPE: &str = "mail";
/// Names of what its row keeps beside the mail.
pub const SENDER: &str = "mail-from";
/// As [`SENDER`]; one for each.
pub const RECIPIENT: &str = "rcpt-to";
/// As [`SENDER`]: JSON of what was established when it came.
pub const VERDICTS: &str = "authentication";
/// Longer mails are parsed where they hold nobody up.
const LONG: usize = 256 << 10;

/// The mail of a row; none where the row is none.
pub(super) async fn of(row: &PendingRow) -> Result<Option<Mail>, String> {
    if row.recipe != RECIPE {
        return Ok(None);
    }
    let named = |name: &str| {
        let name = name.to_owned();
        row.headers.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.clone())
    };
    let envelope = Envelope {
        sender: named(SENDER).next().unwrap_or_default(),
        recipients: named(RECIPIENT).collect(),
        extra: Vec::new(),
    };
    let verdicts: Vec<Authentication> =
        named(VERDICTS).next().and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
    if row.body.len() <= LONG {
        return Ok(Some(mail::parse(&row.body, envelope, verdicts)));
    }
    let raw = row.body.clone();
    Ok(Some(background::run(move || mail::parse(&raw, envelope, verdicts)).await))
}

/// The file that a handle of this raw mail names.
pub(super) async fn file(raw: Vec<u8>, handle: String) -> Option<FileOfMail> {
    background::run(move || mail::file_of(&raw, &handle)).await
}
