//! What became of a message whose answer was lost.

use crate::support::{CUSTOMER, OWN, own_app};
use sambung_plugin_x::X;
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::Outgoing;
use sambung_sdk::reconcile::{Lost, Reconcile, Verdict};
use sambung_sdk::testing::Host;
use sambung_sdk::types::{Content, MediaRef, Thread};

/// 2024-02-29T12:00:00Z.
const AT: u64 = 1_709_208_000_000;

fn verdicts(page: &Value, contents: &[Content]) -> Vec<Verdict> {
    let host = Host::new();
    let asked = format!(
        "https://api.x.com/2/dm_conversations/with/{CUSTOMER}/dm_events?max_results=20&event_types=MessageCreate&dm_event.fields=id%2Ctext%2Cevent_type%2Ccreated_at%2Cdm_conversation_id%2Cattachments%2Centities&expansions=sender_id%2Cattachments.media_keys&user.fields=name%2Cusername%2Cprofile_image_url&media.fields=media_key%2Ctype%2Curl%2Cvariants%2Cwidth%2Cheight%2Cduration_ms"
    );
    let lost = |content: &Content| {
        host.expect("GET", asked.clone()).answer(200, page.clone());
        Lost { attempt: Outgoing::new("k", Thread::new(CUSTOMER), content.clone()), at: AT, extra: Vec::new() }
    };
    let attempts = contents.iter().map(lost).collect();
    X::reconcile(own_app(), attempts).into_iter().map(Result::unwrap).collect()
}

fn sent(id: &str, sender: &str, seconds: u64, text: &str) -> Value {
    json!({ "id": id, "sender_id": sender, "text": text, "event_type": "MessageCreate",
        "created_at": format!("2024-02-29T12:00:{seconds:02}.000Z") })
}

fn ids(verdicts: &[Verdict]) -> Vec<&str> {
    verdicts
        .iter()
        .map(|verdict| match verdict {
            Verdict::Sent(receipt) => receipt.ids[0].as_str(),
            Verdict::NotSent => "not sent",
            Verdict::Unclear => "unclear",
            Verdict::Other(_) => "other",
        })
        .collect()
}

#[test]
fn it_is_found_in_its_conversation_and_each_message_answers_for_one() {
    let mut linked = sent("7", OWN, 9, "see https://t.co/abc &amp; come");
    linked["entities"] = json!({ "urls": [{ "url": "https://t.co/abc", "expanded_url": "https://example.com/a" }] });
    let events = json!([linked, sent("6", OWN, 5, "ok"), sent("5", OWN, 4, "ok"), sent("4", CUSTOMER, 3, "ok")]);
    let page = json!({ "data": events, "meta": {} });
    let contents = ["ok", "ok", "ok", "see https://example.com/a & come"].map(Content::text);
    assert_eq!(ids(&verdicts(&page, &contents)), ["5", "6", "not sent", "7"]);
}

#[test]
fn what_is_older_or_of_another_kind_is_another_message() {
    let mut before = sent("3", OWN, 0, "ok");
    before["created_at"] = json!("2024-02-29T11:59:50.000Z");
    let mut file = sent("4", OWN, 1, "ok https://t.co/abc");
    file["attachments"] = json!({ "media_keys": ["3_1"] });
    file["entities"] = json!({ "urls": [{ "url": "https://t.co/abc", "media_key": "3_1" }] });
    let page = json!({ "data": [file, before], "meta": { "next_token": "more" } });
    let picture = Content::media_with_caption(MediaRef::new("image"), "ok".to_owned());
    assert_eq!(ids(&verdicts(&page, &[Content::text("ok"), picture])), ["not sent", "4"]);
    let busy = json!({ "data": [sent("9", CUSTOMER, 50, "x")], "meta": { "next_token": "more" } });
    assert_eq!(ids(&verdicts(&busy, &[Content::text("ok")])), ["unclear"], "the page does not reach back far enough");
}
