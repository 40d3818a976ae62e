//! A new message template, in three steps: basics, content, review. The fields of all steps travel in the form.

use std::collections::BTreeMap;

use axum::extract::State as Axum;
use axum::extract::multipart::{Multipart, MultipartRejection};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::HOME;
use super::asked::Path;
use super::dialog::dialog;
use super::faults::{self, Failure, of_field};
use super::integrations::text;
use super::layout::{self, icon};
use super::parts::{self, Part};
use super::reader::Reader;
use crate::model::fault::FieldError;
use crate::model::new_template::{Draft, blanks};
use crate::web::problem::Problem;
use crate::web::state::State;
use crate::web::templates;

/// Buttons of a template on this page.
const BUTTONS: usize = 3;
/// The kinds of buttons that this page makes.
const KINDS: [&str; 3] = ["quick-reply", "url", "phone"];
/// The kinds of headers that this page makes.
const HEADERS: [&str; 4] = ["text", "image", "video", "document"];
/// The categories that the contract names.
const CATEGORIES: [&str; 3] = ["utility", "marketing", "authentication"];

/// What was filled in, by the field's name.
type Fields = BTreeMap<String, String>;

/// The steps.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Basics,
    Content,
    Review,
}

impl Step {
    const ALL: [Step; 3] = [Step::Basics, Step::Content, Step::Review];

    fn number(self) -> usize {
        self as usize + 1
    }

    fn of(word: &str) -> Step {
        match word {
            "2" => Step::Content,
            "3" => Step::Review,
            _ => Step::Basics,
        }
    }

    /// The step whose field a fault's pointer names.
    fn at(pointer: &str) -> Step {
        let is_basic = ["#/name", "#/language", "#/category"].contains(&pointer);
        if is_basic { Step::Basics } else { Step::Content }
    }
}

fn field<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).map(String::as_str).unwrap_or_default()
}

/// The first step.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    shown(&state, &reader, &id, &Fields::new(), Step::Basics, None).await
}

/// Goes on to the next step, back, or sends the template to the provider.
pub(super) async fn submit(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let mut fields = Fields::new();
    let read = parts::read(&state, &reader, form, |name, part| {
        let value = match part {
            Part::Text(text) => text.replace("\r\n", "\n"),
            Part::File(file) => file.id.to_string(),
        };
        // A file that was chosen before stays, unless another one is chosen.
        if name != "header.media" || !value.is_empty() {
            fields.insert(name.to_owned(), value);
        }
    });
    let here = match read.await {
        Ok(()) => Step::of(field(&fields, "step")),
        Err(problem) => return shown(&state, &reader, &id, &fields, Step::Content, Some(&problem)).await,
    };
    if let Some(to) = fields.remove("to") {
        return shown(&state, &reader, &id, &fields, Step::of(&to), None).await;
    }
    let wanted = wanted(&fields);
    let faults = Draft::read(&wanted).err().unwrap_or_default();
    let faults: Vec<_> = faults.into_iter().filter(|fault| Step::at(&fault.pointer) <= here).collect();
    if let Some(first) = faults.iter().map(|fault| Step::at(&fault.pointer)).min() {
        return shown(&state, &reader, &id, &fields, first, Some(&Problem::invalid(faults))).await;
    }
    match here {
        Step::Basics => shown(&state, &reader, &id, &fields, Step::Content, None).await,
        Step::Content => shown(&state, &reader, &id, &fields, Step::Review, None).await,
        Step::Review => match templates::create(&state, &reader.caller, &id, &wanted).await {
            Ok(_) => Ok(Redirect::to(&format!("{HOME}/{id}/templates?done=sent")).into_response()),
            Err(problem) if problem.status() == StatusCode::NOT_FOUND => Err(problem.into()),
            Err(problem) => {
                let step = problem.errors().iter().map(|fault| Step::at(&fault.pointer)).min().unwrap_or(Step::Review);
                shown(&state, &reader, &id, &fields, step, Some(&problem)).await
            }
        },
    }
}

/// The template that the fields say, after `wit/schemas/new-template.json`.
fn wanted(fields: &Fields) -> Value {
    let given = |name: &str| field(fields, name).trim().to_owned();
    let examples = |of: &str, text: &str| {
        let names = blanks(text).unwrap_or_default();
        let samples = names.into_iter().map(|name| (name.to_owned(), given(&format!("{of}.{name}")).into()));
        Value::Object(samples.collect::<Map<_, _>>())
    };
    let mut wanted = json!({ "name": given("name"), "language": given("language"), "category": given("category") });
    let body = given("body");
    wanted["body"] = json!({ "text": body, "examples": examples("body", &body) });
    match given("header").as_str() {
        "" => {}
        "text" => {
            let text = given("header.text");
            wanted["header"] = json!({ "kind": "text", "text": text, "examples": examples("header", &text) });
        }
        kind => {
            wanted["header"] = json!({ "kind": kind });
            let media = given("header.media");
            if !media.is_empty() {
                wanted["header"]["example"] = json!({ "media_id": media });
            }
        }
    }
    if !given("footer").is_empty() {
        wanted["footer"] = given("footer").into();
    }
    let button = |at: usize| {
        let of = |part: &str| given(&format!("button.{at}.{part}"));
        let (kind, label, value) = (of("kind"), of("label"), of("value"));
        let mut button = json!({ "kind": kind, "label": label });
        match kind.as_str() {
            "" => return None,
            "url" => button["url"] = value.into(),
            "phone" => button["phone"] = value.into(),
            _ => {}
        }
        if !of("example").is_empty() {
            button["example"] = of("example").into();
        }
        Some(button)
    };
    let buttons: Vec<Value> = (0..BUTTONS).filter_map(button).collect();
    if !buttons.is_empty() {
        wanted["buttons"] = buttons.into();
    }
    wanted
}

async fn shown(
    state: &State,
    reader: &Reader,
    id: &str,
    fields: &Fields,
    step: Step,
    problem: Option<&Problem>,
) -> Result<Response, Failure> {
    let channel = state.channels.show(&reader.caller.workspace, id, false).await?;
    let words = &reader.look.words.templates;
    let path = format!("{HOME}/{id}/templates");
    let draw = Drawing { reader, fields, problem };
    let content = html! {
        (layout::crumbs(reader, &[(&format!("{HOME}/{id}"), &channel.name), (&path, &words.title)], &words.add))
        header.page-head { h1 { (words.add) } (steps(reader, step)) }
        div.new-template {
            form.card method="post" action=(format!("{path}/new")) enctype="multipart/form-data" novalidate {
                header.card-head { h2 { (words.steps[step.number() - 1]) } }
                div.card-body.form {
                    (faults::notice_beside(reader.look.words, problem, &draw.pointers()))
                    @match step {
                        Step::Basics => (draw.basics()),
                        Step::Content => (draw.content()),
                        Step::Review => (draw.review()),
                    }
                    (draw.carried(step))
                    input type="hidden" name="step" value=(step.number());
                }
                div.card-foot {
                    // The first button of a form is the one that Enter presses.
                    button.button.is-primary.push-end type="submit" { (if step == Step::Review { &words.send } else { &words.next }) }
                    @if step == Step::Basics { a.button.is-first href=(path) { (reader.look.words.connect.cancel) } }
                    @else { button.button.is-first type="submit" name="to" value=(step.number() - 1) formnovalidate { (words.back) } }
                }
            }
            (phone(reader, &channel.name, &wanted(fields)))
        }
        (draw.refusal())
    };
    let status = problem.map_or(StatusCode::OK, Problem::status);
    Ok((status, layout::page(reader, &words.add, HOME, &content)).into_response())
}

fn steps(reader: &Reader, now: Step) -> Markup {
    let words = &reader.look.words.templates;
    html! {
        ol.steps.push-end aria-label=(words.steps_label) {
            @for step in Step::ALL {
                li class=[(step < now).then_some("is-done")] aria-current=[(step == now).then_some("step")] {
                    span.step-number { @if step < now { (icon("check", "is-small")) } @else { (step.number()) } }
                    span.step-word { (words.steps[step.number() - 1]) }
                }
            }
        }
    }
}

/// The fields of a step, with what was filled in and what is wrong with it.
struct Drawing<'d> {
    reader: &'d Reader,
    fields: &'d Fields,
    problem: Option<&'d Problem>,
}

impl Drawing<'_> {
    fn value(&self, name: &str) -> &str {
        field(self.fields, name)
    }

    fn fault(&self, name: &str, pointer: &str) -> Markup {
        let told = of_field(self.reader.look.words, self.problem, pointer);
        html! { @if let Some(told) = told { p.field-error id=(format!("{name}-error")) { (icon("error", "is-small")) (told) } } }
    }

    fn is_wrong(&self, pointer: &str) -> Option<&'static str> {
        of_field(self.reader.look.words, self.problem, pointer).map(|_| "true")
    }

    /// One line of text.
    fn line(&self, name: &str, label: &str, hint: &str, pointer: &str) -> Markup {
        html! {
            div.field {
                label.field-label for=(name) { (label) }
                input.input id=(name) name=(name) value=(self.value(name)) aria-invalid=[self.is_wrong(pointer)]
                    aria-describedby=[self.is_wrong(pointer).map(|_| format!("{name}-error"))];
                @if !hint.is_empty() { p.field-hint { (hint) } }
                (self.fault(name, pointer))
            }
        }
    }

    /// A choice; `none` is what the empty one is called.
    fn choice(&self, name: &str, label: &str, choices: &[(&str, &str)], none: Option<&str>, pointer: &str) -> Markup {
        html! {
            div.field {
                label.field-label for=(name) { (label) }
                select.input id=(name) name=(name) aria-invalid=[self.is_wrong(pointer)] {
                    @if let Some(none) = none { option value="" { (none) } }
                    @for (value, called) in choices { option value=(value) selected[self.value(name) == *value] { (called) } }
                }
                (self.fault(name, pointer))
            }
        }
    }

    fn basics(&self) -> Markup {
        let words = &self.reader.look.words.templates;
        let categories = CATEGORIES.map(|category| (category, words.category_name(category)));
        html! {
            (self.line("name", &words.name, &words.name_hint, "#/name"))
            (self.line("language", &words.language, &words.language_hint, "#/language"))
            (self.choice("category", &words.category, &categories, None, "#/category"))
        }
    }

    fn content(&self) -> Markup {
        let words = &self.reader.look.words.templates;
        let headers = HEADERS.map(|kind| (kind, words.header_name(kind)));
        let header = self.value("header");
        html! {
            (self.choice("header", &words.header, &headers, Some(&words.no_header), "#/header/kind"))
            div.field data-header="text" { (self.line("header.text", &words.header_text, "", "#/header/text")) }
            div.field data-header="file" {
                label.field-label for="header.media" { (words.header_file) }
                // Before the field for a file, because of two values of one name the later one counts.
                @let is_kept = !self.value("header.media").is_empty() && header != "text";
                @if is_kept { input type="hidden" name="header.media" value=(self.value("header.media")); }
                input.input id="header.media" type="file" name="header.media";
                @if is_kept { p.field-hint { (words.header_file_kept) } }
                (self.fault("header.media", "#/header/example"))
            }
            div.field {
                label.field-label for="body" { (words.body) }
                textarea.input id="body" name="body" rows="5" aria-invalid=[self.is_wrong("#/body/text")] { (self.value("body")) }
                p.field-hint { (words.body_hint) }
                (self.fault("body", "#/body/text"))
            }
            (self.samples())
            (self.line("footer", &words.footer, "", "#/footer"))
            fieldset.field {
                legend.field-label { (words.buttons) }
                @for at in 0..BUTTONS { (self.button(at)) }
            }
        }
    }

    /// A sample for each blank of header and body.
    fn samples(&self) -> Markup {
        let words = &self.reader.look.words.templates;
        let of = |of: &'static str, text: &'static str| {
            let names = blanks(self.value(text)).unwrap_or_default();
            names.into_iter().map(move |name| (format!("{of}.{name}"), name, format!("#/{of}/examples/{name}")))
        };
        let header = if self.value("header") == "text" { "header.text" } else { "" };
        let rows: Vec<_> = of("header", header).chain(of("body", "body")).collect();
        html! {
            @if !rows.is_empty() {
                fieldset.field {
                    legend.field-label { (words.samples) }
                    div.variable-rows {
                        @for (name, blank, pointer) in rows {
                            div.variable-row {
                                label for=(name) { code { "{{" (blank) "}}" } }
                                input.input id=(name) name=(name) value=(self.value(&name)) aria-invalid=[self.is_wrong(&pointer)];
                                (self.fault(&name, &pointer))
                            }
                        }
                    }
                }
            }
        }
    }

    fn button(&self, at: usize) -> Markup {
        let words = &self.reader.look.words.templates;
        let of = |part: &str| format!("button.{at}.{part}");
        let pointers = ["kind", "label", "url", "phone", "example"].map(|part| format!("#/buttons/{at}/{part}"));
        html! {
            div.template-button {
                select.input name=(of("kind")) aria-label=(words.button_kind) {
                    option value="" { (words.no_button) }
                    @for kind in KINDS { option value=(kind) selected[self.value(&of("kind")) == kind] { (words.button_name(kind)) } }
                }
                input.input name=(of("label")) value=(self.value(&of("label"))) placeholder=(words.button_label) aria-label=(words.button_label);
                input.input name=(of("value")) value=(self.value(&of("value"))) placeholder=(words.button_value) aria-label=(words.button_value);
                @for pointer in &pointers { (self.fault(&of("kind"), pointer)) }
            }
        }
    }

    fn review(&self) -> Markup {
        let words = &self.reader.look.words.templates;
        html! {
            dl.facts {
                dt { (words.name) } dd { (self.value("name")) }
                dt { (words.language) } dd { (self.value("language")) }
                dt { (words.category) } dd { (words.category_name(self.value("category"))) }
            }
            p.note { (words.review_note) }
        }
    }

    /// What belongs to other steps, so that it is sent along.
    fn carried(&self, step: Step) -> Markup {
        let is_basic = |name: &str| ["name", "language", "category"].contains(&name);
        let belongs = |name: &str| match step {
            Step::Basics => is_basic(name),
            Step::Content => !is_basic(name),
            Step::Review => false,
        };
        html! {
            @for (name, value) in self.fields.iter().filter(|(name, _)| *name != "step" && !belongs(name)) {
                input type="hidden" name=(name) value=(value);
            }
        }
    }

    /// A dialog that names each fault with its field. Empty fields say beside themselves that they are required.
    fn refusal(&self) -> Markup {
        let Some(problem) = self.problem else { return html! {} };
        let is_empty = |fault: &FieldError| *fault == FieldError::required(&fault.pointer);
        if !problem.errors().is_empty() && problem.errors().iter().all(is_empty) {
            return html! {};
        }
        let words = self.reader.look.words;
        let text = html! {
            @if problem.errors().is_empty() { (faults::told(words, problem)) }
            @for fault in problem.errors() { (faults::told_of(words, self.label(&fault.pointer), fault)) }
        };
        dialog(&words.templates.refused, &text, &words.connect.again)
    }

    /// The label of the part that a fault points into.
    fn label(&self, pointer: &str) -> Option<&str> {
        let words = &self.reader.look.words.templates;
        let label = match pointer.split('/').nth(1)? {
            "name" => &words.name,
            "language" => &words.language,
            "category" => &words.category,
            "header" => &words.header,
            "body" => &words.body,
            "footer" => &words.footer,
            "buttons" => &words.buttons,
            _ => return None,
        };
        Some(label)
    }

    /// The pointers of every fault that has a place beside a field.
    fn pointers(&self) -> Vec<String> {
        let all = self.problem.iter().flat_map(|problem| problem.errors());
        let has_place = |pointer: &str| {
            [
                "#/name",
                "#/language",
                "#/category",
                "#/header/kind",
                "#/header/text",
                "#/header/example",
                "#/body/text",
                "#/footer",
            ]
            .contains(&pointer)
                || ["#/buttons/", "#/body/examples/", "#/header/examples/"]
                    .iter()
                    .any(|under| pointer.starts_with(under))
        };
        all.map(|fault| fault.pointer.clone()).filter(|pointer| has_place(pointer)).collect()
    }
}

/// How a template looks on a phone, with its samples.
pub(super) fn phone(reader: &Reader, channel: &str, wanted: &Value) -> Markup {
    let words = &reader.look.words.templates;
    let header = &wanted["header"];
    html! {
        aside.phone aria-label=(words.preview) {
            div.phone-frame {
                p.phone-head { span.workspace-mark aria-hidden="true" { (layout::initials(channel)) } (channel) }
                div.phone-bubble {
                    @match text(header, "kind") {
                        "" => {},
                        "text" => { p { strong { (filled(text(header, "text"), &header["examples"])) } } },
                        kind => { p.phone-file { (icon(if kind == "image" { "image" } else { "file" }, "")) (words.header_name(kind)) } },
                    }
                    @let body = wanted.pointer("/body/text").and_then(Value::as_str).unwrap_or_default();
                    @if !body.is_empty() { p.is-lines { (filled(body, &wanted["body"]["examples"])) } }
                    @if let Some(footer) = wanted["footer"].as_str() { p.small { (footer) } }
                    @if let Some(buttons) = wanted["buttons"].as_array() {
                        ul { @for button in buttons { li { (text(button, "label")) } } }
                    }
                }
            }
            p.note { (words.preview_note) }
        }
    }
}

/// A text with samples in the place of its blanks.
fn filled(text: &str, samples: &Value) -> Markup {
    let mut pieces = text.split("{{");
    let first = pieces.next().unwrap_or_default();
    html! {
        (first)
        @for piece in pieces {
            @match piece.split_once("}}") {
                Some((name, rest)) => {
                    @let sample = samples[name.trim()].as_str().filter(|sample| !sample.is_empty());
                    mark { @if let Some(sample) = sample { (sample) } @else { "{{" (name) "}}" } }
                    (rest)
                },
                None => { "{{" (piece) },
            }
        }
    }
}
