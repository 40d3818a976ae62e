//! The frame of pages: the document, the front page's card, the rail.

use axum::response::Html;
use maud::{DOCTYPE, Markup, html};

use super::HOME;
use super::assets::{AGAIN, BUSY, COPY, ICONS, SHEET, ZONE};
use super::audit::AUDIT;
use super::contacts::CONTACTS;
use super::endpoints::ENDPOINTS;
use super::inbox::INBOX;
use super::journal::JOURNAL;
use super::people::PEOPLE;
use super::plugins::PLUGINS;
use super::preferences;
use super::profile::PROFILE;
use super::reader::{Look, Reader};
use super::replies::REPLIES;
use super::system::SYSTEM;
use super::tokens::TOKENS;
use super::words::Words;
use super::workspaces::WORKSPACES;
use crate::auth::Role;

/// An icon of the sheet, which says nothing to a screen reader.
pub(super) fn icon(name: &str, class: &str) -> Markup {
    html! {
        svg class=(format!("icon {class}")) aria-hidden="true" { use href=(format!("{}#i-{name}", ICONS.path)) {} }
    }
}

fn document(look: &Look, title: &str, class: &str, body: &Markup) -> Html<String> {
    let page = html! {
        (DOCTYPE)
        html lang=(look.language.0) data-theme=[look.theme] data-zone=[look.zone.iana_name()] {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content";
                title { (title) " · Sambung" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(SHEET.path);
            }
            body class=(class) { (body) script type="module" src=(ZONE.path) {} script type="module" src=(BUSY.path) {} }
        }
    };
    Html(page.into_string())
}

/// What stands above a page for people who are not signed in.
pub(super) struct Front<'p> {
    /// The page's title.
    pub title: &'p str,
    /// A sentence below it.
    pub note: Option<&'p str>,
    /// The page's path, to come back to after the language was changed.
    pub here: &'p str,
}

/// A card in the middle of the page, for people who are not signed in.
pub(super) fn front(look: &Look, front: &Front<'_>, content: &Markup) -> Html<String> {
    let body = html! {
        main.card.front-card {
            p.brand {
                svg aria-hidden="true" { use href=(format!("{}#sambung", ICONS.path)) {} }
                "Sambung"
            }
            h1 { (front.title) }
            @if let Some(note) = front.note { p.note { (note) } }
            (content)
        }
        footer.front-foot {
            (preferences::other_language(look, front.here))
            span { "Sambung " (env!("CARGO_PKG_VERSION")) }
        }
    };
    document(look, front.title, "front", &body)
}

/// How much of the window a page takes.
pub(super) enum Extent {
    /// A column in the middle.
    Column,
    /// All beside the rail, laid out by this class.
    Whole(&'static str),
}

/// A page for a person who is signed in, with the rail at its left. `here` is the page's path.
pub(super) fn page(reader: &Reader, title: &str, here: &str, content: &Markup) -> Html<String> {
    page_of(reader, title, here, &Extent::Column, content)
}

/// As [`page`], for one that may take the whole window.
pub(super) fn page_of(reader: &Reader, title: &str, here: &str, extent: &Extent, content: &Markup) -> Html<String> {
    let words = reader.look.words;
    let class = match extent {
        Extent::Column => "page",
        Extent::Whole(class) => class,
    };
    let body = html! {
        a.skip-link href="#main" { (words.frame.skip) }
        nav.rail aria-label=(words.frame.main) {
            a.rail-link.rail-workspace href=(INBOX) {
                span.workspace-mark aria-hidden="true" { (initials(&reader.caller.workspace_name)) }
                span { (reader.caller.workspace_name) }
            }
            ul.rail-list {
                li { (entry(INBOX, "inbox", &words.inbox.title, here)) }
                li { (entry(CONTACTS, "contacts", &words.contacts.title, here)) }
                li { (entry(HOME, "plug", &words.integrations.title, here)) }
                @if reader.caller.role >= Role::Supervisor {
                    li.is-seldom { (entry(JOURNAL, "journal", &words.journal.title, here)) }
                }
                @if reader.caller.role >= Role::Supervisor {
                    li {
                        a.rail-link href=(if reader.caller.role >= Role::Admin { PEOPLE } else { REPLIES }) aria-current=[[PEOPLE, REPLIES, TOKENS, ENDPOINTS, AUDIT, WORKSPACES].contains(&here).then_some("page")] {
                            (icon("settings", "")) span { (words.people.settings) }
                        }
                    }
                }
                @if reader.caller.role >= Role::Operator {
                    li.is-seldom { (entry(PLUGINS, "plugin", &words.plugins.title, here)) }
                    li.is-seldom { (entry(SYSTEM, "system", &words.system.title, here)) }
                }
            }
            (person(reader, here))
        }
        main #main class=(class) data-reader=(reader.caller.user.as_deref().unwrap_or_default()) data-ended=(words.frame.session_ended) data-unreachable=(words.frame.unreachable) { (content) }
        p.reconnecting.is-floating id="reconnecting" role="status" hidden { (icon("refresh", "")) (words.frame.reconnecting) }
        script type="module" src=(AGAIN.path) {}
    };
    document(&reader.look, title, "app", &body)
}

fn entry(path: &str, picture: &str, name: &str, here: &str) -> Markup {
    let current = here.starts_with(path).then_some("page");
    html! { a.rail-link href=(path) aria-current=[current] { (icon(picture, "")) span { (name) } } }
}

fn person(reader: &Reader, here: &str) -> Markup {
    let words = &reader.look.words.frame;
    let name = &reader.caller.name;
    html! {
        details.menu.rail-person {
            summary.rail-link title=(words.menu_of.replace("{name}", name)) {
                span.avatar.is-small.tone-5 aria-hidden="true" { (initials(name)) }
                span.one-line { (name.split('@').next().unwrap_or(name)) }
            }
            div.menu-list {
                @if reader.caller.role >= Role::Supervisor {
                    div.menu-seldom {
                        a href=(JOURNAL) { (icon("journal", "is-small")) (reader.look.words.journal.title) }
                        @if reader.caller.role >= Role::Operator {
                            a href=(PLUGINS) { (icon("plugin", "is-small")) (reader.look.words.plugins.title) }
                            a href=(SYSTEM) { (icon("system", "is-small")) (reader.look.words.system.title) }
                        }
                        hr;
                    }
                }
                (preferences::menu(&reader.look, here))
                hr;
                a href=(PROFILE) { (icon("user", "is-small")) (reader.look.words.profile.title) }
                a href="/docs/" { (icon("file", "is-small")) (words.reference) }
                form method="post" action="/sign-out" {
                    button type="submit" { (icon("back", "is-small")) (words.sign_out) }
                }
            }
        }
    }
}

/// The way from *Integrations* to this page.
pub(super) fn crumbs(reader: &Reader, steps: &[(&str, &str)], here: &str) -> Markup {
    let first = (HOME, reader.look.words.integrations.title.as_str());
    trail(&[&[first], steps].concat(), here)
}

/// The pages that lead to this one, and what this one is called. A small screen shows the nearest of them only.
pub(super) fn trail(steps: &[(&str, &str)], here: &str) -> Markup {
    html! {
        nav.crumbs {
            @for (path, name) in steps { a href=(path) { (name) } (icon("chevron-right", "is-small")) }
            span.one-line aria-current="page" { (here) }
        }
    }
}

/// A text to be copied: all of it is selected by one click, and a script shows a button that copies it.
pub(super) fn copyable(words: &Words, value: &str) -> Markup {
    let words = &words.frame;
    html! {
        div.copyable {
            code.is-whole { (value) }
            button.button.is-small type="button" data-copied=(words.copied) hidden { (words.copy) }
        }
        script type="module" src=(COPY.path) {}
    }
}

/// The first letters of the first two words of a name.
pub(super) fn initials(name: &str) -> String {
    let letters = name.split(|c: char| !c.is_alphanumeric()).filter_map(|word| word.chars().next());
    letters.take(2).flat_map(char::to_uppercase).collect()
}

/// The colour of an avatar, made from the id so that it stays the same.
pub(super) fn tone(id: &str) -> String {
    let sum: u32 = id.bytes().map(u32::from).sum();
    format!("tone-{}", sum % 6 + 1)
}

#[cfg(test)]
mod tests {
    #[test]
    fn initials_are_two_letters_of_any_alphabet() {
        for (name, initials) in
            [("toko kopi", "TK"), ("Sari", "S"), ("sari@toko.example", "ST"), ("太郎 山田", "太山"), ("", "")]
        {
            assert_eq!(super::initials(name), initials);
        }
    }
}
