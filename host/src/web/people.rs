//! The people of a workspace: what the API and the pages do alike.

use serde_json::json;

use super::caller::Caller;
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::password::good_enough;
use crate::auth::{AuthError, Minted, Role};
use crate::db::{KeptAnswer, UserChange, UserChanged, UserRow};
use crate::model::name;
use crate::model::shown::person::{MadeUser, PasswordLink, User};
use crate::model::time::rfc3339;
use sambung_runtime::manifest::settings::is_email;

/// Code of the problem that a person may not sign in.
pub const DISABLED: &str = "person-disabled";

/// Most people of a workspace that are listed, and offered where a conversation is assigned.
pub const MOST_LISTED: u32 = 1_000;

/// A person to be added.
pub struct NewPerson {
    /// What the person signs in with.
    pub email: String,
    /// As shown; empty: the address.
    pub name: String,
    /// At most the caller's own role.
    pub role: Role,
    /// The first password; none: the person sets it by a link.
    pub password: Option<String>,
}

/// What is to change of a person.
#[derive(Default)]
pub struct PersonChange {
    /// As shown; an empty one changes nothing.
    pub name: Option<String>,
    /// At most the caller's own role.
    pub role: Option<Role>,
    /// Ends every session of this person.
    pub password: Option<String>,
    /// Ends every session of this person.
    pub disabled: Option<bool>,
}

/// Adds a person; one without a password with the link by which they set it. `answer` makes the answer that is kept in the same act.
///
/// # Errors
/// 403 for a role above the caller's, 409 for an address that is taken, 422 for fields that are empty or wrong.
pub async fn add(
    state: &State,
    caller: &Caller,
    new: NewPerson,
    answer: impl FnOnce(&MadeUser) -> Option<KeptAnswer>,
) -> Answer<MadeUser> {
    caller.at_least(Role::Admin)?;
    may_give(caller, new.role)?;
    let mut faults = Vec::new();
    if new.email.trim().is_empty() {
        faults.push(FieldError::required("#/email"));
    } else if !is_email(new.email.trim()) {
        faults.push(FieldError::new("#/email", "format", "this is no e-mail address"));
    }
    faults.extend(name::fault("#/name", &new.name));
    match new.password.as_deref() {
        Some("") => faults.push(FieldError::required("#/password")),
        Some(password) => faults
            .extend(good_enough(password).err().map(|words| FieldError::new("#/password", "weak-password", words))),
        None => {}
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let detail = json!({ "email": new.email, "role": new.role });
    let entry = caller.entry(state.clock.now(), "user.create", "", detail);
    let made = |user: &UserRow, link: Option<&Minted>| MadeUser {
        user: user.clone().into(),
        password_link: link.map(|minted| shown(state, minted)),
    };
    let kept = |user: &UserRow, link: Option<&Minted>| answer(&made(user, link));
    let NewPerson { email, name, role, password } = new;
    match state.auth.create_user_for(&caller.workspace, &email, &name, role, password, entry, kept).await {
        Ok((user, link)) => Ok(made(&user, link.as_ref())),
        Err(AuthError::Db(error)) if error.unique_violation().is_some() => {
            Err(Problem::conflict("email-taken", "another person of this host has this e-mail address already"))
        }
        Err(error) => Err(error.into()),
    }
}

/// Changes a person.
///
/// # Errors
/// 403 for a person or a role above the caller's, 404 where there is none, 409 for the only operator, 422 for a wrong field.
pub async fn change(state: &State, caller: &Caller, id: &str, change: PersonChange) -> Answer<User> {
    if let Some(fault) = change.name.as_deref().and_then(|name| name::fault("#/name", name)) {
        return Err(Problem::invalid(vec![fault]));
    }
    theirs(state, caller, id).await?;
    if let Some(role) = change.role {
        may_give(caller, role)?;
    }
    let now = state.clock.now();
    let detail = json!({ "name": change.name, "role": change.role, "password": change.password.is_some(),
        "disabled": change.disabled });
    let password_hash = match change.password {
        Some(password) => Some(state.auth.hash(password).await?),
        None => None,
    };
    let row_change = UserChange {
        name: change.name.filter(|name| !name.trim().is_empty()),
        role: change.role.map(|role| role.name().into()),
        password_hash,
        disabled_at: change.disabled.map(|disabled| disabled.then_some(now)),
    };
    let entry = caller.entry(now, "user.change", id, detail);
    let changed = state.db.change_user(&caller.workspace, id, row_change, may_change(caller), now, entry).await?;
    Ok(done(changed)?.into())
}

/// Makes a link by which a person sets their own password; earlier ones of theirs stop working. `answer` makes the answer that is kept in
/// the same act.
///
/// # Errors
/// 403 for a person above the caller, 404 where there is none, 409 for one who may not sign in.
pub async fn link(
    state: &State,
    caller: &Caller,
    id: &str,
    answer: impl FnOnce(&PasswordLink) -> Option<KeptAnswer>,
) -> Answer<PasswordLink> {
    let user = theirs(state, caller, id).await?;
    if user.disabled_at.is_some() {
        return Err(Problem::conflict(DISABLED, "this person may not sign in; enable them first"));
    }
    let entry = caller.entry(state.clock.now(), "user.link", id, json!({}));
    let kept = |minted: &Minted| answer(&shown(state, minted));
    let (minted, changed) = state.auth.new_password_link(&user, may_change(caller), entry, kept).await?;
    done(changed)?;
    Ok(shown(state, &minted))
}

fn shown(state: &State, minted: &Minted) -> PasswordLink {
    PasswordLink {
        url: format!("{}/password/{}", state.channels.base(), minted.value),
        expires_at: rfc3339(minted.expires_at.unwrap_or_default()),
    }
}

/// Removes a person.
///
/// # Errors
/// 403 for a person above the caller, 404 where there is none, 409 for the only operator.
pub async fn remove(state: &State, caller: &Caller, id: &str) -> Answer<()> {
    let row = theirs(state, caller, id).await?;
    let entry = caller.entry(state.clock.now(), "user.remove", id, json!({ "email": row.email }));
    done(state.db.remove_user(&caller.workspace, id, may_change(caller), entry).await?)?;
    Ok(())
}

/// The person, where this caller may change them: a caller changes no person with a role above their own.
async fn theirs(state: &State, caller: &Caller, id: &str) -> Answer<UserRow> {
    caller.at_least(Role::Admin)?;
    let row = state.db.user(&caller.workspace, id).await?.ok_or_else(Problem::not_found)?;
    if let Some(role) = Role::from_name(&row.role) {
        may_give(caller, role)?;
    }
    Ok(row)
}

/// Refuses a role above the caller's own.
///
/// # Errors
/// 403.
pub fn may_give(caller: &Caller, role: Role) -> Answer<()> {
    if role > caller.role {
        return Err(Problem::forbidden(format!("only the role {role} may give the role {role}")));
    }
    Ok(())
}

/// The roles of the people that this caller may change.
fn may_change(caller: &Caller) -> Vec<&'static str> {
    Role::ALL.into_iter().filter(|role| *role <= caller.role).map(Role::name).collect()
}

/// The outcome of the act itself: another request may have changed the person meanwhile.
fn done(changed: UserChanged) -> Answer<UserRow> {
    match changed {
        UserChanged::Done(row) => Ok(row),
        UserChanged::NotFound => Err(Problem::not_found()),
        UserChanged::Above(role) => Err(Problem::forbidden(format!("this person has the role {role} now"))),
        UserChanged::LastOperator => {
            Err(Problem::conflict("last-operator", "this is the only operator; make another one first"))
        }
    }
}
