//! Who somebody is: passwords, sessions, API tokens, set-up links.
//!
//! It knows no HTTP: what it takes and gives are values. What a role may do stands in `model::permissions`.

pub mod password;
pub mod rate;
mod standing;
pub mod token;

use serde_json::json;
use sha2::{Digest, Sha256};

pub use crate::model::permissions::Role;
pub use standing::Standing;

use crate::clock::Clock;
use crate::config;
use crate::db::{Db, DbError, KeptAnswer, NewToken, NewUser, TokenKind, UserChanged, UserRow, Who, WorkspaceRow};
use crate::model::audit::Entry;
use crate::model::client_key::ClientKey;
use crate::model::time::{DAY, HOUR};

/// What the workspace that is there from the first start is called then.
const DEFAULT_WORKSPACE: &str = "default";

/// How stale the note of a token's last use may be.
const TOUCH_EVERY: i64 = 60_000;

/// Why somebody is not let in.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The e-mail address, the password, or both are wrong, or the person may not sign in any more.
    #[error("the e-mail address or the password is wrong")]
    Refused,
    /// The set-up link was used, has run out, or was never one.
    #[error("this link was used already or has run out; start the server again for a new one")]
    LinkUsed,
    /// The link for a password was used, replaced by a later one, or has run out, or its person may not sign in.
    #[error("this link was used already or has run out; ask an admin for a new one")]
    PasswordLinkUsed,
    /// The new password is not good enough.
    #[error("{0}")]
    WeakPassword(&'static str),
    /// Too many passwords are being checked.
    #[error("too many sign-ins at once")]
    Busy,
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// A random value that was just made; shown once.
#[derive(Debug, Clone)]
pub struct Minted {
    /// The token's id.
    pub id: String,
    /// What its holder presents.
    pub value: String,
    /// When it stops working.
    pub expires_at: Option<i64>,
}

/// Lets people and programs in. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    db: Db,
    clock: Clock,
    passwords: password::Passwords,
    config: config::Auth,
}

impl Auth {
    /// Over this database.
    pub fn new(db: Db, clock: Clock, config: &config::Auth) -> Auth {
        Auth { db, clock, passwords: password::Passwords::new(config.concurrent_checks), config: config.clone() }
    }

    /// The workspace that was made first, whatever it is called now; made where there is none.
    pub async fn default_workspace(&self) -> Result<WorkspaceRow, DbError> {
        self.db.first_workspace_or_new(self.clock.id("ws"), DEFAULT_WORKSPACE, self.clock.now()).await
    }

    /// Who presents this token or session; `None` where nobody is known by it (any more).
    pub async fn who(&self, value: &str) -> Result<Option<Who>, DbError> {
        if !token::looks_right(value) {
            return Ok(None);
        }
        let now = self.clock.now();
        let idle_since = now - i64::from(self.config.session_idle_hours) * HOUR;
        let Some(who) = self.db.who_holds(token::hash(value), now, idle_since).await? else { return Ok(None) };
        if who.last_used_at.is_none_or(|used| now - used > TOUCH_EVERY)
            && let Err(error) = self.db.touch_token(&who.token, now).await
        {
            // A full disk does not keep anybody from reading.
            tracing::debug!(%error, "a token's last use was not noted");
        }
        Ok(Some(who))
    }

    /// Whether this person has signed in from this client before.
    pub async fn knows(&self, email: &str, client: ClientKey) -> Result<bool, DbError> {
        self.db.knows_client(email.trim(), client_hash(client)).await
    }

    /// Signs a person in at a client: a session for the right password. A client where the person signed in before has a turn of its
    /// own to have the password checked.
    pub async fn sign_in(
        &self,
        email: &str,
        password: &str,
        client: ClientKey,
        known: bool,
    ) -> Result<(Minted, UserRow), AuthError> {
        let found = self.db.user_by_email(email.trim()).await?;
        let hash = found.as_ref().and_then(|(_, hash)| hash.clone());
        // A stranger's password is checked as well, against nothing, so that the time tells nobody who is known here.
        let right = self.passwords.check(password.to_owned(), hash, known).await.ok_or(AuthError::Busy)?;
        let user = match found {
            Some((user, Some(_))) if right && user.disabled_at.is_none() => user,
            _ => return Err(AuthError::Refused),
        };
        let minted = self.session_for(&user, client).await?;
        Ok((minted, user))
    }

    async fn session_for(&self, user: &UserRow, client: ClientKey) -> Result<Minted, DbError> {
        let value = token::mint();
        let now = self.clock.now();
        let minted = Minted {
            id: self.clock.id("ses"),
            value,
            expires_at: Some(now + i64::from(self.config.session_days) * DAY),
        };
        let session = NewToken {
            id: minted.id.clone(),
            workspace: user.workspace.clone(),
            user: Some(user.id.clone()),
            kind: TokenKind::Session,
            name: "session".into(),
            role: user.role.clone(),
            hash: token::hash(&minted.value),
            created_at: now,
            expires_at: minted.expires_at,
            client: Some(client_hash(client)),
        };
        let entry = Entry {
            workspace: Some(user.workspace.clone()),
            at: now,
            actor: user.id.clone(),
            role: user.role.clone(),
            action: "session.create".into(),
            subject: minted.id.clone(),
            detail: json!({}),
        };
        self.db.add_token(session, Some(entry), None).await?;
        Ok(minted)
    }

    /// Makes an API token. `entry` tells who makes it; its subject is set to the token's id.
    pub async fn create_token(
        &self,
        workspace: &str,
        role: Role,
        name: &str,
        expires_at: Option<i64>,
        entry: Entry,
    ) -> Result<Minted, DbError> {
        self.create_token_for(workspace, role, name, expires_at, entry, |_| None).await
    }

    /// As [`Auth::create_token`] for a request whose answer is kept in the same act.
    pub async fn create_token_for(
        &self,
        workspace: &str,
        role: Role,
        name: &str,
        expires_at: Option<i64>,
        mut entry: Entry,
        answer: impl FnOnce(&Minted) -> Option<KeptAnswer>,
    ) -> Result<Minted, DbError> {
        let minted = Minted { id: self.clock.id("tok"), value: token::mint(), expires_at };
        entry.subject.clone_from(&minted.id);
        let new = NewToken {
            id: minted.id.clone(),
            workspace: workspace.to_owned(),
            user: None,
            kind: TokenKind::Api,
            name: name.to_owned(),
            role: role.name().into(),
            hash: token::hash(&minted.value),
            created_at: self.clock.now(),
            expires_at,
            client: None,
        };
        self.db.add_token(new, Some(entry), answer(&minted)).await?;
        Ok(minted)
    }

    /// Adds a person. `entry` tells who does it; its subject is set to the person's id.
    pub async fn create_user(
        &self,
        workspace: &str,
        email: &str,
        name: &str,
        role: Role,
        password: Option<String>,
        entry: Entry,
    ) -> Result<UserRow, AuthError> {
        let made = self.create_user_for(workspace, email, name, role, password, entry, |_, _| None).await?;
        Ok(made.0)
    }

    /// As [`Auth::create_user`] for a request whose answer is kept in the same act. Without a password it makes a link by which the person
    /// sets it.
    #[allow(clippy::too_many_arguments, reason = "those of a person, who does it, and for whom")]
    pub async fn create_user_for(
        &self,
        workspace: &str,
        email: &str,
        name: &str,
        role: Role,
        password: Option<String>,
        mut entry: Entry,
        answer: impl FnOnce(&UserRow, Option<&Minted>) -> Option<KeptAnswer>,
    ) -> Result<(UserRow, Option<Minted>), AuthError> {
        let password_hash = match password {
            Some(password) => Some(self.hash(password).await?),
            None => None,
        };
        let user = UserRow { has_password: password_hash.is_some(), ..self.new_user(workspace, email, name, role) };
        entry.subject.clone_from(&user.id);
        let (minted, link) = match password_hash {
            Some(_) => (None, None),
            None => Some(self.password_link(&user)).unzip(),
        };
        let kept = answer(&user, minted.as_ref());
        self.db.add_user(NewUser { user: user.clone(), password_hash }, link, entry, kept).await?;
        Ok((user, minted))
    }

    /// A link by which a person sets their password, as it is shown and as it is kept.
    fn password_link(&self, user: &UserRow) -> (Minted, NewToken) {
        let now = self.clock.now();
        let minted = Minted {
            id: self.clock.id("tok"),
            value: token::mint(),
            expires_at: Some(now + i64::from(self.config.setup_link_days) * DAY),
        };
        let link = NewToken {
            id: minted.id.clone(),
            workspace: user.workspace.clone(),
            user: Some(user.id.clone()),
            kind: TokenKind::Password,
            name: "password".into(),
            role: user.role.clone(),
            hash: token::hash(&minted.value),
            created_at: now,
            expires_at: minted.expires_at,
            client: None,
        };
        (minted, link)
    }

    /// A new link by which a person sets their password; earlier ones of theirs stop working, and the password so far works until the
    /// link is used. Nothing is made where the role of the person is none of `may` by then. `answer` makes the answer that is kept in the
    /// same act.
    pub async fn new_password_link(
        &self,
        user: &UserRow,
        may: Vec<&'static str>,
        entry: Entry,
        answer: impl FnOnce(&Minted) -> Option<KeptAnswer>,
    ) -> Result<(Minted, UserChanged), DbError> {
        let (minted, link) = self.password_link(user);
        let kept = answer(&minted);
        let changed = self.db.replace_password_link(link, may, entry, kept).await?;
        Ok((minted, changed))
    }

    /// Whose password this link sets; none where it is not good (any more).
    pub async fn user_of_password_link(&self, value: &str) -> Result<Option<UserRow>, DbError> {
        if !token::looks_right(value) {
            return Ok(None);
        }
        self.db.user_of_password_link(token::hash(value), self.clock.now()).await
    }

    /// Uses a link up: sets the password of its person, ends every session of theirs, and signs them in.
    pub async fn set_password(
        &self,
        value: &str,
        password: String,
        client: ClientKey,
    ) -> Result<(Minted, UserRow), AuthError> {
        if self.user_of_password_link(value).await?.is_none() {
            return Err(AuthError::PasswordLinkUsed);
        }
        let password_hash = self.hash(password).await?;
        let now = self.clock.now();
        let entry = move |user: &UserRow| Entry {
            workspace: Some(user.workspace.clone()),
            at: now,
            actor: user.id.clone(),
            role: user.role.clone(),
            action: "user.password".into(),
            subject: user.id.clone(),
            detail: json!({}),
        };
        let used = self.db.use_password_link(token::hash(value), password_hash, now, entry).await?;
        let user = used.ok_or(AuthError::PasswordLinkUsed)?;
        let minted = self.session_for(&user, client).await?;
        Ok((minted, user))
    }

    /// The hash of a new password, where it is good enough.
    pub async fn hash(&self, password: String) -> Result<String, AuthError> {
        password::good_enough(&password).map_err(AuthError::WeakPassword)?;
        self.passwords.hash(password).await.ok_or(AuthError::Busy)
    }

    fn new_user(&self, workspace: &str, email: &str, name: &str, role: Role) -> UserRow {
        let email = email.trim();
        UserRow {
            id: self.clock.id("usr"),
            workspace: workspace.to_owned(),
            email: email.to_owned(),
            name: if name.trim().is_empty() { email.to_owned() } else { name.trim().to_owned() },
            role: role.name().into(),
            created_at: self.clock.now(),
            disabled_at: None,
            has_password: true,
        }
    }

    /// A new set-up link's value while no operator can sign in; earlier links stop working. `None` once there is one.
    pub async fn setup_link(&self) -> Result<Option<Minted>, DbError> {
        if self.db.active_users_with_role(Role::Operator.name()).await? > 0 {
            return Ok(None);
        }
        let workspace = self.default_workspace().await?;
        let now = self.clock.now();
        let minted = Minted {
            id: self.clock.id("tok"),
            value: token::mint(),
            expires_at: Some(now + i64::from(self.config.setup_link_days) * DAY),
        };
        let link = NewToken {
            id: minted.id.clone(),
            workspace: workspace.id,
            user: None,
            kind: TokenKind::Setup,
            name: "setup".into(),
            role: Role::Operator.name().into(),
            hash: token::hash(&minted.value),
            created_at: now,
            expires_at: minted.expires_at,
            client: None,
        };
        self.db.replace_setup_link(link).await?;
        Ok(Some(minted))
    }

    /// Whether this set-up link still works.
    pub async fn setup_link_is_good(&self, value: &str) -> Result<bool, DbError> {
        if !token::looks_right(value) {
            return Ok(false);
        }
        self.db.setup_link_is_good(token::hash(value), self.clock.now()).await
    }

    /// Uses the set-up link up: adds the first operator and signs them in.
    pub async fn set_up(
        &self,
        value: &str,
        email: &str,
        password: String,
        client: ClientKey,
    ) -> Result<(Minted, UserRow), AuthError> {
        if !self.setup_link_is_good(value).await? {
            return Err(AuthError::LinkUsed);
        }
        let password_hash = Some(self.hash(password).await?);
        let workspace = self.default_workspace().await?;
        let user = self.new_user(&workspace.id, email, "", Role::Operator);
        let now = self.clock.now();
        let entry = Entry {
            workspace: Some(workspace.id),
            at: now,
            actor: user.id.clone(),
            role: Role::Operator.name().into(),
            action: "setup".into(),
            subject: user.id.clone(),
            detail: json!({ "email": user.email }),
        };
        let used = self
            .db
            .use_setup_link(token::hash(value), NewUser { user: user.clone(), password_hash }, now, entry)
            .await?;
        if !used {
            return Err(AuthError::LinkUsed);
        }
        let minted = self.session_for(&user, client).await?;
        Ok((minted, user))
    }
}

/// What is kept of a client's address.
fn client_hash(client: ClientKey) -> [u8; 32] {
    Sha256::new().chain_update(b"sambung client\0").chain_update(client.to_string()).finalize().into()
}
