//! The HTML of a mail as a page of its own, for the frame in the conversation.
//!
//! The HTML was made harmless before it was stored. The frame and the page's policy forbid scripts and forms besides. Pictures of other
//! hosts have no address until the reader asks for them, because they tell their host who reads the mail, when and where. Addresses of
//! this host never have one, because the reader's session would go with the request.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::State as Axum;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_SECURITY_POLICY, HOST};
use axum::response::{Html, IntoResponse, Response};
use maud::{DOCTYPE, PreEscaped, html};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::content::url_of;
use crate::auth::Role;
use crate::console::asked::{Path, Query};
use crate::console::assets::SHEET;
use crate::console::faults::Failure;
use crate::console::integrations::text;
use crate::console::layout::icon;
use crate::console::reader::Reader;
use crate::keys::{ConversationId, MessageId};
use crate::model::html::with_pictures;
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
    Path((id, message)): Path<(ConversationId, MessageId)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Agent)?;
    let conversation = inbox::conversation(&state, &reader.caller, id).await?;
    let message = state.db.message(&reader.caller.workspace, message).await?;
    let message = message.filter(|message| message.conversation_id == conversation.id && message.deleted_at.is_none());
    let content = message.map(|message| message.content).unwrap_or_default();
    let mail = content.get(0).unwrap_or(&content);
    if text(mail, "type") != "mail" || text(mail, "html").is_empty() {
        return Err(Problem::not_found().into());
    }
    let with_others = asked.pictures == "1";
    let words = &reader.look.words.mail;
    let pictures = Arc::new(Pictures::of(mail, with_others, names_of_this_host(&state, &headers)));
    let (source, placing) = (text(mail, "html").to_owned(), Arc::clone(&pictures));
    // A long mail takes a while.
    let body = tokio::task::spawn_blocking(move || with_pictures(&source, move |source| placing.place(source))).await;
    let body = body.map_err(|error| Problem::internal(&error))?;
    let others = pictures.left_out.load(Ordering::Relaxed);
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
    let policy = format!("{POLICY}{}; sandbox {SANDBOX}", if with_others { " https: http:" } else { "" });
    Ok(([(CONTENT_SECURITY_POLICY, policy)], Html(page.into_string())).into_response())
}

/// The pictures of a mail: files of its own, and those of other hosts where they are wanted.
struct Pictures {
    /// The addresses of the mail's files, by their `Content-ID`.
    own: HashMap<String, String>,
    /// Whether those of other hosts are loaded.
    with_others: bool,
    /// Names of this host, whose pages no mail may load.
    here: Vec<String>,
    /// How many of other hosts were left out.
    left_out: AtomicUsize,
}

impl Pictures {
    fn of(mail: &Value, with_others: bool, here: Vec<String>) -> Pictures {
        let files = mail["files"].as_array().into_iter().flatten().filter(|file| file["state"] == "stored");
        let named = files.filter(|file| !text(file, "content_id").is_empty());
        let own = named.map(|file| (text(file, "content_id").to_owned(), url_of(file))).collect();
        Pictures { own, with_others, here, left_out: AtomicUsize::new(0) }
    }

    fn place(&self, source: &str) -> Option<String> {
        if let Some(name) = source.strip_prefix("cid:") {
            return self.own.get(name).cloned();
        }
        let url = Url::parse(source).ok()?;
        let host = url.host_str()?;
        if self.here.iter().any(|own| own.eq_ignore_ascii_case(host)) {
            return None;
        }
        if !self.with_others {
            self.left_out.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        Some(source.to_owned())
    }
}

/// The names that this host is reached by: that of this request, and the public one.
fn names_of_this_host(state: &State, headers: &HeaderMap) -> Vec<String> {
    let asked = headers.get(HOST).and_then(|host| host.to_str().ok()).map(|host| format!("http://{host}"));
    let public = state.config.server.public_url().map(str::to_owned);
    let urls = asked.into_iter().chain(public).filter_map(|url| Url::parse(&url).ok());
    urls.filter_map(|url| url.host_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pictures_are_the_mails_own_and_others_only_where_they_are_wanted() {
        let mail = json!({
            "files": [
                {"media_id": "med_1", "content_id": "a&b@x", "state": "stored"},
                {"media_id": "med_2", "content_id": "gone", "state": "failed"},
                {"media_id": "med_3", "state": "stored"},
            ],
        });
        let html = "<img src=\"cid:a&amp;b@x\"><img src=\"cid:gone\"><img src=\"https://x.example/1.png\">\
                    <img src=\"https://CHAT.example/settings/audit.csv\">a src=\"https://x.example\"";
        for (with_others, other, left_out) in [(false, "<img>", 1), (true, "<img src=\"https://x.example/1.png\">", 0)]
        {
            let pictures = Arc::new(Pictures::of(&mail, with_others, vec!["chat.example".into()]));
            let placing = Arc::clone(&pictures);
            let shown = with_pictures(html, move |source| placing.place(source));
            let expected = format!("<img src=\"/v1/media/med_1\"><img>{other}<img>a src=\"https://x.example\"");
            assert_eq!((shown, pictures.left_out.load(Ordering::Relaxed)), (expected, left_out));
        }
    }
}
