//! The command line: reads arguments and configuration, does one thing, and says in one line what went wrong.

mod backup;
mod doctor;
mod logs;
mod mail;
mod people;
mod plugin;
mod serve;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};

use crate::config::Config;

/// Messaging channels as sandboxed plugins.
#[derive(Parser)]
#[command(name = "sambung", version)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Args)]
struct Common {
    /// Where the database, keys, plugins and files are [default: data]
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// A TOML file that overrides the defaults
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    Serve(serve::Serve),
    /// People who sign in
    #[command(subcommand)]
    User(people::User),
    /// Tokens for programs
    #[command(subcommand)]
    Token(people::Token),
    /// Plugin files
    #[command(subcommand)]
    Plugin(plugin::Plugin),
    /// Write a backup into a new file, also while the server runs
    Backup(backup::Create),
    /// Put a backup in the place of what the data folder holds; no server may run
    Restore(backup::Restore),
    /// Let outbound, polling and refresh go on after a restore
    Release,
    /// Mail for a server that runs
    #[command(subcommand)]
    Mail(mail::Mail),
    /// Look for what keeps a server from starting or being reached
    Doctor,
    /// What the server starts for each plugin that it compiles: a component from standard input to native code on standard output
    #[command(hide = true)]
    Compile,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // Whatever this program writes is for its own user, whatever rights the shell would give.
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    if matches!(cli.command, Command::Compile) {
        return Ok(compile());
    }
    sambung_runtime::compile_with([COMPILE]);
    let mut config = cli.common.read()?;
    let done = match cli.command {
        // A mail server reads the exit code.
        Command::Mail(command) => return Ok(runtime()?.block_on(command.run(&config))),
        Command::Serve(serve) => {
            serve.apply(&mut config)?;
            let runtime = runtime()?;
            let served = runtime.block_on(serve::run(config));
            // Whatever still computes on a thread of its own is not waited for.
            runtime.shutdown_timeout(LEAVING);
            served
        }
        Command::User(command) => runtime()?.block_on(command.run(config)),
        Command::Token(command) => runtime()?.block_on(command.run(config)),
        Command::Plugin(command) => runtime()?.block_on(command.run(config)),
        Command::Backup(command) => command.run(&config),
        Command::Restore(command) => runtime()?.block_on(command.run(config)),
        Command::Release => runtime()?.block_on(backup::release(config)),
        Command::Doctor => runtime()?.block_on(doctor::run(config)),
        Command::Compile => Ok(()),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// The name of the command by which a server compiles a plugin in a process of its own.
pub const COMPILE: &str = "compile";
/// How long threads that compute are waited for when the server has ended.
const LEAVING: std::time::Duration = std::time::Duration::from_millis(500);

/// The parent reads the words from standard error.
fn compile() -> ExitCode {
    match sambung_runtime::compile_for_parent() {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("{words}");
            ExitCode::FAILURE
        }
    }
}

impl Common {
    fn read(&self) -> anyhow::Result<Config> {
        let text = match &self.config {
            Some(path) => {
                Some(std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?)
            }
            None => None,
        };
        let name = self.config.as_ref().map(|path| path.display().to_string()).unwrap_or_default();
        let mut config = Config::read(text.as_deref().map(|text| (name.as_str(), text)), std::env::vars())?;
        if let Some(folder) = &self.data_dir {
            config.server.data_dir.clone_from(folder);
        }
        Ok(config)
    }
}

/// A command of this program for the same data folder, as it is typed.
fn command(data_dir: &Path, words: &str) -> String {
    let shown = data_dir.display().to_string();
    let is_plain = |one: char| one.is_ascii_alphanumeric() || "/._-".contains(one);
    match shown.as_str() {
        "data" => format!("sambung {words}"),
        plain if plain.chars().all(is_plain) => format!("sambung --data-dir {plain} {words}"),
        other => format!("sambung --data-dir '{}' {words}", other.replace('\'', r"'\''")),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start threads")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_names_the_data_folder_where_it_is_another() {
        let typed = |folder: &str| command(Path::new(folder), "token create");
        assert_eq!(typed("data"), "sambung token create");
        assert_eq!(typed("/srv/sambung"), "sambung --data-dir /srv/sambung token create");
        assert_eq!(typed("my data's"), r"sambung --data-dir 'my data'\''s' token create");
    }
}
