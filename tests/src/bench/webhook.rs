//! Signed webhooks of about 1 KB, no two alike, as they go over the wire.

use serde_json::json;

use crate::providers::line::{SECRET, sign};

/// The first one's time; each is a millisecond later than the one before.
const BEGAN: u64 = 1_780_000_000_000;

/// The request that posts webhook `number` to a path: one of so many customers writes to an account.
pub(super) fn wire(path: &str, account: &str, number: u64, customers: u64) -> Vec<u8> {
    let user = format!("U{:032x}", 1_000_000 + number % customers);
    let body = json!({
        "destination": account,
        "events": [{
            "type": "message",
            "mode": "active",
            "timestamp": BEGAN + number,
            "source": { "type": "user", "userId": user },
            "webhookEventId": format!("01FZ74A0TDDPYRVKN{number:09}"),
            "deliveryContext": { "isRedelivery": false },
            "replyToken": format!("{number:032x}"),
            "message": { "type": "text", "id": format!("{number}"), "text": text(number) },
        }],
    });
    let body = body.to_string();
    let signature = sign(SECRET, body.as_bytes());
    format!(
        "POST {path} HTTP/1.1\r\nhost: chat.example\r\ncontent-type: application/json\r\nx-line-signature: {signature}\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn text(number: u64) -> String {
    format!("#{number} {}", "lorem ipsum ".repeat(40))
}

/// Which webhook's message a line of the feed shows to have been created.
pub(super) fn number_in(data: &str) -> Option<u64> {
    let (_, text) = data.split_once("\"text\":\"#")?;
    text.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_tells_which_webhook_it_came_from() {
        let shown = json!({ "id": "msg_1", "content": { "type": "text", "text": text(42) } });
        assert_eq!(number_in(&shown.to_string()), Some(42));
        assert_eq!(number_in(&json!({ "last_message": { "preview": text(42) } }).to_string()), None);
    }
}
