//! Sign-ins with a provider that somebody has begun: who may go on with them, and what is kept until the browser comes back.
//!
//! What a browser presents is known here by its hash. A state is good once, in the browser that left with it.

use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};
use sambung_runtime::SecretValue;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::db::channels::{by_id, life, pending, tell};
use crate::db::people::audit;
use crate::db::{Db, DbError, Priority};
use crate::model::audit::Entry;
use crate::model::envelope::{CHANCE, Vault};
use crate::model::time::rfc3339;

/// A sign-in that begins.
#[derive(Debug, Clone)]
pub struct NewSignIn {
    /// What stands in the address that the browser opens; sealed.
    pub ticket: String,
    /// Its hash.
    pub ticket_hash: [u8; 32],
    /// Only this session goes on with it; none: begun by a program, and whoever opens the address goes on.
    pub session: Option<String>,
    /// Who begins it, for the audit log.
    pub actor: String,
    /// The role's name.
    pub role: String,
    /// The path that the browser is sent to at the end; none: a page that closes itself.
    pub return_to: Option<String>,
    /// When it is over, in milliseconds since 1970.
    pub expires_at: i64,
}

/// A sign-in as it stands.
#[derive(Debug, Clone)]
pub struct SignInRow {
    /// Whose it is.
    pub channel: String,
    /// See [`NewSignIn::session`].
    pub session: Option<String>,
    /// See [`NewSignIn::actor`].
    pub actor: String,
    /// The role's name.
    pub role: String,
    /// See [`NewSignIn::return_to`].
    pub return_to: Option<String>,
    /// What the address holds.
    pub ticket: String,
    /// What proves to the provider that whoever brings the code is who asked for it.
    pub verifier: Option<SecretValue>,
    browser: Option<Vec<u8>>,
}

/// What the browser left with.
#[derive(Debug, Clone)]
pub struct Departure {
    /// The hash of what stood in the address that it opened.
    pub ticket_hash: [u8; 32],
    /// The hash of what the provider gives back.
    pub state_hash: [u8; 32],
    /// The hash of what this browser alone holds.
    pub browser_hash: [u8; 32],
    /// See [`SignInRow::verifier`].
    pub verifier: Option<SecretValue>,
}

/// How somebody comes back.
#[derive(Debug)]
pub enum Return {
    /// With a state that is good, from the browser that left with it. It is used up.
    Good(Box<SignInRow>),
    /// From another browser: nothing is used up.
    OtherBrowser,
    /// Nobody left with this state, it was used, or it is over.
    Unknown,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    ticket: String,
    /// Hex.
    verifier: Option<String>,
}

fn row_name(channel: &str) -> String {
    format!("sign_in/{channel}")
}

fn seal(vault: &Vault, channel: &str, ticket: &str, verifier: Option<&SecretValue>) -> Result<Vec<u8>, DbError> {
    let sealed = Sealed { ticket: ticket.to_owned(), verifier: verifier.map(|value| hex::encode(value.expose())) };
    let text = serde_json::to_vec(&sealed).map(zeroize::Zeroizing::new);
    let text = text.map_err(|error| DbError::Damaged(error.to_string()))?;
    Ok(vault.seal(&row_name(channel), &text, crate::clock::random::<CHANCE>()))
}

const COLUMNS: &str = "channel_id, session, actor, role, return_to, envelope, browser";

fn row(vault: &Vault, row: &Row<'_>) -> rusqlite::Result<Result<SignInRow, DbError>> {
    let channel: String = row.get(0)?;
    let envelope: Vec<u8> = row.get(5)?;
    let (session, actor, role) = (row.get(1)?, row.get(2)?, row.get(3)?);
    let (return_to, browser) = (row.get(4)?, row.get(6)?);
    let opened = || {
        let damaged = || DbError::Damaged(format!("the sign-in of {channel}"));
        let sealed: Sealed =
            serde_json::from_slice(&vault.open(&row_name(&channel), &envelope)?).map_err(|_| damaged())?;
        let verifier = sealed.verifier.map(|text| hex::decode(text).map(SecretValue::new)).transpose();
        let verifier = verifier.map_err(|_| damaged())?;
        Ok(SignInRow {
            channel: channel.clone(),
            session,
            actor,
            role,
            return_to,
            ticket: sealed.ticket,
            verifier,
            browser,
        })
    };
    Ok(opened())
}

fn find(db: &Connection, vault: &Vault, key: &str, value: &dyn ToSql, now: i64) -> Result<Option<SignInRow>, DbError> {
    let mut query =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM sign_ins WHERE {key} = ?1 AND expires_at > ?2"))?;
    query.query_row(params![value, now], |found| row(vault, found)).optional()?.transpose()
}

/// Begins a sign-in, in the place of an earlier one of the channel.
fn begin(db: &Connection, vault: &Vault, channel: &str, new: &NewSignIn) -> Result<(), DbError> {
    let envelope = seal(vault, channel, &new.ticket, None)?;
    forget(db, channel)?;
    db.prepare_cached(
        "INSERT INTO sign_ins (channel_id, ticket, envelope, session, actor, role, return_to, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        channel,
        new.ticket_hash.as_slice(),
        envelope,
        new.session,
        new.actor,
        new.role,
        new.return_to,
        new.expires_at
    ])?;
    Ok(())
}

/// Ends the sign-in of a channel; whether there was one.
pub(super) fn forget(db: &Connection, channel: &str) -> Result<bool, DbError> {
    Ok(db.prepare_cached("DELETE FROM sign_ins WHERE channel_id = ?1")?.execute([channel])? > 0)
}

fn step(expires_at: i64, error: Option<&Value>) -> Value {
    let mut step = json!({ "kind": "authorize", "expires_at": rfc3339(expires_at) });
    if let Some(error) = error {
        step["error"] = error.clone();
    }
    step
}

fn stand(db: &Connection, channel: &str, step: &Value, at: i64) -> Result<(), DbError> {
    db.prepare_cached("UPDATE channels SET step = ?2, changed_at = ?3 WHERE id = ?1")?.execute(params![
        channel,
        step.to_string(),
        at
    ])?;
    Ok(())
}

impl Db {
    /// Commits that a channel waits for somebody to sign in with the provider. Of a channel that has its account already the
    /// change waits beside what stands.
    pub async fn sign_in_begins(
        &self,
        channel: &str,
        change: super::SettingsChange,
        new: NewSignIn,
        entry: Option<Entry>,
        at: i64,
    ) -> Result<(), DbError> {
        let (vault, owned) = (self.vault(), channel.to_owned());
        self.write(Priority::Routine, move |db| {
            let row = by_id(db, &owned)?.ok_or(DbError::Gone)?;
            match row.account {
                Some(_) => pending::keep(db, &vault, &owned, &change)?,
                None => life::apply_change(db, &vault, &row, &change, at)?,
            }
            begin(db, &vault, &owned, &new)?;
            stand(db, &owned, &step(new.expires_at, None), at)?;
            if let Some(entry) = &entry {
                audit::append(db, entry)?;
            }
            tell(db, &owned, at)
        })
        .await
    }

    /// The sign-in that a channel waits for, where it is not over.
    pub async fn sign_in_of(&self, channel: &str, now: i64) -> Result<Option<SignInRow>, DbError> {
        let (channel, vault) = (channel.to_owned(), self.vault());
        self.read(move |db| find(db, &vault, "channel_id", &channel, now)).await
    }

    /// Whether this sign-in is the one that its channel still waits for, over or not.
    pub async fn sign_in_stands(&self, sign_in: &SignInRow) -> Result<bool, DbError> {
        let standing = self.sign_in_of(&sign_in.channel, i64::MIN).await?;
        Ok(standing.is_some_and(|standing| standing.ticket == sign_in.ticket))
    }

    /// The sign-in whose address holds this ticket, where it is not over.
    pub async fn sign_in_by_ticket(&self, ticket_hash: [u8; 32], now: i64) -> Result<Option<SignInRow>, DbError> {
        let vault = self.vault();
        self.read(move |db| find(db, &vault, "ticket", &ticket_hash.as_slice(), now)).await
    }

    /// Commits that a browser leaves for the provider, where nobody began another sign-in meanwhile. Whoever left before with the
    /// same one does not come back by it.
    pub async fn sign_in_leaves(&self, sign_in: &SignInRow, departure: Departure) -> Result<bool, DbError> {
        let vault = self.vault();
        let (channel, ticket) = (sign_in.channel.clone(), sign_in.ticket.clone());
        self.write(Priority::Urgent, move |db| {
            let envelope = seal(&vault, &channel, &ticket, departure.verifier.as_ref())?;
            let left = db
                .prepare_cached(
                    "UPDATE sign_ins SET state = ?2, browser = ?3, envelope = ?4 WHERE channel_id = ?1 AND ticket = ?5",
                )?
                .execute(params![
                    channel,
                    departure.state_hash.as_slice(),
                    departure.browser_hash.as_slice(),
                    envelope,
                    departure.ticket_hash.as_slice()
                ])?;
            Ok(left > 0)
        })
        .await
    }

    /// Somebody comes back from the provider with this state.
    pub async fn sign_in_returns(
        &self,
        state_hash: [u8; 32],
        browser_hash: Option<[u8; 32]>,
        now: i64,
    ) -> Result<Return, DbError> {
        let known = self.read(move |db| {
            let mut query = db.prepare_cached("SELECT 1 FROM sign_ins WHERE state = ?1")?;
            Ok(query.exists([state_hash.as_slice()])?)
        });
        // Anybody may come with a state of their own making: the writer is not bothered with it.
        if !known.await? {
            return Ok(Return::Unknown);
        }
        let vault = self.vault();
        self.write(Priority::Urgent, move |db| {
            let Some(found) = find(db, &vault, "state", &state_hash.as_slice(), now)? else {
                return Ok(Return::Unknown);
            };
            if found.browser.as_deref() != browser_hash.as_ref().map(<[u8; 32]>::as_slice) {
                return Ok(Return::OtherBrowser);
            }
            db.prepare_cached("UPDATE sign_ins SET state = NULL WHERE channel_id = ?1")?.execute([&found.channel])?;
            Ok(Return::Good(Box::new(found)))
        })
        .await
    }

    /// Notes why a sign-in led nowhere; it may be tried again until it is over.
    pub async fn sign_in_failed(&self, channel: &str, error: Value, at: i64) -> Result<(), DbError> {
        let owned = channel.to_owned();
        self.write(Priority::Routine, move |db| {
            let expires_at: Option<i64> = db
                .prepare_cached("SELECT expires_at FROM sign_ins WHERE channel_id = ?1")?
                .query_row([&owned], |row| row.get(0))
                .optional()?;
            let Some(expires_at) = expires_at else { return Ok(()) };
            stand(db, &owned, &step(expires_at, Some(&error)), at)?;
            tell(db, &owned, at)
        })
        .await
    }

    /// Whether a channel still waits for a sign-in that is over.
    pub async fn is_sign_in_over(&self, channel: &str, now: i64) -> Result<bool, DbError> {
        let channel = channel.to_owned();
        self.read(move |db| {
            let mut query = db.prepare_cached("SELECT 1 FROM sign_ins WHERE channel_id = ?1 AND expires_at <= ?2")?;
            Ok(query.exists(params![channel, now])?)
        })
        .await
    }

    /// Channels whose sign-in is over, and whether each has its account: at most `limit`.
    pub async fn overdue_sign_ins(&self, now: i64, limit: u32) -> Result<Vec<(String, bool)>, DbError> {
        self.read(move |db| {
            let mut query = db.prepare_cached(
                "SELECT s.channel_id, c.account IS NOT NULL FROM sign_ins s JOIN channels c ON c.id = s.channel_id \
                 WHERE s.expires_at <= ?1 ORDER BY s.expires_at LIMIT ?2",
            )?;
            Ok(query.query_map(params![now, limit], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
        })
        .await
    }
}
