//! Answers, put into the visitor's stream.

use crate::Webchat;
use sambung_sdk::prelude::*;
use sambung_sdk::types::Media as File;
use std::time::{SystemTime, UNIX_EPOCH};

/// For how long a file's address works: as long as a visitor may come back to read the history.
const FILE_MS: u64 = 30 * 24 * 60 * 60 * 1000;

impl Outbound for Webchat {
    fn send(messages: Vec<Outgoing>, _channel: Channel) -> Vec<Result<Receipt, SendError>> {
        messages.into_iter().map(send).collect()
    }
}

fn send(outgoing: Outgoing) -> Result<Receipt, SendError> {
    let Some(thread) = outgoing.thread else {
        let words = "a visitor writes first: there is no stream to write to";
        return Err(SendError::new(SendFault::Unreachable, words));
    };
    let entry = json!({
        "kind": "message",
        "id": outgoing.attempt_key,
        "from": "agent",
        "content": content(outgoing.content)?,
        "at": now_ms(),
    });
    visitor::push(&thread.key, &entry).map_err(|words| SendError::new(SendFault::Unreachable, words))?;
    Ok(Receipt::new([outgoing.attempt_key]))
}

fn content(content: Content) -> Result<Value, SendError> {
    match content {
        Content::Text(text) => Ok(json!({"type": "text", "text": text.body})),
        Content::Media(media) => file(media),
        other => {
            let words = format!("web chat shows no {}", other.kind());
            Err(SendError::new(SendFault::Invalid, words).field("/type"))
        }
    }
}

fn file(media: File) -> Result<Value, SendError> {
    let file = media.file;
    let blob =
        file.blob.ok_or_else(|| SendError::new(SendFault::Invalid, "the file has no bytes").field("/media_id"))?;
    let url = media_host::publish(&blob, FILE_MS)
        .map_err(|words| SendError::new(SendFault::Invalid, words).field("/media_id"))?;
    Ok(json!({
        "type": "media",
        "kind": file.kind,
        "url": url,
        "mime": file.mime,
        "name": file.name,
        "bytes": file.bytes,
        "caption": media.caption,
    }))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis().try_into().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sambung_sdk::testing::Host;

    fn send_one(content: Content) -> Result<Receipt, SendError> {
        let outgoing = Outgoing::new("a1", Thread::new("v1"), content);
        let mut results = Webchat::send(vec![outgoing], Channel::default());
        assert_eq!(results.len(), 1);
        results.remove(0)
    }

    #[test]
    fn a_reply_appears_in_the_visitors_stream() {
        let host = Host::new();
        let receipt = send_one(Content::text("Selamat pagi")).expect("it is sent");
        assert_eq!(receipt.ids, ["a1"]);
        let pushed = host.pushed();
        assert_eq!(pushed[0].visitor, "v1");
        assert_eq!(pushed[0].entry["from"], "agent");
        assert_eq!(pushed[0].entry["content"], json!({"type": "text", "text": "Selamat pagi"}));
    }

    #[test]
    fn a_file_is_published_for_the_visitors_browser() {
        let host = Host::new();
        send_one(Content::media(MediaRef::new("image").blob("b1"))).expect("it is sent");
        assert_eq!(host.published(), [("b1".to_owned(), FILE_MS)]);
        assert_eq!(host.pushed()[0].entry["content"]["url"], "https://files.example/b1");
    }

    #[test]
    fn what_a_widget_cannot_show_is_refused_and_nothing_is_pushed() {
        let host = Host::new();
        let error = send_one(Content::Template("{}".to_owned())).expect_err("no templates here");
        assert_eq!(error.fault, SendFault::Invalid);
        assert!(error.words.contains("template"));
        assert!(host.pushed().is_empty());
    }

    #[test]
    fn each_of_several_messages_stands_alone() {
        let host = Host::new();
        let results = Webchat::send(
            vec![
                Outgoing::new("a1", Thread::new("v1"), Content::Template("{}".to_owned())),
                Outgoing::new("a2", Thread::new("v1"), Content::text("dua")),
            ],
            Channel::default(),
        );
        assert!(results[0].is_err());
        assert!(results[1].is_ok());
        assert_eq!(host.pushed().len(), 1);
    }
}
