//! The people of a workspace: what the API and the pages do alike.

use serde_json::json;

use super::caller::Caller;
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::password::good_enough;
use crate::auth::{AuthError, Role};
use crate::db::{KeptAnswer, UserChange, UserChanged, UserRow};
use crate::model::name;
use crate::model::shown::person::User;
use sambung_runtime::manifest::settings::is_email;

/// A person to be added.
pub struct NewPerson {
    /// What the person signs in with.
    pub email: String,
    /// As shown; empty: the address.
    pub name: String,
    /// At most the caller's own role.
    pub role: Role,
    /// The first password.
    pub password: String,
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

/// Adds a person. `answer` makes the answer that is kept in the same act.
///
/// # Errors
/// 403 for a role above the caller's, 409 for an address that is taken, 422 for fields that are empty or wrong.
pub async fn add(
    state: &State,
    caller: &Caller,
    new: NewPerson,
    answer: impl FnOnce(&User) -> Option<KeptAnswer>,
) -> Answer<User> {
    caller.at_least(Role::Admin)?;
    may_give(caller, new.role)?;
    let mut faults = Vec::new();
    if new.email.trim().is_empty() {
        faults.push(FieldError::required("#/email"));
    } else if !is_email(new.email.trim()) {
        faults.push(FieldError::new("#/email", "format", "this is no e-mail address"));
    }
    faults.extend(name::fault("#/name", &new.name));
    if new.password.is_empty() {
        faults.push(FieldError::required("#/password"));
    } else if let Err(words) = good_enough(&new.password) {
        faults.push(FieldError::new("#/password", "weak-password", words));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let detail = json!({ "email": new.email, "role": new.role });
    let entry = caller.entry(state.clock.now(), "user.create", "", detail);
    let kept = |row: &UserRow| answer(&User::from(row.clone()));
    let NewPerson { email, name, role, password } = new;
    match state.auth.create_user_for(&caller.workspace, &email, &name, role, Some(password), entry, kept).await {
        Ok(user) => Ok(user.into()),
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
