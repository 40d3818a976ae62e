//! Forms that a browser may send more than once, because the button was pressed twice or the answer was lost: done once.
//!
//! The key stands in the form, and is held in the same table as the API's `Idempotency-Key`.

use axum::http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::caller::Caller;
use super::problem::{Answer, Problem};
use super::state::State;
use crate::db::{Earlier, KeptAnswer, Ticket};
use crate::model::time::HOUR;

/// What a form holds.
pub struct Submission {
    /// The form's own key, made for the page.
    pub key: String,
    /// SHA-256 of what was filled in.
    pub hash: [u8; 32],
}

/// Code of the problem that a form is being done.
pub const FORM_RUNNING: &str = "form-running";
/// Code of the problem that a form was sent before with something else in it.
pub const SENT_BEFORE: &str = "form-sent-before";

/// Characters of a form's key: a UUID.
const KEY: usize = 36;

/// A key for a new form.
pub fn fresh_key() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Whether a browser sent a key of these forms.
pub fn is_key(key: &str) -> bool {
    key.len() == KEY && key.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// What is known of a form.
pub enum Form {
    /// It comes for the first time, and is to be done with this ticket, or to be forgotten.
    New(Ticket),
    /// It was done, with this answer.
    Done(Vec<u8>),
}

/// Takes a form's key.
///
/// # Errors
/// 400 for what is no key, 409 while the first is being done, and [`SENT_BEFORE`] where it held something else.
pub async fn begin(state: &State, caller: &Caller, form: &Submission) -> Answer<Form> {
    if !is_key(&form.key) {
        return Err(Problem::bad_request("this form has no key; load the page again, then send"));
    }
    let key = format!("form:{}", form.key);
    let ticket = Ticket { workspace: caller.workspace.clone(), actor: caller.actor.clone(), key };
    let now = state.clock.now();
    let forgotten_before = now - i64::from(state.config.retention.idempotency_hours) * HOUR;
    match state.db.begin_request(ticket.clone(), form.hash, now, forgotten_before).await? {
        Earlier::New | Earlier::Unfinished(_) => Ok(Form::New(ticket)),
        Earlier::Answered { body, .. } => Ok(Form::Done(body)),
        Earlier::Running => {
            let words = "this form is being done; look at the page in a moment";
            Err(Problem::conflict(FORM_RUNNING, words))
        }
        Earlier::OtherRequest => {
            let words =
                "this form was sent before with something else in it; look at what came of it, then send this one";
            Err(Problem::conflict(SENT_BEFORE, words))
        }
    }
}

/// Keeps what a form made, in the act that makes it.
#[derive(Debug, Clone)]
pub struct Keep(Ticket);

impl Keep {
    /// The answer to keep.
    pub fn answer(self, made: &impl Serialize) -> Option<KeptAnswer> {
        let body = serde_json::to_vec(made).unwrap_or_default();
        Some(KeptAnswer { ticket: self.0, status: StatusCode::CREATED.as_u16(), headers: "[]".to_owned(), body })
    }
}

/// Makes what a form asks for; where the same form came before, what it made then. `act` keeps its answer in its own act.
///
/// # Errors
/// Those of [`begin`] and of `act`. A form whose act was refused may be sent again.
pub async fn make<T: DeserializeOwned>(
    state: &State,
    caller: &Caller,
    form: &Submission,
    act: impl AsyncFnOnce(Keep) -> Answer<T>,
) -> Answer<T> {
    let ticket = match begin(state, caller, form).await? {
        Form::New(ticket) => ticket,
        Form::Done(body) => return serde_json::from_slice(&body).map_err(|error| Problem::internal(&error)),
    };
    let done = act(Keep(ticket.clone())).await;
    if done.is_err() {
        state.db.forget_request(ticket).await?;
    }
    done
}
