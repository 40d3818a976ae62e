//! Every channel without an account anywhere: starts a host and simulators of the providers, connects a channel of each kind as
//! an admin would, has a customer write and an agent answer, and shows what each of them saw.
//!
//! `cargo run --release -p sambung-demo`, or with `-- --stay` to look around in the host afterwards.
#![forbid(unsafe_code)]

mod channels;
mod graph;
mod stage;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use clap::Parser;
use futures_util::FutureExt;

use channels::Play;
use stage::Stage;

/// Shows every channel at work, without an account anywhere.
#[derive(Parser)]
struct Arguments {
    /// The host and all simulators go on afterwards, until Ctrl-C; the address and a sign-in are printed.
    #[arg(long)]
    stay: bool,
    /// Only these channels, by the ids of their plugins.
    only: Vec<String>,
}

const HELLO: &str = "Halo! Apakah toko buka hari ini?";
const ANSWER: &str = "Selamat pagi! Ya, kami buka sampai pukul 21.00.";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A fault of one channel is told in one line and spoils none of the others.
    std::panic::set_hook(Box::new(|_| {}));
    println!("Starting a host and the simulators of every provider …");
    let (stage, plays) = Stage::open().await;
    println!("The host is at {}.\n", stage.api().url(""));
    let mut failed = Vec::new();
    // The simulators live as long as the plays that hold them: whoever looks around afterwards may still answer.
    for play in &plays {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|id| id == play.plugin()) {
            continue;
        }
        let played = AssertUnwindSafe(perform(play.as_ref(), stage.api())).catch_unwind().await;
        if let Err(panic) = played {
            println!("    FAILED: {}\n", words(panic.as_ref()));
            failed.push(play.plugin());
        }
    }
    if arguments.stay {
        let (email, password) = stage.person().await;
        let at = |path: &str| stage.api().url(path);
        println!("The host and the simulators go on until Ctrl-C.");
        println!("    address     {}   (reference: {})", at(""), at("/docs/"));
        println!("    e-mail      {email}");
        println!("    password    {password}");
        println!("    sign in     POST {} with {{\"email\": …, \"password\": …}}", at("/v1/session"));
        println!("    or          curl -H 'Authorization: Bearer {}' {}", stage.api().token(), at("/v1/conversations"));
        if let Err(error) = tokio::signal::ctrl_c().await {
            println!("Ctrl-C cannot be waited for: {error}");
        }
    }
    drop(plays);
    if failed.is_empty() {
        println!("Every channel works.");
        return ExitCode::SUCCESS;
    }
    println!("These do not: {}.", failed.join(", "));
    ExitCode::FAILURE
}

/// One channel from its form to an answer.
async fn perform(play: &dyn Play, api: &sambung_tests::api::Api) {
    println!("{}", play.plugin());
    let channel = play.connect(api).await;
    let account = channel["account_name"].as_str().or(channel["account"].as_str()).unwrap_or_default();
    println!("    connected   {account}   ({})", play.way());
    let before = stage::conversations(api).await;
    play.writes(HELLO).await;
    let conversation = stage::new_conversation(api, &before).await;
    let who = conversation["contact"]["name"].as_str().unwrap_or("somebody");
    println!("    {who:<11} {HELLO}");
    let reply = api.reply(conversation["id"].as_str().unwrap_or_default(), ANSWER).await;
    let message = stage::sent(api, &reply).await;
    stage::shown(play, ANSWER).await;
    println!("    agent       {ANSWER}   ({}, and {who} sees it)\n", message["status"].as_str().unwrap_or_default());
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it says nothing")
}
