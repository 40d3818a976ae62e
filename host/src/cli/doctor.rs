//! `sambung doctor`: what would keep a server from starting, or from being reached. Changes nothing.

use std::net::TcpListener;

use anyhow::bail;

use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError};
use crate::db::{DbError, backup};

/// Looks, and says what to do about each thing that is wrong.
pub(super) async fn run(config: Config) -> anyhow::Result<()> {
    let mut wrong = 0;
    let mut say = |good: bool, words: String| {
        println!("{} {words}", if good { "ok   " } else { "WRONG" });
        wrong += usize::from(!good);
    };
    let data = DataDir::at(&config.server.data_dir);
    let folder = data.path().display();
    let running = if data.path().exists() {
        match data.lock() {
            Ok(_) => false,
            Err(DataDirError::InUse(_)) => true,
            Err(error) => {
                say(false, format!("the data folder cannot be used: {error}"));
                false
            }
        }
    } else {
        say(true, format!("{folder} is not there yet; `sambung serve` makes it"));
        false
    };
    say(true, if running { "a server runs".into() } else { "no server runs".into() });
    database(&data, &mut say);
    if !running {
        match TcpListener::bind(config.server.listen) {
            Ok(_) => say(true, format!("{} is free to listen on", config.server.listen)),
            Err(error) => {
                say(false, format!("cannot listen on {}: {error}; choose another with --listen", config.server.listen))
            }
        }
    }
    match config.server.public_url() {
        Some(url) if url.starts_with("https:") => say(true, format!("reached at {url}")),
        Some(url) => say(false, format!("{url} is not https; providers refuse to call it")),
        None => say(true, "no server.public_url: web chat works here, providers cannot call".into()),
    }
    for (from, to) in &config.egress.overrides {
        say(true, format!("what is meant for {from} is sent to {to} (egress.overrides)"));
    }
    if wrong > 0 {
        bail!("{wrong} of these need a hand");
    }
    Ok(())
}

fn database(data: &DataDir, say: &mut dyn FnMut(bool, String)) {
    let vault = match data.refuse_half_restored().and_then(|()| data.existing_vault()) {
        Ok(vault) => vault,
        Err(error) => return say(false, error.to_string()),
    };
    let path = data.database();
    match (path.exists(), vault) {
        (false, _) => say(true, "no database yet".into()),
        (true, None) => say(false, DataDirError::KeyMissing(data.key()).to_string()),
        (true, Some(vault)) => match backup::prove(&path, &vault) {
            Ok(()) => say(true, "the database is whole and the master key opens it".into()),
            Err(error @ (DbError::WrongKey | DbError::Newer { .. })) => say(false, error.to_string()),
            Err(error) => say(false, format!("the database: {error}; restore a backup")),
        },
    }
    match data.open_to_others().as_slice() {
        _ if !data.path().exists() => {}
        [] => say(true, "the data folder is readable by this user only".into()),
        [first, others @ ..] => {
            let others = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
            let folder = data.path().display();
            say(false, format!("other users have rights to {}{others}; run: chmod -R go= {folder}", first.display()));
        }
    }
}
