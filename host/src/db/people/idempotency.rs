//! Answers kept for `Idempotency-Key`, so that a repeated request is answered and not done again.
//!
//! An answer may hold what is shown only once (a new token's value), so bodies are sealed as secrets are.

use rusqlite::{Connection, OptionalExtension, params};

use crate::db::{Db, DbError, Priority};
use crate::model::envelope::{CHANCE, Vault};

/// A request that carries a key and is being done. Whoever commits what it creates may commit its answer in the same act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The caller's workspace.
    pub workspace: String,
    /// The caller.
    pub actor: String,
    /// The key.
    pub key: String,
}

impl Ticket {
    fn row_name(&self) -> String {
        format!("idempotency/{}/{}/{}", self.workspace, self.actor, self.key)
    }
}

/// An answer that is kept in the act which makes it true, so that a repetition finds it wherever the process was killed.
#[derive(Debug, Clone)]
pub struct KeptAnswer {
    /// The request.
    pub ticket: Ticket,
    /// The status.
    pub status: u16,
    /// Names and values, as JSON.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Keeps answers for one opening of the database: an act that makes what a request asks for is undone where another server took the
/// request over meanwhile.
#[derive(Clone)]
pub(in crate::db) struct Keeper {
    pub vault: Vault,
    pub holder: i64,
}

impl Keeper {
    /// Keeps the answer of a request with a key.
    pub fn keep(&self, connection: &Connection, kept: Option<&KeptAnswer>) -> Result<(), DbError> {
        match kept {
            Some(kept) => self.answer(connection, &kept.ticket, kept.status, &kept.headers, &kept.body),
            None => Ok(()),
        }
    }

    /// Keeps the answer within the act that makes it true. Does nothing where the answer is kept already.
    pub fn answer(
        &self,
        connection: &Connection,
        ticket: &Ticket,
        status: u16,
        headers: &str,
        body: &[u8],
    ) -> Result<(), DbError> {
        self.must_hold(connection, ticket)?;
        let body = self.vault.seal(&ticket.row_name(), body, crate::clock::random::<CHANCE>());
        connection
            .prepare_cached(
                "UPDATE idempotency SET status = ?4, headers = ?5, body = ?6 \
                 WHERE workspace_id = ?1 AND actor = ?2 AND key = ?3 AND status IS NULL",
            )?
            .execute(params![ticket.workspace, ticket.actor, ticket.key, status, headers, body])?;
        Ok(())
    }

    /// Notes what a request has begun to make where that takes more than one act: after a crash its repetition goes on with it.
    pub fn begun(&self, connection: &Connection, ticket: Option<&Ticket>, made: &str) -> Result<(), DbError> {
        let Some(ticket) = ticket else { return Ok(()) };
        self.must_hold(connection, ticket)?;
        connection
            .prepare_cached("UPDATE idempotency SET made = ?4 WHERE workspace_id = ?1 AND actor = ?2 AND key = ?3")?
            .execute(params![ticket.workspace, ticket.actor, ticket.key, made])?;
        Ok(())
    }

    fn must_hold(&self, connection: &Connection, ticket: &Ticket) -> Result<(), DbError> {
        let holds = connection
            .prepare_cached(
                "SELECT 1 FROM idempotency WHERE workspace_id = ?1 AND actor = ?2 AND key = ?3 AND holder = ?4",
            )?
            .exists(params![ticket.workspace, ticket.actor, ticket.key, self.holder])?;
        if holds { Ok(()) } else { Err(DbError::TakenOver) }
    }
}

/// What is known about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// Nothing: this request is the first and is to be done.
    New,
    /// The first was cut off by a crash after it had begun to make this; the request is to be done from there.
    Unfinished(String),
    /// The first is still being done.
    Running,
    /// The key was used for another request.
    OtherRequest,
    /// The first was answered with this.
    Answered {
        /// The status.
        status: u16,
        /// Names and values, as JSON.
        headers: String,
        /// The body.
        body: Vec<u8>,
    },
}

/// Whether a request that a crash cut off is this one's to go on with: only the first repetition's.
fn taken_up(connection: &Connection, ticket: &Ticket, holder: i64) -> Result<bool, DbError> {
    Ok(connection
        .prepare_cached(
            "UPDATE idempotency SET interrupted = 0, holder = ?4 \
             WHERE workspace_id = ?1 AND actor = ?2 AND key = ?3 AND interrupted = 1",
        )?
        .execute(params![ticket.workspace, ticket.actor, ticket.key, holder])?
        > 0)
}

impl Db {
    /// Takes the key for this request, or says what is known about it. A key from before `forgotten_before` is as good as new.
    pub async fn begin_request(
        &self,
        ticket: Ticket,
        request_hash: [u8; 32],
        now: i64,
        forgotten_before: i64,
    ) -> Result<Earlier, DbError> {
        let Keeper { vault, holder } = self.keeper();
        self.write(Priority::Urgent, move |connection| {
            connection.prepare_cached(
                "DELETE FROM idempotency WHERE workspace_id = ?1 AND actor = ?2 AND key = ?3 AND created_at < ?4 AND status IS NOT NULL",
            )?.execute(params![ticket.workspace, ticket.actor, ticket.key, forgotten_before])?;
            let found = connection
                .prepare_cached(
                    "SELECT request_hash, status, headers, body, made FROM idempotency \
                     WHERE workspace_id = ?1 AND actor = ?2 AND key = ?3",
                )?
                .query_row(params![ticket.workspace, ticket.actor, ticket.key], |row| {
                    Ok((
                        row.get::<_, [u8; 32]>(0)?,
                        row.get::<_, Option<u16>>(1)?,
                        row.get::<_, Option<String>>(2)?,
                        row.get::<_, Option<Vec<u8>>>(3)?,
                        row.get::<_, Option<String>>(4)?,
                    ))
                })
                .optional()?;
            match found {
                Some((hash, ..)) if hash != request_hash => Ok(Earlier::OtherRequest),
                Some((_, Some(status), headers, body, _)) => Ok(Earlier::Answered {
                    status,
                    headers: headers.unwrap_or_default(),
                    body: vault.open(&ticket.row_name(), &body.unwrap_or_default())?.to_vec(),
                }),
                Some((.., Some(made))) if taken_up(connection, &ticket, holder)? => Ok(Earlier::Unfinished(made)),
                Some(_) => Ok(Earlier::Running),
                None => {
                    connection
                        .prepare_cached(
                            "INSERT INTO idempotency (workspace_id, actor, key, request_hash, created_at, holder) \
                             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                        )?
                        .execute(params![ticket.workspace, ticket.actor, ticket.key, request_hash, now, holder])?;
                    Ok(Earlier::New)
                }
            }
        })
        .await
    }

    /// Keeps the answer of a request that was done; of an upload, with the hash of its content.
    pub async fn end_request(&self, kept: KeptAnswer, content: Option<[u8; 32]>) -> Result<(), DbError> {
        let keeper = self.keeper();
        self.write(Priority::Urgent, move |connection| {
            keeper.keep(connection, Some(&kept))?;
            let Ticket { workspace, actor, key } = &kept.ticket;
            connection
                .prepare_cached(
                    "UPDATE idempotency SET content_hash = ?4 WHERE workspace_id = ?1 AND actor = ?2 AND key = ?3",
                )?
                .execute(params![workspace, actor, key, content])?;
            Ok(())
        })
        .await
    }

    /// The hash of the content of an upload that was answered.
    pub async fn answered_content(&self, ticket: Ticket) -> Result<Option<[u8; 32]>, DbError> {
        self.read(move |connection| {
            let found = connection
                .prepare_cached(
                    "SELECT content_hash FROM idempotency WHERE workspace_id = ?1 AND actor = ?2 AND key = ?3",
                )?
                .query_row(params![ticket.workspace, ticket.actor, ticket.key], |row| row.get(0))
                .optional()?;
            Ok(found.flatten())
        })
        .await
    }

    /// Gives the key back after a failure that a repetition may mend. An answer that is kept already stands.
    pub async fn forget_request(&self, ticket: Ticket) -> Result<(), DbError> {
        let holder = self.opening();
        self.write(Priority::Urgent, move |connection| {
            connection
                .prepare_cached(
                    "DELETE FROM idempotency WHERE workspace_id = ?1 AND actor = ?2 AND key = ?3 AND status IS NULL AND holder = ?4",
                )?
                .execute(params![ticket.workspace, ticket.actor, ticket.key, holder])?;
            Ok(())
        })
        .await
    }
}
