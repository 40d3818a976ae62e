//! Templates of the account: submitting them with an uploaded example, listing, removing, and what is decided about them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::pending;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, Query, State as Given};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::routes::{Parameters, refuse, unknown_object};
use super::{ACCOUNT, APP_ID, Shared, WhatsApp, lock};

/// What goes wrong with the next request about templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateTrouble {
    /// 500, and nothing was done.
    ServerError,
    /// It was done, and no answer comes.
    SilenceAfterDoing,
    /// 400: too many templates in an hour.
    RateLimit,
    /// 400: the text of the body.
    BadBody,
    /// The next list is refused.
    ListRefused,
}

#[derive(Default)]
pub(super) struct Templates {
    all: Vec<Value>,
    /// Names and languages that were removed: nothing new may have them for a while.
    removed: HashSet<(String, String)>,
    /// What is being uploaded: size and type, by session.
    sessions: HashMap<String, (usize, String)>,
    /// Files that were uploaded.
    handles: HashSet<String>,
    troubles: VecDeque<TemplateTrouble>,
    last: u64,
}

type Refusal = Box<Response>;

impl Templates {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A trouble of this kind, where it is the next.
    fn trouble(&mut self, kinds: &[TemplateTrouble]) -> Option<TemplateTrouble> {
        self.troubles.front().copied().filter(|next| kinds.contains(next))?;
        self.troubles.pop_front()
    }

    fn find(&mut self, name: &str, language: &str) -> Option<&mut Value> {
        self.all.iter_mut().find(|one| one["name"] == name && one["language"] == language)
    }

    /// Whether a message with this template is taken ("Error codes", 132000 and following).
    pub(super) fn send(&mut self, used: &Value) -> Result<(), Refusal> {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let Some(known) = self.find(&word(&used["name"]), &word(&used["language"]["code"])) else {
            return Err(Box::new(refuse(StatusCode::NOT_FOUND, 132_001, "(#132001) Template name does not exist")));
        };
        if known["status"] != "APPROVED" {
            return Err(Box::new(refuse(StatusCode::BAD_REQUEST, 132_015, "(#132015) Template is paused")));
        }
        let part = |list: &Value, kind: &str| {
            let all = list.as_array().cloned().unwrap_or_default();
            all.into_iter().find(|one| word(&one["type"]).eq_ignore_ascii_case(kind)).unwrap_or_default()
        };
        let asked = blanks(part(&known["components"], "body")["text"].as_str().unwrap_or_default());
        let given = part(&used["components"], "body")["parameters"].as_array().map_or(0, Vec::len);
        let header = part(&known["components"], "header")["format"].as_str().is_some_and(|format| format != "TEXT");
        let filled = part(&used["components"], "header")["parameters"].as_array().map_or(0, Vec::len);
        if asked != given || (header && filled != 1) {
            let words = "(#132000) Number of parameters does not match the expected number of params";
            return Err(Box::new(refuse(StatusCode::BAD_REQUEST, 132_000, words)));
        }
        Ok(())
    }

    /// Why a template is not taken: its subcode and words.
    fn fault(&self, template: &Value) -> Option<(u64, &'static str)> {
        let word = |key: &str| template[key].as_str().unwrap_or_default().to_owned();
        let place = (word("name"), word("language"));
        if self.removed.contains(&place) {
            return Some((2_388_023, "The message template is being deleted; try again in 4 weeks"));
        }
        if self.all.iter().any(|one| one["name"] == place.0 && one["language"] == place.1) {
            return Some((2_388_024, "There is already content in this language for this template"));
        }
        if !matches!(word("category").as_str(), "UTILITY" | "MARKETING" | "AUTHENTICATION") {
            return Some((0, "category must be one of the listed values"));
        }
        let mut has_body = false;
        for component in template["components"].as_array().into_iter().flatten() {
            let text = component["text"].as_str().unwrap_or_default();
            let example = &component["example"];
            match component["type"].as_str().unwrap_or_default() {
                "BODY" => {
                    has_body = !text.is_empty();
                    let named = example["body_text_named_params"].as_array().map_or(0, Vec::len);
                    let given = example["body_text"][0].as_array().map_or(named, Vec::len);
                    if given != blanks(text) || text.trim_end().ends_with("}}") {
                        return Some((2_388_299, "Variables can't be at the start or end of the template"));
                    }
                }
                "HEADER" if matches!(component["format"].as_str(), Some("IMAGE" | "VIDEO" | "DOCUMENT")) => {
                    let handle = example["header_handle"][0].as_str();
                    let is_known = handle.is_some_and(|handle| self.handles.contains(handle));
                    if !is_known {
                        return Some((2_388_047, "The header needs an example"));
                    }
                }
                _ => {}
            }
        }
        (!has_body).then_some((2_388_072, "The body is missing"))
    }
}

fn blanks(text: &str) -> usize {
    text.matches("{{").count()
}

fn told(subcode: u64, words: &str) -> Response {
    let error = json!({ "message": "Invalid parameter", "type": "OAuthException", "code": 100, "error_subcode": subcode,
        "error_user_msg": words, "fbtrace_id": "A_simulated" });
    (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response()
}

pub(super) async fn list(
    Given(shared): Given<Shared>,
    Path((_, id)): Path<(String, String)>,
    Query(query): Parameters,
) -> Response {
    if id != ACCOUNT {
        return unknown_object();
    }
    let templates = &mut lock(&shared).templates;
    if templates.trouble(&[TemplateTrouble::ListRefused]).is_some() {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, 2, "An unexpected error has occurred");
    }
    let number = |name: &str, usual: usize| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(usual);
    let (limit, after) = (number("limit", 25), number("after", 0));
    let page: Vec<&Value> = templates.all.iter().skip(after).take(limit).collect();
    let mut paging = json!({ "cursors": { "before": after.to_string(), "after": (after + page.len()).to_string() } });
    if after + page.len() < templates.all.len() {
        paging["next"] = json!("https://graph.facebook.com/next");
    }
    Json(json!({ "data": page, "paging": paging })).into_response()
}

pub(super) async fn create(
    Given(shared): Given<Shared>,
    Path((_, id)): Path<(String, String)>,
    Json(mut template): Json<Value>,
) -> Response {
    use TemplateTrouble::{BadBody, RateLimit, ServerError, SilenceAfterDoing};
    if id != ACCOUNT {
        return unknown_object();
    }
    let trouble = lock(&shared).templates.trouble(&[ServerError, RateLimit, BadBody, SilenceAfterDoing]);
    match trouble {
        Some(ServerError) => return refuse(StatusCode::INTERNAL_SERVER_ERROR, 2, "An unexpected error has occurred"),
        Some(RateLimit) => return refuse(StatusCode::BAD_REQUEST, 80_007, "Too many templates were created"),
        Some(BadBody) => return told(2_388_072, "The body says what it must not"),
        _ => {}
    }
    let made = {
        let templates = &mut lock(&shared).templates;
        if let Some((subcode, words)) = templates.fault(&template) {
            return told(subcode, words);
        }
        let id = (594_425_479_000_000 + templates.number()).to_string();
        template["id"] = json!(id);
        template["status"] = json!("PENDING");
        template["quality_score"] = json!({ "score": "UNKNOWN" });
        templates.all.push(template.clone());
        json!({ "id": id, "status": "PENDING", "category": template["category"] })
    };
    if trouble == Some(SilenceAfterDoing) {
        pending::<()>().await;
    }
    Json(made).into_response()
}

pub(super) async fn delete(
    Given(shared): Given<Shared>,
    Path((_, id)): Path<(String, String)>,
    Query(query): Parameters,
) -> Response {
    if id != ACCOUNT {
        return unknown_object();
    }
    let (name, hsm) = (query.get("name").cloned().unwrap_or_default(), query.get("hsm_id"));
    let trouble = {
        let templates = &mut lock(&shared).templates;
        let trouble = templates.trouble(&[TemplateTrouble::ServerError, TemplateTrouble::SilenceAfterDoing]);
        if trouble == Some(TemplateTrouble::ServerError) {
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, 2, "An unexpected error has occurred");
        }
        let meant = |one: &Value| one["name"] == name && hsm.is_none_or(|id| one["id"] == *id);
        let (gone, left): (Vec<Value>, Vec<Value>) = templates.all.drain(..).partition(meant);
        templates.all = left;
        if gone.is_empty() {
            return told(2_593_002, "The message template was not found");
        }
        let language = |one: &Value| one["language"].as_str().unwrap_or_default().to_owned();
        templates.removed.extend(gone.iter().map(|one| (name.clone(), language(one))));
        trouble
    };
    if trouble.is_some() {
        pending::<()>().await;
    }
    Json(json!({ "success": true })).into_response()
}

/// "Resumable Upload API": a session for a file of this size and type.
pub(super) async fn session(
    Given(shared): Given<Shared>,
    Path((_, app)): Path<(String, String)>,
    Query(query): Parameters,
) -> Response {
    let size = query.get("file_length").and_then(|size| size.parse().ok()).filter(|size| *size > 0);
    let (Some(size), Some(kind), true) = (size, query.get("file_type"), app == "app" || app == APP_ID) else {
        return refuse(StatusCode::BAD_REQUEST, 100, "(#100) The parameter file_length is required.");
    };
    let templates = &mut lock(&shared).templates;
    let session = format!("upload:MTph{}", templates.number());
    templates.sessions.insert(session.clone(), (size, kind.clone()));
    Json(json!({ "id": format!("{session}?sig=ARZqkG") })).into_response()
}

/// The bytes of a session, all at once.
pub(super) async fn bytes(
    Given(shared): Given<Shared>,
    Path((_, session)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let templates = &mut lock(&shared).templates;
    let known = templates.sessions.get(&session).cloned();
    let whole = known.as_ref().is_some_and(|(size, _)| *size == body.len());
    if !whole || headers.get("file_offset").is_none_or(|offset| offset != "0") {
        return refuse(StatusCode::BAD_REQUEST, 100, "(#100) The upload is not whole");
    }
    let handle = format!("4::{}:{}", known.map(|(_, kind)| kind).unwrap_or_default(), templates.number());
    templates.handles.insert(handle.clone());
    Json(json!({ "h": handle })).into_response()
}

impl WhatsApp {
    /// A template of the account's.
    pub fn template(&self, template: Value) {
        lock(&self.shared).templates.all.push(template);
    }

    /// The account's templates.
    pub fn templates(&self) -> Vec<Value> {
        lock(&self.shared).templates.all.clone()
    }

    /// Makes the requests about templates to come go wrong, one each.
    pub fn template_trouble(&self, troubles: impl IntoIterator<Item = TemplateTrouble>) {
        lock(&self.shared).templates.troubles.extend(troubles);
    }

    /// Decides about a template without telling anybody: the value of the change that would tell.
    ///
    /// # Panics
    /// When there is no such template.
    pub fn decide(&self, name: &str, language: &str, event: &str, more: &Value) -> Value {
        let templates = &mut lock(&self.shared).templates;
        let template = templates.find(name, language).expect("the account has this template");
        if event != "FLAGGED" {
            template["status"] = json!(if event == "REINSTATED" { "APPROVED" } else { event });
        }
        let id: u64 = template["id"].as_str().and_then(|id| id.parse().ok()).unwrap_or_default();
        let mut value = json!({ "event": event, "message_template_id": id, "message_template_name": name,
            "message_template_language": language, "reason": "NONE" });
        template["rejected_reason"] = match (event, more["reason"].as_str()) {
            ("REJECTED", Some(reason)) => json!(reason),
            _ => json!("NONE"),
        };
        for (key, said) in more.as_object().into_iter().flatten() {
            value[key] = said.clone();
        }
        value
    }

    /// Changes what a template is listed with, without telling anybody.
    ///
    /// # Panics
    /// When there is no such template.
    pub fn alter_template(&self, name: &str, language: &str, key: &str, value: Value) {
        let templates = &mut lock(&self.shared).templates;
        templates.find(name, language).expect("the account has this template")[key] = value;
    }
}
