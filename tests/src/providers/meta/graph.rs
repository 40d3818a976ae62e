//! What is asked about pages, accounts and people, and what is delivered for them.

use std::collections::{BTreeSet, HashMap};

use axum::extract::{FromRequestParts, Path, Query, State as Given};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{APP_ID, APP_SECRET, PAGES, Page, Shared, USER_TOKENS, hmac, lock, webhooks};
use crate::providers::http_client;

pub(super) type Parameters = Query<HashMap<String, String>>;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/{version}/me", get(me))
        .route("/{version}/me/accounts", get(accounts))
        .route("/{version}/{id}", get(object))
        .route("/{version}/{id}/subscribed_apps", get(delivered).post(deliver).delete(deliver_nothing))
        .route("/{version}/{id}/subscriptions", get(subscriptions).post(subscribe).delete(unsubscribe))
        .route("/files/{name}", get(file))
        .fallback(|| async { refuse(StatusCode::BAD_REQUEST, (2500, 0), "Unknown path components") })
}

/// Whose a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holder {
    /// The person who signed in.
    User,
    /// One of the pages.
    Page(usize),
    /// One of the accounts.
    Account(usize),
}

impl Holder {
    /// The id of the page or account.
    pub(super) fn id(self) -> &'static str {
        match self {
            Holder::User => "10000000000000001",
            Holder::Page(at) => PAGES[at].id,
            Holder::Account(at) => PAGES[at].account,
        }
    }
}

pub(super) fn refuse(status: StatusCode, (code, subcode): (i64, i64), words: &str) -> Response {
    let mut error = json!({ "message": words, "type": "OAuthException", "code": code, "fbtrace_id": "A_simulated" });
    if subcode != 0 {
        error["error_subcode"] = json!(subcode);
    }
    (status, Json(json!({ "error": error }))).into_response()
}

pub(super) fn too_large() -> Response {
    refuse(StatusCode::BAD_REQUEST, (100, 2_018_109), "Attachment size exceeds allowable limit")
}

/// Who asks. Calls of pages and people must be proved with the app's secret.
///
/// # Errors
/// The refusal.
#[expect(clippy::result_large_err, reason = "a refusal is a whole answer, and there is one for each request")]
fn who(shared: &Shared, headers: &HeaderMap, query: &HashMap<String, String>) -> Result<Holder, Response> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = bearer.strip_prefix("Bearer ").unwrap_or_default();
    let state = lock(shared);
    let refused = |subcode: i64, words: &str| Err(refuse(StatusCode::BAD_REQUEST, (190, subcode), words));
    if state.ended.contains(token) {
        return refused(460, "Error validating access token: The session has been invalidated");
    }
    let at = |own: fn(&Page) -> &str| PAGES.iter().position(|page| own(page) == token);
    let holder = if token == USER_TOKENS[1] {
        Holder::User
    } else if let Some(page) = at(|page| page.token) {
        Holder::Page(page)
    } else if let Some(account) = at(|page| page.account_token).or_else(|| state.renewed.get(token).copied()) {
        return Ok(Holder::Account(account));
    } else {
        return refused(0, "Invalid OAuth access token - Cannot parse access token");
    };
    if query.get("appsecret_proof") != Some(&hmac(APP_SECRET, token.as_bytes())) {
        let words = "Invalid appsecret_proof provided in the API argument";
        return Err(refuse(StatusCode::BAD_REQUEST, (100, 0), words));
    }
    Ok(holder)
}

/// A question of somebody who may ask.
pub(super) struct Asked {
    /// Whose token it is.
    pub(super) holder: Holder,
    query: HashMap<String, String>,
}

impl FromRequestParts<Shared> for Asked {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        let Query(query) = Parameters::from_request_parts(parts, shared).await.map_err(IntoResponse::into_response)?;
        Ok(Self { holder: who(shared, &parts.headers, &query)?, query })
    }
}

/// A question about an edge of the page or account that whoever asks speaks for.
struct AskedOfOwn {
    id: &'static str,
    query: HashMap<String, String>,
}

impl FromRequestParts<Shared> for AskedOfOwn {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        let Asked { holder, query } = Asked::from_request_parts(parts, shared).await?;
        let path = Path::<(String, String)>::from_request_parts(parts, shared).await;
        let Path((_, id)) = path.map_err(IntoResponse::into_response)?;
        if matches!(holder, Holder::User) || (id != "me" && id != holder.id()) {
            let words = "A page access token is required to request this resource";
            return Err(refuse(StatusCode::BAD_REQUEST, (210, 0), words));
        }
        Ok(Self { id: holder.id(), query })
    }
}

/// A question about the app, with the app's own token.
struct AskedOfApp {
    query: HashMap<String, String>,
}

impl FromRequestParts<Shared> for AskedOfApp {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Response> {
        let Query(query) = Parameters::from_request_parts(parts, shared).await.map_err(IntoResponse::into_response)?;
        let path = Path::<(String, String)>::from_request_parts(parts, shared).await;
        let Path((_, id)) = path.map_err(IntoResponse::into_response)?;
        if id != APP_ID || query.get("access_token") != Some(&format!("{APP_ID}|{APP_SECRET}")) {
            return Err(refuse(StatusCode::BAD_REQUEST, (190, 0), "Invalid OAuth access token signature."));
        }
        Ok(Self { query })
    }
}

fn linked(page: &Page) -> Value {
    json!({ "id": page.account, "username": page.username, "name": page.name })
}

/// Only the fields that are asked for, and the id.
fn chosen(whole: &Value, query: &HashMap<String, String>) -> Response {
    let asked = query.get("fields").map(String::as_str).unwrap_or("id,name");
    let mut told = json!({ "id": whole["id"] });
    for (name, value) in whole.as_object().into_iter().flatten() {
        let is_asked = asked.split([',', '{', '}']).any(|field| field == name);
        if is_asked {
            told[name] = value.clone();
        }
    }
    Json(told).into_response()
}

async fn me(Asked { holder, query }: Asked) -> Response {
    let whole = match holder {
        Holder::User => json!({ "id": holder.id(), "name": "Ana" }),
        Holder::Page(at) => {
            json!({ "id": holder.id(), "name": PAGES[at].name, "instagram_business_account": linked(&PAGES[at]) })
        }
        // `id` is the app's own word for the account.
        Holder::Account(at) => {
            json!({ "id": "2433", "user_id": PAGES[at].account, "username": PAGES[at].username, "name": PAGES[at].name })
        }
    };
    chosen(&whole, &query)
}

async fn accounts(Asked { holder, query }: Asked) -> Response {
    if holder != Holder::User {
        return refuse(StatusCode::BAD_REQUEST, (100, 0), "Tried accessing nonexisting field (accounts)");
    }
    let asked = query.get("fields").cloned().unwrap_or_default();
    let told: Vec<Value> = PAGES
        .iter()
        .map(|page| {
            let mut told = json!({ "id": page.id, "name": page.name, "tasks": ["MODERATE", "MESSAGING", "ANALYZE"] });
            if asked.contains("instagram_business_account") {
                told["instagram_business_account"] = linked(page);
            }
            if asked.contains("access_token") {
                told["access_token"] = json!(page.token);
            }
            told
        })
        .collect();
    Json(json!({ "data": told, "paging": { "cursors": { "before": "b", "after": "a" } } })).into_response()
}

/// A page, as the person who signed in sees it; or somebody who wrote.
async fn object(
    Given(shared): Given<Shared>,
    Path((_, id)): Path<(String, String)>,
    Asked { holder, query }: Asked,
) -> Response {
    if let (Holder::User, Some(page)) = (holder, PAGES.iter().find(|page| page.id == id)) {
        return chosen(&json!({ "id": page.id, "name": page.name, "access_token": page.token }), &query);
    }
    if lock(&shared).acted.contains_key(&(holder.id().to_owned(), id.clone())) {
        let whole = json!({ "id": id, "first_name": "Budi", "last_name": "Santoso", "name": "Budi Santoso", "username": "budi" });
        return chosen(&whole, &query);
    }
    refuse(StatusCode::BAD_REQUEST, (100, 33), "Unsupported get request. Object with this ID does not exist")
}

async fn delivered(Given(shared): Given<Shared>, AskedOfOwn { id, .. }: AskedOfOwn) -> Response {
    let told = lock(&shared).delivered.get(id).cloned();
    let apps = told.map(|fields| json!({ "id": APP_ID, "name": "Chat", "subscribed_fields": fields }));
    Json(json!({ "data": apps.into_iter().collect::<Vec<_>>() })).into_response()
}

/// A list takes the place of the one before.
async fn deliver(Given(shared): Given<Shared>, AskedOfOwn { id, query }: AskedOfOwn) -> Response {
    let fields: BTreeSet<String> =
        query.get("subscribed_fields").into_iter().flat_map(|all| all.split(',')).map(str::to_owned).collect();
    if fields.is_empty() {
        return refuse(StatusCode::BAD_REQUEST, (100, 0), "(#100) Param subscribed_fields must be non-empty");
    }
    lock(&shared).delivered.insert(id.to_owned(), fields);
    done()
}

async fn deliver_nothing(Given(shared): Given<Shared>, AskedOfOwn { id, .. }: AskedOfOwn) -> Response {
    lock(&shared).delivered.remove(id);
    done()
}

fn done() -> Response {
    Json(json!({ "success": true })).into_response()
}

async fn subscriptions(Given(shared): Given<Shared>, _: AskedOfApp) -> Response {
    let state = lock(&shared);
    let told = state.subscriptions.iter().map(|(object, (address, fields))| {
        let fields: Vec<Value> = fields.iter().map(|name| json!({ "name": name, "version": "v25.0" })).collect();
        json!({ "object": object, "callback_url": address, "active": true, "fields": fields })
    });
    Json(json!({ "data": told.collect::<Vec<_>>() })).into_response()
}

/// Asks the address to say the challenge back, before it is the app's.
async fn subscribe(Given(shared): Given<Shared>, _: AskedOfApp, Json(body): Json<Value>) -> Response {
    let word = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let (address, token) = (word("callback_url"), word("verify_token"));
    if !address.starts_with("https://") {
        return refuse(StatusCode::BAD_REQUEST, (2200, 0), "(#2200) callback_url is not https");
    }
    let reached = webhooks::reached(&address, &lock(&shared).reached_at.clone());
    let challenge = "1158201444";
    let asked = format!("hub.mode=subscribe&hub.challenge={challenge}&hub.verify_token={token}");
    let answer = http_client().get(format!("{reached}?{asked}")).send().await;
    let said = match answer {
        Ok(answer) if answer.status().as_u16() == 200 => answer.text().await.unwrap_or_default(),
        _ => String::new(),
    };
    if said != challenge {
        return refuse(StatusCode::BAD_REQUEST, (2200, 0), "(#2200) Callback verification failed");
    }
    let fields = word("fields").split(',').map(str::to_owned).collect();
    lock(&shared).subscriptions.insert(word("object"), (address, fields));
    done()
}

async fn unsubscribe(Given(shared): Given<Shared>, AskedOfApp { query }: AskedOfApp) -> Response {
    lock(&shared).subscriptions.remove(query.get("object").map(String::as_str).unwrap_or_default());
    done()
}

async fn file(Given(shared): Given<Shared>, Path(name): Path<String>) -> Response {
    match lock(&shared).files.get(&name) {
        Some((bytes, mime)) => ([(header::CONTENT_TYPE, mime.clone())], bytes.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
