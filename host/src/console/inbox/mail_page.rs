//! The HTML of a mail as a page of its own, for the frame in the conversation.
//!
//! The HTML was made harmless before it was stored. The frame and the page's policy forbid scripts and forms besides, and pictures of
//! other hosts until the reader asks for them, because they tell their host who reads the mail, when and where.

use axum::extract::{Path, State as Axum};
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, PreEscaped, html};
use serde::Deserialize;
use serde_json::Value;

use super::content::url_of;
use crate::auth::Role;
use crate::console::asked::Query;
use crate::console::assets::SHEET;
use crate::console::faults::Failure;
use crate::console::integrations::text;
use crate::console::layout::icon;
use crate::console::reader::Reader;
use crate::web::inbox;
use crate::web::problem::Problem;
use crate::web::state::State;

/// What the frame may do: nothing runs in it, and its links open windows of their own. It is of this origin because pictures of the mail
/// are files that only the reader's session may read.
pub(super) const SANDBOX: &str = "allow-same-origin allow-popups allow-popups-to-escape-sandbox";

/// What the page may load, before pictures of other hosts are asked for.
const POLICY: &str =
    "default-src 'none'; style-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; img-src 'self'";

/// What the reader asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct Asked {
    /// `1`: pictures of other hosts, too.
    pictures: String,
}

/// The mail's HTML.
pub(in crate::console) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Path((id, message)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Agent)?;
    let conversation = inbox::conversation(&state, &reader.caller, &id).await?;
    let message = state.db.message(&reader.caller.workspace, &message).await?;
    let message = message.filter(|message| message.conversation_id == conversation.id && message.deleted_at.is_none());
    let content = message.map(|message| message.content).unwrap_or_default();
    let mail = content.get(0).unwrap_or(&content);
    if text(mail, "type") != "mail" || text(mail, "html").is_empty() {
        return Err(Problem::not_found().into());
    }
    let with_pictures = asked.pictures == "1";
    let words = &reader.look.words.mail;
    let body = with_own_files(mail);
    let others = if with_pictures { 0 } else { body.matches(" src=\"http").count() };
    let page = html! {
        (DOCTYPE)
        html lang=(reader.look.language.0) data-theme="light" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (text(mail, "subject")) }
                link rel="stylesheet" href=(SHEET.path);
                base target="_blank";
            }
            body.email-page {
                @if others > 0 {
                    p.notice {
                        (icon("image", "")) span { (words.pictures.replace("{n}", &others.to_string())) }
                        a.button.is-small href="?pictures=1" target="_self" { (words.show_pictures) }
                    }
                }
                @if body.contains(" data-quoted") {
                    input.visually-hidden #quoted type="checkbox";
                    label.button.is-small for="quoted" { (words.show_quoted) }
                }
                div.email-html { (PreEscaped(body)) }
            }
        }
    };
    let policy = format!("{POLICY}{}; sandbox {SANDBOX}", if with_pictures { " https: http:" } else { "" });
    Ok(([(CONTENT_SECURITY_POLICY, policy)], Html(page.into_string())).into_response())
}

/// The HTML with pictures that are files of the same mail at their addresses here. The cleaner writes each attribute in one form.
fn with_own_files(mail: &Value) -> String {
    let mut body = text(mail, "html").to_owned();
    for file in mail["files"].as_array().into_iter().flatten().filter(|file| file["state"] == "stored") {
        let name = text(file, "content_id");
        if !name.is_empty() {
            let name = html! { (name) }.into_string();
            body = body.replace(&format!(" src=\"cid:{name}\""), &format!(" src=\"{}\"", url_of(file)));
        }
    }
    body
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn pictures_of_the_mail_are_its_files() {
        let mail = json!({
            "html": "<img src=\"cid:a&amp;b@x\"><img src=\"cid:gone\"><img src=\"https://x.example/1.png\">",
            "files": [
                {"media_id": "med_1", "content_id": "a&b@x", "state": "stored"},
                {"media_id": "med_2", "content_id": "gone", "state": "failed"},
                {"media_id": "med_3", "state": "stored"},
            ],
        });
        let expected = "<img src=\"/v1/media/med_1\"><img src=\"cid:gone\"><img src=\"https://x.example/1.png\">";
        assert_eq!(super::with_own_files(&mail), expected);
    }
}
