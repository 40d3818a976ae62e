//! The life of a channel: connect, settings, steps, health, disconnect; and the registrations with a provider that channels
//! share.
//!
//! Asks plugins and commits what they answer. Knows no HTTP, no SQL and no message.

mod apps;
mod check;
mod connect;
mod form;
mod leave;
mod reasons;
mod register;
mod rounds;
mod sign_in;
mod steps;
mod turns;
mod view;

use std::sync::Arc;

use sambung_runtime::contract::types::Fault;
use sambung_runtime::{CallError, Effects, Plugin};
use serde_json::Value;

pub use apps::AppChange;
pub use connect::{Change, NewConnection};
pub use sign_in::{Arrived, Brought, Browser, Leaving, SignInError, SignInFailure};

use crate::base_url::BaseUrl;
use crate::clock::Clock;
use crate::db::{ChannelRow, Db, DbError, Holder, Ticket};
use crate::model::audit::Entry;
use crate::model::fault::FieldError;
use crate::plugins::{Candidates, Generation, Registry, Renewals};
use crate::upkeep::Upkeep;
use crate::wake::Wakes;

/// Who does it, for the audit log.
#[derive(Debug, Clone)]
pub struct Actor {
    /// The workspace it is done in; none: the whole host.
    pub workspace: Option<String>,
    /// A user's or a token's id.
    pub actor: String,
    /// The role's name.
    pub role: String,
}

impl Actor {
    /// The host itself: what nobody asked for.
    fn host(workspace: &str) -> Actor {
        Actor { workspace: Some(workspace.to_owned()), actor: "host".to_owned(), role: "host".to_owned() }
    }

    fn entry(&self, at: i64, action: &str, subject: &str, detail: Value) -> Entry {
        Entry {
            workspace: self.workspace.clone(),
            at,
            actor: self.actor.clone(),
            role: self.role.clone(),
            action: action.to_owned(),
            subject: subject.to_owned(),
            detail,
        }
    }
}

/// The request with a key by which something is made, which takes more than one act.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Its key.
    pub ticket: Option<Ticket>,
    /// What it had begun to make when a crash cut it off.
    pub unfinished: Option<String>,
}

/// Why something about a channel or a registration was not done. What stood before stands.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// No such channel, app or plugin in this workspace.
    #[error("there is no such thing here")]
    NotFound,
    /// The operator holds the plugin.
    #[error("the plugin is disabled; an operator can enable it")]
    PluginDisabled,
    /// Fields are wrong.
    #[error("{} fields are wrong", .0.len())]
    Invalid(Vec<FieldError>),
    /// The provider refused, in its own words.
    #[error("{}", .0.iter().map(|fault| fault.detail.as_str()).collect::<Vec<_>>().join("; "))]
    Refused(Vec<FieldError>),
    /// The plugin can receive only by webhook, and nobody can reach this host.
    #[error(
        "this channel receives by webhook, so the host needs `server.public_url`, the https address that the provider reaches it by"
    )]
    NeedsPublicUrl,
    /// The plugin receives mail, and the host has no domain for it.
    #[error("this channel receives mail, so the host needs `mail.domain`, the domain whose mail reaches it")]
    NeedsMailDomain,
    /// Another channel has the account: this one, or one of another workspace, which is not named.
    #[error("{}", taken_by(.0.as_ref()))]
    AccountTaken(Option<Holder>),
    /// Nothing is registered for a channel that has no account.
    #[error("the channel is not connected yet")]
    NotConnected,
    /// The credential is another account's.
    #[error("this is another account ({found}) than the channel's ({account}); connect it as a channel of its own")]
    AccountDiffers {
        /// The channel's.
        account: String,
        /// The credential's.
        found: String,
    },
    /// Something else is being done to it.
    #[error("something else is being done to it; try again in a moment")]
    Busy,
    /// There is nothing to answer.
    #[error("the channel stands at no step that takes an answer")]
    NothingAsked,
    /// There is nothing to take back.
    #[error("no change of the channel waits; one that was never connected is disconnected instead")]
    NothingWaits,
    /// The plugin has nothing to say about registrations.
    #[error("this plugin does not look after registrations")]
    NoCheck,
    /// Channels use the registration.
    #[error("channels use this registration; disconnect them first")]
    InUse,
    /// The plugin crashed or ran into a limit.
    #[error("the plugin failed: {0}")]
    Plugin(#[from] CallError),
    /// The plugin answered with what this host does not know.
    #[error("the plugin answered with `{0}`, which this host does not know; a newer host may")]
    Unknown(String),
    /// The database.
    #[error("{0}")]
    Db(DbError),
}

impl From<DbError> for ChannelError {
    fn from(error: DbError) -> ChannelError {
        match error {
            DbError::Gone => ChannelError::NotFound,
            error => ChannelError::Db(error),
        }
    }
}

fn taken_by(holder: Option<&Holder>) -> String {
    match holder {
        Some(Holder { id, name, .. }) => {
            format!(
                "this account is connected already, by the channel “{name}” (/v1/channels/{id}): disconnect that one first"
            )
        }
        None => "another workspace of this server has connected this account already".to_owned(),
    }
}

/// What a call of a plugin gave that is to be committed.
struct Answered<T> {
    value: T,
    effects: Arc<Effects>,
}

/// The channels. Cheap to clone.
#[derive(Clone)]
pub struct Channels(Arc<Inner>);

struct Inner {
    db: Db,
    clock: Clock,
    wakes: Wakes,
    plugins: Registry,
    candidates: Candidates,
    renewals: Renewals,
    upkeep: Upkeep,
    base_url: BaseUrl,
    mail_domain: Option<String>,
    turns: turns::Turns,
}

impl Channels {
    /// Over these parts. `base_url` is where the host is reached, `mail_domain` what follows the `@` in the addresses that channels get.
    pub fn new(
        db: Db,
        clock: Clock,
        wakes: Wakes,
        plugins: Registry,
        candidates: Candidates,
        (renewals, upkeep): (Renewals, Upkeep),
        (base_url, mail_domain): (BaseUrl, Option<String>),
    ) -> Channels {
        let channels = Channels(Arc::new(Inner {
            db,
            clock,
            wakes,
            plugins,
            candidates,
            renewals,
            upkeep,
            base_url,
            mail_domain,
            turns: turns::Turns::default(),
        }));
        let inner = Arc::downgrade(&channels.0);
        channels.0.db.complete_channels_by(Box::new(move |shown| match inner.upgrade() {
            Some(inner) => Channels(inner).for_the_feed(shown),
            None => shown.channel,
        }));
        channels
    }

    /// Where browsers reach the host, without a slash at its end.
    pub fn base(&self) -> &str {
        self.0.base_url.for_browsers()
    }

    async fn row(&self, workspace: &str, id: &str) -> Result<Arc<ChannelRow>, ChannelError> {
        self.0.db.channel_of(workspace, id).await?.ok_or(ChannelError::NotFound)
    }

    /// A workspace's channel and the turn at it, which an admin's act waits for. The row is read again, because the act before may
    /// have changed it.
    async fn turn_at(&self, workspace: &str, id: &str) -> Result<(turns::Turn, Arc<ChannelRow>), ChannelError> {
        self.row(workspace, id).await?;
        let turn = self.0.turns.wait(id).await?;
        Ok((turn, self.row(workspace, id).await?))
    }

    /// The plugin, where its calls run.
    fn callable(&self, plugin: &str) -> Result<Arc<Generation>, ChannelError> {
        let generation = self.0.plugins.get(plugin).ok_or(ChannelError::NotFound)?;
        if generation.is_active() { Ok(generation) } else { Err(ChannelError::PluginDisabled) }
    }
}

/// A provider's refusal as faults of fields, at the setting they belong to: in the words that the plugin's texts have for it, else in
/// the provider's own.
fn refused(plugin: &Plugin, faults: &[Fault]) -> ChannelError {
    let errors = faults.iter().map(|fault| {
        let pointer = match &fault.field {
            Some(field) => format!("#/settings/{}", field.trim_start_matches('/')),
            None => "#/settings".to_owned(),
        };
        let error = match (&fault.code, fault.words.trim()) {
            (Some(code), "") => FieldError::new(pointer, fault.kind.clone(), code.clone()),
            (_, "") => FieldError::of_code(pointer, &fault.kind),
            (_, words) => FieldError::new(pointer, fault.kind.clone(), words.to_owned()),
        };
        error.said_by_provider(&fault.words, reasons::of_fault(plugin, fault))
    });
    ChannelError::Refused(errors.collect())
}
