//! A provider asks whether mail may be forwarded here: its code and link are shown to the admin.
//!
//! Gmail's mail (its public help: "Automatically forward Gmail messages to another account") has a code in the subject or the
//! text, or since 2026 a link alone. Only mail that Google signed is believed: whoever knows the address could send another.

use sambung_sdk::inbound::Notice;
use sambung_sdk::types::Mail;

/// Who asks.
const SENDER: &str = "forwarding-noreply@google.com";
/// Who must have signed it.
const SIGNER: &str = "google.com";
/// Where the link to agree leads; `uf-` would refuse.
const LINKS: [&str; 2] = ["https://mail-settings.google.com/mail/vf-", "https://mail.google.com/mail/vf-"];
/// The code of the notice.
pub const CODE: &str = "forwarding-confirmation";

/// What such a mail is.
pub enum Confirmation {
    /// To be shown.
    Asked(Notice),
    /// It says that it is one, and nobody vouches for it.
    Unsigned,
}

/// Reads it; none where it is no such mail.
pub fn of(mail: &Mail) -> Option<Confirmation> {
    if !mail.from.iter().any(|from| from.address.eq_ignore_ascii_case(SENDER)) {
        return None;
    }
    let signed = mail
        .authentication
        .iter()
        .any(|one| one.method == "dkim" && one.verdict == "pass" && one.domain.as_deref() == Some(SIGNER));
    if !signed {
        return Some(Confirmation::Unsigned);
    }
    let text = mail.text.as_deref().unwrap_or_default();
    let words =
        "Gmail asks whether to forward mail here: copy the code into its settings, or open the link and confirm.";
    let mut notice = Notice::new("info", CODE, words);
    notice.copy = code(mail.subject.as_deref().unwrap_or_default(), text);
    notice.link = link(text).or_else(|| mail.html.as_deref().and_then(link));
    Some(Confirmation::Asked(notice))
}

/// `(#104729338)` in the subject, else `Confirmation code: 104729338` in the text.
fn code(subject: &str, text: &str) -> Option<String> {
    let in_subject = subject.split_once("(#").map(|(_, rest)| digits(rest));
    let lower = text.to_ascii_lowercase();
    let in_text = lower.split_once("confirmation code:").map(|(_, rest)| digits(rest.trim_start()));
    [in_subject, in_text].into_iter().flatten().find(|code| (6..=12).contains(&code.len()))
}

fn digits(text: &str) -> String {
    text.chars().take_while(char::is_ascii_digit).collect()
}

fn link(text: &str) -> Option<String> {
    let at = LINKS.iter().filter_map(|begin| text.find(begin)).min()?;
    Some(text[at..].chars().take_while(|c| c.is_ascii_graphic() && !"<>\"'".contains(*c)).collect())
}
