//! People who sign in. An e-mail address is one person's in the whole host.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::db::people::idempotency::KeptAnswer;
use crate::db::people::{audit, tokens};
use crate::db::{Db, DbError, NewToken, Priority};
use crate::model::audit::Entry;
use crate::model::permissions::Role;
use crate::model::shown::person::User;
use crate::model::time::rfc3339;

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserRow {
    /// `usr_…`
    pub id: String,
    /// Whose person this is.
    pub workspace: String,
    /// Compared without regard to case.
    pub email: String,
    /// As shown.
    pub name: String,
    /// A role's name.
    pub role: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Since when this person may not sign in.
    pub disabled_at: Option<i64>,
    /// Whether this person has a password yet.
    pub has_password: bool,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> User {
        User {
            id: row.id,
            email: row.email,
            name: row.name,
            role: row.role,
            disabled: row.disabled_at.is_some(),
            has_password: row.has_password,
            created_at: rfc3339(row.created_at),
        }
    }
}

/// A person to be added.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// The person.
    pub user: UserRow,
    /// argon2id, as a PHC string; `None`: the person sets it by a link.
    pub password_hash: Option<String>,
}

/// What came of changing or removing a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserChanged {
    /// As the person is now, or was before they were removed.
    Done(UserRow),
    /// There is no such person in this workspace.
    NotFound,
    /// The person may do more than whoever asked.
    Above(String),
    /// Nobody else who may sign in has the host's highest role.
    LastOperator,
}

/// What is to change about a person; `None` leaves it.
#[derive(Debug, Clone, Default)]
pub struct UserChange {
    /// As shown.
    pub name: Option<String>,
    /// A role's name.
    pub role: Option<String>,
    /// argon2id, as a PHC string. Ends every session.
    pub password_hash: Option<String>,
    /// `Some(Some(_))` since when this person may not sign in (ends every session), `Some(None)` may again.
    pub disabled_at: Option<Option<i64>>,
}

const COLUMNS: &str = "id, workspace_id, email, name, role, created_at, disabled_at, password_hash IS NOT NULL";

fn row(row: &Row<'_>) -> rusqlite::Result<UserRow> {
    Ok(UserRow {
        id: row.get(0)?,
        workspace: row.get(1)?,
        email: row.get(2)?,
        name: row.get(3)?,
        role: row.get(4)?,
        created_at: row.get(5)?,
        disabled_at: row.get(6)?,
        has_password: row.get(7)?,
    })
}

fn one(connection: &Connection, workspace: &str, id: &str) -> Result<Option<UserRow>, DbError> {
    Ok(connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM users WHERE workspace_id = ?1 AND id = ?2"))?
        .query_row(params![workspace, id], row)
        .optional()?)
}

/// Adds a person within an act.
pub(in crate::db) fn insert(connection: &Connection, new: &NewUser) -> Result<(), DbError> {
    let user = &new.user;
    connection.execute(
        "INSERT INTO users (id, workspace_id, email, name, role, password_hash, created_at, disabled_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            user.id,
            user.workspace,
            user.email,
            user.name,
            user.role,
            new.password_hash,
            user.created_at,
            user.disabled_at
        ],
    )?;
    Ok(())
}

impl Db {
    /// Adds a person, with the link by which they set their password where they have none; a unique violation where the e-mail address
    /// is taken.
    pub async fn add_user(
        &self,
        new: NewUser,
        link: Option<NewToken>,
        entry: Entry,
        kept: Option<KeptAnswer>,
    ) -> Result<(), DbError> {
        let keeper = self.keeper();
        self.write(Priority::Urgent, move |connection| {
            insert(connection, &new)?;
            if let Some(link) = &link {
                tokens::insert(connection, link)?;
            }
            keeper.keep(connection, kept.as_ref())?;
            audit::append(connection, &entry)
        })
        .await
    }

    /// The person with this e-mail address and the hash of the password, for signing in.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<(UserRow, Option<String>)>, DbError> {
        let email = email.to_owned();
        self.read(move |connection| {
            Ok(connection
                .prepare_cached(&format!("SELECT {COLUMNS}, password_hash FROM users WHERE email = ?1"))?
                .query_row(params![email], |found| Ok((row(found)?, found.get(8)?)))
                .optional()?)
        })
        .await
    }

    /// One person of a workspace.
    pub async fn user(&self, workspace: &str, id: &str) -> Result<Option<UserRow>, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.read(move |connection| one(connection, &workspace, &id)).await
    }

    /// A page of a workspace's people by id, after `after`.
    pub async fn users(&self, workspace: &str, after: Option<String>, limit: usize) -> Result<Vec<UserRow>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM users WHERE workspace_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3"
            ))?;
            let rows = statement
                .query_map(params![workspace, after.unwrap_or_default(), limit as i64], row)?
                .collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }

    /// The people of a workspace who may sign in, by name, at most `most`.
    pub async fn people(&self, workspace: &str, most: u32) -> Result<Vec<UserRow>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM users WHERE workspace_id = ?1 AND disabled_at IS NULL ORDER BY name, id LIMIT ?2"
            ))?;
            let rows = statement.query_map(params![workspace, most], row)?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Changes a person of a workspace whose role is one of `may`. A new password, another role or being disabled ends every
    /// session of that person, and so its next request is made with what now holds. The last operator stays one.
    pub async fn change_user(
        &self,
        workspace: &str,
        id: &str,
        change: UserChange,
        may: Vec<&'static str>,
        now: i64,
        entry: Entry,
    ) -> Result<UserChanged, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.write(Priority::Urgent, move |connection| {
            let loses = change.role.as_deref().is_some_and(|role| role != OPERATOR)
                || matches!(change.disabled_at, Some(Some(_)));
            if let Err(refused) = may_change(connection, (&workspace, &id), &may, loses)? {
                return Ok(refused);
            }
            let ends_sessions =
                change.password_hash.is_some() || change.role.is_some() || matches!(change.disabled_at, Some(Some(_)));
            connection.execute(
                "UPDATE users SET name = coalesce(?3, name), role = coalesce(?4, role), \
                 password_hash = coalesce(?5, password_hash), disabled_at = CASE WHEN ?6 THEN ?7 ELSE disabled_at END \
                 WHERE workspace_id = ?1 AND id = ?2",
                params![
                    workspace,
                    id,
                    change.name,
                    change.role,
                    change.password_hash,
                    change.disabled_at.is_some(),
                    change.disabled_at.flatten()
                ],
            )?;
            if ends_sessions {
                tokens::revoke_sessions(connection, &id, now)?;
                // A link that was made for an earlier role signs nobody in with the new one.
                tokens::remove_password_links(connection, &id)?;
            }
            audit::append(connection, &entry)?;
            Ok(one(connection, &workspace, &id)?.map_or(UserChanged::NotFound, UserChanged::Done))
        })
        .await
    }

    /// Removes a person whose role is one of `may`, with every session and token of theirs. What they did keeps their id. The last
    /// operator stays.
    pub async fn remove_user(
        &self,
        workspace: &str,
        id: &str,
        may: Vec<&'static str>,
        entry: Entry,
    ) -> Result<UserChanged, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.write(Priority::Urgent, move |connection| {
            let user = match may_change(connection, (&workspace, &id), &may, true)? {
                Ok(user) => user,
                Err(refused) => return Ok(refused),
            };
            connection.execute("DELETE FROM tokens WHERE user_id = ?1", params![id])?;
            connection.execute("DELETE FROM reads WHERE user_id = ?1", params![id])?;
            connection.execute("DELETE FROM users WHERE workspace_id = ?1 AND id = ?2", params![workspace, id])?;
            audit::append(connection, &entry)?;
            Ok(UserChanged::Done(user))
        })
        .await
    }

    /// Sets the password of the person with this link, once, and ends every session of theirs; none where the link is not good (any
    /// more). `entry` makes the line of the log.
    pub async fn use_password_link(
        &self,
        hash: [u8; 32],
        password_hash: String,
        now: i64,
        entry: impl FnOnce(&UserRow) -> Entry + Send + 'static,
    ) -> Result<Option<UserRow>, DbError> {
        self.write(Priority::Urgent, move |connection| {
            let Some(user) = of_link(connection, hash, now)? else { return Ok(None) };
            connection.execute("UPDATE users SET password_hash = ?2 WHERE id = ?1", params![user.id, password_hash])?;
            tokens::remove_password_links(connection, &user.id)?;
            tokens::revoke_sessions(connection, &user.id, now)?;
            audit::append(connection, &entry(&user))?;
            Ok(Some(user))
        })
        .await
    }

    /// The person with this link, who may sign in; none where the link is not good (any more).
    pub async fn user_of_password_link(&self, hash: [u8; 32], now: i64) -> Result<Option<UserRow>, DbError> {
        self.read(move |connection| of_link(connection, hash, now)).await
    }

    /// How many people of this role may sign in, in the whole host.
    pub async fn active_users_with_role(&self, role: &str) -> Result<u64, DbError> {
        let role = role.to_owned();
        self.read(move |connection| active_with_role(connection, &role)).await
    }
}

fn of_link(connection: &Connection, hash: [u8; 32], now: i64) -> Result<Option<UserRow>, DbError> {
    Ok(connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM users WHERE disabled_at IS NULL AND id = (SELECT user_id FROM tokens WHERE hash = ?1 \
             AND kind = 'password' AND revoked_at IS NULL AND expires_at > ?2)"
        ))?
        .query_row(params![hash, now], row)
        .optional()?)
}

/// The role of which the host always has somebody.
const OPERATOR: &str = Role::Operator.name();

/// How many people of this role may sign in, in the whole host.
pub(in crate::db) fn active_with_role(connection: &Connection, role: &str) -> Result<u64, DbError> {
    Ok(connection
        .prepare_cached(
            "SELECT count(*) FROM users WHERE role = ?1 AND disabled_at IS NULL AND password_hash IS NOT NULL",
        )?
        .query_row(params![role], |row| row.get::<_, i64>(0))? as u64)
}

/// The person as they are within this act, where they may be changed by whoever may give the roles `may`. `loses`: they would not be
/// an operator who may sign in any more.
pub(in crate::db) fn may_change(
    connection: &Connection,
    (workspace, id): (&str, &str),
    may: &[&str],
    loses: bool,
) -> Result<Result<UserRow, UserChanged>, DbError> {
    let Some(user) = one(connection, workspace, id)? else { return Ok(Err(UserChanged::NotFound)) };
    if !may.contains(&user.role.as_str()) {
        return Ok(Err(UserChanged::Above(user.role)));
    }
    let counts = user.role == OPERATOR && user.disabled_at.is_none() && user.has_password;
    if loses && counts && active_with_role(connection, OPERATOR)? <= 1 {
        return Ok(Err(UserChanged::LastOperator));
    }
    Ok(Ok(user))
}
