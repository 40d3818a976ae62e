//! The composer: what a person writes, attaches and fills in, and how it becomes a message.

use std::collections::BTreeMap;

use axum::extract::State as Axum;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::thread::Thread;
use super::{Asked, Attempt, INBOX, at, quick, shown};
use crate::auth::Role;
use crate::console::asked::{Path, below};
use crate::console::faults::{self, Failure};
use crate::console::integrations::text;
use crate::console::layout::icon;
use crate::console::parts::{self, Part};
use crate::console::reader::Reader;
use crate::console::time;
use crate::keys::{ConversationId, MessageId};
use crate::web::inbox;
use crate::web::once::{self, SENT_BEFORE, Submission};
use crate::web::problem::Answer;
use crate::web::state::State;

/// What the form holds.
#[derive(Default)]
struct Written {
    text: String,
    quote: String,
    /// `<name>:<language>`, where a template is sent.
    template: String,
    /// The template's values by parameter.
    parameters: Map<String, Value>,
    /// The contents of files, in order.
    files: Vec<Value>,
    /// The form's key.
    key: String,
    /// Of everything but the key.
    hash: Sha256,
}

impl Written {
    /// Adds a field to the hash. A file counts with its bytes, because it gets another id each time it is sent.
    fn digest(&mut self, name: &str, part: &Part) {
        let value = match part {
            Part::Text(value) => value.clone(),
            Part::File(file) => file.digest.clone().unwrap_or_else(|| file.id.to_string()),
        };
        for text in [name, &value] {
            self.hash.update(text.len().to_le_bytes());
            self.hash.update(text);
        }
    }

    fn submission(&self) -> Submission {
        Submission { key: self.key.clone(), hash: self.hash.clone().finalize().into() }
    }
}

/// The hidden field with the key that lets a form send one message and no more.
fn key_field(thread: &Thread<'_>) -> Markup {
    let key = thread.attempt.key.clone().unwrap_or_else(once::fresh_key);
    html! { input type="hidden" name="key" value=(key); }
}

/// Replies, or shows the composer again with what is wrong.
pub(in crate::console) async fn reply(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<ConversationId>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Failure> {
    reader.caller.at_least(Role::Agent)?;
    let mut written = Written::default();
    let problem = match parts::read(&state, &reader, form, |name, part| take(&mut written, name, part)).await {
        Ok(()) => match send(&state, &reader, id, &written).await {
            Ok(()) => return Ok(Redirect::to(&below(INBOX, &id.to_string())).into_response()),
            Err(problem) => problem,
        },
        Err(problem) => problem,
    };
    if problem.status() == StatusCode::NOT_FOUND {
        return Err(problem.into());
    }
    let asked = Asked { quote: Some(written.quote.clone()), ..Asked::default() };
    // The key stays as long as it was not used, so that a form whose first try is under way cannot send twice.
    let key = Some(written.key).filter(|key| once::is_key(key) && problem.code() != SENT_BEFORE);
    shown(&state, &reader, id, &asked, Attempt { text: written.text, problem: Some(problem), key }).await
}

async fn send(state: &State, reader: &Reader, id: ConversationId, written: &Written) -> Answer<()> {
    let mut contents = written.files.clone();
    let words = written.text.trim();
    if !written.template.is_empty() {
        let (name, language) = written.template.rsplit_once(':').unwrap_or((&written.template, ""));
        let parameters = &written.parameters;
        contents.push(json!({ "type": "template", "name": name, "language": language, "parameters": parameters }));
    } else if !words.is_empty() || contents.is_empty() {
        contents.push(json!({ "type": "text", "text": words }));
    }
    let content = if contents.len() == 1 { contents.remove(0) } else { Value::Array(contents) };
    let reply_to = Some(&written.quote).filter(|quote| !quote.is_empty()).map(|quote| MessageId::of(quote));
    let reply = inbox::Reply { content, reply_to, human: Some(true) };
    inbox::reply_once(state, &reader.caller, id, reply, written.submission()).await
}

fn take(written: &mut Written, name: &str, part: Part) {
    if name != "key" {
        written.digest(name, &part);
    }
    match (part, name.strip_prefix("p.")) {
        (Part::File(file), Some(parameter)) => {
            written.parameters.insert(parameter.to_owned(), json!({ "media_id": file.id }));
        }
        (Part::File(file), None) => {
            written.files.push(json!({ "type": "media", "kind": file.kind, "media_id": file.id }));
        }
        (Part::Text(value), Some(parameter)) if !value.trim().is_empty() => {
            put(&mut written.parameters, parameter, value);
        }
        (Part::Text(value), None) => match name {
            "text" => written.text = value.replace("\r\n", "\n"),
            "quote" => written.quote = value,
            "template" => written.template = value,
            "key" => written.key = value,
            _ => {}
        },
        (Part::Text(_), Some(_)) => {}
    }
}

/// A value of a parameter; `<name>@latitude` is a part of a place.
fn put(parameters: &mut Map<String, Value>, parameter: &str, value: String) {
    match parameter.rsplit_once('@') {
        Some((name, part)) => {
            let degrees = value.trim().parse::<f64>().map_or_else(|_| Value::from(value.clone()), Value::from);
            parameters.entry(name).or_insert_with(|| json!({}))[part] = degrees;
        }
        None => {
            parameters.insert(parameter.to_owned(), value.into());
        }
    }
}

/// What may be written now: a text with files, a template, or the reason why nothing.
pub(super) fn drawn(reader: &Reader, thread: &Thread<'_>) -> Markup {
    let contents =
        thread.conversation.composer.as_ref().map(|composer| composer.contents.as_slice()).unwrap_or_default();
    let takes = |kind: &str| contents.iter().any(|known| known == kind);
    html! {
        div id="composer" {
            @if takes("text") { (free(reader, thread, takes("media"))) }
            @else { (closed(reader, thread)) }
        }
    }
}

fn free(reader: &Reader, thread: &Thread<'_>, takes_files: bool) -> Markup {
    let words = &reader.look.words.inbox;
    let id = &thread.conversation.id;
    let composer = thread.conversation.composer.as_ref();
    let limit = composer.and_then(|composer| composer.text.as_ref());
    let closes = thread.conversation.window.as_ref().and_then(|window| window.closes_at.as_deref());
    let accept = composer.map(|composer| types(&composer.media)).unwrap_or_default();
    html! {
        form.composer method="post" action=(format!("{INBOX}/{id}")) enctype="multipart/form-data" {
            (key_field(thread))
            (faults::notice_beside(reader.look.words, thread.attempt.problem.as_ref(), &[]))
            div.composer-box {
                @if let Some(quoted) = thread.quoted {
                    p.composer-reply {
                        (icon("reply", ""))
                        span.one-line { (words.quoting) " " strong { (super::thread::author_of(reader, thread, quoted)) } ": " (super::content::line(reader, &quoted.content)) }
                        input type="hidden" name="quote" value=(quoted.id);
                        a.button.is-quiet.is-icon.is-small href=(format!("{INBOX}/{id}{}", thread.list)) { (icon("close", "")) span.visually-hidden { (words.quote_not) } }
                    }
                }
                textarea.composer-text name="text" required[!takes_files] aria-label=(format!("{} {}", words.reply_to, thread.name))
                    placeholder=(words.write) data-max=[limit.map(|limit| limit.max)] data-unit=[limit.map(|limit| limit.unit.as_str())] { (thread.attempt.text) }
                ul.composer-files id="composer-files" hidden {}
                div.composer-tools {
                    @if takes_files {
                        label.button.is-quiet.is-icon.file-button title=(words.attach) {
                            (icon("attach", "")) span.visually-hidden { (words.attach) }
                            input.visually-hidden type="file" name="file" multiple accept=[(!accept.is_empty()).then_some(accept)];
                        }
                    }
                    (quick::menu(reader, thread))
                    span.counter id="counter" title=(words.counter) hidden {}
                    button.button.is-primary type="submit" { (icon("send", "")) (words.send) }
                }
            }
            p.composer-foot {
                @if let Some(until) = closes {
                    span.window-clock { (icon("clock", "is-small")) (words.open_until) " " time datetime=(until) { (time::full(&reader.look, until)) } " · " (words.left.replace("{time}", &time::left(&reader.look, until, thread.now))) }
                }
                button.keys.is-bare id="enter-does" type="button" title=(words.enter_change) hidden {
                    span data-enter="sends" { kbd { "Enter" } " " (words.enter_sends) " · " kbd { "Shift" } " " kbd { "Enter" } " " (words.enter_breaks) }
                    span data-enter="breaks" hidden { kbd { "Ctrl" } " " kbd { "Enter" } " " (words.enter_sends) " · " kbd { "Enter" } " " (words.enter_breaks) }
                }
            }
        }
    }
}

/// The media types that the channel takes; empty where it takes any.
fn types(media: &BTreeMap<String, crate::model::shown::conversation::MediaLimit>) -> String {
    if media.values().any(|limit| limit.types.is_empty()) {
        return String::new();
    }
    let types: Vec<&str> = media.values().flat_map(|limit| limit.types.iter().map(String::as_str)).collect();
    types.join(",")
}

fn closed(reader: &Reader, thread: &Thread<'_>) -> Markup {
    let words = &reader.look.words.inbox;
    let reason = thread.conversation.window.as_ref().and_then(|window| window.reason.as_deref()).unwrap_or_default();
    let templates = thread.conversation.composer.as_ref().and_then(|composer| composer.templates.as_deref());
    html! {
        div.closed {
            (faults::notice_beside(reader.look.words, thread.attempt.problem.as_ref(), &[]))
            div.notice.is-warn role="status" {
                (icon("clock", ""))
                div {
                    p { (words.closed(reason)) }
                    @match templates {
                        Some([]) => { p { (words.no_template) } },
                        Some(_) => { p { (words.choose_template) } },
                        None => {},
                    }
                }
            }
            @for template in templates.unwrap_or_default() { (template_form(reader, thread, template)) }
        }
    }
}

fn template_form(reader: &Reader, thread: &Thread<'_>, template: &Value) -> Markup {
    let words = &reader.look.words.inbox;
    let id = thread.conversation.id;
    let parameters = template["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    html! {
        details.card.template-use {
            summary { (icon("template", "is-small")) strong { (text(template, "name")) } " · " (text(template, "language")) }
            form method="post" action=(format!("{INBOX}/{id}")) enctype="multipart/form-data" {
                (key_field(thread))
                input type="hidden" name="template" value=(text(template, "id"));
                @if !text(template, "body").is_empty() { p.bubble.is-lines { (text(template, "body")) } }
                @for parameter in parameters { (parameter_field(reader, id, template, parameter)) }
                button.button.is-primary type="submit" { (icon("send", "")) (words.send_template) }
            }
        }
    }
}

fn parameter_field(reader: &Reader, id: ConversationId, template: &Value, parameter: &Value) -> Markup {
    let words = &reader.look.words.inbox;
    let name = text(parameter, "name");
    let field = format!("{id}-{}-{name}", text(template, "id"));
    let label = format!("{} {name}", words.parameter_place(text(parameter, "in")));
    let is_required = parameter["required"].as_bool().unwrap_or(true);
    let example = at(parameter, "/example");
    html! {
        div.field {
            label.label for=(field) { (label) }
            @match text(parameter, "kind") {
                "image" | "video" | "document" => {
                    input.input id=(field) type="file" name=(format!("p.{name}")) required[is_required];
                },
                "location" => {
                    @for (part, most) in [("latitude", "90"), ("longitude", "180")] {
                        input.input id=[(part == "latitude").then_some(&field)] type="number" step="any" min=(format!("-{most}")) max=(most)
                            name=(format!("p.{name}@{part}")) placeholder=(part) aria-label=(format!("{label} {part}")) required[is_required];
                    }
                },
                _ => {
                    input.input id=(field) type="text" name=(format!("p.{name}")) placeholder=(example)
                        maxlength=[parameter["max"].as_u64()] required[is_required];
                },
            }
        }
    }
}
