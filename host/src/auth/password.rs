//! Passwords: argon2id, 19 MiB and two passes, on threads of their own and only so many at a time.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use sambung_runtime::background;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Most bytes of a password.
pub const MOST_PASSWORD: usize = 512;
/// How long somebody waits for a turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// Checks and hashes passwords. Cheap to clone.
///
/// One turn is kept for clients where the person signed in before, so that strangers who try passwords all the time lock nobody out.
#[derive(Clone)]
pub struct Passwords {
    all: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

/// Why a password is not good enough.
pub fn good_enough(password: &str) -> Result<(), &'static str> {
    if password.chars().count() < 10 {
        return Err("a password has at least 10 characters");
    }
    if password.len() > MOST_PASSWORD {
        return Err("a password has at most 512 bytes");
    }
    Ok(())
}

impl Passwords {
    /// At most so many at a time.
    pub fn new(concurrent: usize) -> Passwords {
        let turns = |most: usize| Arc::new(Semaphore::new(most.max(1)));
        Passwords { all: turns(concurrent), strangers: turns(concurrent.saturating_sub(1)) }
    }

    /// A PHC string; `None` where no turn came in time.
    pub async fn hash(&self, password: String) -> Option<String> {
        let password = Zeroizing::new(password);
        self.turn(true, move || hash(password.as_bytes())).await
    }

    /// Whether `password` is the one of `stored`; without `stored` the same work is done for nothing. `None` where no turn
    /// came in time.
    pub async fn check(&self, password: String, stored: Option<String>, known: bool) -> Option<bool> {
        if password.len() > MOST_PASSWORD {
            return Some(false);
        }
        let password = Zeroizing::new(password);
        self.turn(known, move || {
            let known = stored.is_some();
            let stored = stored.unwrap_or_else(|| nobody().to_owned());
            let right = PasswordHash::new(&stored)
                .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
            known && right
        })
        .await
    }

    async fn turn<T: Send + 'static>(&self, known: bool, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
        let acquire = async {
            let stranger = if known { None } else { Some(Arc::clone(&self.strangers).acquire_owned().await.ok()?) };
            Some((stranger, Arc::clone(&self.all).acquire_owned().await.ok()?))
        };
        let permit = tokio::time::timeout(PATIENCE, acquire).await.ok()??;
        background::spawn(move || {
            let done = work();
            drop(permit);
            done
        })
        .await
        .ok()
    }
}

fn hash(password: &[u8]) -> String {
    Argon2::default().hash_password(password).expect("the default parameters hash anything of this length").to_string()
}

fn nobody() -> &'static str {
    static NOBODY: OnceLock<String> = OnceLock::new();
    NOBODY.get_or_init(|| hash(b"nobody has this password"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_again_and_no_other() {
        let passwords = Passwords::new(1);
        let stored = passwords.hash("correct horse".into()).await.expect("a turn");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(passwords.check("correct horse".into(), Some(stored.clone()), true).await, Some(true));
        assert_eq!(passwords.check("correct hose".into(), Some(stored), false).await, Some(false));
        assert_eq!(passwords.check("nobody has this password".into(), None, false).await, Some(false));
    }

    #[tokio::test]
    async fn strangers_leave_a_turn_to_clients_that_are_known() {
        let passwords = Passwords::new(2);
        // Strangers whose checks do not end before the test does.
        let (_held, strangers): (Vec<_>, Vec<_>) = (0..4)
            .map(|_| {
                let (hold, end) = std::sync::mpsc::channel::<()>();
                let passwords = passwords.clone();
                (hold, tokio::spawn(async move { passwords.turn(false, move || end.recv().is_err()).await }))
            })
            .unzip();
        tokio::task::yield_now().await;
        assert_eq!(passwords.turn(true, || ()).await, Some(()));
        assert!(strangers.iter().all(|one| !one.is_finished()));
    }

    #[test]
    fn a_short_password_is_refused() {
        assert!(good_enough("short").is_err());
        assert!(good_enough("long enough").is_ok());
    }
}
