//! Messages that nobody wrote: what Telegram tells in a chat about the chat.

use sambung_sdk::json::Value;

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
    "edit_date",
    "has_protected_content",
    "is_from_offline",
    "is_paid_post",
    "media_group_id",
    "author_signature",
    "paid_star_count",
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
    ("successful_payment", "A payment was made."),
    ("refunded_payment", "A payment was given back."),
    ("users_shared", "People were shared with the bot."),
    ("chat_shared", "A chat was shared with the bot."),
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
    ("web_app_data", "A web app sent data."),
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
    LINES.iter().find(|(field, _)| !own[*field].is_null()).map(|(_, line)| (*line).to_owned())
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
