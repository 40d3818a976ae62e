//! The load generator: takes jobs on its standard input, a line each, and tells on its standard output how each went.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::client::{self, Connection, Sent};
use super::{itself_as, webhook};
use crate::providers::line::BOT;

/// Open connections of a load of webhooks.
pub const CONNECTIONS: usize = 64;
/// Different customers, where nothing else is said.
const CUSTOMERS: u64 = 500;

/// Something to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Which server.
    pub address: SocketAddr,
    /// What it is asked.
    pub what: What,
}

/// What a server is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum What {
    /// To take webhooks, as many at a time as there are connections.
    Webhooks {
        /// Where they are posted.
        path: String,
        /// The number of the first, which no job before had.
        first: u64,
        /// How many.
        count: usize,
        /// How many customers write them.
        customers: u64,
    },
    /// To take one webhook at each of these addresses.
    Each {
        /// Paths, and the accounts that are written to.
        hooks: Vec<(String, String)>,
        /// As above.
        first: u64,
    },
    /// To take webhooks at a pace, and to show each message that comes of one; the delays are from when a webhook was due until
    /// its message was on the feed.
    Visible {
        /// As above.
        path: String,
        /// As above.
        first: u64,
        /// As above.
        count: usize,
        /// How many are due in a second.
        per_second: f64,
        /// Who follows the feed.
        token: String,
    },
    /// To answer the same question again and again, one at a time.
    Reads {
        /// What is asked for.
        path: String,
        /// Who asks.
        token: String,
        /// How often.
        count: usize,
    },
    /// To tell what is on the feed after an id; the delay is until the last of so many events.
    Feed {
        /// After which id.
        after: i64,
        /// Who follows.
        token: String,
        /// How many events.
        count: usize,
    },
}

/// How a job went.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Report {
    /// When the first request was due, in microseconds since 1970.
    began: u64,
    /// Seconds from then until the last answer.
    pub seconds: f64,
    /// How many answers there were.
    pub count: usize,
    /// The delay that half of the answers stayed under, in microseconds.
    pub median: u32,
    /// The delay that 99 of 100 stayed under, in microseconds.
    pub p99: u32,
    /// The longest, in microseconds.
    pub longest: u32,
}

impl Report {
    fn of(began: Instant, took: Duration, mut delays: Vec<u32>) -> Self {
        delays.sort_unstable();
        let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize];
        let began = SystemTime::now() - began.elapsed();
        let began = began.duration_since(UNIX_EPOCH).expect("the clock is after 1970");
        Self {
            began: u64::try_from(began.as_micros()).expect("microseconds fit"),
            seconds: took.as_secs_f64(),
            count: delays.len(),
            median: at(0.5),
            p99: at(0.99),
            longest: at(1.0),
        }
    }

    /// Answers in a second.
    pub fn rate(&self) -> f64 {
        self.count as f64 / self.seconds
    }

    /// Seconds since the first request was due.
    ///
    /// # Panics
    /// When the clock went back.
    pub fn since(&self) -> f64 {
        (SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_micros(self.began))).expect("time").as_secs_f64()
    }
}

/// The load generator in a process of its own.
pub struct Load {
    _child: Child,
    jobs: ChildStdin,
    reports: Lines<BufReader<ChildStdout>>,
    next: u64,
}

impl Load {
    /// Starts it.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        let mut child =
            itself_as("load").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("the load generator starts");
        let jobs = child.stdin.take().expect("its input is piped");
        let reports = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        Self { _child: child, jobs, reports, next: 0 }
    }

    /// Has a job done.
    ///
    /// # Panics
    /// When it cannot be done.
    pub async fn run(&mut self, address: SocketAddr, what: What) -> Report {
        let mut line = serde_json::to_string(&Job { address, what }).expect("a job is JSON");
        line.push('\n');
        self.jobs.write_all(line.as_bytes()).await.expect("the load generator runs");
        let report = self.reports.next_line().await.expect("its output can be read").expect("the job was done");
        serde_json::from_str(&report).expect("a report is JSON")
    }

    /// Has new webhooks posted.
    ///
    /// # Panics
    /// When not every one is answered with 200.
    pub async fn webhooks(&mut self, address: SocketAddr, path: &str, count: usize) -> Report {
        let first = self.number(count);
        self.run(address, What::Webhooks { path: path.to_owned(), first, count, customers: CUSTOMERS }).await
    }

    /// The number of the first of so many new webhooks.
    pub fn number(&mut self, count: usize) -> u64 {
        self.next += count as u64;
        self.next - count as u64
    }
}

/// What the load generator's process does until its input ends.
pub(super) async fn work() {
    let mut jobs = BufReader::new(tokio::io::stdin()).lines();
    while let Some(job) = jobs.next_line().await.expect("jobs can be read") {
        let job: Job = serde_json::from_str(&job).expect("a job is JSON");
        println!("{}", serde_json::to_string(&perform(job).await).expect("a report is JSON"));
    }
}

async fn perform(Job { address, what }: Job) -> Report {
    match what {
        What::Webhooks { path, first, count, customers } => {
            let sent = client::send(address, webhooks(&path, first, count, customers), CONNECTIONS, None).await;
            Report::of(sent.began, sent.took, sent.delays)
        }
        What::Each { hooks, first } => {
            let requests =
                (first..).zip(&hooks).map(|(number, (path, account))| webhook::wire(path, account, number, CUSTOMERS));
            let sent = client::send(address, requests.collect(), CONNECTIONS, None).await;
            Report::of(sent.began, sent.took, sent.delays)
        }
        What::Visible { path, first, count, per_second, token } => {
            let requests = webhooks(&path, first, count, CUSTOMERS);
            let mut feed = Connection::open(address).await;
            feed.begin(&get("/v1/events", &token, "")).await;
            // The stream stands once it says so, and tells from then on.
            while !feed.line().await.trim().is_empty() {}
            let seen = tokio::spawn(follow(feed, first, count));
            let Sent { began, took, .. } = client::send(address, requests, CONNECTIONS, Some(per_second)).await;
            let seen = seen.await.expect("the feed can be read");
            let delays = seen
                .into_iter()
                .map(|(index, at)| client::micros(at.saturating_duration_since(client::due(began, index, per_second))));
            Report::of(began, took, delays.collect())
        }
        What::Reads { path, token, count } => {
            let requests = vec![get(&path, &token, ""); count];
            let sent = client::send(address, requests, 1, None).await;
            Report::of(sent.began, sent.took, sent.delays)
        }
        What::Feed { after, token, count } => {
            let mut feed = Connection::open(address).await;
            let began = Instant::now();
            feed.begin(&get("/v1/events", &token, &format!("last-event-id: {after}\r\n"))).await;
            let mut told = 0;
            while told < count {
                told += usize::from(feed.line().await.starts_with("data:"));
            }
            Report::of(began, began.elapsed(), vec![client::micros(began.elapsed())])
        }
    }
}

fn webhooks(path: &str, first: u64, count: usize, customers: u64) -> Vec<Vec<u8>> {
    (first..).take(count).map(|number| webhook::wire(path, BOT, number, customers)).collect()
}

fn get(path: &str, token: &str, more: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: chat.example\r\nauthorization: Bearer {token}\r\n{more}\r\n").into_bytes()
}

/// When the message of each of these webhooks was told.
async fn follow(mut feed: Connection, first: u64, count: usize) -> Vec<(usize, Instant)> {
    let mut seen = Vec::with_capacity(count);
    while seen.len() < count {
        let line = feed.line().await;
        let Some(number) = line.strip_prefix("data:").and_then(webhook::number_in) else { continue };
        if let Some(index) = number.checked_sub(first) {
            seen.push((index as usize, Instant::now()));
        }
    }
    seen
}
