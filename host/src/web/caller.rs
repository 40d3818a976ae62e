//! Who calls: a bearer token or a cookie session, turned into a workspace and a role.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use serde_json::Value;

use super::cookies;
use super::problem::Problem;
use super::state::State;
use crate::auth::Role;
use crate::channels::Actor;
use crate::model::audit::Entry;

/// The header by which an operator names another workspace, by id or name.
pub const WORKSPACE_HEADER: &str = "sambung-workspace";

/// Who calls. As an extractor it refuses with 401 whoever is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The id of the workspace that this request acts in.
    pub workspace: String,
    /// Its name.
    pub workspace_name: String,
    /// What the caller may do.
    pub role: Role,
    /// For the audit log: the person's id, or the token's.
    pub actor: String,
    /// The person's id, for a session.
    pub user: Option<String>,
    /// The person's e-mail address, for a session.
    pub email: Option<String>,
    /// As shown.
    pub name: String,
    /// The id of the token or session that was presented.
    pub token: String,
    /// The workspace that the token or person belongs to, which may be another than the one it acts in.
    pub home: String,
}

impl Caller {
    /// Refuses with 403 whoever has a lesser role.
    pub fn at_least(&self, role: Role) -> Result<(), Problem> {
        if self.role >= role {
            return Ok(());
        }
        Err(Problem::forbidden(format!("this needs the role {role}; yours is {}", self.role)))
    }

    /// This caller acting in another workspace, by its id or name.
    ///
    /// # Errors
    /// 403 below the role operator, 404 where there is none.
    pub async fn within(&self, state: &State, workspace: &str) -> Result<Caller, Problem> {
        let mut caller = self.clone();
        enter(&mut caller, workspace, state).await?;
        Ok(caller)
    }

    /// A line for the audit log: this caller did `action` to `subject`. Never put a secret's value into `detail`.
    pub fn entry(&self, now: i64, action: &str, subject: &str, detail: Value) -> Entry {
        Entry {
            workspace: Some(self.workspace.clone()),
            at: now,
            actor: self.actor.clone(),
            role: self.role.name().into(),
            action: action.into(),
            subject: subject.into(),
            detail,
        }
    }

    /// This caller as the one who does something to a channel or a registration.
    pub fn as_actor(&self) -> Actor {
        Actor { workspace: Some(self.workspace.clone()), actor: self.actor.clone(), role: self.role.name().to_owned() }
    }

    /// A line for what concerns the whole host and no workspace.
    pub fn host_entry(&self, now: i64, action: &str, subject: &str, detail: Value) -> Entry {
        Entry { workspace: None, ..self.entry(now, action, subject, detail) }
    }
}

impl FromRequestParts<State> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Caller, Problem> {
        // The middleware for repeated requests may have asked already.
        if let Some(caller) = parts.extensions.get::<Caller>() {
            return Ok(caller.clone());
        }
        let presented = presented(parts, state).ok_or_else(Problem::unauthorized)?;
        let who = state.auth.who(&presented).await?.ok_or_else(Problem::unauthorized)?;
        let role = Role::from_name(&who.role).ok_or_else(Problem::unauthorized)?;
        let (user, email, name) = match who.user {
            Some(user) => (Some(user.id), Some(user.email), user.name),
            None => (None, None, who.name),
        };
        let mut caller = Caller {
            actor: user.clone().unwrap_or_else(|| who.token.clone()),
            home: who.workspace.clone(),
            workspace: who.workspace,
            workspace_name: who.workspace_name,
            role,
            user,
            email,
            name,
            token: who.token,
        };
        if let Some(wanted) = parts.headers.get(WORKSPACE_HEADER) {
            let wanted = wanted.to_str().unwrap_or_default();
            enter(&mut caller, wanted, state).await?;
        }
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

async fn enter(caller: &mut Caller, wanted: &str, state: &State) -> Result<(), Problem> {
    if wanted == caller.workspace || wanted == caller.workspace_name {
        return Ok(());
    }
    if caller.role < Role::Operator {
        return Err(Problem::forbidden("only an operator may name another workspace"));
    }
    let workspace = state.db.workspace(wanted).await?.ok_or_else(Problem::not_found)?;
    caller.workspace = workspace.id;
    caller.workspace_name = workspace.name;
    Ok(())
}

/// The token of `Authorization: Bearer`, or else of the session's cookie.
fn presented(parts: &Parts, state: &State) -> Option<String> {
    if let Some(value) = parts.headers.get(AUTHORIZATION) {
        let value = value.to_str().ok()?;
        let (scheme, token) = value.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned());
    }
    cookies::SESSION.read(parts, state)
}
