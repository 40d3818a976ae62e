//! Disconnecting a channel, after a question.

use axum::extract::State as Axum;
use axum::response::{IntoResponse, Redirect, Response};
use maud::html;

use super::HOME;
use super::asked::Path;
use super::channel::load;
use super::faults::Failure;
use super::layout;
use super::reader::Reader;
use crate::web::state::State;

/// The question.
pub(super) async fn page(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let channel = load(&state, &reader, &id).await?;
    let words = &reader.look.words.disconnect;
    let name = &channel.name;
    let back = format!("{HOME}/{id}");
    let content = html! {
        (layout::crumbs(&reader, &[(&back, name)], &words.button))
        section.card.card-body.question aria-labelledby="question" {
            h1 id="question" { (words.title) }
            p { strong { (name) } }
            p { (words.sentence) }
            p.note { (words.stays) }
            @if channel.account.is_some() && channel.state != "paused" {
                form method="post" action=(format!("{back}/pause")) id="pause" hidden {}
            }
            form.button-row method="post" {
                @if channel.account.is_some() && channel.state != "paused" {
                    button.button.is-quiet type="submit" name="paused" value="true" form="pause" { (words.pause) }
                }
                a.button href=(back) autofocus { (words.cancel) }
                button.button.is-danger-solid type="submit" { (words.button) }
            }
        }
    };
    Ok(layout::page(&reader, &words.title, HOME, &content).into_response())
}

/// Disconnects the channel.
pub(super) async fn submit(
    Axum(state): Axum<State>,
    reader: Reader,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    reader.must_be_admin()?;
    let caller = &reader.caller;
    state.channels.disconnect(&caller.workspace, &id, &caller.as_actor()).await?;
    Ok(Redirect::to(HOME).into_response())
}
