//! The open conversation: its messages, and what may be written now.

use maud::{Markup, html};
use serde_json::Value;

use super::list::{channel_of, tone};
use super::{INBOX, at, content};
use crate::console::faults;
use crate::console::integrations::text;
use crate::console::layout::{icon, initials};
use crate::console::reader::Reader;
use crate::db::MessageCursor;
use crate::web::problem::Problem;

/// What is shown of a conversation.
pub(super) struct Thread<'t> {
    /// As the API shows it.
    pub conversation: &'t Value,
    /// What its person is called.
    pub name: &'t str,
    /// Its messages, the newest first.
    pub messages: &'t [Value],
    /// Where earlier ones begin.
    pub earlier: Option<MessageCursor>,
    /// What its window is.
    pub window: &'t Value,
    /// What may be written.
    pub composer: &'t Value,
    /// What was written and refused.
    pub written: &'t str,
    /// Why it was refused.
    pub problem: Option<&'t Problem>,
}

/// The conversation.
pub(super) fn drawn(reader: &Reader, thread: &Thread<'_>) -> Markup {
    let words = &reader.look.words.inbox;
    let id = text(thread.conversation, "id");
    html! {
        section.thread id="thread" aria-label=(thread.name) data-id=(id) data-unread=(thread.conversation["unread"] == true) {
            header.thread-head {
                a.button.is-quiet.is-icon.thread-back href=(INBOX) { (icon("back", "")) span.visually-hidden { (words.back) } }
                span class=(format!("avatar {}", tone(thread.conversation))) aria-hidden="true" { (initials(thread.name)) }
                div.thread-title { h1.one-line { (thread.name) } span.note.one-line { (channel_of(reader, thread.conversation)) } }
            }
            div.thread-scroll tabindex="0" role="log" aria-label=(words.messages) {
                ol.messages id="messages" {
                    @if let Some(earlier) = &thread.earlier {
                        li.system-line { a href=(format!("{INBOX}/{id}?at={}&seq={}", earlier.at, earlier.seq)) { (words.earlier) } }
                    }
                    @for (at, message) in thread.messages.iter().enumerate().rev() {
                        @let before = thread.messages.get(at + 1).map(date);
                        @if before != Some(date(message)) { li.day { time datetime=(date(message)) { (date(message)) } } }
                        (one(reader, message))
                    }
                }
            }
            (composer(reader, thread, id))
        }
    }
}

fn date(message: &Value) -> &str {
    text(message, "created_at").get(..10).unwrap_or_default()
}

fn one(reader: &Reader, message: &Value) -> Markup {
    let words = &reader.look.words.inbox;
    let is_out = message["direction"] == "outbound";
    let status = text(message, "status");
    let class = match (is_out, status) {
        (true, "failed") => "message is-out is-failed",
        (true, "unknown") => "message is-out is-unsure",
        (true, _) => "message is-out",
        (false, _) => "message",
    };
    let at_time = text(message, "created_at");
    html! {
        li class=(class) id=(text(message, "id")) {
            @if message["deleted_at"].is_string() { p.bubble-gone { (words.deleted) } }
            @else { (content::drawn(reader, &message["content"])) }
            @if status == "failed" {
                div.trouble {
                    (icon("error", ""))
                    p { strong { (words.not_delivered) } " " (at(message, "/error/detail")) }
                }
            }
            @if status == "unknown" { div.trouble { (icon("question", "")) p { (words.may_have_arrived) } } }
            p.message-meta {
                @if is_out { @let author = at(message, "/from/name"); @if !author.is_empty() { (author) " · " } }
                time datetime=(at_time) { (at_time.get(11..16).unwrap_or_default()) }
                @if message["edited_at"].is_string() { " · " (words.edited) }
                @if is_out && !matches!(status, "failed" | "unknown") { " · " (icon(mark(status), "")) (words.status(status)) }
            }
        }
    }
}

fn mark(status: &str) -> &'static str {
    match status {
        "delivered" | "read" => "check-double",
        "sent" => "check",
        _ => "clock",
    }
}

fn composer(reader: &Reader, thread: &Thread<'_>, id: &str) -> Markup {
    let words = &reader.look.words.inbox;
    let kinds = thread.composer["contents"].as_array().map(Vec::as_slice).unwrap_or_default();
    let writes = kinds.iter().any(|kind| kind == "text" || kind["type"] == "text");
    html! {
        div id="composer" {
            @if writes {
                form.composer method="post" action=(format!("{INBOX}/{id}")) {
                    (faults::notice_beside(reader.look.words, thread.problem, &[]))
                    div.composer-box {
                        textarea.composer-text name="text" required aria-label=(format!("{} {}", words.reply_to, thread.name))
                            placeholder=(words.write) { (thread.written) }
                        div.composer-tools {
                            span.counter.keys { kbd { "Enter" } " " (words.enter_sends) }
                            button.button.is-primary type="submit" { (icon("send", "")) (words.send) }
                        }
                    }
                    @if let Some(until) = thread.window["closes_at"].as_str() {
                        p.composer-foot { span.window-clock { (icon("clock", "is-small")) (words.open_until) " " time datetime=(until) { (short(until)) } } }
                    }
                }
            } @else {
                div.closed { div.notice.is-warn role="status" { (icon("clock", "")) p { (words.closed(at(thread.window, "/reason"))) } } }
            }
        }
    }
}

/// A time to the minute.
fn short(at: &str) -> String {
    at.chars().take(16).map(|c| if c == 'T' { ' ' } else { c }).collect()
}
