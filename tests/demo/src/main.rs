//! Every channel without an account anywhere: starts a host and simulators of the providers, connects a channel of each kind as
//! an admin would, has a customer write and an agent answer, and shows what each of them saw.
//!
//! `cargo run --release -p sambung-demo`, with `-- --stay` to look around in the host afterwards while customers go on writing, or
//! with `-- --pictures DIR` to have a picture of every page.
#![forbid(unsafe_code)]

mod channels;
mod crowd;
mod graph;
mod pictures;
mod stage;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use futures_util::FutureExt;

use channels::Play;
use stage::Stage;

/// Shows every channel at work, without an account anywhere.
#[derive(Parser)]
struct Arguments {
    /// The host and all simulators go on afterwards, until Ctrl-C, and customers write now and then; the address and a sign-in are
    /// printed.
    #[arg(long)]
    stay: bool,
    /// Takes a picture of every page, in both languages and themes, on a desk and on a phone, into this folder.
    #[arg(long, value_name = "DIR")]
    pictures: Option<PathBuf>,
    /// Only these channels, by the ids of their plugins.
    only: Vec<String>,
}

impl Arguments {
    /// Whether this plugin's channel is played.
    fn plays(&self, plugin: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|id| id == plugin)
    }
}

const HELLO: &str = "Halo! Apakah toko buka hari ini?";
const ANSWER: &str = "Selamat pagi! Ya, kami buka sampai pukul 21.00.";

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A fault of one channel is told in one line and spoils none of the others.
    let loud = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    println!("Starting a host and the simulators of every provider …");
    let (stage, plays) = Stage::open().await;
    println!("The host is at {}.\n", stage.api().url(""));
    let mut failed = Vec::new();
    // The simulators live as long as the plays that hold them: whoever looks around afterwards may still answer.
    for play in &plays {
        if !arguments.plays(play.plugin()) {
            continue;
        }
        let played = AssertUnwindSafe(perform(play.as_ref(), stage.api())).catch_unwind().await;
        if let Err(panic) = played {
            println!("    FAILED: {}\n", words(panic.as_ref()));
            failed.push(play.plugin());
        }
    }
    std::panic::set_hook(loud);
    let played: Vec<&dyn Play> =
        plays.iter().map(AsRef::as_ref).filter(|play| arguments.plays(play.plugin())).collect();
    let person = if arguments.stay || arguments.pictures.is_some() {
        crowd::fill(&stage, &played).await;
        Some(stage.person().await)
    } else {
        None
    };
    if let (Some(folder), Some(person)) = (&arguments.pictures, &person) {
        pictures::take(&stage, person, folder).await;
    }
    if let Some((email, password)) = person.filter(|_| arguments.stay) {
        let at = |path: &str| stage.api().url(path);
        println!("The host and the simulators go on until Ctrl-C.");
        println!("    address     {}   (reference: {})", at(""), at("/docs/"));
        println!("    e-mail      {email}");
        println!("    password    {password}");
        println!("    or          curl -H 'Authorization: Bearer {}' {}", stage.api().token(), at("/v1/conversations"));
        tokio::select! {
            () = crowd::go_on(&played) => {}
            ended = tokio::signal::ctrl_c() => if let Err(error) = ended {
                println!("Ctrl-C cannot be waited for: {error}");
            }
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
