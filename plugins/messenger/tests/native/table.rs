//! Every recorded payload and what it becomes.

use sambung_fixtures::table;

use crate::support::translate;
use crate::told::summary;

const TEXT: &[&str] = &["message text opens"];

/// Payload, and what each of its items becomes. What is ignored, "other" or failed gives the reason in the row's comment.
const TABLE: &[(&str, &[&str])] = &[
    // Stored whole: the contract has no event for a linked account but a line in the conversation.
    ("messenger4j-mit/shouldhandleaccountlinkingeventwithstatuslinked.json", &["message system"]),
    ("messenger4j-mit/shouldhandleaccountlinkingeventwithstatusunlinked.json", &["message system"]),
    ("messenger4j-mit/shouldhandleadreferralevent.json", &["message referral opens"]),
    ("messenger4j-mit/shouldhandleattachmentmessageevent.json", &["message image + other fallback + location opens"]),
    ("messenger4j-mit/shouldhandlediscovertabreferralevent.json", &["message referral opens"]),
    // Nobody knows yet what it is: kept, so that a newer plugin makes something of it.
    ("messenger4j-mit/shouldhandleeventtypethatisunsupported.json", &["other EVENT_TYPE_THAT_IS_UNSUPPORTED"]),
    // Games ended on this platform; kept all the same.
    ("messenger4j-mit/shouldhandleinstantgameevent.json", &["other game_play"]),
    ("messenger4j-mit/shouldhandlemelinkreferralevent.json", &["message referral opens"]),
    ("messenger4j-mit/shouldhandlemessagedeliveredeventwithmids.json", &["delivered"]),
    ("messenger4j-mit/shouldhandlemessagedeliveredeventwithoutmids.json", &["delivered up to a time"]),
    ("messenger4j-mit/shouldhandlemessagereadevent.json", &["read up to a time"]),
    ("messenger4j-mit/shouldhandleoptineventwithsenderid.json", &["messages begins opens"]),
    ("messenger4j-mit/shouldhandleoptineventwithuserref.json", &["messages begins opens"]),
    ("messenger4j-mit/shouldhandleparametricmessengercodereferralevent.json", &["message referral opens"]),
    ("messenger4j-mit/shouldhandlepostbackevent.json", &["message referral + choice opens"]),
    ("messenger4j-mit/shouldhandlepostbackeventwithoutreferral.json", &["message choice opens"]),
    ("messenger4j-mit/shouldhandlequickreplymessageevent.json", &["message choice opens"]),
    // A receipt that another app sent: shown by its title.
    ("messenger4j-mit/shouldhandletemplateechomessageevent.json", &["echo other template"]),
    ("messenger4j-mit/shouldhandletextechomessageevent.json", &["echo text with correlation"]),
    ("messenger4j-mit/shouldhandletextmessageevent.json", TEXT),
    ("messenger4j-mit/shouldhandletextmessageeventwithnlp.json", TEXT),
    ("messenger4j-mit/shouldhandletextmessageeventwithpriormessage.json", TEXT),
    // About something else than pages: parked, since the app's webhooks lead to the wrong address then.
    (
        "messenger4j-mit/shouldthrowexceptionifobjecttypeisnotpage.json",
        &["failed: this is about `testValue`, and Messenger's webhooks are about `page`"],
    ),
    ("messenger4j-mit/shouldthrowexceptionifsignatureisinvalid.json", TEXT),
    ("messenger4j-mit/shouldverifythegivensignature.json", TEXT),
    ("chatwoot-mit/incoming-fb-text-message.json", TEXT),
    ("chatwoot-mit/message-deliveries.json", &["delivered up to a time"]),
    ("chatwoot-mit/message-reads.json", &["read up to a time"]),
    ("synthetic/batch_two_pages.json", &["message text opens", "message text opens"]),
    ("synthetic/delivery.json", &["delivered"]),
    ("synthetic/delivery_without_mids.json", &["delivered up to a time"]),
    ("synthetic/echo_own_app.json", &["echo text with correlation"]),
    ("synthetic/echo_page_inbox.json", &["echo text"]),
    ("synthetic/message_ad_referral.json", &["message referral + text opens"]),
    ("synthetic/message_edit.json", &["edited text"]),
    ("synthetic/reaction_react.json", &["reaction 🎉 opens"]),
    ("synthetic/reaction_unreact.json", &["reaction "]),
    ("synthetic/read_watermark.json", &["read up to a time"]),
    ("synthetic/reply_to.json", TEXT),
    ("synthetic/standby.json", &["message text opens in standby"]),
    ("synthetic/sticker_only.json", &["message sticker opens"]),
    ("synthetic/sticker_transition_both.json", &["message sticker opens"]),
];

#[test]
fn every_recorded_payload_becomes_what_the_table_says() {
    table::hold("messenger", &["messenger4j-mit", "chatwoot-mit", "synthetic"], TABLE, |name, payload| {
        let outcome = translate(payload).unwrap_or_else(|error| panic!("{name}: {error}"));
        Some(summary(&outcome))
    });
}
