//! Whether the credential of an answer that stays open still holds: it is told of every change, and looks again.

use std::time::Duration;

use futures_util::future::select_all;

use super::Auth;
use crate::db::{self, DbError};
use crate::model::time::HOUR;
use crate::wake::{Credential, Following};

/// How often it looks without a change: what ends by idleness, or was changed by another process, announces nothing.
const LOOK_AGAIN: i64 = 10_000;

/// A credential that something open relies on.
pub struct Standing {
    auth: Auth,
    token: String,
    relies_on: db::Standing,
    following: Vec<Following<Credential>>,
    unsure: bool,
}

impl Auth {
    /// Follows a token or session by its id; none where it does not hold.
    pub async fn follow(&self, token: &str) -> Result<Option<Standing>, DbError> {
        let Some(known) = self.standing(token).await? else { return Ok(None) };
        let credentials = &self.db.wakes().credentials;
        let following = known.rows.iter().map(|row| credentials.follow(*row)).collect();
        // Looked at again before anything relies on it: it may have changed before it was followed.
        Ok(Some(Standing { auth: self.clone(), token: token.to_owned(), relies_on: known, following, unsure: true }))
    }

    async fn standing(&self, token: &str) -> Result<Option<db::Standing>, DbError> {
        let now = self.clock.now();
        let idle_since = now - i64::from(self.config.session_idle_hours) * HOUR;
        self.db.standing(token, now, idle_since).await
    }
}

impl Standing {
    /// Whether the credential holds as it did at the beginning. Asks the database only where something may have changed; where
    /// that does not answer, the credential counts as ended, and its holder comes again.
    pub async fn holds(&mut self) -> bool {
        if !self.unsure {
            return true;
        }
        self.following.iter_mut().for_each(Following::look);
        let holds = self.auth.standing(&self.token).await.is_ok_and(|known| known.as_ref() == Some(&self.relies_on));
        self.unsure = !holds;
        holds
    }

    /// Waits until the credential may not hold any more.
    pub async fn may_have_changed(&mut self) {
        if self.unsure {
            return;
        }
        let left = self.relies_on.expires_at.map_or(LOOK_AGAIN, |at| at - self.auth.clock.now());
        let until = Duration::from_millis(left.clamp(50, LOOK_AGAIN).unsigned_abs());
        tokio::select! {
            _ = select_all(self.following.iter_mut().map(|following| Box::pin(following.grew()))) => {}
            () = tokio::time::sleep(until) => {}
        }
        self.unsure = true;
    }
}
