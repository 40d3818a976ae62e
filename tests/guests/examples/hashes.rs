//! While it connects, it has its host hash megabytes as often as it may.
#![forbid(unsafe_code)]

use sambung_guests::{Guest, guest};
use sambung_sdk::connection::{Account, ConnectStep};
use sambung_sdk::crypto;
use sambung_sdk::types::{Channel, Fault};

struct Hashes;

impl Guest for Hashes {
    fn identify(_channel: Channel) -> Result<ConnectStep, Vec<Fault>> {
        let data = vec![b'a'; 7 << 20];
        for _ in 0..900 {
            let _ = crypto::digest("sha256", &data);
        }
        Ok(Account::new("account", "Account").into())
    }
}

guest!(Hashes, "manifests/hashes.toml");
