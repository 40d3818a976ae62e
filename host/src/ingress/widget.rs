//! Web chat's own routes: sessions, messages, typing, the stream and files of visitors, and the widget's assets.
//!
//! A visitor is nobody: a token is all there is to tell one from another, and the sites in the settings say whose pages may
//! ask at all. Every message is in the journal before it is acknowledged.

mod stream;

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::origins::{self, Origin};
use super::visitors::{TOKEN, bearer, hash, new_token};
use super::{Ingress, hooks};
use crate::db::{ChannelRow, DbError, NewRow, VisitorMessage, VisitorRow};
use crate::disk::Purpose;
use crate::keys::MediaId;
use crate::media::{Claim, MediaError, Owner, QuotaError};
use crate::model::name;
use crate::model::time::DAY;
use crate::plugins::Generation;
use crate::web::client::ClientAddress;
use crate::web::listener::is_too_slow;
use crate::web::problem::{FieldError, Problem};
use crate::web::{state, typing, widget};

pub(super) use stream::stream;

/// Most bytes of a message's body.
const MOST_MESSAGE: usize = 64 << 10;
/// Longest id that a widget may give its message.
const MOST_ID: usize = 64;
/// Longest e-mail address.
const MOST_ADDRESS: usize = 254;
/// How long a browser may keep an asset, in seconds.
const ASSET_AGE: &str = "public, max-age=300";

/// A channel whose plugin takes visitors.
struct Shop {
    channel: Arc<ChannelRow>,
    account: i64,
    generation: Arc<Generation>,
}

/// What goes wrong before anything is done.
fn gone(error: &DbError) -> Response {
    hooks::shed(error)
}

async fn shop(state: &state::State, channel: &str) -> Result<Shop, Response> {
    let not_found = || Problem::not_found().into_response();
    let channel = state.db.channel(channel).await.map_err(|error| gone(&error))?.ok_or_else(not_found)?;
    let generation = state.plugins.get(&channel.plugin).ok_or_else(not_found)?;
    let account = channel.account_id.filter(|_| generation.plugin.manifest().ingress.visitor).ok_or_else(not_found)?;
    Ok(Shop { channel, account, generation })
}

impl Shop {
    fn schema(&self) -> Option<&Value> {
        self.generation.plugin.settings_schema("channel", "en")
    }

    /// Whose page asks; the error is the answer for a stranger's.
    fn origin(&self, state: &state::State, headers: &HeaderMap) -> Result<Origin, Response> {
        let public = state.config.server.public_url();
        match origins::of(headers, public, self.schema(), &self.channel.settings) {
            Origin::Stranger => Err(Problem::forbidden("this chat is not for pages of this site").into_response()),
            origin => Ok(origin),
        }
    }

    /// What every visitor may read.
    fn config(&self) -> Value {
        widget::config(&self.channel.name, self.schema(), &self.channel.settings)
    }

    async fn visitor(&self, state: &state::State, token: Option<String>) -> Result<VisitorRow, Response> {
        let unknown = || Problem::unauthorized().into_response();
        let token = token.filter(|token| token.len() == TOKEN).ok_or_else(unknown)?;
        let found = state.db.visitor_by_token(self.account, hash(&token)).await;
        found.map_err(|error| gone(&error))?.ok_or_else(unknown)
    }
}

/// Answers what a browser asks before it lets a page of another site ask.
pub(super) async fn preflight(
    State(state): State<state::State>,
    Path(rest): Path<Vec<String>>,
    headers: HeaderMap,
) -> Response {
    let shop = match shop(&state, rest.first().map(String::as_str).unwrap_or_default()).await {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    match shop.origin(&state, &headers) {
        Ok(origin) => marked(&origin, StatusCode::NO_CONTENT.into_response()),
        Err(response) => response,
    }
}

fn marked(origin: &Origin, mut response: Response) -> Response {
    origins::mark(origin, &mut response);
    response
}

fn either(result: Result<Response, Response>) -> Response {
    result.unwrap_or_else(|response| response)
}

/// Opens a session, a token for this browser on this site; or answers with the one that the browser has, so that it learns
/// the present settings and keeps its history.
pub(super) async fn open_session(
    State(state): State<state::State>,
    Extension(ingress): Extension<Arc<Ingress>>,
    ClientAddress(client): ClientAddress,
    Path(channel): Path<String>,
    headers: HeaderMap,
) -> Response {
    let shop = match shop(&state, &channel).await {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    let origin = match shop.origin(&state, &headers) {
        Ok(origin) => origin,
        Err(response) => return response,
    };
    if let Origin::Site(site) = &origin
        && let Ok(site) = site.to_str()
    {
        let noted = state.db.note_widget(&shop.channel.id, site, state.clock.now());
        if let Err(error) = noted.await {
            tracing::debug!(channel = shop.channel.id, %error, "that a site shows the widget was not noted");
        }
    }
    let opened = async {
        if let Some(token) = bearer(&headers)
            && let Ok(visitor) = shop.visitor(&state, Some(token.clone())).await
        {
            let now = state.clock.now();
            if let Err(error) = state.db.visitor_seen(&visitor.id, now - DAY, now).await {
                tracing::debug!(visitor = visitor.id, %error, "that a visitor came back was not noted");
            }
            return Ok(session(&state, StatusCode::OK, &shop, &token, &visitor));
        }
        ingress.visitors.sessions.check(&client).map_err(|wait| Problem::too_many(wait).into_response())?;
        let token = new_token();
        let visitor =
            VisitorRow { id: state.clock.id("vs"), account: shop.account, workspace: shop.channel.workspace.clone() };
        let site = headers.get("origin").and_then(|site| site.to_str().ok()).map(str::to_owned);
        let kept = state.db.add_visitor(visitor.clone(), hash(&token), site, state.clock.now()).await;
        kept.map_err(|error| gone(&error))?;
        Ok(session(&state, StatusCode::CREATED, &shop, &token, &visitor))
    };
    marked(&origin, either(opened.await))
}

fn session(state: &state::State, status: StatusCode, shop: &Shop, token: &str, visitor: &VisitorRow) -> Response {
    let body = json!({
        "token": token,
        "visitor": visitor.id,
        "config": shop.config(),
        "limits": {"file_bytes": most_file(state)},
    });
    (status, [(CACHE_CONTROL, "no-store")], axum::Json(body)).into_response()
}

/// A visitor's message as the widget sends it.
#[derive(Deserialize)]
struct Written {
    /// The widget's own id, a UUID: the same whenever it is sent again.
    id: String,
    /// Where it was written.
    page: Option<String>,
    /// What the visitor calls themselves.
    name: Option<String>,
    /// The e-mail address that they say is theirs.
    email: Option<String>,
    content: Map<String, Value>,
}

/// Takes a visitor's message; 202 once it is in the journal.
pub(super) async fn write(
    State(state): State<state::State>,
    Extension(ingress): Extension<Arc<Ingress>>,
    ClientAddress(client): ClientAddress,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let shop = match shop(&state, &channel).await {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    let origin = match shop.origin(&state, &headers) {
        Ok(origin) => origin,
        Err(response) => return response,
    };
    let written = async {
        let visitor = shop.visitor(&state, bearer(&headers)).await?;
        ingress.visitors.messages.check(&visitor.id).map_err(|wait| Problem::too_many(wait).into_response())?;
        if !state.disk.allows(Purpose::Requests, state.clock.now()) {
            return Err(hooks::full());
        }
        let reading = hooks::read(body, MOST_MESSAGE, state.config.ingress.body_ms, &ingress.bodies, client);
        let (body, _room) = reading.await.map_err(IntoResponse::into_response)?;
        let written: Written = serde_json::from_slice(&body)
            .map_err(|error| Problem::bad_request(format!("the body: {error}")).into_response())?;
        let message = message(&state, &shop, &visitor, written).await?;
        let id = message.entry_id.clone();
        state.db.append_visitor_message(message).await.map_err(|error| gone(&error))?;
        Ok((StatusCode::ACCEPTED, axum::Json(json!({"id": id}))).into_response())
    };
    marked(&origin, either(written.await))
}

/// Takes that a visitor types; 204, whether or not it is told.
pub(super) async fn typing(
    State(state): State<state::State>,
    Extension(ingress): Extension<Arc<Ingress>>,
    Path(channel): Path<String>,
    headers: HeaderMap,
) -> Response {
    let shop = match shop(&state, &channel).await {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    let origin = match shop.origin(&state, &headers) {
        Ok(origin) => origin,
        Err(response) => return response,
    };
    let told = async {
        let visitor = shop.visitor(&state, bearer(&headers)).await?;
        if ingress.visitors.typing.check(&visitor.id).is_ok() {
            let told = typing::visitor_types(&state, &visitor.workspace, visitor.account, &visitor.id).await;
            told.map_err(IntoResponse::into_response)?;
        }
        Ok(StatusCode::NO_CONTENT.into_response())
    };
    marked(&origin, either(told.await))
}

async fn message(
    state: &state::State,
    shop: &Shop,
    visitor: &VisitorRow,
    written: Written,
) -> Result<VisitorMessage, Response> {
    let invalid = |pointer: &str, code: &str, words: &str| {
        Problem::invalid(vec![FieldError::new(pointer, code, words)]).into_response()
    };
    if written.id.is_empty() || written.id.len() > MOST_ID {
        return Err(invalid("#/id", "id", "must be an id of at most 64 characters, the same for the same message"));
    }
    if let Some(fault) = written.name.as_deref().and_then(|name| name::fault("#/name", name)) {
        return Err(Problem::invalid(vec![fault]).into_response());
    }
    if written.email.as_deref().is_some_and(|email| !is_address(email)) {
        return Err(invalid("#/email", "email", "must be an e-mail address of at most 254 characters"));
    }
    let mut content = written.content;
    if content.get("type").and_then(Value::as_str) == Some("media") {
        let id = MediaId::of(content.get("media_id").and_then(Value::as_str).unwrap_or_default());
        let own = state.db.is_visitor_file(id, &visitor.id).await.map_err(|error| gone(&error))?;
        let file = state.db.media(id).await.map_err(|error| gone(&error))?.filter(|_| own);
        let Some(file) = file else {
            return Err(invalid("#/content/media_id", "not-found", "there is no such file of yours"));
        };
        for (key, value) in [
            ("kind", Value::from(file.kind)),
            ("mime", file.mime.into()),
            ("name", file.name.into()),
            ("bytes", file.bytes.into()),
        ] {
            content.insert(key.to_owned(), value);
        }
    }
    let now = state.clock.now();
    let entry = json!({"kind": "message", "id": written.id, "from": "visitor", "content": content, "at": now});
    let body = json!({
        "visitor": visitor.id,
        "id": written.id,
        "name": written.name,
        "email": written.email,
        "page": written.page,
        "content": content,
    });
    let row = NewRow {
        plugin: shop.channel.plugin.as_str().into(),
        address: format!("{}/{}", shop.channel.plugin, shop.channel.id).into(),
        workspace: Some(shop.channel.workspace.as_str().into()),
        channel: Some(shop.channel.id.as_str().into()),
        app: None,
        recipe: "visitor".to_owned(),
        method: "POST".to_owned(),
        path: String::new(),
        query: String::new(),
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
        received_at: now,
    };
    Ok(VisitorMessage {
        visitor: visitor.id.clone(),
        account: shop.account,
        entry_id: written.id,
        entry: entry.to_string(),
        row,
    })
}

/// Whether this has the form of an e-mail address. Whether it is the visitor's, the host does not know.
fn is_address(text: &str) -> bool {
    let parts = text.rsplit_once('@').filter(|(name, domain)| !name.is_empty() && !domain.is_empty());
    text.len() <= MOST_ADDRESS && parts.is_some() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// What a widget says about a file.
#[derive(Deserialize)]
pub(super) struct FileQuery {
    name: Option<String>,
}

/// Takes a visitor's file: the body is its bytes.
pub(super) async fn upload(
    State(state): State<state::State>,
    Extension(ingress): Extension<Arc<Ingress>>,
    ClientAddress(client): ClientAddress,
    Path(channel): Path<String>,
    Query(query): Query<FileQuery>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let shop = match shop(&state, &channel).await {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    let origin = match shop.origin(&state, &head.headers) {
        Ok(origin) => origin,
        Err(response) => return response,
    };
    let kept = async {
        let visitor = shop.visitor(&state, bearer(&head.headers)).await?;
        if let Some(fault) = query.name.as_deref().and_then(|name| name::fault("#/name", name)) {
            return Err(Problem::invalid(vec![fault]).into_response());
        }
        ingress.visitors.files.check(&visitor.id).map_err(|wait| Problem::too_many(wait).into_response())?;
        let text = |name| head.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let announced = text(CONTENT_LENGTH).and_then(|bytes| bytes.parse::<u64>().ok());
        let most = most_file(&state);
        if announced.is_some_and(|bytes| bytes > most) {
            return Err(too_large(most));
        }
        let _place = ingress.uploads.take(Some(client), 1).ok_or_else(hooks::full)?;
        let share = ingress.upload_places.try_take(&visitor.workspace, &shop.channel.id);
        let _share = share.ok_or_else(hooks::full)?;
        let claim = Claim { mime: text(CONTENT_TYPE), name: query.name, kind: None };
        let file = keep(&state, &visitor, body, claim).await?;
        let shown = json!({
            "media_id": file.id, "kind": file.kind, "mime": file.mime, "name": file.name, "bytes": file.bytes,
        });
        Ok((StatusCode::CREATED, axum::Json(shown)).into_response())
    };
    marked(&origin, either(kept.await))
}

/// Most bytes of a visitor's file.
fn most_file(state: &state::State) -> u64 {
    state.config.ingress.max_file_bytes.min(state.config.media.max_bytes)
}

fn too_large(most: u64) -> Response {
    Problem::too_large(format!("a file may have at most {most} bytes")).into_response()
}

fn too_slow() -> Response {
    let words = "the file did not arrive in time; send it again";
    Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", words).into_response()
}

async fn keep(
    state: &state::State,
    visitor: &VisitorRow,
    body: Body,
    claim: Claim,
) -> Result<crate::db::MediaRow, Response> {
    let most = most_file(state);
    let refused = |error: MediaError| match error {
        MediaError::TooLarge(_) => too_large(most),
        MediaError::Quota(QuotaError::Hour { wait, .. }) => Problem::too_many(wait).into_response(),
        MediaError::Quota(error) => {
            tracing::warn!(visitor = visitor.id, workspace = visitor.workspace, %error, "a visitor's file was refused");
            let words = "no more files are kept here; those who run this chat know why";
            Problem::new(StatusCode::INSUFFICIENT_STORAGE, "media-quota", words).into_response()
        }
        MediaError::DiskLow => {
            Problem::unavailable("no files are taken now; write without one, or come again", 30).into_response()
        }
        other => {
            tracing::warn!(error = %other, "a visitor's file was not kept");
            hooks::full()
        }
    };
    let owner = Owner { visitor: Some(visitor.id.clone()), ..Owner::account(&visitor.workspace, visitor.account) };
    let mut incoming = state.media.begin(owner).await.map_err(refused)?;
    let arrives = async {
        let (mut bytes, mut stream) = (0, body.into_data_stream());
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| match is_too_slow(&error) {
                true => too_slow(),
                false => Problem::bad_request("the file did not arrive whole").into_response(),
            })?;
            bytes += chunk.len() as u64;
            if bytes > most {
                return Err(too_large(most));
            }
            incoming.write(&chunk).await.map_err(refused)?;
        }
        Ok(())
    };
    let patience = Duration::from_millis(state.config.ingress.upload_ms);
    tokio::time::timeout(patience, arrives).await.unwrap_or_else(|_| Err(too_slow()))?;
    incoming.finish(claim).await.map_err(refused)
}

/// A file of the plugin's: the widget's script.
pub(super) async fn asset(
    State(state): State<state::State>,
    Path((channel, path)): Path<(String, String)>,
) -> Response {
    let shop = match shop(&state, &channel).await {
        Ok(shop) => shop,
        Err(response) => return response,
    };
    let Some(asset) = shop.generation.plugin.assets().iter().find(|asset| asset.path == path) else {
        return Problem::not_found().into_response();
    };
    let headers = [
        (CONTENT_TYPE, asset.content_type.as_str()),
        (CACHE_CONTROL, ASSET_AGE),
        // A script is no secret, and a page of another site loads it.
        (axum::http::HeaderName::from_static("cross-origin-resource-policy"), "cross-origin"),
    ];
    (headers, asset.body.clone()).into_response()
}
