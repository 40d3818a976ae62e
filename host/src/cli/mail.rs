//! `sambung mail inject`: hands a mail from standard input to the running server, for a host behind an existing mail server.
//!
//! It speaks LMTP over the socket in the data folder, so that a mail goes the same way as one from the network.

use std::io::Read;
use std::path::Path;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::Config;
use crate::ingress::socket_in;

#[derive(Subcommand)]
pub(super) enum Mail {
    /// Hand a mail from standard input to the running server; exit codes are those of sysexits(3)
    Inject(Inject),
}

#[derive(Args)]
pub(super) struct Inject {
    /// Whom it is for: an address of a channel's; may be given several times
    #[arg(long, required = true, value_name = "ADDRESS")]
    to: Vec<String>,
    /// The sender of the envelope; empty: bounces and automatic answers
    #[arg(long, default_value = "", value_name = "ADDRESS")]
    from: String,
}

/// What a mail server makes of an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Exit {
    Usage = 64,
    NoUser = 67,
    Unavailable = 69,
    Temporary = 75,
    Input = 74,
}

/// A code, and words for the log.
type Failure = (Exit, String);

impl Mail {
    pub(super) async fn run(self, config: &Config) -> ExitCode {
        let Mail::Inject(inject) = self;
        match inject.run(&socket_in(&config.server.data_dir)).await {
            Ok(()) => ExitCode::SUCCESS,
            Err((code, words)) => {
                eprintln!("error: {words}");
                ExitCode::from(code as u8)
            }
        }
    }
}

/// How a mail server answered.
fn failure(reply: &str, of_recipient: bool) -> Failure {
    let code = match reply.as_bytes().first() {
        Some(b'5') if of_recipient => Exit::NoUser,
        Some(b'5') => Exit::Unavailable,
        _ => Exit::Temporary,
    };
    (code, reply.to_owned())
}

impl Inject {
    #[cfg(not(unix))]
    async fn run(self, _socket: &Path) -> Result<(), Failure> {
        Err((Exit::Unavailable, "there are no such sockets on this system".to_owned()))
    }

    #[cfg(unix)]
    async fn run(self, socket: &Path) -> Result<(), Failure> {
        let proper = |address: &str| !address.contains(['<', '>', '\r', '\n', ' ']);
        if let Some(wrong) = self.to.iter().chain([&self.from]).find(|address| !proper(address)) {
            return Err((Exit::Usage, format!("`{wrong}` is no address")));
        }
        let mut mail = Vec::new();
        let read = std::io::stdin().lock().read_to_end(&mut mail);
        read.map_err(|error| (Exit::Input, format!("the mail cannot be read: {error}")))?;
        let mut server = server::Server::reach(socket).await?;
        server.ask("LHLO localhost", false).await?;
        server.ask(&format!("MAIL FROM:<{}> SIZE={}", self.from, mail.len()), false).await?;
        for to in &self.to {
            server.ask(&format!("RCPT TO:<{to}>"), true).await?;
        }
        server.ask("DATA", false).await?;
        server.hand_over(&mail).await?;
        // Each recipient has an answer; the mail is on disk for all of them, or it is to be handed over again.
        for _ in &self.to {
            server.answer(false).await?;
        }
        Ok(())
    }
}

#[cfg(unix)]
mod server {
    use std::path::Path;

    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
    use tokio::net::UnixStream;

    use super::{Exit, Failure, failure};

    /// The running server.
    pub(super) struct Server(BufStream<UnixStream>);

    fn broken(error: &std::io::Error) -> Failure {
        (Exit::Temporary, format!("the server was lost: {error}"))
    }

    impl Server {
        pub(super) async fn reach(socket: &Path) -> Result<Server, Failure> {
            let stream = UnixStream::connect(socket).await.map_err(|error| {
                (Exit::Temporary, format!("no server receives mail at {}: {error}", socket.display()))
            })?;
            let mut server = Server(BufStream::new(stream));
            server.answer(false).await?;
            Ok(server)
        }

        pub(super) async fn ask(&mut self, line: &str, of_recipient: bool) -> Result<(), Failure> {
            self.write(format!("{line}\r\n").as_bytes()).await?;
            self.answer(of_recipient).await
        }

        pub(super) async fn answer(&mut self, of_recipient: bool) -> Result<(), Failure> {
            loop {
                let mut line = String::new();
                let read = self.0.read_line(&mut line).await.map_err(|error| broken(&error))?;
                if read == 0 {
                    return Err((Exit::Temporary, "the server hung up".to_owned()));
                }
                let line = line.trim_end();
                match line.as_bytes() {
                    [_, _, _, b'-', ..] => {}
                    [b'2' | b'3', ..] => return Ok(()),
                    _ => return Err(failure(line, of_recipient)),
                }
            }
        }

        pub(super) async fn hand_over(&mut self, mail: &[u8]) -> Result<(), Failure> {
            self.write(&super::stuffed(mail)).await
        }

        async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
            self.0.write_all(bytes).await.map_err(|error| broken(&error))?;
            self.0.flush().await.map_err(|error| broken(&error))
        }
    }
}

/// A mail as it goes over the wire: lines end with CRLF, a dot at their begin is doubled, and a dot alone ends it.
fn stuffed(mail: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(mail.len() + mail.len() / 40 + 8);
    let mail = mail.strip_suffix(b"\n").unwrap_or(mail);
    for line in mail.split(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            wire.push(b'.');
        }
        wire.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_ended_and_dots_doubled() {
        assert_eq!(stuffed(b"a\n.\n..b\r\n"), b"a\r\n..\r\n...b\r\n.\r\n");
        assert_eq!(stuffed(b""), b"\r\n.\r\n");
    }

    #[test]
    fn a_mail_server_learns_whether_to_come_again() {
        assert_eq!(failure("451 4.3.0 later", false).0, Exit::Temporary);
        assert_eq!(failure("552 5.3.4 too long", false).0, Exit::Unavailable);
        assert_eq!(failure("550 5.1.1 nobody", true).0, Exit::NoUser);
    }
}
