//! How a channel comes, changes and goes. Every act commits with its feed row, its secrets and its line in the audit log.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use sambung_runtime::contract::connection::Account;
use sambung_runtime::{Effects, KeptSecret, SecretValue};
use serde_json::{Value, json};

use crate::db::channels::{ChannelRow, by_id, kv, note, pending, secrets, sign_ins, tell};
use crate::db::engine::after;
use crate::db::inbound::{self, journal};
use crate::db::people::audit;
use crate::db::people::idempotency::Ticket;
use crate::db::{Db, DbError, Priority};
use crate::model::audit::Entry;
use crate::model::channel::{ChannelState, Finding, FindingSource};
use crate::model::envelope::Vault;

/// A secret to be sealed.
#[derive(Debug, Clone)]
pub struct NewSecret {
    /// Its name in the manifest.
    pub name: String,
    /// Its value.
    pub value: SecretValue,
    /// When it stops working, milliseconds since 1970.
    pub expires_at: Option<i64>,
}

impl NewSecret {
    /// One that a provider handed out during a call.
    pub fn handed_out(secret: &KeptSecret) -> NewSecret {
        NewSecret { name: secret.name.clone(), value: secret.value.clone(), expires_at: secret.expires_at }
    }
}

/// A channel that is about to connect.
#[derive(Debug, Clone)]
pub struct NewChannel {
    /// `ch_…`
    pub id: String,
    /// Whose it is.
    pub workspace: String,
    /// Which plugin it uses.
    pub plugin: String,
    /// What people call it.
    pub name: String,
    /// The registration with the provider that it uses.
    pub app: Option<String>,
    /// Plain settings, an object.
    pub settings: Value,
    /// Typed and generated ones.
    pub secrets: Vec<NewSecret>,
    /// Where it receives mail, if it does.
    pub mail: Option<MailAddress>,
}

/// An address that the host made for a channel.
#[derive(Debug, Clone)]
pub struct MailAddress {
    /// Under what name the plugin finds it.
    pub name: String,
    /// What stands before `+` and `@`.
    pub local: String,
    /// Whole.
    pub address: String,
}

/// Settings that proved right, to be stored with the call's result that proved it.
#[derive(Debug, Clone, Default)]
pub struct SettingsChange {
    /// Plain settings, whole; none: as they are.
    pub settings: Option<Value>,
    /// Typed anew.
    pub secrets: Vec<NewSecret>,
    /// Names of secrets that were bound to a destination that is not any more.
    pub cleared: Vec<String>,
    /// What people call the channel, if that changes.
    pub name: Option<String>,
}

impl SettingsChange {
    /// Secrets that take the place of those of the same name.
    pub fn replace_secrets(&mut self, newer: Vec<NewSecret>) {
        self.secrets.retain(|old| newer.iter().all(|new| new.name != old.name));
        self.secrets.extend(newer);
    }
}

/// What `register` or `check` said about who a channel is.
#[derive(Debug, Clone)]
pub struct Connected {
    /// As the plugin reported it.
    pub account: Account,
    /// What the plugin found; replaces what it found before.
    pub findings: Vec<Finding>,
}

pub(super) fn put_secrets(
    db: &Connection,
    vault: &Vault,
    row: (&str, &str),
    new: &[NewSecret],
    at: i64,
) -> Result<(), DbError> {
    let (owner, workspace) = row;
    for secret in new {
        let value = secrets::NewSecret {
            owner,
            name: &secret.name,
            workspace: Some(workspace),
            value: secret.value.expose(),
            bound_to: None,
            expires_at: secret.expires_at,
        };
        secrets::put(db, vault, &value, at)?;
    }
    Ok(())
}

/// Commits what a call wants kept beside its result: its writes to the channel's memory and the secrets that the provider
/// handed out. Visitors' entries are not here: they belong to messages.
pub(in crate::db) fn apply_effects(
    db: &Connection,
    vault: &Vault,
    channel: &str,
    workspace: &str,
    effects: &Effects,
    at: i64,
) -> Result<(), DbError> {
    remember(db, channel, effects, at)?;
    let kept = kept(effects);
    if !kept.is_empty() {
        put_secrets(db, vault, (channel, workspace), &kept, at)?;
        grow_credential(db, channel)?;
    }
    Ok(())
}

pub(super) fn remember(db: &Connection, channel: &str, effects: &Effects, at: i64) -> Result<(), DbError> {
    if kv::apply(db, channel, &effects.kv)? {
        let words = format!("The plugin wants to remember more than {} things about this channel.", kv::MOST_KEYS);
        let finding = Finding::new("warning", "memory-full", words, None);
        if note(db, channel, &finding, FindingSource::Notice.as_str(), at)? {
            tell(db, channel, at)?;
        }
    }
    Ok(())
}

fn kept(effects: &Effects) -> Vec<NewSecret> {
    effects.secrets.iter().map(NewSecret::handed_out).collect()
}

pub(super) fn grow_credential(db: &Connection, channel: &str) -> Result<(), DbError> {
    after::channel_changed(channel);
    db.prepare_cached("UPDATE channels SET credential_version = credential_version + 1 WHERE id = ?1")?
        .execute([channel])?;
    Ok(())
}

/// Stores settings that proved right; secrets typed anew count as a new credential.
pub(super) fn apply_change(
    db: &Connection,
    vault: &Vault,
    row: &ChannelRow,
    change: &SettingsChange,
    at: i64,
) -> Result<(), DbError> {
    after::channel_changed(&row.id);
    if let Some(settings) = &change.settings {
        db.prepare_cached("UPDATE channels SET settings = ?2, changed_at = ?3 WHERE id = ?1")?.execute(params![
            row.id,
            settings.to_string(),
            at
        ])?;
    }
    if let Some(name) = &change.name {
        db.prepare_cached("UPDATE channels SET name = ?2, changed_at = ?3 WHERE id = ?1")?
            .execute(params![row.id, name, at])?;
    }
    for name in &change.cleared {
        secrets::remove(db, &row.id, name)?;
    }
    put_secrets(db, vault, (&row.id, &row.workspace), &change.secrets, at)?;
    if !change.secrets.is_empty() || !change.cleared.is_empty() {
        grow_credential(db, &row.id)?;
    }
    Ok(())
}

/// What the provider said stays until the channel is connected: a code that it sent may be just what an admin needs.
fn replace_findings(db: &Connection, channel: &str, findings: &[Finding], at: i64) -> Result<(), DbError> {
    db.prepare_cached(
        "DELETE FROM findings WHERE channel_id = ?1 AND (source = 'check' OR (source = 'notice' AND \
           EXISTS (SELECT 1 FROM channels WHERE id = ?1 AND state <> 'connecting')))",
    )?
    .execute([channel])?;
    for finding in findings {
        // What `check` tells of itself by now is not shown a second time.
        db.prepare_cached("DELETE FROM findings WHERE channel_id = ?1 AND source = 'notice' AND code = ?2")?
            .execute([channel, &finding.code])?;
        note(db, channel, finding, FindingSource::Check.as_str(), at)?;
    }
    Ok(())
}

/// The account's row: the one that its conversations point to already, or a new one.
fn account_row(db: &Connection, row: &ChannelRow, account: &Account, at: i64) -> Result<i64, DbError> {
    Ok(db
        .prepare_cached(
            "INSERT INTO accounts (workspace_id, plugin_id, account, name, created_at) VALUES (?1, ?2, ?3, ?4, ?5) \
             ON CONFLICT (workspace_id, plugin_id, account) DO UPDATE SET name = ?4 RETURNING id",
        )?
        .query_row(params![row.workspace, row.plugin, account.id, account.name, at], |found| found.get(0))?)
}

/// Makes a channel connected to this account, which it has claimed. `step`: what it stands at from now on.
fn become_connected(
    db: &Connection,
    row: &ChannelRow,
    connected: &Connected,
    step: Option<&Value>,
    at: i64,
) -> Result<(), DbError> {
    let account = &connected.account;
    let account_id = account_row(db, row, account, at)?;
    let features = serde_json::from_str::<Value>(&account.features).ok().filter(Value::is_object);
    db.prepare_cached(
        "UPDATE channels SET state = ?2, step = ?7, account = ?3, claim = ?3, account_id = ?4, features = ?5, changed_at = ?6 WHERE id = ?1",
    )?
    .execute(params![
        row.id,
        ChannelState::Connected.as_str(),
        account.id,
        account_id,
        features.unwrap_or_else(|| json!({})).to_string(),
        at,
        step.map(Value::to_string)
    ])?;
    db.prepare_cached("DELETE FROM routes WHERE channel_id = ?1")?.execute([&row.id])?;
    for route in &account.routes {
        db.prepare_cached(
            "INSERT INTO routes (plugin_id, route, channel_id) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        )?
        .execute(params![row.plugin, route, row.id])?;
    }
    db.prepare_cached("DELETE FROM findings WHERE channel_id = ?1 AND source = 'credential'")?.execute([&row.id])?;
    replace_findings(db, &row.id, &connected.findings, at)
}

/// What the host made and is not secret, by name.
fn generated(mail: Option<&MailAddress>) -> Value {
    mail.iter().map(|mail| json!([mail.name, mail.address])).collect()
}

pub(super) fn needed(db: &Connection, id: &str) -> Result<ChannelRow, DbError> {
    by_id(db, id)?.ok_or(DbError::Gone)
}

impl Db {
    /// The channel that receives mail at an address of which this stands before `+` and `@`.
    pub async fn channel_at_address(&self, local: &str) -> Result<Option<String>, DbError> {
        let local = local.to_owned();
        self.read(move |db| {
            Ok(db
                .prepare_cached("SELECT channel_id FROM mail_addresses WHERE local = ?1")?
                .query_row([local], |row| row.get(0))
                .optional()?)
        })
        .await
    }

    /// Commits a channel as *connecting*, with its secrets, before its plugin is asked. No feed row yet: nobody is told of
    /// what may be refused in a moment.
    pub async fn insert_channel(&self, new: NewChannel, request: Option<Ticket>, at: i64) -> Result<(), DbError> {
        let (vault, keeper) = (self.vault(), self.keeper());
        self.write(Priority::Routine, move |db| {
            db.prepare_cached(
                "INSERT INTO channels (id, workspace_id, plugin_id, name, state, app_id, settings, generated, credential_version, created_at, changed_at) \
                 VALUES (?1, ?2, ?3, ?4, 'connecting', ?5, ?6, ?8, 1, ?7, ?7)",
            )?
            .execute(params![
                new.id,
                new.workspace,
                new.plugin,
                new.name,
                new.app,
                new.settings.to_string(),
                at,
                generated(new.mail.as_ref()).to_string()
            ])?;
            if let Some(mail) = &new.mail {
                db.prepare_cached("INSERT INTO mail_addresses (local, channel_id) VALUES (?1, ?2)")?
                    .execute([&mail.local, &new.id])?;
            }
            keeper.begun(db, request.as_ref(), &new.id)?;
            put_secrets(db, &vault, (&new.id, &new.workspace), &new.secrets, at)
        })
        .await
    }

    /// Whether no other channel has one of this one's routes, in any workspace: what they share at the provider is theirs as well.
    pub async fn shares_no_route(&self, id: &str) -> Result<bool, DbError> {
        let id = id.to_owned();
        self.read(move |db| {
            let mut shared = db.prepare_cached(
                "SELECT 1 FROM routes mine JOIN routes theirs ON theirs.plugin_id = mine.plugin_id \
                   AND theirs.route = mine.route AND theirs.channel_id <> mine.channel_id WHERE mine.channel_id = ?1",
            )?;
            Ok(!shared.exists([id])?)
        })
        .await
    }

    /// Commits that a channel is connected: account, routes, features, findings, the settings that proved right, and what
    /// the call wants kept. Without a `change` it was proved with what stands, and a change that waits beside it goes on
    /// waiting. The account is the channel's own, or claimed for it ([`Db::claim_account`]).
    pub async fn channel_connected(
        &self,
        id: &str,
        connected: Connected,
        change: Option<SettingsChange>,
        effects: Arc<Effects>,
        entry: Option<Entry>,
        at: i64,
    ) -> Result<(), DbError> {
        let (vault, owned) = (self.vault(), id.to_owned());
        self.write(Priority::Routine, move |db| {
            let row = needed(db, &owned)?;
            let mut step = row.step.as_ref().filter(|_| row.account.is_some());
            if let Some(change) = &change {
                apply_change(db, &vault, &row, change, at)?;
                pending::forget(db, &owned)?;
                sign_ins::forget(db, &owned)?;
                step = None;
            }
            become_connected(db, &row, &connected, step, at)?;
            journal::release_waiting(db, &owned)?;
            inbound::channel_appeared(db, &owned)?;
            apply_effects(db, &vault, &owned, &row.workspace, &effects, at)?;
            if let Some(entry) = &entry {
                audit::append(db, entry)?;
            }
            tell(db, &owned, at)
        })
        .await
    }

    /// Commits the step that a channel stands at (`{kind, …}`), with the settings that led there. Where the channel has its
    /// account already they wait beside what was proved, secrets that the provider handed out among them.
    pub async fn channel_stands_at(
        &self,
        id: &str,
        step: Value,
        change: SettingsChange,
        effects: Arc<Effects>,
        entry: Option<Entry>,
        at: i64,
    ) -> Result<(), DbError> {
        let (vault, owned) = (self.vault(), id.to_owned());
        self.write(Priority::Routine, move |db| {
            let row = needed(db, &owned)?;
            sign_ins::forget(db, &owned)?;
            if row.account.is_some() {
                let mut waiting = change.clone();
                waiting.replace_secrets(kept(&effects));
                pending::keep(db, &vault, &owned, &waiting)?;
                remember(db, &owned, &effects, at)?;
            } else {
                apply_change(db, &vault, &row, &change, at)?;
                apply_effects(db, &vault, &owned, &row.workspace, &effects, at)?;
            }
            db.prepare_cached("UPDATE channels SET step = ?2, changed_at = ?3 WHERE id = ?1")?.execute(params![
                owned,
                step.to_string(),
                at
            ])?;
            // What the provider says while it is waited for may be just what is waited for.
            journal::release_waiting(db, &owned)?;
            if let Some(entry) = &entry {
                audit::append(db, entry)?;
            }
            tell(db, &owned, at)
        })
        .await
    }

    /// Commits what `check` found; what it or a notice found before goes.
    pub async fn channel_checked(
        &self,
        id: &str,
        findings: Vec<Finding>,
        effects: Arc<Effects>,
        entry: Option<Entry>,
        at: i64,
    ) -> Result<(), DbError> {
        let (vault, owned) = (self.vault(), id.to_owned());
        self.write(Priority::Routine, move |db| {
            let row = needed(db, &owned)?;
            let before = crate::db::channels::shown::findings(db, &owned)?;
            replace_findings(db, &owned, &findings, at)?;
            apply_effects(db, &vault, &owned, &row.workspace, &effects, at)?;
            if let Some(entry) = &entry {
                audit::append(db, entry)?;
            }
            if crate::db::channels::shown::findings(db, &owned)? != before {
                tell(db, &owned, at)?;
            }
            Ok(())
        })
        .await
    }

    /// Changes what needs no plugin: the name, and whether an admin holds the channel.
    pub async fn rename_or_pause_channel(
        &self,
        id: &str,
        name: Option<String>,
        paused: Option<bool>,
        entry: Entry,
        at: i64,
    ) -> Result<(), DbError> {
        let owned = id.to_owned();
        self.write(Priority::Routine, move |db| {
            db.prepare_cached(
                "UPDATE channels SET name = coalesce(?2, name), paused = coalesce(?3, paused), changed_at = ?4 WHERE id = ?1",
            )?
            .execute(params![owned, name, paused, at])?;
            audit::append(db, &entry)?;
            tell(db, &owned, at)
        })
        .await
    }

    /// Takes a channel away with its settings, secrets, memory and routes. The account's row and its conversations stay, and
    /// attach again when the account is connected again. `entry` none: a connection that was refused, of which nothing is
    /// kept and nobody is told.
    pub async fn delete_channel(&self, id: &str, entry: Option<Entry>, at: i64) -> Result<(), DbError> {
        let owned = id.to_owned();
        self.write(Priority::Routine, move |db| {
            let Some(row) = by_id(db, &owned)? else { return Ok(()) };
            secrets::remove_all(db, &owned)?;
            journal::park_waiting(db, &owned, at)?;
            db.prepare_cached("DELETE FROM channels WHERE id = ?1")?.execute([&owned])?;
            after::channel_changed(&owned);
            after::wake_polling();
            if let Some(entry) = &entry {
                audit::append(db, entry)?;
                let data = json!({ "id": row.id, "plugin": row.plugin, "name": row.name, "account": row.account, "deleted": true });
                crate::db::feed::append(db, &row.workspace, "channel.updated", &data, at)?;
            }
            Ok(())
        })
        .await
    }

    /// The workspace's account of this name at the provider, whether a channel has it now or not.
    pub async fn account_of(&self, workspace: &str, plugin: &str, account: &str) -> Result<Option<i64>, DbError> {
        let key = [workspace.to_owned(), plugin.to_owned(), account.to_owned()];
        self.read(move |db| {
            Ok(db
                .prepare_cached("SELECT id FROM accounts WHERE workspace_id = ?1 AND plugin_id = ?2 AND account = ?3")?
                .query_row(rusqlite::params_from_iter(key), |row| row.get(0))
                .optional()?)
        })
        .await
    }
}
