//! A page of this server with a channel's widget on it, to write as a visitor would.

use axum::extract::{Path, State as Axum};
use axum::response::{IntoResponse, Response};
use maud::html;

use super::HOME;
use super::channel::load;
use super::faults::Failure;
use super::integrations::text;
use super::layout;
use super::reader::Reader;
use crate::web::problem::Problem;
use crate::web::state::State;

/// The page.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let channel = load(&state, &reader, &id).await?;
    if !runs_here(&state, &channel) {
        return Err(Problem::not_found().into());
    }
    let words = &reader.look.words.channel;
    let name = text(&channel, "name");
    let content = html! {
        (layout::crumbs(&reader, &[(&format!("{HOME}/{id}"), name)], &words.try_out))
        header.page-head { h1 { (words.try_out) } }
        p { (words.try_out_note) }
        script async src=(format!("/widget/{id}/widget.js")) {}
    };
    Ok(layout::page(&reader, &words.try_out, HOME, &content).into_response())
}

/// Whether visitors of web pages write through a channel.
pub(super) fn has_widget(state: &State, channel: &serde_json::Value) -> bool {
    let generation = state.plugins.get(text(channel, "plugin"));
    generation.is_some_and(|generation| generation.plugin.manifest().ingress.visitor) && !channel["account"].is_null()
}

/// Whether pages of this host may load the channel's widget. A script of a plugin that others made would act here in the name of the
/// person who is signed in, so that only pages of other origins load it.
pub(super) fn runs_here(state: &State, channel: &serde_json::Value) -> bool {
    has_widget(state, channel) && state.plugins.get(text(channel, "plugin")).is_some_and(|plugin| plugin.is_bundled())
}
