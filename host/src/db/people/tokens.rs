//! API tokens, sessions and set-up links: random values of which only a hash stands here.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::db::people::idempotency::KeptAnswer;
use crate::db::people::{audit, users};
use crate::db::{Db, DbError, NewUser, Priority, UserChanged};
use crate::model::audit::Entry;
use crate::model::permissions::Role;
use crate::model::shown::person::Token;
use crate::model::time::rfc3339;
use crate::wake::Credential;

/// What a random value opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    /// The API, for a program.
    Api,
    /// The API, for a person who signed in.
    Session,
    /// Setting the first operator's password, once.
    Setup,
    /// Setting a person's own password, once.
    Password,
}

impl TokenKind {
    fn name(self) -> &'static str {
        match self {
            TokenKind::Api => "api",
            TokenKind::Session => "session",
            TokenKind::Setup => "setup",
            TokenKind::Password => "password",
        }
    }
}

/// A token to be added.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// `tok_…` or `ses_…`
    pub id: String,
    /// Where it may act.
    pub workspace: String,
    /// The person, for a session and for a link by which they set their password.
    pub user: Option<String>,
    /// What it opens.
    pub kind: TokenKind,
    /// As shown.
    pub name: String,
    /// A role's name.
    pub role: String,
    /// SHA-256 of the value.
    pub hash: [u8; 32],
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When it stops working.
    pub expires_at: Option<i64>,
    /// For a session, a hash of the client address where it began.
    pub client: Option<[u8; 32]>,
}

/// A token as listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    /// `tok_…`
    pub id: String,
    /// As shown.
    pub name: String,
    /// A role's name.
    pub role: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// When it last opened something, to the minute.
    pub last_used_at: Option<i64>,
    /// When it stops working.
    pub expires_at: Option<i64>,
}

impl From<TokenRow> for Token {
    fn from(row: TokenRow) -> Token {
        Token {
            id: row.id,
            name: row.name,
            role: row.role,
            created_at: rfc3339(row.created_at),
            last_used_at: row.last_used_at.map(rfc3339),
            expires_at: row.expires_at.map(rfc3339),
        }
    }
}

/// Who stands behind a token that is good now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The token's id.
    pub token: String,
    /// Where it may act.
    pub workspace: String,
    /// The workspace's name.
    pub workspace_name: String,
    /// The person, for a session.
    pub user: Option<UserOf>,
    /// A role's name. A session has its person's.
    pub role: String,
    /// The token's name.
    pub name: String,
    /// When it last opened something.
    pub last_used_at: Option<i64>,
    /// When it was made.
    pub created_at: i64,
}

/// What an answer that stays open relies on: it ends when this is not the same any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The rows that decide it.
    pub rows: Vec<Credential>,
    /// A role's name.
    pub role: String,
    /// Where it may act.
    pub workspace: String,
    /// When it stops working.
    pub expires_at: Option<i64>,
}

/// A token `t`, with its person `u`, is good at ?2; a session also had a request after ?3.
const GOOD: &str = "t.kind IN ('api', 'session') AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > ?2) \
     AND (t.kind = 'api' OR coalesce(t.last_used_at, t.created_at) > ?3) AND u.disabled_at IS NULL \
     AND (t.user_id IS NULL OR u.workspace_id = t.workspace_id)";

/// The person of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserOf {
    /// `usr_…`
    pub id: String,
    /// The e-mail address.
    pub email: String,
    /// As shown.
    pub name: String,
}

/// Adds a token within an act.
pub(in crate::db) fn insert(connection: &Connection, token: &NewToken) -> Result<(), DbError> {
    connection.execute(
        "INSERT INTO tokens (id, workspace_id, user_id, kind, name, role, hash, created_at, expires_at, client) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        params![
            token.id,
            token.workspace,
            token.user,
            token.kind.name(),
            token.name,
            token.role,
            token.hash,
            token.created_at,
            token.expires_at,
            token.client
        ],
    )?;
    Ok(())
}

/// Ends every session of a person.
pub(in crate::db) fn revoke_sessions(connection: &Connection, user: &str, now: i64) -> Result<(), DbError> {
    connection.execute(
        "UPDATE tokens SET revoked_at = ?2 WHERE user_id = ?1 AND kind = 'session' AND revoked_at IS NULL",
        params![user, now],
    )?;
    Ok(())
}

/// Removes the links by which a person may set their password.
pub(in crate::db) fn remove_password_links(connection: &Connection, user: &str) -> Result<(), DbError> {
    connection.execute("DELETE FROM tokens WHERE user_id = ?1 AND kind = 'password'", params![user])?;
    Ok(())
}

fn row(row: &Row<'_>) -> rusqlite::Result<TokenRow> {
    Ok(TokenRow {
        id: row.get(0)?,
        name: row.get(1)?,
        role: row.get(2)?,
        created_at: row.get(3)?,
        last_used_at: row.get(4)?,
        expires_at: row.get(5)?,
    })
}

fn who(row: &Row<'_>) -> rusqlite::Result<Who> {
    let user = match row.get::<_, Option<String>>(3)? {
        Some(id) => Some(UserOf { id, email: row.get(4)?, name: row.get(5)? }),
        None => None,
    };
    Ok(Who {
        token: row.get(0)?,
        workspace: row.get(1)?,
        workspace_name: row.get(2)?,
        user,
        role: row.get(6)?,
        name: row.get(7)?,
        last_used_at: row.get(8)?,
        created_at: row.get(9)?,
    })
}

impl Db {
    /// Adds a token.
    pub async fn add_token(
        &self,
        token: NewToken,
        entry: Option<Entry>,
        kept: Option<KeptAnswer>,
    ) -> Result<(), DbError> {
        let keeper = self.keeper();
        self.write(Priority::Urgent, move |connection| {
            insert(connection, &token)?;
            keeper.keep(connection, kept.as_ref())?;
            match &entry {
                Some(entry) => audit::append(connection, entry),
                None => Ok(()),
            }
        })
        .await
    }

    /// Who stands behind the token or session of this hash, if it is good at `now`. A session also needs a request after
    /// `idle_since`.
    pub async fn who_holds(&self, hash: [u8; 32], now: i64, idle_since: i64) -> Result<Option<Who>, DbError> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached(&format!(
                    "SELECT t.id, t.workspace_id, w.name, u.id, u.email, u.name, coalesce(u.role, t.role), t.name, \
                     t.last_used_at, t.created_at FROM tokens t JOIN workspaces w ON w.id = t.workspace_id \
                     LEFT JOIN users u ON u.id = t.user_id WHERE t.hash = ?1 AND {GOOD}"
                ))?
                .query_row(params![hash, now, idle_since], who)
                .optional()?)
        })
        .await
    }

    /// What the token or session with this id relies on, if it is good at `now`; as [`Db::who_holds`].
    pub async fn standing(&self, token: &str, now: i64, idle_since: i64) -> Result<Option<Standing>, DbError> {
        let token = token.to_owned();
        self.read(move |connection| {
            Ok(connection
                .prepare_cached(&format!(
                    "SELECT t.rowid, u.rowid, coalesce(u.role, t.role), t.workspace_id, t.expires_at \
                     FROM tokens t LEFT JOIN users u ON u.id = t.user_id WHERE t.id = ?1 AND {GOOD}"
                ))?
                .query_row(params![token, now, idle_since], |row| {
                    let user = row.get::<_, Option<i64>>(1)?.map(Credential::User);
                    Ok(Standing {
                        rows: [Credential::Token(row.get(0)?)].into_iter().chain(user).collect(),
                        role: row.get(2)?,
                        workspace: row.get(3)?,
                        expires_at: row.get(4)?,
                    })
                })
                .optional()?)
        })
        .await
    }

    /// Whether a session of the person with this e-mail address began at a client address of this hash.
    pub async fn knows_client(&self, email: &str, client: [u8; 32]) -> Result<bool, DbError> {
        let email = email.to_owned();
        self.read(move |connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT 1 FROM users u JOIN tokens t ON t.user_id = u.id AND t.client = ?2 WHERE u.email = ?1 LIMIT 1",
                )?
                .exists(params![email, client])?)
        })
        .await
    }

    /// Notes that a token was used.
    pub async fn touch_token(&self, id: &str, now: i64) -> Result<(), DbError> {
        let id = id.to_owned();
        self.write(Priority::Routine, move |connection| {
            connection
                .prepare_cached("UPDATE tokens SET last_used_at = ?2 WHERE id = ?1")?
                .execute(params![id, now])?;
            Ok(())
        })
        .await
    }

    /// A page of a workspace's API tokens by id, after `after`.
    pub async fn tokens(&self, workspace: &str, after: Option<String>, limit: usize) -> Result<Vec<TokenRow>, DbError> {
        let workspace = workspace.to_owned();
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, name, role, created_at, last_used_at, expires_at FROM tokens WHERE workspace_id = ?1 \
                 AND kind = 'api' AND revoked_at IS NULL AND id > ?2 ORDER BY id LIMIT ?3",
            )?;
            let rows = statement
                .query_map(params![workspace, after.unwrap_or_default(), limit as i64], row)?
                .collect::<Result<_, _>>()?;
            Ok(rows)
        })
        .await
    }

    /// One API token of a workspace.
    pub async fn token(&self, workspace: &str, id: &str) -> Result<Option<TokenRow>, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.read(move |connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT id, name, role, created_at, last_used_at, expires_at FROM tokens WHERE workspace_id = ?1 \
                     AND kind = 'api' AND revoked_at IS NULL AND id = ?2",
                )?
                .query_row(params![workspace, id], row)
                .optional()?)
        })
        .await
    }

    /// Renames an API token; whether there was one.
    pub async fn rename_token(&self, workspace: &str, id: &str, name: &str, entry: Entry) -> Result<bool, DbError> {
        let (workspace, id, name) = (workspace.to_owned(), id.to_owned(), name.to_owned());
        self.write(Priority::Urgent, move |connection| {
            let changed = connection.execute(
                "UPDATE tokens SET name = ?3 WHERE workspace_id = ?1 AND id = ?2 AND kind = 'api' AND revoked_at IS NULL",
                params![workspace, id, name],
            )?;
            if changed > 0 {
                audit::append(connection, &entry)?;
            }
            Ok(changed > 0)
        })
        .await
    }

    /// Ends a token or a session of a workspace; whether there was one.
    pub async fn revoke_token(
        &self,
        workspace: &str,
        id: &str,
        now: i64,
        entry: Option<Entry>,
    ) -> Result<bool, DbError> {
        let (workspace, id) = (workspace.to_owned(), id.to_owned());
        self.write(Priority::Urgent, move |connection| {
            let changed = connection.execute(
                "UPDATE tokens SET revoked_at = ?3 WHERE workspace_id = ?1 AND id = ?2 AND revoked_at IS NULL",
                params![workspace, id, now],
            )?;
            if let (true, Some(entry)) = (changed > 0, &entry) {
                audit::append(connection, entry)?;
            }
            Ok(changed > 0)
        })
        .await
    }

    /// Puts this link, by which a person sets their password, in the place of every earlier one of theirs, where the role of the person
    /// is one of `may`.
    pub async fn replace_password_link(
        &self,
        link: NewToken,
        may: Vec<&'static str>,
        entry: Entry,
        kept: Option<KeptAnswer>,
    ) -> Result<UserChanged, DbError> {
        let keeper = self.keeper();
        self.write(Priority::Urgent, move |connection| {
            let of = (link.workspace.as_str(), link.user.as_deref().unwrap_or_default());
            let user = match users::may_change(connection, of, &may, false)? {
                Ok(user) => user,
                Err(refused) => return Ok(refused),
            };
            remove_password_links(connection, &user.id)?;
            insert(connection, &link)?;
            keeper.keep(connection, kept.as_ref())?;
            audit::append(connection, &entry)?;
            Ok(UserChanged::Done(user))
        })
        .await
    }

    /// Puts this set-up link in the place of every earlier one.
    pub async fn replace_setup_link(&self, token: NewToken) -> Result<(), DbError> {
        self.write(Priority::Urgent, move |connection| {
            connection.execute("DELETE FROM tokens WHERE kind = 'setup'", [])?;
            insert(connection, &token)
        })
        .await
    }

    /// Whether a set-up link of this hash is good at `now`.
    pub async fn setup_link_is_good(&self, hash: [u8; 32], now: i64) -> Result<bool, DbError> {
        self.read(move |connection| {
            Ok(connection
                .prepare_cached(
                    "SELECT 1 FROM tokens WHERE hash = ?1 AND kind = 'setup' AND revoked_at IS NULL AND expires_at > ?2",
                )?
                .exists(params![hash, now])?)
        })
        .await
    }

    /// Uses up the set-up link of this hash to add its person; `false` where the link is not good (any more).
    pub async fn use_setup_link(&self, hash: [u8; 32], new: NewUser, now: i64, entry: Entry) -> Result<bool, DbError> {
        self.write(Priority::Urgent, move |connection| {
            let used = connection.execute(
                "DELETE FROM tokens WHERE hash = ?1 AND kind = 'setup' AND revoked_at IS NULL AND expires_at > ?2",
                params![hash, now],
            )?;
            // A link is for the first operator, and somebody may have become that since it was shown.
            if used == 0 || users::active_with_role(connection, Role::Operator.name())? > 0 {
                return Ok(false);
            }
            users::insert(connection, &new)?;
            audit::append(connection, &entry)?;
            Ok(true)
        })
        .await
    }
}
