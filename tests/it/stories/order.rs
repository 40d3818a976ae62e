//! Events that come late take their place by the provider's time, and change nothing that is derived from newer ones.

use sambung_tests::api::now_ms;
use sambung_tests::host::{hook, with_line};
use sambung_tests::providers::line::Line;

use super::CUSTOMER;

#[tokio::test(flavor = "multi_thread")]
async fn messages_stand_in_the_order_of_the_providers_time() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let api = host.api();
    let address = hook(api, &channel);
    let now = now_ms();
    for minutes in [3, 1, 5, 2, 4] {
        let at = now - minutes * 60_000;
        assert_eq!(line.post_text(&address, CUSTOMER, at, &format!("{minutes} minutes ago")).await.unwrap(), 200);
    }
    api.translated().await;
    let conversation = api.first_conversation().await;
    let texts: Vec<_> = api.all_messages().await.iter().map(|one| one["content"]["text"].clone()).collect();
    let newest_first: Vec<_> = (1..=5).map(|minutes| format!("{minutes} minutes ago")).collect();
    assert_eq!(texts, newest_first);
    assert_eq!(conversation["last_message"]["preview"], "1 minutes ago", "{conversation}");
}
