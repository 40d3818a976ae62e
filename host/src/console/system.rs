//! The host itself: whether it is well, what waits, where it listens, and what of its configuration is not the default.

use axum::extract::State as Axum;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::asked::Query;
use super::faults::Failure;
use super::figures::bytes;
use super::layout::{self, icon};
use super::reader::Reader;
use super::time;
use crate::model::shown::system::{Addresses, Override, Pool, Queue, Storage, System};
use crate::web::state::State;
use crate::web::system;

/// Where the page is.
pub(super) const SYSTEM: &str = "/system";
/// How far queues are counted.
const COUNTED: u64 = 10_000;

/// What was done just now.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Asked {
    done: String,
}

/// Lets outbound, polling and refresh go on after a restore.
pub(super) async fn release(Axum(state): Axum<State>, reader: Reader) -> Result<Response, Failure> {
    system::release(&state, &reader.caller).await?;
    Ok(Redirect::to(&format!("{SYSTEM}?done=released")).into_response())
}

/// The page.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let system = system::read(&state, &reader.caller).await?;
    let words = &reader.look.words.system;
    let since = words.running_since.replace("{version}", &system.version);
    let since = since.replace("{time}", &time::full(&reader.look, &system.started_at));
    let content = html! {
        header.page-head {
            div.page-title { h1 { (words.title) } p.note { (since) } }
            @if system.ready { span.state.is-good { span { strong { (words.ready) } } } }
            @else { span.state.is-warn { span { strong { (words.not_ready) } } } }
        }
        @if asked.done == "released" { p.toast role="status" { (icon("check", "")) (words.released) } }
        (troubles(&reader, &system))
        div.with-aside {
            div.stack { (queues(&reader, &system.queues)) (pools(&reader, &system.pools)) (overrides(&reader, &system.overrides)) }
            div.stack { (addresses(&reader, &system.addresses)) (storage(&reader, &system.storage)) }
        }
    };
    Ok(layout::page(&reader, &words.title, SYSTEM, &content).into_response())
}

/// What keeps the host from its work.
fn troubles(reader: &Reader, system: &System) -> Markup {
    let words = &reader.look.words.system;
    let storage = &system.storage;
    let little = storage.free_bytes.filter(|free| *free < storage.least_free_bytes.saturating_mul(2));
    html! {
        @if let Some(at) = &system.held_since {
            div.notice.is-warn.is-apart role="status" {
                (icon("pause", ""))
                div { p { strong { (words.held) } " " span.note { (time::full(&reader.look, at)) } } p { (words.held_note) } }
                form.button-row method="post" action=(format!("{SYSTEM}/release")) { button.button.is-small type="submit" { (words.release) } }
            }
        }
        @if let Some(free) = little {
            div.notice.is-bad.is-apart role="status" {
                (icon("alert", ""))
                div {
                    p { strong { (words.little_room.replace("{free}", &bytes(free)).replace("{least}", &bytes(storage.least_free_bytes))) } }
                    p { (words.little_room_note) }
                }
            }
        }
    }
}

fn queues(reader: &Reader, queues: &[Queue]) -> Markup {
    let words = &reader.look.words.system;
    html! {
        section.card aria-labelledby="queues" {
            header.card-head { h2 id="queues" { (words.queues) } }
            dl.card-body.facts {
                @for queue in queues {
                    dt { (words.queue_name(&queue.name)) }
                    dd { @if queue.waiting < COUNTED { (queue.waiting) } @else { (words.and_more.replace("{n}", &COUNTED.to_string())) } }
                }
            }
        }
    }
}

fn pools(reader: &Reader, pools: &[Pool]) -> Markup {
    let words = &reader.look.words.system;
    html! {
        section.card aria-labelledby="pools" {
            header.card-head { h2 id="pools" { (words.pools) } }
            p.card-body.note { (words.pools_note) }
            div.table-scroll tabindex="0" {
                table.table.figure-table {
                    thead { tr { th scope="col" { (words.pool) } th scope="col" { (words.taken) } th scope="col" { (words.places) } th scope="col" { (words.refused) } } }
                    tbody {
                        @for pool in pools {
                            tr { td { (words.pool_name(&pool.name)) } td.figures { (pool.taken) } td.figures { (pool.places) } td.figures { (pool.refused) } }
                        }
                    }
                }
            }
        }
    }
}

/// What a cell is, where the table has no head.
fn narrow(name: &str) -> Markup {
    html! { span.is-narrow-label { (name) " " } }
}

fn overrides(reader: &Reader, overrides: &[Override]) -> Markup {
    let words = &reader.look.words.system;
    html! {
        section.card aria-labelledby="overrides" {
            header.card-head { h2 id="overrides" { (words.overrides) } }
            p.card-body.note { (if overrides.is_empty() { &words.no_override } else { &words.overrides_note }) }
            @if !overrides.is_empty() {
                div.table-scroll tabindex="0" {
                    table.table.log-table {
                        thead { tr { th scope="col" { (words.key) } th scope="col" { (words.value) } th scope="col" { (words.default) } } }
                        tbody { @for one in overrides { tr { td { code { (one.key) } } td { (narrow(&words.value)) (value(reader, &one.value)) } td { (narrow(&words.default)) (value(reader, &one.default)) } } } }
                    }
                }
            }
        }
    }
}

/// A value of the configuration.
fn value(reader: &Reader, value: &str) -> Markup {
    html! { @if value.is_empty() { span.note { (reader.look.words.system.empty) } } @else { code { (value) } } }
}

fn addresses(reader: &Reader, addresses: &Addresses) -> Markup {
    let words = &reader.look.words.system;
    html! {
        section.card aria-labelledby="addresses" {
            header.card-head { h2 id="addresses" { (words.addresses) } }
            dl.card-body.facts {
                dt { (words.public_url) }
                dd { @match &addresses.public_url { Some(url) => (url), None => span.note { (words.no_public_url) } } }
                dt { (words.listen) } dd { (addresses.listen) }
                dt { (words.metrics) } dd { @match &addresses.metrics { Some(address) => (address), None => span.note { (words.metrics_here) } } }
                dt { (words.mail) }
                dd {
                    @match &addresses.mail {
                        Some(address) => { (address) ", " (if addresses.mail_tls { &words.mail_tls } else { &words.mail_plain }) }
                        None => span.note { (words.no_mail) },
                    }
                }
                @if let Some(domain) = &addresses.mail_domain { dt { (words.mail_domain) } dd { (domain) } }
            }
        }
    }
}

fn storage(reader: &Reader, storage: &Storage) -> Markup {
    let words = &reader.look.words.system;
    let files = bytes(storage.file_bytes.unsigned_abs());
    let files = match storage.most_file_bytes {
        0 => files,
        most => words.of_most.replace("{bytes}", &files).replace("{most}", &bytes(most)),
    };
    html! {
        section.card aria-labelledby="storage" {
            header.card-head { h2 id="storage" { (words.storage) } }
            dl.card-body.facts {
                dt { (words.free) } dd { @match storage.free_bytes { Some(free) => (bytes(free)), None => (words.unknown) } }
                dt { (words.database) } dd { (bytes(storage.database_bytes)) }
                dt { (words.files) } dd { (files) }
            }
        }
    }
}
