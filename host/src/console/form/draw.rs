//! How a form looks: label, control, error or help, for each field.

use maud::{Markup, html};
use serde_json::Value;

use super::model::{Choice, Entry, Field, Form, Kind};
use super::read::shown;
use crate::console::faults;
use crate::console::layout::{copyable, icon};
use crate::console::words::Words;
use crate::web::problem::Problem;

/// What a form is filled with.
pub(in crate::console) struct Given<'g> {
    /// The texts in the reader's language.
    pub words: &'g Words,
    /// The settings as they stand, or as they were sent.
    pub values: &'g Value,
    /// Where faults of the fields point: `#/settings` or `#`.
    pub under: &'g str,
    /// What is wrong.
    pub problem: Option<&'g Problem>,
    /// Whether the channel is connected, so that locked fields are fixed.
    pub is_connected: bool,
    /// What the ids of the controls begin with: two forms of a page may have the same fields.
    pub ids: &'g str,
}

/// The fields of a form.
pub(in crate::console) fn draw(form: &Form<'_>, given: &Given<'_>) -> Markup {
    draw_with(form, given, &|choice| chosen(choice, given))
}

/// The fields of a form of which a branch was chosen already: those beside the choice, and those of the branch in its place.
pub(in crate::console) fn draw_branch(form: &Form<'_>, value: &str, given: &Given<'_>) -> Markup {
    draw_with(form, given, &|choice| {
        let branch = choice.branches.iter().find(|branch| branch.value == value);
        html! { @if let Some(branch) = branch { (in_order(branch.fields.iter(), given)) } }
    })
}

fn draw_with(form: &Form<'_>, given: &Given<'_>, of_choice: &dyn Fn(&Choice<'_>) -> Markup) -> Markup {
    let is_folded = |entry: &&Entry<'_>| matches!(entry, Entry::Field(field) if folds(field, given));
    let (folded, plain): (Vec<_>, Vec<_>) = form.entries.iter().partition(is_folded);
    html! {
        @for entry in plain {
            @match entry {
                Entry::Field(field) => (drawn(field, given)),
                Entry::Choice(choice) => (of_choice(choice)),
            }
        }
        (fold(folded.into_iter().filter_map(|entry| if let Entry::Field(field) = entry { Some(field) } else { None }), given))
    }
}

/// Fields in their order, those that few people need last and folded.
fn in_order<'f, 's: 'f>(fields: impl Iterator<Item = &'f Field<'s>>, given: &Given<'_>) -> Markup {
    let (folded, plain): (Vec<_>, Vec<_>) = fields.partition(|field| folds(field, given));
    html! {
        @for field in plain { (drawn(field, given)) }
        (fold(folded.into_iter(), given))
    }
}

/// Whether a field is folded away: few people need it before the channel works.
fn folds(field: &Field<'_>, given: &Given<'_>) -> bool {
    field.is_advanced() && !given.is_connected
}

/// Folded fields, open where one of them has a fault.
fn fold<'f, 's: 'f>(fields: impl Iterator<Item = &'f Field<'s>>, given: &Given<'_>) -> Markup {
    let fields: Vec<_> = fields.collect();
    let is_wrong = fields.iter().any(|field| fault_of(field, given).is_some());
    html! {
        @if !fields.is_empty() {
            details.more open[is_wrong] {
                summary.link { (given.words.form.more) (icon("chevron-down", "is-small")) }
                div.form { @for field in fields { (drawn(field, given)) } }
            }
        }
    }
}

/// What is wrong with a field.
fn fault_of(field: &Field<'_>, given: &Given<'_>) -> Option<String> {
    faults::of_field(given.words, given.problem, &format!("{}/{}", given.under, field.name))
}

fn chosen(choice: &Choice<'_>, given: &Given<'_>) -> Markup {
    let current = given.values[choice.name].as_str().unwrap_or(choice.usual);
    let is_fixed = choice.is_locked && given.is_connected;
    html! {
        fieldset.choices {
            legend.field-label { (choice.title) }
            @for branch in &choice.branches {
                @let id = format!("{}-{}", choice.name, branch.value);
                div.choice {
                    input type="radio" id=(id) name=(choice.name) value=(branch.value) checked[branch.value == current]
                        disabled[is_fixed && branch.value != current];
                    label for=(id) { (branch.title) }
                    @if !branch.fields.is_empty() {
                        div.branch.form { (in_order(branch.fields.iter(), given)) }
                    }
                }
            }
        }
    }
}

fn drawn(field: &Field<'_>, given: &Given<'_>) -> Markup {
    if field.is_read_only() {
        return copied(given.words, field, &given.values[field.name]);
    }
    let words = &given.words.form;
    let id = format!("{}-{}", given.ids, field.key.replace('.', "-"));
    let value = match &given.values[field.name] {
        Value::Null => field.usual(),
        value => value,
    };
    let fault = fault_of(field, given);
    let is_fixed = field.is_locked() && given.is_connected;
    let is_set = value["set"] == true;
    let help = if is_fixed { Some(words.fixed.as_str()) } else { field.help() };
    let described = fault.as_ref().map(|_| format!("{id}-error")).or_else(|| help.map(|_| format!("{id}-hint")));
    let control =
        Control { field, id: &id, value, is_fixed, is_wrong: fault.is_some(), described: described.as_deref() };
    html! {
        div.field {
            @if field.kind == Kind::Switch {
                input type="hidden" name=(shown(field)) value="1";
                label.switch-label {
                    input.switch type="checkbox" id=(id) name=(field.key) value="true" checked[*value == true] disabled[is_fixed]
                        aria-describedby=[described.as_deref()];
                    span { (field.title()) }
                }
            } @else {
                label.field-label for=(id) { (field.title()) }
                @if is_set {
                    (control.line("password", "", Some(if is_fixed { &words.set } else { &words.keep })))
                } @else {
                    (control.any())
                }
            }
            @if let Some(fault) = &fault {
                p.field-error id=(format!("{id}-error")) { (icon("error", "is-small")) (fault) }
            }
            @if let Some(help) = help {
                p.field-hint id=(format!("{id}-hint")) {
                    (help)
                    @if let Some(anchor) = field.anchor() { " " a href=(format!("#step-{anchor}")) { (words.step) } }
                }
            }
        }
    }
}

/// A field that the host fills in, once it is filled in.
fn copied(words: &Words, field: &Field<'_>, value: &Value) -> Markup {
    html! {
        @if let Some(text) = value.as_str() {
            div.field {
                span.field-label { (field.title()) }
                (copyable(words, text))
                @if let Some(help) = field.help() { p.field-hint { (help) } }
            }
        }
    }
}

/// The control of one field.
struct Control<'c> {
    field: &'c Field<'c>,
    id: &'c str,
    value: &'c Value,
    is_fixed: bool,
    is_wrong: bool,
    described: Option<&'c str>,
}

impl Control<'_> {
    fn any(&self) -> Markup {
        let text = match self.value {
            Value::String(text) => text.clone(),
            Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
            Value::Null | Value::Object(_) => String::new(),
            other => other.to_string(),
        };
        match self.field.kind {
            Kind::Lines | Kind::List => self.lines(&text),
            Kind::Select => self.select(&text),
            Kind::Number => self.line("number", &text, None),
            // A secret that was typed comes back into the form only while it is being mended.
            Kind::Secret => self.line("password", &text, None),
            Kind::Line(kind) => self.line(kind, &text, None),
            Kind::Switch => html! {},
        }
    }

    fn line(&self, kind: &str, text: &str, instead: Option<&str>) -> Markup {
        html! {
            input.input id=(self.id) name=(self.field.key) type=(kind) value=(text) autocomplete="off"
                placeholder=[instead.or(self.field.placeholder())] disabled[self.is_fixed]
                aria-invalid=[self.is_wrong.then_some("true")] autofocus[self.is_wrong] aria-describedby=[self.described];
        }
    }

    fn lines(&self, text: &str) -> Markup {
        html! {
            textarea.input id=(self.id) name=(self.field.key) rows="3" placeholder=[self.field.placeholder()] disabled[self.is_fixed]
                aria-invalid=[self.is_wrong.then_some("true")] autofocus[self.is_wrong] aria-describedby=[self.described] { (text) }
        }
    }

    fn select(&self, text: &str) -> Markup {
        html! {
            select.input id=(self.id) name=(self.field.key) disabled[self.is_fixed] autofocus[self.is_wrong] aria-describedby=[self.described] {
                @for (value, label) in self.field.options() {
                    option value=(value) selected[value == text] { (label) }
                }
            }
        }
    }
}
