//! A workspace has many channels whose provider takes every request and never answers: replies, look-ups of people and downloads of
//! files wait there as long as they may. The neighbour's provider answers, and what goes to it is measured.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sambung_tests::api::{Api, now_ms, until};
use sambung_tests::providers::http_client;
use sambung_tests::providers::line::{Line, Recorded, SECRET, Source, Stored, body, message_event, sign, token_of};
use serde_json::{Value, json};

use crate::arena::Arena;
use crate::figures::Series;
use crate::neighbour::Neighbour;
use crate::outsider::connect_line_accounts;
use crate::scale::{SHORT, lasting, pick, quiet};

const CHANNELS: u32 = pick(10, 40) as u32;
const CUSTOMERS: u32 = pick(4, 10) as u32;
const REPLIES: u32 = pick(3, 10) as u32;
/// Places of the pools, fewer than the attacker asks for.
const CALLS: usize = pick(16, 64);
const FETCHES: usize = pick(8, 32);
/// From one reply, look-up and file of the neighbour's to the next.
const PACE: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(30);
/// Conversations of the neighbour's that are replied in.
const CONVERSATIONS: u32 = 5;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_provider_that_never_answers_holds_up_no_other_workspaces_replies_people_or_files() {
    let config =
        format!("[outbound]\ncalls = {CALLS}\n[inbound]\nfetches = {FETCHES}\n[runtime]\nupkeep = {FETCHES}\n");
    let arena = Arena::start(&config).await;
    let line = Arc::clone(&arena.neighbour.line);
    let admin = arena.caller("attacker", "admin").await;
    let hooks = connect_line_accounts(&admin, CHANNELS).await;
    let outgoing = Outgoing::start(&arena.neighbour).await;
    let before = outgoing.measure(tokio::time::sleep(2 * quiet())).await.0;
    let attacked = Arc::clone(&line);
    let (under, impact) = outgoing
        .measure(arena.under("hanging_provider", move || async move {
            let mut waits = 0;
            for (account, hook) in (1..).zip(hooks) {
                attacked.fall_silent(account);
                for customer in 0..CUSTOMERS {
                    write(&attacked, &hook, account * 1_000 + customer).await;
                }
            }
            admin.translated().await;
            for conversation in admin.all("/v1/conversations").await {
                for number in 0..REPLIES {
                    admin.reply(conversation["id"].as_str().unwrap(), &format!("{number}")).await;
                    waits += 1;
                }
            }
            tokio::time::sleep(2 * lasting()).await;
            waits
        }))
        .await;
    let silent = line.recorded();
    let asked = |of: &dyn Fn(&Recorded) -> bool| silent.iter().filter(|one| is_silent(one) && of(one)).count();
    let (sends, people, files) = (asked(&is_send), asked(&is_lookup), asked(&is_file));
    impact.print("hanging", format_args!("{sends:>9} of {} sends, {people} look-ups, {files} files", impact.found));
    for (what, quiet, under) in [
        ("replies", &before.replies, &under.replies),
        ("look-ups", &before.people, &under.people),
        ("files", &before.files, &under.files),
    ] {
        impact.print(&format!("quiet {what}"), quiet);
        impact.print(&format!("under {what}"), under);
    }
    impact.assert_held();
    assert!(sends >= CALLS / 2 && people >= FETCHES / 2 && files >= FETCHES / 2, "the attacker took its share");
    for (what, quiet, under) in [
        ("replies", &before.replies, &under.replies),
        ("look-ups", &before.people, &under.people),
        ("files", &before.files, &under.files),
    ] {
        assert!(quiet.count() > 0 && under.count() > 0, "{what} were measured");
        assert_eq!(under.failed, 0, "{what} of the neighbour did not come");
        let most = if SHORT { Duration::from_secs(5) } else { (2 * quiet.p99()).max(Duration::from_millis(150)) };
        assert!(under.p99() <= most, "the p99 of the neighbour's {what} is {:?}, at most {most:?}", under.p99());
    }
}

/// A new customer writes, and sends a picture.
async fn write(line: &Line, hook: &str, customer: u32) {
    let user = user(customer);
    let text = json!({ "type": "text", "text": "Halo", "quoteToken": "q" });
    let picture = json!({ "type": "image", "contentProvider": { "type": "line" }, "quoteToken": "q" });
    let events = [text, picture].map(|message| message_event(line, Source::User(&user), now_ms(), message));
    post(hook, body(&events)).await;
}

async fn post(hook: &str, body: Vec<u8>) {
    let post = http_client().post(hook).timeout(PATIENCE).header("x-line-signature", sign(SECRET, &body));
    assert_eq!(post.body(body).send().await.unwrap().status(), 200);
}

fn user(number: u32) -> String {
    format!("U{:032x}", 0x00e1_0000_u64 + u64::from(number))
}

fn is_silent(request: &Recorded) -> bool {
    let bearer = request.headers.iter().find(|(name, _)| name == "authorization");
    bearer.is_some_and(|(_, value)| (1..=CHANNELS).any(|account| *value == format!("Bearer {}", token_of(account))))
}

fn is_send(request: &Recorded) -> bool {
    request.url.starts_with("/v2/bot/message/push") || request.url.starts_with("/v2/bot/message/reply")
}

fn is_lookup(request: &Recorded) -> bool {
    request.url.starts_with("/v2/bot/profile/")
}

fn is_file(request: &Recorded) -> bool {
    request.url.ends_with("/content")
}

/// What goes from the neighbour to its provider.
struct Outgoing {
    api: Api,
    line: Arc<Line>,
    hook: String,
    conversations: Vec<String>,
    next: std::sync::atomic::AtomicU32,
}

/// From when a reply was taken, or a message was posted, until the provider was asked.
struct Measured {
    replies: Series,
    people: Series,
    files: Series,
}

impl Outgoing {
    async fn start(neighbour: &Neighbour) -> Self {
        let (api, line, hook) = (neighbour.api.clone(), Arc::clone(&neighbour.line), neighbour.hook.clone());
        for customer in 0..CONVERSATIONS {
            write(&line, &hook, 500_000 + customer).await;
        }
        let conversations = until("the neighbour's conversations are there", async || {
            let all = api.all("/v1/conversations").await;
            (all.len() >= CONVERSATIONS as usize).then_some(all)
        })
        .await;
        let conversations = conversations.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect();
        Self { api, line, hook, conversations, next: 600_000.into() }
    }

    /// Measures while something is done.
    async fn measure<T>(&self, doing: impl Future<Output = T>) -> (Measured, T) {
        let stop = AtomicBool::new(false);
        let (measured, done) = tokio::join!(self.probe(&stop), async {
            let done = doing.await;
            stop.store(true, Ordering::Relaxed);
            done
        });
        (measured, done)
    }

    async fn probe(&self, stop: &AtomicBool) -> Measured {
        let mut seen = self.line.recorded().len();
        let (mut due, mut came): (HashMap<String, Instant>, HashMap<String, Instant>) = Default::default();
        let mut next = Instant::now();
        let mut ended: Option<Instant> = None;
        loop {
            let over = ended.get_or_insert_with(Instant::now);
            if !stop.load(Ordering::Relaxed) {
                ended = None;
            } else if due.keys().all(|key| came.contains_key(key)) || over.elapsed() > PATIENCE {
                break;
            }
            if ended.is_none() && Instant::now() >= next {
                next += PACE;
                self.ask(&mut due).await;
            }
            let news = self.line.recorded_since(seen);
            seen += news.len();
            for request in news.iter().filter(|request| !is_silent(request)) {
                came.entry(key_of(request)).or_insert_with(Instant::now);
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let series = |kind: &str| {
            let of = due.iter().filter(|(key, _)| key.starts_with(kind));
            let (times, lost): (Vec<_>, Vec<_>) =
                of.map(|(key, due)| Some(came.get(key)?.duration_since(*due))).partition(Option::is_some);
            Series::of(times.into_iter().flatten().collect(), lost.len())
        };
        Measured { replies: series("reply "), people: series("person "), files: series("file ") }
    }

    /// A reply, a new customer, and a file.
    async fn ask(&self, due: &mut HashMap<String, Instant>) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let conversation = &self.conversations[number as usize % self.conversations.len()];
        due.insert(format!("reply {number}"), Instant::now());
        self.api.reply(conversation, &format!("reply {number}")).await;
        let user = user(number);
        let picture = json!({ "type": "image", "contentProvider": { "type": "line" }, "quoteToken": "q" });
        let event = message_event(&self.line, Source::User(&user), now_ms(), picture);
        let file = event["message"]["id"].as_str().unwrap().to_owned();
        self.line.content(&file, Stored::Ready(bytes::Bytes::from_static(b"GIF89a"), "image/gif"));
        due.insert(format!("person {user}"), Instant::now());
        due.insert(format!("file {file}"), Instant::now());
        post(&self.hook, body(&[event])).await;
    }
}

/// What a request of the neighbour's is about.
fn key_of(request: &Recorded) -> String {
    if is_lookup(request) {
        return format!("person {}", request.url.rsplit('/').next().unwrap_or_default());
    }
    if is_file(request) {
        return format!("file {}", request.url.split('/').rev().nth(1).unwrap_or_default());
    }
    let sent: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    sent["messages"][0]["text"].as_str().unwrap_or(&request.url).to_owned()
}
