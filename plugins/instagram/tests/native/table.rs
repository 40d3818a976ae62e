//! Every recorded payload and what it becomes.

use sambung_fixtures::table;

use crate::support::translate;
use crate::told::summary;

const TEXT: &[&str] = &["message text opens"];
const STORY: &[&str] = &["message referral + image + text opens"];

/// Payload, and what each of its items becomes. What is ignored, "other" or unsupported gives the reason in the row's comment.
const TABLE: &[(&str, &[&str])] = &[
    ("chatwoot-mit/incoming-ig-text-message.json", TEXT),
    // A page elsewhere and no file of Meta's: shown as a line with its address.
    ("chatwoot-mit/instagram-message-attachment-event.json", &["message other share opens"]),
    ("chatwoot-mit/instagram-message-create-event.json", TEXT),
    ("chatwoot-mit/instagram-message-reply-event.json", TEXT),
    ("chatwoot-mit/instagram-message-standby-event.json", &["message text opens in standby"]),
    ("chatwoot-mit/instagram-message-unsend-event.json", &["deleted"]),
    // Meta itself does not say what is in it.
    ("chatwoot-mit/instagram-message-unsupported-event.json", &["message unsupported message opens"]),
    // As above: an address elsewhere.
    ("chatwoot-mit/instagram-shared-reel-event.json", &["message other ig_reel opens"]),
    ("chatwoot-mit/instagram-story-mention-event.json", &["message referral opens"]),
    ("chatwoot-mit/instagram-story-mention-event-with-echo.json", &["echo referral"]),
    ("chatwoot-mit/instagram-story-reply-event.json", &["message referral + text opens"]),
    // Not a conversation: somebody tries the app's webhooks.
    ("chatwoot-mit/instagram-test-event.json", &["ignored: a test from the app dashboard"]),
    ("chatwoot-mit/instagram-test-text-event.json", &["ignored: a test from the app dashboard"]),
    ("chatwoot-mit/messaging-seen-event.json", &["read up to a message"]),
    ("synthetic/attachment_audio.json", &["message audio opens"]),
    // Meta gives no address of what can be seen once.
    ("synthetic/attachment_ephemeral.json", &["message unsupported ephemeral opens"]),
    ("synthetic/attachment_file.json", &["message document opens"]),
    ("synthetic/attachment_ig_post.json", &["message image opens"]),
    ("synthetic/attachment_ig_reel.json", &["message video with caption opens"]),
    ("synthetic/attachment_ig_story.json", &["message image opens"]),
    ("synthetic/attachment_image.json", &["message image opens"]),
    ("synthetic/attachment_share.json", &["message image opens"]),
    ("synthetic/attachment_story_mention.json", &["message referral + image opens"]),
    ("synthetic/attachment_video.json", &["message video opens"]),
    ("synthetic/attachments_two_images.json", &["message image + image opens"]),
    ("synthetic/batch_two_entries.json", &["message text opens", "message text opens"]),
    ("synthetic/echo_text.json", &["echo text"]),
    ("synthetic/message_edit.json", &["edited text"]),
    ("synthetic/message_edit_string_count.json", &["edited text"]),
    ("synthetic/message_product_referral.json", TEXT),
    ("synthetic/message_with_ad_referral.json", &["message referral + text opens"]),
    ("synthetic/postback_icebreaker.json", &["message choice opens"]),
    ("synthetic/quick_reply.json", &["message choice opens"]),
    ("synthetic/reaction_react.json", &["reaction ❤️ opens"]),
    ("synthetic/reaction_unreact.json", &["reaction "]),
    ("synthetic/referral_igme.json", &["message referral opens"]),
    ("synthetic/reply_to_message.json", TEXT),
    ("synthetic/reply_to_story.json", STORY),
    ("synthetic/seen.json", &["read up to a message"]),
    // Nobody else sees it.
    ("synthetic/self_note.json", &["ignored: a note that the account wrote to itself"]),
    ("synthetic/text.json", TEXT),
    ("synthetic/unsend.json", &["deleted"]),
    // Meta itself does not say what is in it.
    ("synthetic/unsupported.json", &["message unsupported message opens"]),
];

#[test]
fn every_recorded_payload_becomes_what_the_table_says() {
    table::hold("instagram", &["chatwoot-mit", "synthetic"], TABLE, |name, payload| {
        let outcome = translate(payload).unwrap_or_else(|error| panic!("{name}: {error}"));
        Some(summary(&outcome))
    });
}
