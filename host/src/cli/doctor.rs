//! `sambung doctor`: what would keep a server from starting, or from being reached. Changes nothing.

use std::net::TcpListener;

use anyhow::bail;

use crate::config::Config;
use crate::data_dir::{DataDir, DataDirError};
use crate::db::{DbError, answers_challenge, backup};
use crate::model::envelope::Vault;

/// How long the public address may take to answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// Most bytes of its answer that are looked at.
const MOST_ANSWER: usize = 4096;

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
        Some(url) => {
            if !url.starts_with("https:") {
                say(false, format!("{url} is not https; providers refuse to call it"));
            }
            match (running, data.existing_vault()) {
                (true, Ok(Some(vault))) => match reach(url, &vault).await {
                    Ok(()) => say(true, format!("reached at {url}")),
                    Err(unreached) => say(false, unreached.to_string()),
                },
                _ => say(true, format!("{url} is not asked, because no server runs")),
            }
        }
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

/// Why this server is not reached at its public address.
#[derive(Debug, thiserror::Error)]
enum Unreached {
    #[error("{url} cannot be reached from here: {error}; check its DNS record, the firewall and the proxy in front")]
    NoAnswer { url: String, error: String },
    #[error("{url} is answered by another server ({answer}); point its DNS record, or the proxy in front, at this one")]
    Another { url: String, answer: String },
}

/// Asks the public address for what only a server with this master key can answer.
async fn reach(url: &str, vault: &Vault) -> Result<(), Unreached> {
    let no_answer = |error: reqwest::Error| {
        let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
        let error = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        Unreached::NoAnswer { url: url.to_owned(), error }
    };
    // A second call finds the provider installed, which is what is wanted.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build();
    let challenge = hex::encode(crate::clock::random::<16>());
    let asked = client.map_err(no_answer)?.get(format!("{url}/reachable/{challenge}"));
    let mut answer = asked.send().await.map_err(no_answer)?;
    let status = answer.status();
    let mut said = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(no_answer)? {
        said.extend_from_slice(&piece);
        if said.len() > MOST_ANSWER {
            break;
        }
    }
    if answers_challenge(vault, &challenge, &said) {
        return Ok(());
    }
    Err(Unreached::Another { url: url.to_owned(), answer: format!("its answer was {status} and not this server's") })
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
