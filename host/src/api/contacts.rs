//! People and their identities, and erasing a person.

use axum::Json;
use axum::extract::State as Axum;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::Caller;
use super::page::{Page, PageQuery};
use super::path::Path;
use super::problem::{Answer, Body, FieldError, Problem};
use super::query::Query;
use super::state::State;
use crate::auth::Role;
use crate::keys::ContactId;
use crate::model::shown::contact::Contact;
use crate::web::contacts;

/// `/contacts`
pub fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(export))
        .routes(routes!(read, change, erase))
        .routes(routes!(merge))
        .routes(routes!(split))
}

/// Which contacts.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// Only those whose name or identity contains this text, whatever the case of its letters, among the newest 20,000.
    q: Option<String>,
}

/// Contacts, the newest first.
#[utoipa::path(get, path = "/contacts", tag = "contacts", params(PageQuery, Which), responses((status = 200, body = Page<Contact>)))]
async fn list(
    Axum(state): Axum<State>,
    caller: Caller,
    Query(page): Query<PageQuery>,
    Query(which): Query<Which>,
) -> Answer<Json<Page<Contact>>> {
    caller.at_least(Role::Agent)?;
    let limit = u32::try_from(page.limit() + 1).unwrap_or(u32::MAX);
    let search = which.q.filter(|text| !text.trim().is_empty());
    let rows = state.db.contacts_page(&caller.workspace, search, page.after()?, limit).await?;
    Ok(Json(Page::new(rows, page.limit(), |row| row.id)))
}

/// The same as a CSV file, all of it. A cell that begins with `=`, `+`, `-` or `@` has an apostrophe before it, because a spreadsheet would
/// run it. For admins, because the file leaves the host with everybody's identities.
#[utoipa::path(get, path = "/contacts.csv", tag = "contacts", params(Which), responses(
    (status = 200, content_type = "text/csv", body = String), (status = 403, body = Problem)))]
async fn export(Axum(state): Axum<State>, caller: Caller, Query(which): Query<Which>) -> Answer<Response> {
    contacts::export(&state, &caller, which.q.filter(|text| !text.trim().is_empty())).await
}

/// One contact, with the conversations with them. The id of a merged contact leads to the one that it was merged into.
#[utoipa::path(get, path = "/contacts/{id}", tag = "contacts", params(("id" = String, Path)), responses(
    (status = 200, body = Contact), (status = 404, body = Problem)))]
async fn read(Axum(state): Axum<State>, caller: Caller, Path(id): Path<ContactId>) -> Answer<Json<Contact>> {
    caller.at_least(Role::Agent)?;
    let contact = state.db.contact(&caller.workspace, id).await?;
    Ok(Json(contact.ok_or_else(Problem::not_found)?))
}

/// What is to change about a contact.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ContactChange {
    /// At most 200 characters. It stays, whatever the provider says later; with null the provider's next name counts again.
    name: Option<String>,
}

/// Name a contact.
#[utoipa::path(patch, path = "/contacts/{id}", tag = "contacts", params(("id" = String, Path)), request_body = ContactChange, responses(
    (status = 200, body = Contact), (status = 404, body = Problem), (status = 422, body = Problem)))]
async fn change(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<ContactId>,
    Body(change): Body<ContactChange>,
) -> Answer<Json<Contact>> {
    Ok(Json(contacts::rename(&state, &caller, id, change.name).await?))
}

/// The other of two contacts.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OtherContact {
    /// `ct_…`
    #[serde(default)]
    contact: String,
}

/// Merge another contact into this one. From then on both are shown as this contact, and what either writes belongs to it; an
/// answer still goes to the identity that wrote. Contacts that were merged into the other come along. Merging again changes
/// nothing.
#[utoipa::path(post, path = "/contacts/{id}/merge", tag = "contacts", params(("id" = String, Path)), request_body = OtherContact, responses(
    (status = 200, body = Contact), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn merge(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<ContactId>,
    Body(other): Body<OtherContact>,
) -> Answer<Json<Contact>> {
    Ok(Json(contacts::merge(&state, &caller, id, other.named()?).await?))
}

/// Take a contact that was merged into this one out of it. It gets back its identities, conversations and messages, with those
/// that came meanwhile. Taking it out again changes nothing.
#[utoipa::path(post, path = "/contacts/{id}/split", tag = "contacts", params(("id" = String, Path)), request_body = OtherContact, responses(
    (status = 200, body = Contact), (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem)))]
async fn split(
    Axum(state): Axum<State>,
    caller: Caller,
    Path(id): Path<ContactId>,
    Body(other): Body<OtherContact>,
) -> Answer<Json<Contact>> {
    Ok(Json(contacts::split(&state, &caller, id, other.named()?).await?))
}

impl OtherContact {
    fn named(&self) -> Answer<ContactId> {
        match self.contact.as_str() {
            "" => Err(Problem::invalid(vec![FieldError::required("#/contact")])),
            contact => Ok(ContactId::of(contact)),
        }
    }
}

/// Erase a person: what they wrote and were written, their files, names, identities, and the raw requests that held them.
#[utoipa::path(delete, path = "/contacts/{id}", tag = "contacts", params(("id" = String, Path)), responses(
    (status = 204), (status = 404, body = Problem)))]
async fn erase(Axum(state): Axum<State>, caller: Caller, Path(id): Path<ContactId>) -> Answer<StatusCode> {
    contacts::erase(&state, &caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
