//! A page of this server with a channel's widget on it, to write as a visitor would.

use axum::extract::State as Axum;
use axum::response::{IntoResponse, Response};
use maud::html;

use super::HOME;
use super::asked::Path;
use super::channel::load;
use super::faults::Failure;
use super::layout;
use super::reader::Reader;
use crate::model::shown::channel::{Channel, Embed};
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
    let name = &channel.name;
    let content = html! {
        (layout::crumbs(&reader, &[(&format!("{HOME}/{id}"), name)], &words.try_out))
        header.page-head { h1 { (words.try_out) } }
        p { (words.try_out_note) }
        script async src=(format!("/widget/{id}/widget.js")) {}
    };
    Ok(layout::page(&reader, &words.try_out, HOME, &content).into_response())
}

/// How a channel that visitors of web pages write through gets onto them.
pub(super) fn widget_of(channel: &Channel) -> Option<&Embed> {
    channel.embed.as_ref().filter(|_| channel.account.is_some())
}

/// Whether pages of this host may load the channel's widget. A script of a plugin that others made would act here in the name of the
/// person who is signed in, so that only pages of other origins load it.
pub(super) fn runs_here(state: &State, channel: &Channel) -> bool {
    widget_of(channel).is_some() && state.plugins.get(&channel.plugin).is_some_and(|plugin| plugin.is_bundled())
}
