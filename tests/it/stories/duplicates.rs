//! A provider that delivers the same again, one after the other and all at once.

use sambung_tests::api::now_ms;
use sambung_tests::host::{hook, with_line};
use sambung_tests::providers::line::{Line, Source, message_event, redelivered};
use serde_json::json;

use super::CUSTOMER;

#[tokio::test(flavor = "multi_thread")]
async fn the_same_event_again_and_again_is_one_message() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let api = host.api();
    let address = hook(api, &channel);
    let event = |words: &str| {
        let message = json!({ "type": "text", "text": words, "quoteToken": "q" });
        message_event(&line, Source::User(CUSTOMER), now_ms(), message)
    };
    let (first, second) = (event("one after the other"), event("all at once"));
    for again in [first.clone(), first.clone(), redelivered(&first)] {
        assert_eq!(line.post(&address, &[again]).await.unwrap(), 200);
    }
    let deliveries = (0..12).map(|round| {
        // Alone, and in a batch with what is known already.
        let again = redelivered(&second);
        let batch = if round % 2 == 0 { vec![again] } else { vec![first.clone(), again] };
        let (line, address) = (&line, &address);
        async move { line.post(address, &batch).await.unwrap() }
    });
    let answers = futures_util::future::join_all(deliveries).await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    api.translated().await;
    let mut texts: Vec<_> = api.all_messages().await.iter().map(|one| one["content"]["text"].clone()).collect();
    texts.sort_by_key(ToString::to_string);
    assert_eq!(texts, ["all at once", "one after the other"]);
    assert_eq!(api.all("/v1/conversations").await.len(), 1);
    assert_eq!(api.all("/v1/contacts").await.len(), 1);
}
