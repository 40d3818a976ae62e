//! The component in the real runtime against the simulator: asking for updates with a cursor that goes on, and a webhook's secret.

use sambung_testkit::contract::inbound::{Happening, ItemResult, Outcome};
use sambung_testkit::contract::types::Content;
use sambung_testkit::{Kit, KitError, Webhook};
use sambung_tests::providers::telegram::{TOKEN, Telegram};
use serde_json::json;

use super::CUSTOMER;

async fn kit(telegram: &Telegram) -> Kit {
    let plugin = sambung_bundle::BUNDLED.iter().find(|plugin| plugin.id == "telegram").expect("the plugin is bundled");
    let mut kit = Kit::load_at(plugin.wasm, telegram.overrides()).await.unwrap();
    kit.fill_in(&json!({ "bot_token": TOKEN })).unwrap();
    kit
}

fn text(outcome: &Outcome) -> &str {
    let ItemResult::Events(events) = &outcome.items[0].outcome else { panic!("no event: {outcome:?}") };
    let Happening::Message(message) = &events[0].what else { panic!("no message: {:?}", events[0].what) };
    let Content::Text(text) = &message.content[0] else { panic!("no text") };
    &text.body
}

#[tokio::test]
async fn each_poll_brings_what_the_one_before_did_not() {
    let telegram = Telegram::start().await;
    let mut kit = kit(&telegram).await;
    kit.without_public_url();
    kit.connect(None).await.unwrap();
    for texts in [&["satu", "dua"][..], &["tiga"]] {
        for text in texts {
            telegram.writes(CUSTOMER, text);
        }
        let (_, outcomes) = kit.poll().await.unwrap();
        assert_eq!(outcomes.iter().map(text).collect::<Vec<_>>(), texts);
    }
    assert_eq!(telegram.pending(), (1, 0), "the last waits to be confirmed by the next poll");
    telegram.revoke();
    let Err(KitError::Faults(faults)) = kit.poll().await else { panic!("no fault") };
    assert_eq!(faults[0].kind, "unauthorized");
}

#[tokio::test]
async fn an_update_with_another_secret_never_reaches_the_plugin() {
    let telegram = Telegram::start().await;
    let mut kit = kit(&telegram).await;
    kit.connect(None).await.unwrap();
    let update = telegram.writes(CUSTOMER, "Halo").to_string();
    let secret = telegram.webhook().unwrap().secret;
    let header = "x-telegram-bot-api-secret-token";
    let answer = kit.webhook(&Webhook::post(update.clone()).header(header, secret.clone())).await.unwrap();
    assert_eq!((answer.status, text(answer.outcome.as_ref().unwrap())), (200, "Halo"));
    for wrong in [Webhook::post(update.clone()), Webhook::post(update.clone()).header(header, secret.to_lowercase())] {
        assert_eq!(kit.webhook(&wrong).await.unwrap().status, 401);
    }
}

/// A check may register the address while a poll waits at Telegram, which ends that poll.
#[tokio::test]
async fn a_poll_removes_an_own_address_only_where_the_host_lost_it() {
    let telegram = Telegram::start().await;
    let mut kit = kit(&telegram).await;
    kit.connect(None).await.unwrap();
    let address = telegram.webhook().unwrap().url;
    kit.without_public_url();
    kit.poll().await.expect("the host lost its address, so that the registered one gives way");
    assert_eq!(telegram.webhook(), None);

    kit.register().await.unwrap();
    telegram.register(Some(&address));
    let Err(KitError::Faults(faults)) = kit.poll().await else { panic!("Telegram has a webhook") };
    assert!(faults[0].words.contains("webhook is active"), "{faults:?}");
    assert_eq!(telegram.webhook().map(|webhook| webhook.url), Some(address), "what was registered meanwhile stands");
}
