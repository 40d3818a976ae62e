//! Mail as it comes in: a listener for mail servers, and a socket in the data folder for whoever hands mail over on this machine.
//! Both speak through the same [`session`].
//!
//! It never relays: a recipient is an address of a channel's, or nobody. Nothing is acknowledged before it is on disk.

mod dots;
mod seats;
mod session;
mod take;
mod tls;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::budget::Budget;
use crate::auth::rate::Limiter;
use crate::config;
use crate::mail::Verdicts;
use crate::model::client_key::ClientKey;
use crate::web::listener::Pace;
use crate::web::state::State;
use seats::Seats;
use session::{Session, Wire};

pub use tls::TlsError;

/// The name of the socket in the data folder.
const SOCKET: &str = "mail.sock";
/// How long a client that finds no seat may take to read why.
const TURNING_AWAY: Duration = Duration::from_secs(2);

/// Why no mail can be received.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The certificate.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The name server.
    #[error(transparent)]
    Verdicts(#[from] crate::mail::VerdictsError),
    /// `mail.listen` without `mail.domain`.
    #[error("mail.listen needs mail.domain, the domain whose mail is received")]
    NoDomain,
    /// The address is taken, or is none.
    #[error("cannot listen on {address} for mail: {error}")]
    Listen {
        /// Where.
        address: String,
        /// The system's words.
        error: std::io::Error,
    },
}

/// The socket of a data folder.
pub fn socket_in(data_dir: &Path) -> PathBuf {
    data_dir.join(SOCKET)
}

/// What the sessions share.
struct Shared {
    state: State,
    config: config::Mail,
    verdicts: Verdicts,
    tls: Option<tokio_rustls::TlsAcceptor>,
    bytes: Budget,
    pace: Pace,
    mails: Limiter<ClientKey>,
    seats: Seats,
}

/// Receives mail until it is told to stop.
pub struct Smtp {
    shared: Arc<Shared>,
    listener: Option<TcpListener>,
}

impl Smtp {
    /// As configured; nothing where the host has no domain for mail.
    ///
    /// # Errors
    /// The configuration cannot be followed.
    pub async fn bind(state: &State) -> Result<Option<Smtp>, SmtpError> {
        let config = state.config.mail.clone();
        if config.domain().is_none() {
            return if config.listen.is_empty() { Ok(None) } else { Err(SmtpError::NoDomain) };
        }
        let tls = tls::acceptor(&config.tls_certificate, &config.tls_key)?;
        let verdicts = Verdicts::new(&config.resolver)?;
        let listener = match config.listen.as_str() {
            "" => None,
            address => {
                let bound = TcpListener::bind(address).await;
                Some(bound.map_err(|error| SmtpError::Listen { address: address.to_owned(), error })?)
            }
        };
        let shared = Shared {
            mails: Limiter::per_minute(config.mails_per_minute, state.config.server.limiter_keys),
            seats: Seats::new(
                config.connections,
                config.connections_per_address,
                Duration::from_millis(state.config.server.head_ms),
            ),
            bytes: Budget::with_share(
                "mails",
                config.receiving_bytes.max(config.max_bytes),
                config.receiving_bytes_per_address.max(config.max_bytes),
            ),
            pace: Pace::of(&state.config.server),
            state: state.clone(),
            config,
            verdicts,
            tls,
        };
        Ok(Some(Smtp { shared: Arc::new(shared), listener }))
    }

    /// Where it listens, if it does.
    pub fn address(&self) -> Option<std::net::SocketAddr> {
        self.listener.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Starts what receives, until `stop`.
    pub fn start(self, tasks: &TaskTracker, stop: &CancellationToken) {
        if let Some(listener) = self.listener {
            let (shared, stop, inner) = (Arc::clone(&self.shared), stop.clone(), tasks.clone());
            tasks.spawn(async move { listen(&shared, &listener, &inner, &stop).await });
        }
        #[cfg(unix)]
        {
            let (stop, inner) = (stop.clone(), tasks.clone());
            tasks.spawn(async move { listen_here(&self.shared, &inner, &stop).await });
        }
    }
}

async fn listen(shared: &Arc<Shared>, listener: &TcpListener, tasks: &TaskTracker, stop: &CancellationToken) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                // Answers leave at once, see `web::listener`.
                let _ = stream.set_nodelay(true);
                serve(shared, Box::new(stream), Some(peer.ip().to_canonical()), tasks, stop);
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for mail was not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Whoever may open the socket may read the whole folder: nobody else reaches it.
#[cfg(unix)]
async fn listen_here(shared: &Arc<Shared>, tasks: &TaskTracker, stop: &CancellationToken) {
    let path = socket_in(&shared.state.config.server.data_dir);
    // What an earlier run left behind; the folder is locked, so that nobody listens on it.
    let _ = std::fs::remove_file(&path);
    let listener = match tokio::net::UnixListener::bind(&path) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::warn!(path = %path.display(), %error, "`sambung mail inject` will not find this server");
            return;
        }
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => serve(shared, Box::new(stream), None, tasks, stop),
                Err(error) => tracing::warn!(%error, "a connection for mail was not accepted"),
            },
        }
    }
    let _ = std::fs::remove_file(&path);
}

fn serve(
    shared: &Arc<Shared>,
    wire: Box<dyn Wire>,
    client: Option<IpAddr>,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) {
    let (shared, stop) = (Arc::clone(shared), stop.clone());
    tasks.spawn(async move {
        let Some(taken) = shared.seats.take(client.map(ClientKey::of)) else {
            // It is told why, where it reads that at once: it has no seat that it could keep.
            let session = Session::new(Arc::clone(&shared), wire, client, None);
            let _ = tokio::time::timeout(TURNING_AWAY, session.turn_away()).await;
            return;
        };
        let served = Session::new(Arc::clone(&shared), wire, client, Some(Arc::clone(&taken.seat))).run();
        tokio::select! {
            () = stop.cancelled() => {}
            () = taken.seat.ended() => {}
            ended = served => if let Err(error) = ended {
                tracing::debug!(?client, %error, "a session of a mail server broke");
            },
        }
        drop(taken);
    });
}
