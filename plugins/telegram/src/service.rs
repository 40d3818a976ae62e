//! Messages that nobody wrote: what Telegram tells in a chat about the chat.

use sambung_sdk::json::Value;
use sambung_sdk::types::{Content, Open};

/// What stands in every message, whatever it holds.
const AROUND: &[&str] = &[
    "message_id",
    "message_thread_id",
    "direct_messages_topic",
    "from",
    "sender_chat",
    "sender_boost_count",
    "sender_business_bot",
    "sender_tag",
    "date",
    "guest_query_id",
    "business_connection_id",
    "chat",
    "forward_origin",
    "is_topic_message",
    "is_automatic_forward",
    "reply_to_message",
    "external_reply",
    "quote",
    "reply_to_story",
    "reply_to_checklist_task_id",
    "reply_to_poll_option_id",
    "via_bot",
    "guest_bot_caller_user",
    "guest_bot_caller_chat",
    "edit_date",
    "has_protected_content",
    "is_from_offline",
    "is_paid_post",
    "media_group_id",
    "author_signature",
    "paid_star_count",
    "entities",
    "link_preview_options",
    "suggested_post_info",
    "effect_id",
    "show_caption_above_media",
    "has_media_spoiler",
    "caption",
    "caption_entities",
    "reply_markup",
];

/// Told in the same words each time.
const LINES: &[(&str, &str)] = &[
    ("delete_chat_photo", "The group's picture was removed."),
    ("new_chat_photo", "The group's picture was changed."),
    ("group_chat_created", "The group was created."),
    ("supergroup_chat_created", "The group was created."),
    ("channel_chat_created", "The channel was created."),
    ("message_auto_delete_timer_changed", "The time after which messages are deleted was changed."),
    ("pinned_message", "A message was pinned."),
    ("gift", "A gift was sent."),
    ("unique_gift", "A gift was sent."),
    ("gift_upgrade_sent", "A gift was upgraded."),
    ("connected_website", "Signed in to a web site through Telegram."),
    ("write_access_allowed", "The bot was allowed to write."),
    ("passport_data", "Telegram Passport data were shared."),
    ("proximity_alert_triggered", "Somebody came near."),
    ("boost_added", "The chat was boosted."),
    ("chat_background_set", "The chat's background was changed."),
    ("checklist_tasks_done", "Tasks of a checklist were done or undone."),
    ("checklist_tasks_added", "Tasks were added to a checklist."),
    ("forum_topic_created", "A topic was opened."),
    ("forum_topic_edited", "The topic was changed."),
    ("forum_topic_closed", "The topic was closed."),
    ("forum_topic_reopened", "The topic was opened again."),
    ("general_forum_topic_hidden", "The general topic was hidden."),
    ("general_forum_topic_unhidden", "The general topic was shown again."),
    ("video_chat_scheduled", "A video chat was scheduled."),
    ("video_chat_started", "A video chat began."),
    ("video_chat_ended", "A video chat ended."),
    ("video_chat_participants_invited", "People were invited to a video chat."),
    ("giveaway_created", "A giveaway was announced."),
    ("giveaway", "A giveaway was announced."),
    ("giveaway_winners", "A giveaway's winners were chosen."),
    ("giveaway_completed", "A giveaway ended."),
    ("direct_message_price_changed", "The price of direct messages was changed."),
    ("paid_message_price_changed", "The price of messages was changed."),
    ("suggested_post_approved", "A suggested post was approved."),
    ("suggested_post_approval_failed", "A suggested post was not approved: its price could not be paid."),
    ("suggested_post_paid", "A suggested post was paid for."),
    ("suggested_post_refunded", "A suggested post's price was given back."),
    ("chat_owner_left", "The chat's owner left."),
    ("chat_owner_changed", "The chat has another owner."),
    ("migrate_to_chat_id", "The group became a supergroup."),
    ("migrate_from_chat_id", "The group became a supergroup."),
];

/// A service message in one line; none where it is no service message that is known.
pub fn line(own: &Value) -> Option<String> {
    if let Some(members) = own["new_chat_members"].as_array() {
        return Some(format!("Joined the group: {}.", members.iter().map(name).collect::<Vec<_>>().join(", ")));
    }
    if own["left_chat_member"].is_object() {
        return Some(format!("Left the group: {}.", name(&own["left_chat_member"])));
    }
    if let Some(title) = own["new_chat_title"].as_str() {
        return Some(format!("The group is called {title} now."));
    }
    if let Some(topic) = own["forum_topic_created"]["name"].as_str() {
        return Some(format!("The topic {topic} was opened."));
    }
    for (field, line) in [
        ("poll_option_added", "An answer was added to a poll"),
        ("poll_option_deleted", "An answer was removed from a poll"),
    ] {
        if own[field].is_object() {
            return Some(said(line, own[field]["option_text"].as_str()));
        }
    }
    if own["managed_bot_created"].is_object() {
        return Some(said("A bot was created", Some(name(&own["managed_bot_created"]["bot"]).as_str())));
    }
    if own["suggested_post_declined"].is_object() {
        return Some(said("A suggested post was declined", own["suggested_post_declined"]["comment"].as_str()));
    }
    LINES.iter().find(|(field, _)| !own[*field].is_null()).map(|(_, line)| (*line).to_owned())
}

fn said(line: &str, what: Option<&str>) -> String {
    match what.map(str::trim).filter(|what| !what.is_empty()) {
        Some(what) => format!("{line}: {what}"),
        None => format!("{line}."),
    }
}

/// What somebody submitted by a button of the bot's or paid: one line, and everything that Telegram says of it.
pub fn submitted(own: &Value) -> Option<Content> {
    let kinds = ["web_app_data", "users_shared", "chat_shared", "successful_payment", "refunded_payment"];
    let kind = kinds.into_iter().find(|kind| own[*kind].is_object())?;
    let data = &own[kind];
    let line = match kind {
        "web_app_data" => said("Sent by a web app", data["data"].as_str()),
        "users_shared" => {
            let users = data["users"].as_array().map(Vec::as_slice).unwrap_or_default();
            let names: Vec<String> = users.iter().map(known_as).collect();
            said("Shared people with the bot", Some(names.join(", ").as_str()))
        }
        "chat_shared" => said("Shared a chat with the bot", Some(known_as(data).as_str())),
        "successful_payment" => said("Paid", Some(amount(data).as_str())),
        _ => said("A payment was given back", Some(amount(data).as_str())),
    };
    Some(Content::Other(Open::new(kind, data, line)))
}

/// A shared user or chat by what Telegram tells of it: a name, a username, else the number.
fn known_as(shared: &Value) -> String {
    let name = name(shared);
    let named = [shared["title"].as_str(), Some(name.as_str()), shared["username"].as_str()];
    match named.into_iter().flatten().find(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None if shared["user_id"].is_null() => shared["chat_id"].to_string(),
        None => shared["user_id"].to_string(),
    }
}

/// Telegram counts the smallest units of a currency, which has two decimal places or another number of them.
fn amount(payment: &Value) -> String {
    let currency = payment["currency"].as_str().unwrap_or_default();
    let unit =
        if currency == "XTR" { "Telegram Stars".to_owned() } else { format!("in the smallest unit of {currency}") };
    format!("{} {unit}", payment["total_amount"])
}

/// The field by which a message of an unknown kind is one.
pub fn unknown_kind(own: &Value) -> Option<&str> {
    own.as_object()?.keys().map(String::as_str).find(|field| !AROUND.contains(field))
}

/// A user's name in a line.
pub fn name(user: &Value) -> String {
    let names = [user["first_name"].as_str(), user["last_name"].as_str()];
    names.into_iter().flatten().collect::<Vec<_>>().join(" ")
}
