//! The host with every simulator behind it, and what is waited for while a channel plays.

use std::time::Duration;

use sambung_tests::api::{Api, until};
use sambung_tests::host::{Host, leading};
use serde_json::Value;

use crate::channels::{self, Play};

/// A running host.
pub struct Stage {
    host: Host,
    _graph: crate::graph::Graph,
}

impl Stage {
    /// Starts everything; the plays in the order in which they are to be shown.
    pub async fn open() -> (Stage, Vec<Box<dyn Play>>) {
        let (simulators, graph) = channels::simulators().await;
        let host = Host::start(&leading(&simulators.overrides(&graph), &simulators.config())).await;
        let plays = simulators.plays(&host.api().url(""), host.mail());
        (Stage { host, _graph: graph }, plays)
    }

    /// Somebody who signs in: the e-mail address and the password.
    pub async fn person(&self) -> (String, String) {
        self.host.person().await
    }

    /// An operator's way to the API.
    pub fn api(&self) -> &Api {
        self.host.api()
    }
}

/// The ids of all conversations.
pub async fn conversations(api: &Api) -> Vec<String> {
    let ids = api.all("/v1/conversations").await;
    ids.iter().filter_map(|one| one["id"].as_str()).map(str::to_owned).collect()
}

/// The conversation that was not there before.
pub async fn new_conversation(api: &Api, before: &[String]) -> Value {
    until("the customer's message is shown to the agents", async || {
        let all = api.all("/v1/conversations").await;
        all.into_iter().find(|one| one["id"].as_str().is_some_and(|id| !before.iter().any(|known| known == id)))
    })
    .await
}

/// The message once the provider has it.
pub async fn sent(api: &Api, id: &str) -> Value {
    until("the provider takes the answer", async || {
        let message = api.get(&format!("/v1/messages/{id}")).await;
        let status = message["status"].as_str().unwrap_or_default().to_owned();
        assert!(!matches!(status.as_str(), "failed" | "unknown"), "the answer is {status}: {}", message["error"]);
        matches!(status.as_str(), "sent" | "delivered" | "read").then_some(message)
    })
    .await
}

/// Waits until the customer sees a text.
pub async fn shown(play: &dyn Play, text: &str) {
    until("the customer sees the answer", async || {
        let seen = play.sees().await.iter().any(|seen| seen.contains(text));
        if !seen {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        seen.then_some(())
    })
    .await;
}
