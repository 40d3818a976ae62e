//! Every recorded payload and the events it becomes.

use sambung_fixtures::table;

use crate::support::{summary, translate};

const VERIFY: &str = "ignored: the console's Verify button sent it; nobody wrote it";

/// Payload, and what each of its events becomes. "opens": it can be answered with its reply token. What is "other" or
/// "unsupported" gives the reason in the row's comment.
const TABLE: &[(&str, &[&str])] = &[
    ("webhooks-java-sdk/account_link.json", &["message other accountLink opens"]), // told in the conversation
    ("webhooks-java-sdk/beacon.json", &["message other beacon opens"]),            // told in the conversation
    ("webhooks-java-sdk/beacon_with_dm.json", &["message other beacon opens"]),    // told in the conversation
    ("webhooks-java-sdk/callback-request.json", &["message text opens", "channel begins opens"]),
    ("webhooks-java-sdk/file.json", &["message document by id opens"]),
    ("webhooks-java-sdk/follow.json", &["channel begins opens"]),
    ("webhooks-java-sdk/image.json", &["message image by address opens"]),
    ("webhooks-java-sdk/join.json", &["message system opens"]),
    ("webhooks-java-sdk/leave.json", &["message system closes"]),
    ("webhooks-java-sdk/location.json", &["message location opens"]),
    ("webhooks-java-sdk/member_joined.json", &["member begins opens"]),
    ("webhooks-java-sdk/member_left.json", &["member ends"]),
    ("webhooks-java-sdk/message-edited.json", &["edited text opens"]),
    ("webhooks-java-sdk/postback.json", &["message choice opens"]),
    ("webhooks-java-sdk/sticker-keywords-array.json", &["message sticker by address opens"]),
    ("webhooks-java-sdk/sticker-keywords-remove.json", &["message sticker by address opens"]),
    ("webhooks-java-sdk/sticker-with-text.json", &["message sticker by address with caption opens"]),
    ("webhooks-java-sdk/sticker.json", &["message sticker by address opens"]),
    ("webhooks-java-sdk/text-emojis.json", &["message formatted text opens"]),
    // In standby: another module answers, so the token is not this channel's.
    ("webhooks-java-sdk/text-group.json", &["message text"]),
    ("webhooks-java-sdk/text-mention.json", &["message formatted text opens"]),
    ("webhooks-java-sdk/text-user.json", &["message text opens"]),
    ("webhooks-java-sdk/unfollow.json", &["channel ends closes"]),
    // Invented by LINE's own tests: an event of no kind, and a message of no kind from a place of no kind.
    ("webhooks-java-sdk/unknown.json", &["message other greatNewFeature opens", "other message opens"]),
    ("webhooks-java-sdk/unsend.json", &["deleted 325708"]),
    ("webhooks-java-sdk/video-play-complete.json", &["message other videoPlayComplete opens"]), // told in the conversation
    ("webhooks-java-sdk/video.json", &["message video by address opens"]),
    // Redelivered years after the event, when its token is of no use.
    ("webhooks-java-sdk/webhook-redelivery.json", &["message text"]),
    ("synthetic/audio.json", &["message audio by id opens"]),
    ("synthetic/file.json", &["message document by id opens"]),
    ("synthetic/follow_unblocked.json", &["channel begins opens"]),
    ("synthetic/group_text.json", &["message formatted text opens"]),
    ("synthetic/group_text_without_userid.json", &["message text opens"]),
    ("synthetic/image_external.json", &["message image by address opens"]),
    ("synthetic/image_set_2.json", &["message image by id opens", "message image by id opens"]),
    ("synthetic/join.json", &["message system opens"]),
    ("synthetic/leave.json", &["message system closes"]),
    ("synthetic/legacy-verify-dummy-events.json", &[VERIFY, VERIFY]), // nobody wrote them
    ("synthetic/location.json", &["message location opens"]),
    ("synthetic/member_joined.json", &["member begins opens"]),
    ("synthetic/member_left.json", &["member ends"]),
    ("synthetic/postback.json", &["message choice opens"]),
    ("synthetic/postback_datetime.json", &["message choice opens"]),
    ("synthetic/redelivered_text.json", &["message text opens"]),
    ("synthetic/room_text.json", &["message text opens"]),
    ("synthetic/standby_text.json", &["message text"]),
    ("synthetic/sticker.json", &["message sticker by address opens"]),
    ("synthetic/text.json", &["message text opens"]),
    ("synthetic/text_quoting.json", &["message text opens"]),
    ("synthetic/two_users_one_post.json", &["message text opens", "channel begins opens"]),
    ("synthetic/unfollow.json", &["channel ends closes"]),
    ("synthetic/unsend.json", &["deleted 100001"]),
    ("synthetic/verify-empty-events.json", &[]), // the Verify button: nothing happened
    ("synthetic/video.json", &["message video by id opens"]),
];

#[test]
fn every_recorded_payload_becomes_what_the_table_says() {
    table::hold("line", &["webhooks-java-sdk", "synthetic"], TABLE, |name, payload| {
        if name.starts_with("synthetic/api_") {
            return None; // Answers of the API's, not webhooks.
        }
        let outcome = translate(payload).unwrap_or_else(|error| panic!("{name}: {error}"));
        Some(summary(&outcome))
    });
}
