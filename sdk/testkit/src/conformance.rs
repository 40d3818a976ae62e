//! The same questions for every channel: what a provider does sooner or later, and what a plugin declares.
//!
//! A plugin's tests describe their provider once, as a [`Subject`]; [`conform`] asks everything and tells every answer that is
//! wrong. What the suite does not prove is not to be declared: a content in `[limits]` needs a sample that is sent, and an
//! optional interface needs a proof.

mod connecting;
mod declared;
mod inbound;
mod outbound;

use futures_util::future::BoxFuture;
use sambung_runtime::contract::inbound::Outcome;
use sambung_runtime::contract::outbound::Outgoing;
use sambung_runtime::contract::types::{Content, Thread};
use serde_json::Value;

pub use connecting::Registering;

use crate::{Kit, KitError, Provider, Webhook};

/// What a provider answers to the requests that sending one text takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It takes the text.
    Takes,
    /// The credential is not good any more.
    Unauthorized,
    /// Too many; come back in so many seconds, said the provider's own way.
    TooMany(u32),
    /// A server error.
    Broken,
    /// It takes the request, and the connection breaks before the answer is whole: see
    /// [`Expectation::breaks_off`](crate::Expectation::breaks_off).
    BreaksOff,
}

/// A content that the plugin declares, and the script of a provider that takes it.
pub struct Sample {
    /// What is sent.
    pub content: Content,
    /// What the provider answers.
    pub script: fn(&Provider),
}

/// Shows that an optional interface does its work: its name in `wit/`, and a call that succeeds.
pub struct Proof {
    /// "profiles", "media", …
    pub interface: &'static str,
    /// Scripts the provider, calls, and says what is wrong.
    pub run: for<'k> fn(&'k mut Kit) -> BoxFuture<'k, Result<(), String>>,
}

/// A channel and its provider, as far as the suite needs to know them.
#[allow(async_fn_in_trait, reason = "a test's own type, called from one task")]
pub trait Subject {
    /// Origins beside those that the manifest names one by one.
    fn origins(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Fills in the forms, and sets what connecting would leave behind.
    async fn fill_in(&self, kit: &mut Kit);

    /// An event of the provider's: somebody writes `text`. Events with different numbers are different, the higher one later.
    fn text(&self, number: u32, text: &str) -> Value;

    /// An event of a kind that nobody knows yet.
    fn unknown(&self) -> Value;

    /// JSON Pointers into an event: what the provider may leave out.
    fn optional(&self) -> Vec<&'static str>;

    /// A request's body with these events in this order.
    fn body(&self, events: &[Value]) -> Vec<u8>;

    /// Whether the provider puts several events into one request.
    fn batches(&self) -> bool {
        true
    }

    /// The request as the provider makes it, signed. None: nothing comes by webhook.
    fn signed(&self, kit: &Kit, body: &[u8]) -> Option<Webhook>;

    /// Whether the signature covers the body.
    fn signs_body(&self) -> bool {
        true
    }

    /// Lets the kit have a body, the way it comes.
    async fn deliver(&self, kit: &mut Kit, body: &[u8]) -> Result<Outcome, KitError> {
        let Some(webhook) = self.signed(kit, body) else {
            return Ok(Outcome { items: Vec::new(), answer: None, extra: Vec::new() });
        };
        let answer = kit.webhook(&webhook).await?;
        answer.outcome.ok_or_else(|| KitError::Parked(format!("refused: {:?}", answer.refused)))
    }

    /// Scripts the provider for one `identify` that finds the account.
    fn identifies(&self, provider: &Provider);

    /// Scripts the provider for one `register`, whose switching request it takes or refuses.
    fn registers(&self, provider: &Provider, registering: Registering);

    /// Whether registering changes anything at a provider.
    fn registers_at_provider(&self) -> bool {
        true
    }

    /// Scripts the provider for one `check` of an account whose messages it delivers to another address. False: the provider does not
    /// say where it delivers, or that is an app's matter.
    fn elsewhere(&self, _provider: &Provider) -> bool {
        false
    }

    /// Requests that change nothing although they are not `GET`: method and path ("POST /token"), and why.
    fn harmless(&self) -> Vec<(String, &'static str)> {
        Vec::new()
    }

    /// What a `register` that fails takes back: a request that the provider took, and the one that undoes it.
    fn undoes(&self) -> Vec<(String, String)> {
        Vec::new()
    }

    /// Scripts the provider for sending one text.
    fn script(&self, provider: &Provider, answer: Answer);

    /// How long the plugin is to wait, in milliseconds, after [`Answer::TooMany`] with these seconds. None: the provider does
    /// not say for how long.
    fn delay_ms(&self, seconds: u32) -> Option<u64> {
        Some(u64::from(seconds) * 1_000)
    }

    /// Whether sending asks anybody: web chat has no provider.
    fn asks_a_provider(&self) -> bool {
        true
    }

    /// The outgoing content as the host would hand it over: with a window rule, to a person.
    fn prepared(&self, outgoing: Outgoing) -> Outgoing {
        outgoing
    }

    /// Where contents are sent to.
    fn thread(&self) -> Thread;

    /// One content of every kind in `[limits]`, and one file of every kind of media.
    fn samples(&self, kit: &mut Kit) -> Vec<Sample>;

    /// One for each optional interface that the plugin exports.
    fn proofs(&self) -> Vec<Proof>;
}

/// What came of the questions.
#[derive(Debug, Default)]
pub struct Report {
    asked: Vec<(String, Result<(), String>)>,
}

impl Report {
    fn add(&mut self, question: impl Into<String>, answer: Result<(), String>) {
        self.asked.push((question.into(), answer));
    }

    /// The questions that were asked, in order.
    pub fn questions(&self) -> impl Iterator<Item = &str> {
        self.asked.iter().map(|(question, _)| question.as_str())
    }

    /// What is wrong: the question, and what was found.
    pub fn wrong(&self) -> impl Iterator<Item = (&str, &str)> {
        self.asked.iter().filter_map(|(question, answer)| Some((question.as_str(), answer.as_ref().err()?.as_str())))
    }

    /// Fails a test with everything that is wrong.
    ///
    /// # Panics
    /// With the questions that were answered wrongly.
    pub fn assert(&self) {
        let wrong: Vec<String> = self.wrong().map(|(question, found)| format!("- {question}: {found}")).collect();
        assert!(wrong.is_empty(), "{} of {} answers are wrong:\n{}", wrong.len(), self.asked.len(), wrong.join("\n"));
    }
}

/// Asks a component of the channel everything.
///
/// # Errors
/// It does not load.
pub async fn conform<S: Subject>(subject: &S, wasm: &[u8]) -> Result<Report, KitError> {
    let mut report = Report::default();
    let origins = subject.origins();
    let component = Component::new(wasm)?;
    let mut kit = component.load(&origins).await?;
    subject.fill_in(&mut kit).await;
    kit.provider().verify();
    inbound::ask(subject, &mut kit, &mut report).await;
    connecting::ask(subject, &component, &mut report).await?;
    outbound::ask(subject, &component, &mut kit, &mut report).await;
    declared::ask(subject, &mut kit, &mut report).await;
    Ok(report)
}

/// What is asked, compiled once for all its kits.
struct Component<'w> {
    wasm: &'w [u8],
    native: tempfile::TempDir,
}

impl<'w> Component<'w> {
    fn new(wasm: &'w [u8]) -> Result<Self, KitError> {
        Ok(Self { wasm, native: tempfile::tempdir().map_err(KitError::Folder)? })
    }

    async fn load(&self, origins: &[&str]) -> Result<Kit, KitError> {
        Kit::load_by(self.wasm.to_vec(), origins, Some(self.native.path())).await
    }

    async fn load_unreachable(&self, origins: &[&str]) -> Result<Kit, KitError> {
        Kit::load_unreachable_by(self.wasm.to_vec(), origins, Some(self.native.path())).await
    }
}

/// A check that says what it found instead.
fn ensure(holds: bool, found: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(found()) }
}
