//! Tokens that the host holds for its channels: renewed ahead of their end or when a provider refuses one, one at a time for a
//! channel, and given back when a channel goes.
//!
//! How a provider is asked stands in the plugin's manifest; what a refusal means for a channel is its caller's business.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use sambung_runtime::manifest::OAuth2;
use sambung_runtime::oauth2::{OAuthClient, OAuthError, Tokens};
use tokio::sync::Mutex as Turn;
use tokio_util::task::TaskTracker;

use super::{Generation, Registry};
use crate::clock::Clock;
use crate::db::{ChannelRow, CredentialEnding, Db, DbError, NewSecret};
use crate::model::time::{HOUR, MINUTE};

/// A token that is younger and refused all the same is not mended by another one.
const FRESH: i64 = MINUTE;
/// How long nobody asks again after a provider did not answer.
const PAUSE: i64 = MINUTE;
/// How long another server's renewal is waited for. One that was noted longer than half of it ago is not begun any more.
const RENEWAL: i64 = 2 * MINUTE;
/// The longest that a provider's own wish to be left alone is honoured: the token's end does not wait for it.
const LONGEST_PAUSE: i64 = HOUR;
/// How long a refusal stands. It is the provider's last word on that credential most often, but not always.
const REFUSED_FOR: i64 = HOUR;
/// Secrets that one question reads.
const PAGE: u32 = 200;

/// What became of asking for a new credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewed {
    /// There is a newer one than the caller knows.
    Newer,
    /// The provider refuses, in its words: somebody has to sign in again.
    Refused(String),
    /// The provider did not answer; it may later.
    Later,
    /// Nothing can be renewed here.
    Impossible,
}

/// Renews credentials. Cheap to clone.
#[derive(Clone)]
pub struct Renewals(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    plugins: Registry,
    turns: Mutex<HashMap<String, Weak<Turn<()>>>>,
    /// Until when a channel's provider is left alone.
    pauses: Mutex<HashMap<String, i64>>,
    /// What was refused, by channel.
    refusals: Mutex<HashMap<String, Refusal>>,
    /// What a provider handed out and the database did not take, by channel. The old ones are withdrawn.
    unkept: Mutex<HashMap<String, Unkept>>,
    /// What the server does not stop before.
    tasks: TaskTracker,
}

struct Refusal {
    credential_version: i64,
    words: String,
    until: i64,
}

#[derive(Clone)]
struct Unkept {
    /// The access token's name and version.
    replaced: (String, i64),
    secrets: Vec<NewSecret>,
}

/// A token that can be renewed.
struct Held {
    generation: Arc<Generation>,
    row: Arc<ChannelRow>,
    client: OAuthClient,
    tokens: Tokens,
    /// The access token's.
    version: i64,
    changed_at: i64,
}

impl Held {
    fn flow(&self) -> Option<&OAuth2> {
        self.generation.plugin.manifest().sign_in(&self.row.settings)
    }
}

impl Renewals {
    /// Over these parts. Who stops the server waits for `tasks`.
    pub fn new(db: Db, clock: Clock, plugins: Registry, tasks: TaskTracker) -> Renewals {
        Renewals(Arc::new(Inner {
            db,
            clock,
            plugins,
            turns: Mutex::default(),
            pauses: Mutex::default(),
            refusals: Mutex::default(),
            unkept: Mutex::default(),
            tasks,
        }))
    }

    /// Who this host is to the provider, by the registration that a channel uses; none: it is not filled in.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn client(&self, flow: &OAuth2, app: Option<&str>) -> Result<Option<OAuthClient>, DbError> {
        let Some(app) = app else { return Ok(None) };
        let Some(row) = self.0.db.app(app).await? else { return Ok(None) };
        let Some(id) = row.settings[&flow.client_id].as_str().filter(|id| !id.is_empty()) else { return Ok(None) };
        let secret = match &flow.client_secret {
            None => None,
            Some(name) => match self.0.db.secret(app, name).await? {
                Some(secret) => Some(secret.value),
                None => return Ok(None),
            },
        };
        Ok(Some(OAuthClient { id: id.to_owned(), secret }))
    }

    /// Tokens as the channel's secrets, by the names that the flow gives them.
    pub fn as_secrets(&self, flow: &OAuth2, tokens: Tokens) -> Vec<NewSecret> {
        let now = self.0.clock.now();
        let expires_at = tokens.lasts_ms.map(|ms| now.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)));
        let access = NewSecret { name: flow.access_token.clone(), value: tokens.access, expires_at };
        let refresh = flow.refresh_token.clone().zip(tokens.refresh);
        let refresh = refresh.map(|(name, value)| NewSecret { name, value, expires_at: None });
        std::iter::once(access).chain(refresh).collect()
    }

    /// Gets a channel a credential that is newer than the version `seen`, once however many ask at a time.
    ///
    /// # Errors
    /// The database does not answer. Tokens that it did not take are kept in memory until it does.
    pub async fn renew(&self, channel: &str, seen: i64) -> Result<Renewed, DbError> {
        let turn = self.turn(channel).lock_owned().await;
        let Some(row) = self.0.db.channel(channel).await? else { return Ok(Renewed::Impossible) };
        if row.credential_version > seen {
            return Ok(Renewed::Newer);
        }
        if self.keep_what_was_not(channel).await? {
            return Ok(Renewed::Newer);
        }
        let Some(held) = self.held(row).await? else { return Ok(Renewed::Impossible) };
        // After a restore the server that the backup was taken from may still run, and it holds the same tokens.
        if self.0.db.held_since().await?.is_some() {
            return Ok(Renewed::Later);
        }
        let now = self.0.clock.now();
        let renewable = held.flow().is_some_and(|flow| flow.refresh.is_some());
        if !renewable || now - held.changed_at < FRESH {
            return Ok(Renewed::Impossible);
        }
        if let Some(words) = self.refusal(channel, held.row.credential_version, now) {
            return Ok(Renewed::Refused(words));
        }
        if lock(&self.0.pauses).get(channel).is_some_and(|until| *until > now) {
            return Ok(Renewed::Later);
        }
        // On a task of its own, with the turn: a provider that answers has withdrawn the old token, whoever still waits, and
        // who asks with it meanwhile may lose both.
        let renewals = self.clone();
        let done = self.0.tasks.spawn(async move {
            let _turn = turn;
            renewals.ask(held).await
        });
        done.await.unwrap_or(Ok(Renewed::Later))
    }

    async fn ask(&self, held: Held) -> Result<Renewed, DbError> {
        let Some(flow) = held.flow() else { return Ok(Renewed::Impossible) };
        let provider = held.generation.plugin.provider(flow, &held.client, &held.row.workspace);
        let (plugin, channel) = (&held.row.plugin, &held.row.id);
        let count = |outcome: &'static str| {
            metrics::counter!("sambung_credential_renewals_total", "plugin" => plugin.clone(), "outcome" => outcome)
                .increment(1);
        };
        let noted = self.0.clock.now();
        let replaced = (flow.access_token.as_str(), held.version);
        if !self.0.db.begin_renewal(channel, replaced, noted - RENEWAL, noted).await? {
            return Ok(Renewed::Later);
        }
        // The process was stopped in between: another server may have asked.
        if self.0.clock.now() - noted > RENEWAL / 2 {
            self.0.db.end_renewal(channel).await?;
            return Ok(Renewed::Later);
        }
        let answer = provider.renew(&held.tokens).await;
        if answer.is_err()
            && let Err(error) = self.0.db.end_renewal(channel).await
        {
            // What the provider said counts all the same, and the note ends by its time.
            tracing::warn!(channel, %error, "the end of a renewal could not be noted");
        }
        match answer {
            Ok(tokens) => {
                count("ok");
                let replaced = (flow.access_token.clone(), held.version);
                let unkept = Unkept { replaced, secrets: self.as_secrets(flow, tokens) };
                lock(&self.0.unkept).insert(channel.clone(), unkept);
                self.keep_what_was_not(channel).await?;
                lock(&self.0.pauses).remove(channel);
                Ok(Renewed::Newer)
            }
            Err(OAuthError::Refused { words, .. }) => {
                count("refused");
                let (now, credential_version) = (self.0.clock.now(), held.row.credential_version);
                let refusal = Refusal { credential_version, words: words.clone(), until: now + REFUSED_FOR };
                let mut refusals = lock(&self.0.refusals);
                refusals.retain(|_, known| known.until > now);
                refusals.insert(channel.clone(), refusal);
                Ok(Renewed::Refused(words))
            }
            Err(OAuthError::Unavailable { words, retry_after_ms }) => {
                count("unavailable");
                tracing::info!(channel, words, "a credential was not renewed; it is tried again");
                let asked = retry_after_ms.map_or(PAUSE, |ms| i64::try_from(ms).unwrap_or(i64::MAX));
                self.pause(channel, asked.clamp(PAUSE, LONGEST_PAUSE));
                Ok(Renewed::Later)
            }
            Err(OAuthError::Broken(words)) => {
                count("broken");
                tracing::warn!(channel, words, "a credential was not renewed");
                self.pause(channel, 10 * PAUSE);
                Ok(Renewed::Later)
            }
        }
    }

    /// Keeps what a provider handed out, if that is not kept yet; whether there was anything. A channel that is gone, or that
    /// somebody signed in for meanwhile, needs it no more.
    async fn keep_what_was_not(&self, channel: &str) -> Result<bool, DbError> {
        let Some(unkept) = lock(&self.0.unkept).get(channel).cloned() else { return Ok(false) };
        let (name, version) = &unkept.replaced;
        let kept = self.0.db.credential_renewed(channel, (name, *version), unkept.secrets, self.0.clock.now()).await;
        match kept {
            Ok(kept) => {
                lock(&self.0.unkept).remove(channel);
                Ok(kept)
            }
            Err(error) => {
                tracing::error!(channel, %error, "a renewed credential could not be stored; it is kept in memory until it can");
                Err(error)
            }
        }
    }

    /// The provider's words, where it refused to renew this credential a while ago.
    fn refusal(&self, channel: &str, credential_version: i64, now: i64) -> Option<String> {
        let refusals = lock(&self.0.refusals);
        let known = refusals.get(channel).filter(|known| known.credential_version == credential_version);
        known.filter(|known| known.until > now).map(|known| known.words.clone())
    }

    /// Tells the provider that a channel's tokens are given back; what became of it, where there is anything to tell. What is
    /// being renewed is given back as well.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn revoke(&self, row: &Arc<ChannelRow>) -> Result<Option<Result<(), OAuthError>>, DbError> {
        let turn = self.turn(&row.id);
        let _turn = turn.lock().await;
        self.keep_what_was_not(&row.id).await?;
        let Some(held) = self.held(Arc::clone(row)).await? else { return Ok(None) };
        let Some(flow) = held.flow().filter(|flow| flow.revoke.is_some()) else { return Ok(None) };
        let provider = held.generation.plugin.provider(flow, &held.client, &row.workspace);
        Ok(Some(provider.revoke(&held.tokens).await))
    }

    /// Channels whose token ends within what its plugin's manifest says.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn due(&self) -> Result<Vec<CredentialEnding>, DbError> {
        let now = self.0.clock.now();
        let ahead = self.0.plugins.all().iter().map(|generation| longest_ahead(generation)).max().unwrap_or(0);
        let mut due = Vec::new();
        let mut after = (i64::MIN, String::new(), String::new());
        if ahead == 0 {
            return Ok(due);
        }
        loop {
            let page = self.0.db.credentials_ending(now.saturating_add(ahead), after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(due) };
            after = (last.expires_at, last.channel.clone(), last.name.clone());
            for ending in page {
                if self.is_due(&ending, now).await? {
                    due.push(ending);
                }
            }
        }
    }

    async fn is_due(&self, ending: &CredentialEnding, now: i64) -> Result<bool, DbError> {
        let Some(generation) = self.0.plugins.get(&ending.plugin).filter(|generation| generation.is_active()) else {
            return Ok(false);
        };
        let Some(row) = self.0.db.channel(&ending.channel).await? else { return Ok(false) };
        let flow = generation.plugin.manifest().sign_in(&row.settings);
        let Some((flow, refresh)) = flow.and_then(|flow| Some((flow, flow.refresh.as_ref()?))) else {
            return Ok(false);
        };
        if self.refusal(&ending.channel, row.credential_version, now).is_some() {
            return Ok(false);
        }
        // One that lives for less than that would be renewed again and again.
        let half = ending.expires_at.saturating_sub(ending.changed_at) / 2;
        let ahead = i64::try_from(refresh.ahead_ms).unwrap_or(i64::MAX).min(half);
        Ok(flow.access_token == ending.name && ending.expires_at.saturating_sub(ahead) <= now)
    }

    async fn held(&self, row: Arc<ChannelRow>) -> Result<Option<Held>, DbError> {
        let Some(generation) = self.0.plugins.get(&row.plugin) else { return Ok(None) };
        let Some(flow) = generation.plugin.manifest().sign_in(&row.settings) else { return Ok(None) };
        let Some(access) = self.0.db.secret(&row.id, &flow.access_token).await? else { return Ok(None) };
        let refresh = match &flow.refresh_token {
            Some(name) => self.0.db.secret(&row.id, name).await?.map(|secret| secret.value),
            None => None,
        };
        let Some(client) = self.client(flow, row.app.as_deref()).await? else { return Ok(None) };
        let states = self.0.db.secrets_of(&row.id).await?;
        let changed_at =
            states.iter().find(|state| state.name == flow.access_token).map_or(0, |state| state.changed_at);
        let tokens = Tokens { access: access.value, refresh, lasts_ms: None };
        Ok(Some(Held { version: access.version, changed_at, generation, row, client, tokens }))
    }

    fn turn(&self, channel: &str) -> Arc<Turn<()>> {
        let mut turns = lock(&self.0.turns);
        if let Some(turn) = turns.get(channel).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(Turn::new(()));
        turns.insert(channel.to_owned(), Arc::downgrade(&turn));
        turn
    }

    fn pause(&self, channel: &str, ms: i64) {
        let now = self.0.clock.now();
        let mut pauses = lock(&self.0.pauses);
        pauses.retain(|_, until| *until > now);
        pauses.insert(channel.to_owned(), now + ms);
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn longest_ahead(generation: &Generation) -> i64 {
    let flows = generation.plugin.manifest().oauth2.iter();
    let ahead = flows.filter_map(|flow| Some(flow.refresh.as_ref()?.ahead_ms)).max().unwrap_or(0);
    i64::try_from(ahead).unwrap_or(i64::MAX)
}
