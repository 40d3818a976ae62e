//! Every recorded payload and what it becomes.

use sambung_fixtures::table;

use crate::support::{summary, translate};

const TEXT: &[&str] = &["message text opens customer-service"];

/// Payload, and what each of its items becomes. What is "other" or "unsupported" gives the reason in the row's comment.
const TABLE: &[(&str, &[&str])] = &[
    ("whatsapp/webhooks-meta-openapi/button-message.json", &["message choice opens customer-service"]),
    ("whatsapp/webhooks-meta-openapi/contact-sharing-message.json", &["message contact_cards opens customer-service"]),
    // About the group, not a message; kept with a line for people.
    ("whatsapp/webhooks-meta-openapi/group-create-message.json", &["other group_lifecycle_update"]),
    // About the group, not a message; kept with a line for people.
    ("whatsapp/webhooks-meta-openapi/group-remove-participants.json", &["other group_participants_update"]),
    // About the group, not a message; kept with a line for people.
    ("whatsapp/webhooks-meta-openapi/group-settings-update.json", &["other group_settings_update"]),
    ("whatsapp/webhooks-meta-openapi/image-message.json", &["message image with caption opens customer-service"]),
    (
        "whatsapp/webhooks-meta-openapi/interactive-button-reply-message.json",
        &["message choice opens customer-service"],
    ),
    ("whatsapp/webhooks-meta-openapi/interactive-list-reply-message.json", &["message choice opens customer-service"]),
    ("whatsapp/webhooks-meta-openapi/location-message.json", &["message location opens customer-service"]),
    // Shown with its items; the contract has no content for a basket.
    ("whatsapp/webhooks-meta-openapi/order-message.json", &["message other order opens customer-service"]),
    ("whatsapp/webhooks-meta-openapi/reaction-message.json", &["reaction 👍 opens customer-service"]),
    ("whatsapp/webhooks-meta-openapi/system-message.json", &["identity-changed"]),
    (
        "whatsapp/webhooks-meta-openapi/text-message-from-click-to-whatsapp-ad.json",
        &["message referral + text opens customer-service"],
    ),
    ("whatsapp/webhooks-meta-openapi/text-message-with-context-product-inquiry.json", TEXT),
    ("whatsapp/webhooks-meta-openapi/text-message.json", TEXT),
    // The provider itself does not say what is in it.
    (
        "whatsapp/webhooks-meta-openapi/unsupported-message.json",
        &["message unsupported unsupported opens customer-service"],
    ),
    ("whatsapp/bindambc-mit/accountBanned.json", &["account-changed"]),
    ("whatsapp/bindambc-mit/accountRestricted.json", &["account-changed"]),
    ("whatsapp/bindambc-mit/accountReview.json", &["account-changed"]),
    ("whatsapp/bindambc-mit/audioMessage.json", &["message voice opens customer-service"]),
    ("whatsapp/bindambc-mit/buttonMessage.json", &["message choice opens customer-service"]),
    ("whatsapp/bindambc-mit/contactMessage.json", &["message contact_cards opens customer-service"]),
    ("whatsapp/bindambc-mit/documentMessage.json", &["message document opens customer-service"]),
    ("whatsapp/bindambc-mit/imageMessage.json", &["message image opens customer-service"]),
    ("whatsapp/bindambc-mit/locationMessage.json", &["message location opens customer-service"]),
    // The state of a message that was sent: `failed`.
    ("whatsapp/bindambc-mit/mediaUploadError.json", &["failed"]),
    // The provider itself does not say what is in it.
    ("whatsapp/bindambc-mit/messageDeleted.json", &["message unsupported unsupported opens customer-service"]),
    ("whatsapp/bindambc-mit/phoneNumberNameUpdate.json", &["account-changed"]),
    ("whatsapp/bindambc-mit/qualityUpdate.json", &["account-changed"]),
    // The state of a message that was sent: `failed`.
    ("whatsapp/bindambc-mit/reEngagementMessageError.json", &["failed closes customer-service"]),
    ("whatsapp/bindambc-mit/reactMessage.json", &["reaction 👍 opens customer-service"]),
    ("whatsapp/bindambc-mit/rejectedTemplate.json", &["template-changed"]),
    ("whatsapp/bindambc-mit/stickerMessage.json", &["message sticker opens customer-service"]),
    ("whatsapp/bindambc-mit/templateSchedulingForDisabling.json", &["template-changed"]),
    ("whatsapp/bindambc-mit/textMessage.json", TEXT),
    ("whatsapp/bindambc-mit/textMessage2.json", TEXT),
    ("whatsapp/bindambc-mit/textMessageStatusDelivered.json", &["delivered"]),
    ("whatsapp/bindambc-mit/textMessageStatusRead.json", &["read"]),
    ("whatsapp/bindambc-mit/textMessageStatusSent.json", &["sent"]),
    ("whatsapp/bindambc-mit/verifiedAccount.json", &["account-changed"]),
    ("whatsapp/bindambc-mit/videoMessage.json", &["message video with caption opens customer-service"]),
    ("whatsapp-onprem/synthetic/status_delivered.json", &["delivered"]),
    // The state of a message that was sent: `failed`.
    ("whatsapp-onprem/synthetic/status_failed_470.json", &["failed closes customer-service"]),
    ("whatsapp-onprem/synthetic/status_read.json", &["read"]),
    ("whatsapp-onprem/synthetic/status_sent.json", &["sent"]),
    ("whatsapp-onprem/synthetic/voice.json", &["message voice opens customer-service"]),
];

#[test]
fn every_recorded_payload_becomes_what_the_table_says() {
    let folders = ["whatsapp/webhooks-meta-openapi", "whatsapp/bindambc-mit", "whatsapp-onprem/synthetic"];
    table::hold("", &folders, TABLE, |name, payload| {
        let file = name.rsplit('/').next().unwrap_or_default();
        if file.ends_with("_response.json") || file.starts_with("error_") {
            return None; // Answers of the API's, not webhooks.
        }
        let outcome = translate(payload).unwrap_or_else(|error| panic!("{name}: {error}"));
        Some(summary(&outcome))
    });
}
