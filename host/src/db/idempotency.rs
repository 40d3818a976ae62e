//! Answers kept for `Idempotency-Key`, so that a repeated request is answered and not done again.
//!
//! An answer may hold what is shown only once (a new token's value), so bodies are sealed as secrets are.

use rusqlite::{Connection, OptionalExtension, params};

use super::{Db, DbError, Priority};
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

/// What is known about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Earlier {
    /// Nothing: this request is the first and is to be done.
    New,
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

/// Keeps the answer within the act that makes it true. Does nothing where the answer is kept already.
pub(in crate::db) fn answer(
    connection: &Connection,
    vault: &Vault,
    ticket: &Ticket,
    status: u16,
    headers: &str,
    body: &[u8],
) -> Result<(), DbError> {
    let body = vault.seal(&ticket.row_name(), body, crate::clock::random::<CHANCE>());
    connection
        .prepare_cached(
            "UPDATE idempotency SET status = ?4, headers = ?5, body = ?6 \
             WHERE workspace_id = ?1 AND actor = ?2 AND key = ?3 AND status IS NULL",
        )?
        .execute(params![ticket.workspace, ticket.actor, ticket.key, status, headers, body])?;
    Ok(())
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
        let vault = self.vault();
        self.write(Priority::Urgent, move |connection| {
            connection.prepare_cached(
                "DELETE FROM idempotency WHERE workspace_id = ?1 AND actor = ?2 AND key = ?3 AND created_at < ?4 AND status IS NOT NULL",
            )?.execute(params![ticket.workspace, ticket.actor, ticket.key, forgotten_before])?;
            let found = connection
                .prepare_cached(
                    "SELECT request_hash, status, headers, body FROM idempotency \
                     WHERE workspace_id = ?1 AND actor = ?2 AND key = ?3",
                )?
                .query_row(params![ticket.workspace, ticket.actor, ticket.key], |row| {
                    Ok((
                        row.get::<_, [u8; 32]>(0)?,
                        row.get::<_, Option<u16>>(1)?,
                        row.get::<_, Option<String>>(2)?,
                        row.get::<_, Option<Vec<u8>>>(3)?,
                    ))
                })
                .optional()?;
            match found {
                Some((hash, ..)) if hash != request_hash => Ok(Earlier::OtherRequest),
                Some((_, Some(status), headers, body)) => Ok(Earlier::Answered {
                    status,
                    headers: headers.unwrap_or_default(),
                    body: vault.open(&ticket.row_name(), &body.unwrap_or_default())?.to_vec(),
                }),
                Some(_) => Ok(Earlier::Running),
                None => {
                    connection
                        .prepare_cached(
                            "INSERT INTO idempotency (workspace_id, actor, key, request_hash, created_at) \
                             VALUES (?1, ?2, ?3, ?4, ?5)",
                        )?
                        .execute(params![ticket.workspace, ticket.actor, ticket.key, request_hash, now])?;
                    Ok(Earlier::New)
                }
            }
        })
        .await
    }

    /// Keeps the answer of a request that was done.
    pub async fn end_request(
        &self,
        ticket: Ticket,
        status: u16,
        headers: String,
        body: Vec<u8>,
    ) -> Result<(), DbError> {
        let vault = self.vault();
        self.write(Priority::Urgent, move |connection| answer(connection, &vault, &ticket, status, &headers, &body))
            .await
    }

    /// Gives the key back after a failure that a repetition may mend. An answer that is kept already stands.
    pub async fn forget_request(&self, ticket: Ticket) -> Result<(), DbError> {
        self.write(Priority::Urgent, move |connection| {
            connection
                .prepare_cached(
                    "DELETE FROM idempotency WHERE workspace_id = ?1 AND actor = ?2 AND key = ?3 AND status IS NULL",
                )?
                .execute(params![ticket.workspace, ticket.actor, ticket.key])?;
            Ok(())
        })
        .await
    }

    /// Gives back every key whose request ended with the process that did it.
    pub async fn forget_interrupted_requests(&self) -> Result<usize, DbError> {
        self.write(Priority::Urgent, |connection| {
            Ok(connection.execute("DELETE FROM idempotency WHERE status IS NULL", [])?)
        })
        .await
    }
}
