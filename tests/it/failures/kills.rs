//! SIGKILL of the real program in the middle of what each channel does: webhooks, mail and visitors' messages under way, a send
//! that the provider took and has not answered, and another behind it.
//!
//! [`super::super::kill`] does the same to LINE at hundreds of moments by chance; here each channel meets those that matter.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use sambung_tests::api::{Api, now_ms, until};
use sambung_tests::server::Server;
use serde_json::{Value, json};

use super::stage::{Provider, Trouble, config, connect, messages_of, providers, text};

const CUSTOMERS: u32 = 3;
const KILLS: u32 = 3;

/// Customers who write until they are told to stop, and write again what nobody took; by text whether it was acknowledged.
#[derive(Default)]
struct Load {
    told: RefCell<HashMap<String, bool>>,
    stop: Cell<bool>,
}

impl Load {
    /// How many webhooks were acknowledged.
    fn acknowledged(&self) -> usize {
        self.told.borrow().values().filter(|told| **told).count()
    }

    async fn run(&self, provider: &dyn Provider, api: &Api, channel: &Value) {
        let mut again: Option<Vec<Value>> = None;
        while !self.stop.get() {
            let events = again.take().unwrap_or_else(|| self.write(provider));
            if provider.deliver(api, channel, &events).await {
                let words = |event: &Value| self.words(event);
                for words in events.iter().map(words) {
                    self.told.borrow_mut().insert(words, true);
                }
            } else {
                again = Some(events);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn write(&self, provider: &dyn Provider) -> Vec<Value> {
        let one = |_| {
            let number = self.told.borrow().len();
            let words = format!("text-{number}-");
            self.told.borrow_mut().insert(words.clone(), false);
            provider.text(1 + u32::try_from(number).unwrap() % CUSTOMERS, now_ms(), &words)
        };
        (0..3).map(one).collect()
    }

    /// Which text an event holds.
    fn words(&self, event: &Value) -> String {
        let event = event.to_string();
        let told = self.told.borrow();
        told.keys().find(|words| event.contains(words.as_str())).unwrap_or_else(|| panic!("{event}")).clone()
    }
}

/// One reply goes, one is taken and not answered, one waits behind it; then the process is gone.
async fn reply_and_kill(
    provider: &dyn Provider,
    server: &mut Server,
    conversation: &str,
    round: u32,
    taken: &mut HashMap<String, String>,
) {
    let api = server.api();
    let mut reply = async |words: String| {
        let id = api.reply(conversation, &words).await;
        taken.insert(id.clone(), words);
        id
    };
    let first = reply(format!("first {round}")).await;
    api.message_when(&first, "sent").await;
    let stuck = provider.trouble(Trouble::LostAnswer);
    let words = format!("second {round}");
    reply(words.clone()).await;
    reply(format!("third {round}")).await;
    if stuck {
        until("the provider took it", async || provider.seen(&server.data()).contains(&words).then_some(())).await;
    }
    server.kill().await;
    server.spawn();
    server.ready().await;
    provider.reach(&server.api());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_channel_was_doing_nothing_is_lost_and_nothing_is_anywhere_twice() {
    for provider in providers().await {
        let provider = &*provider;
        let mut server = Server::start(&config(provider, "[outbound]\nunknown_wait_ms = 300\n")).await;
        let api = server.api();
        let channel = connect(provider, &api).await;
        assert!(provider.deliver(&api, &channel, &[provider.text(1, now_ms(), "Halo")]).await);
        let hello = async || api.all_messages().await.into_iter().find(|one| text(one) == "Halo");
        let conversation =
            until("the conversation is there", hello).await["conversation_id"].as_str().unwrap().to_owned();

        let load = Load::default();
        let mut taken = HashMap::new();
        let kills = async {
            for round in 0..KILLS {
                reply_and_kill(provider, &mut server, &conversation, round, &mut taken).await;
            }
            // On a busy machine the kills may be over before many customers had a turn.
            let enough = async || (load.acknowledged() > KILLS as usize * 3).then_some(());
            until("many webhooks are acknowledged", enough).await;
            load.stop.set(true);
        };
        tokio::join!(load.run(provider, &api, &channel), kills);
        let name = provider.plugin();
        inbound_is_whole(&api, &load, name).await;
        outbound_is_whole(&api, provider, &server, &conversation, &taken).await;
    }
}

async fn inbound_is_whole(api: &Api, load: &Load, name: &str) {
    api.translated().await;
    for state in ["waiting", "parked"] {
        assert_eq!(api.all(&format!("/v1/journal?state={state}")).await, Vec::<Value>::new(), "{name}");
    }
    let mut found: HashMap<String, u32> = HashMap::new();
    for message in api.all_messages().await {
        *found.entry(text(&message)).or_default() += 1;
    }
    let people = api.all("/v1/contacts").await.len() as u32;
    assert!(people <= CUSTOMERS + 1, "{name}: a customer is two people: {people}");
    let told = load.told.borrow();
    let lost: Vec<_> = told.iter().filter(|(words, told)| **told && !found.contains_key(*words)).collect();
    let twice: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
    assert!(lost.is_empty() && twice.is_empty(), "{name}: acknowledged and lost {lost:?}, there twice {twice:?}");
}

/// What the API says of each reply is what the customer sees.
async fn outbound_is_whole(
    api: &Api,
    provider: &dyn Provider,
    server: &Server,
    conversation: &str,
    taken: &HashMap<String, String>,
) {
    let name = provider.plugin();
    let ended = until("every reply has come to its end", async || {
        let mut all = api.all(&messages_of(conversation)).await;
        all.retain(|message| message["direction"] == "outbound");
        all.iter().all(|message| message["status"] != "queued" && message["status"] != "sending").then_some(all)
    })
    .await;
    assert_eq!(ended.len(), taken.len(), "{name}: what was taken is there, and nothing else");
    let seen = provider.seen(&server.data());
    for (id, words) in taken {
        let message =
            ended.iter().find(|message| message["id"] == id.as_str()).unwrap_or_else(|| panic!("{name} lost {words}"));
        let times = seen.iter().filter(|seen| *seen == words).count();
        match message["status"].as_str().unwrap() {
            "sent" => assert_eq!(times, 1, "{name}: {words} of {seen:?}: {message}"),
            "unknown" => {
                assert!(times <= 1, "{name}: {words} of {seen:?}: {message}");
                let path = format!("/v1/messages/{id}/resolve");
                api.expect(200, "POST", &path, json!({ "outcome": "sent" })).await;
            }
            other => panic!("{name}: {words} is {other}: {message}"),
        }
    }
}
