//! Signing in with a provider: a channel waits for it, a browser leaves with a state that is good once and comes back with a
//! code, and what the code is worth becomes the channel's secrets, with which its plugin is asked to connect.
//!
//! Knows no HTTP: what a browser presents are arguments. No plugin sees a code or a token.

use std::sync::Arc;

use sambung_runtime::SecretValue;
use sambung_runtime::manifest::OAuth2;
use sambung_runtime::oauth2::{OAuthClient, OAuthError, Pkce, authorize_url};
use serde_json::{Value, json};

use super::connect::Attempt;
use super::{Actor, ChannelError, Channels};
use crate::auth::token;
use crate::clock::random;
use crate::db::{ChannelRow, Departure, NewSignIn, Return, SettingsChange, SignInRow};
use crate::model::audit::Entry;
use crate::model::fault::FieldError;
use crate::model::time::HOUR;

/// How long somebody may take to sign in.
const LASTS: i64 = HOUR;
/// The most of a provider's words that is kept.
const MOST_WORDS: usize = 300;

/// Who wants to sign in, beside what the audit log knows.
#[derive(Debug, Clone, Default)]
pub struct Browser {
    /// The session that asks; only it goes on with the sign-in. None: a program asks.
    pub session: Option<String>,
    /// The path that the browser is sent to at the end; none: a page that closes itself.
    pub return_to: Option<String>,
}

/// A browser on its way to the provider.
#[derive(Debug)]
pub struct Leaving {
    /// Where it goes.
    pub url: String,
    /// What it holds until it comes back, and no other browser does.
    pub browser: String,
}

/// What a browser brings back from the provider.
#[derive(Debug, Clone)]
pub enum Brought {
    /// A code.
    Code(String),
    /// No code: the provider's word for why, and its words.
    Nothing {
        /// "access_denied", …
        error: String,
        /// What the provider says about it.
        words: String,
    },
}

/// How a sign-in ended.
#[derive(Debug)]
pub struct Arrived {
    /// The channel.
    pub channel: String,
    /// Where the browser is to be sent.
    pub return_to: Option<String>,
    /// The channel goes on; or why it does not.
    pub result: Result<(), SignInFailure>,
}

/// Why a sign-in led nowhere. It can be tried again until it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInFailure {
    /// "denied", "refused", "unavailable", or the code of what connecting met.
    pub code: &'static str,
    /// For people; the provider's own where it has any.
    pub words: String,
}

/// Why nobody can go on with a sign-in.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// There is none by this ticket or state, it was used, or it is over.
    #[error("this sign-in is over or was used already; begin again")]
    Over,
    /// Another session began it.
    #[error("this sign-in was begun by somebody else; sign in here first")]
    OtherSession,
    /// Another browser left with it.
    #[error("this sign-in was begun in another browser")]
    OtherBrowser,
    /// What it needs is not there any more.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

impl From<crate::db::DbError> for SignInError {
    fn from(error: crate::db::DbError) -> SignInError {
        SignInError::Channel(error.into())
    }
}

impl Channels {
    /// The address that a provider sends browsers back to; it is registered there.
    pub fn redirect_url(&self) -> String {
        format!("{}/sign-in/callback", self.base())
    }

    /// The address that a browser opens to sign in for this channel, while it waits for that.
    pub(super) async fn sign_in_url(&self, channel: &str) -> Result<Option<String>, ChannelError> {
        let sign_in = self.0.db.sign_in_of(channel, self.0.clock.now()).await?;
        Ok(sign_in.map(|sign_in| format!("{}/sign-in/{}", self.base(), sign_in.ticket)))
    }

    /// Who this host is to the provider.
    ///
    /// # Errors
    /// No registration is filled in; where and by whom that is done stands in the words.
    pub(super) async fn client(&self, flow: &OAuth2, app: Option<&str>) -> Result<OAuthClient, ChannelError> {
        let client = self.0.renewals.client(flow, app).await?;
        client.ok_or_else(|| ChannelError::Invalid(vec![FieldError::of_code("#/app", "no-app")]))
    }

    /// Commits that a channel waits for somebody to sign in. `change`: what is to be proved with it.
    pub(super) async fn await_sign_in(
        &self,
        row: &ChannelRow,
        flow: &OAuth2,
        change: SettingsChange,
        browser: Browser,
        (by, entry): (&Actor, Option<Entry>),
    ) -> Result<(), ChannelError> {
        self.client(flow, row.app.as_deref()).await?;
        let ticket = token::mint();
        let at = self.0.clock.now();
        let new = NewSignIn {
            ticket_hash: token::hash(&ticket),
            ticket,
            session: browser.session,
            actor: by.actor.clone(),
            role: by.role.clone(),
            return_to: browser.return_to,
            expires_at: at + LASTS,
        };
        self.0.db.sign_in_begins(&row.id, change, new, entry, at).await?;
        Ok(())
    }

    /// A browser opens the address of a sign-in: where it goes from there. `held`: what an earlier sign-in left in it.
    ///
    /// # Errors
    /// The sign-in is over, or another session's.
    pub async fn leave_for_provider(
        &self,
        ticket: &str,
        session: Option<&str>,
        held: Option<&str>,
    ) -> Result<Leaving, SignInError> {
        let now = self.0.clock.now();
        let sign_in = self.0.db.sign_in_by_ticket(token::hash(ticket), now).await?.ok_or(SignInError::Over)?;
        same_session(&sign_in, session)?;
        let row = self.0.db.channel(&sign_in.channel).await?.ok_or(SignInError::Over)?;
        let generation = self.callable(&row.plugin)?;
        let (settings, _) = self.awaited(&row).await?;
        let flow = generation.plugin.manifest().sign_in(&settings).ok_or(SignInError::Over)?;
        let client = self.client(flow, row.app.as_deref()).await?;
        let state = token::mint();
        // Two sign-ins may be under way in one browser.
        let browser = held.filter(|held| token::looks_right(held)).map_or_else(token::mint, str::to_owned);
        let pkce = flow.pkce.then(|| Pkce::new(random()));
        let challenge = pkce.as_ref().map(|pkce| pkce.challenge.as_str());
        let url = authorize_url(flow, &client, &self.redirect_url(), &state, challenge);
        let departure = Departure {
            ticket_hash: token::hash(ticket),
            state_hash: token::hash(&state),
            browser_hash: token::hash(&browser),
            verifier: pkce.as_ref().map(|pkce| pkce.verifier.clone()),
        };
        if !self.0.db.sign_in_leaves(&sign_in, departure).await? {
            return Err(SignInError::Over);
        }
        Ok(Leaving { url: url.into(), browser })
    }

    /// A browser comes back from the provider.
    ///
    /// # Errors
    /// Nobody left with this state, or another browser or session did.
    pub async fn return_from_provider(
        &self,
        state: &str,
        session: Option<&str>,
        browser: Option<&str>,
        brought: Brought,
    ) -> Result<Arrived, SignInError> {
        let now = self.0.clock.now();
        let returned = self.0.db.sign_in_returns(token::hash(state), browser.map(token::hash), now).await?;
        let sign_in = match returned {
            Return::Good(sign_in) => sign_in,
            Return::OtherBrowser => return Err(SignInError::OtherBrowser),
            Return::Unknown => return Err(SignInError::Over),
        };
        same_session(&sign_in, session)?;
        let channels = self.clone();
        // Who closes the window does not undo what the provider handed out.
        let done = tokio::spawn(async move {
            let turn = channels.0.turns.wait(&sign_in.channel).await;
            // Somebody may have begun another one while this browser came back: its settings are not proved by this code.
            if !channels.0.db.sign_in_stands(&sign_in).await? {
                return Err(SignInError::Over);
            }
            let result = match turn {
                Ok(_turn) => channels.arrive(&sign_in, brought).await,
                Err(busy) => Err(busy.into()),
            };
            if let Err(failure) = &result {
                let error = json!({ "code": failure.code, "detail": failure.words });
                channels.0.db.sign_in_failed(&sign_in.channel, error, channels.0.clock.now()).await?;
            }
            Ok(Arrived { channel: sign_in.channel.clone(), return_to: sign_in.return_to.clone(), result })
        });
        done.await.unwrap_or(Err(SignInError::Over))
    }

    async fn arrive(&self, sign_in: &SignInRow, brought: Brought) -> Result<(), SignInFailure> {
        let code = match brought {
            Brought::Code(code) => code,
            Brought::Nothing { error, words } => {
                let code = if error == "access_denied" { "denied" } else { "refused" };
                let words = if words.is_empty() { error } else { words };
                return Err(SignInFailure { code, words: words.chars().take(MOST_WORDS).collect() });
            }
        };
        let (attempt, entry) = self.proved_by(sign_in, &code).await?;
        Ok(self.carry_out(attempt, Some(entry)).await?)
    }

    /// What is to be tried with the tokens that this code is worth.
    async fn proved_by(&self, sign_in: &SignInRow, code: &str) -> Result<(Attempt, Entry), SignInFailure> {
        let row = self.0.db.channel(&sign_in.channel).await.map_err(ChannelError::from)?;
        let row = row.ok_or(ChannelError::NotFound)?;
        let generation = self.callable(&row.plugin)?;
        let (settings, mut change) = self.awaited(&row).await?;
        let flow = generation.plugin.manifest().sign_in(&settings).ok_or(ChannelError::NothingAsked)?;
        let client = self.client(flow, row.app.as_deref()).await?;
        let provider = generation.plugin.provider(flow, &client, &row.workspace);
        let verifier: Option<&SecretValue> = sign_in.verifier.as_ref();
        let tokens = provider.tokens(code, &self.redirect_url(), verifier).await?;
        change.replace_secrets(self.0.renewals.as_secrets(flow, tokens));
        let by =
            Actor { workspace: Some(row.workspace.clone()), actor: sign_in.actor.clone(), role: sign_in.role.clone() };
        let detail = json!({ "plugin": row.plugin, "name": row.name });
        let entry = by.entry(self.0.clock.now(), "channel.sign-in", &row.id, detail);
        let candidate = self.candidate(&row.id, &change);
        Ok((Attempt { row, settings, answer: None, change, candidate, generation: Arc::clone(&generation) }, entry))
    }

    /// The settings that a sign-in is to prove, and the change that waits with them.
    async fn awaited(&self, row: &ChannelRow) -> Result<(Value, SettingsChange), ChannelError> {
        let change = self.0.db.pending_change(&row.id).await?.unwrap_or_default();
        Ok((change.settings.clone().unwrap_or_else(|| row.settings.clone()), change))
    }

    /// Ends sign-ins that nobody came back from: a channel that was never connected goes without a trace, another one stays
    /// as it is.
    pub(super) async fn end_overdue_sign_ins(&self) -> Result<(), ChannelError> {
        let now = self.0.clock.now();
        for (channel, has_account) in self.0.db.overdue_sign_ins(now, super::rounds::PAGE).await? {
            let Ok(_turn) = self.0.turns.take(&channel) else { continue };
            // Somebody may have come back, or begun another one, before it was this one's turn.
            if !self.0.db.is_sign_in_over(&channel, now).await? {
                continue;
            }
            if has_account {
                let Some(row) = self.0.db.channel(&channel).await? else { continue };
                let entry = Actor::host(&row.workspace).entry(
                    now,
                    "channel.abandon-change",
                    &channel,
                    json!({ "step": "authorize" }),
                );
                self.0.db.abandon_change(&channel, entry).await?;
            } else {
                self.0.db.delete_channel(&channel, None, now).await?;
            }
        }
        Ok(())
    }
}

/// A sign-in that a session began is that session's.
fn same_session(sign_in: &SignInRow, session: Option<&str>) -> Result<(), SignInError> {
    match &sign_in.session {
        Some(own) if session != Some(own) => Err(SignInError::OtherSession),
        _ => Ok(()),
    }
}

impl From<OAuthError> for SignInFailure {
    fn from(error: OAuthError) -> SignInFailure {
        let code = match &error {
            OAuthError::Refused { .. } => "refused",
            OAuthError::Unavailable { .. } => "unavailable",
            OAuthError::Broken(_) => "provider-failed",
        };
        SignInFailure { code, words: error.to_string() }
    }
}

impl From<ChannelError> for SignInFailure {
    fn from(error: ChannelError) -> SignInFailure {
        let code = match &error {
            ChannelError::Refused(_) => "refused",
            ChannelError::AccountTaken(_) => "account-connected",
            ChannelError::AccountDiffers { .. } => "account-differs",
            ChannelError::Busy => "busy",
            ChannelError::Plugin(_) | ChannelError::Unknown(_) => "plugin-failed",
            ChannelError::Db(_) => "unavailable",
            _ => "failed",
        };
        SignInFailure { code, words: error.to_string() }
    }
}
