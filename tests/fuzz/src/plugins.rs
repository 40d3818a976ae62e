//! Payloads of providers: a plugin translates every one without a panic, the same way each time.

use sambung_sdk::inbound::{Happening, Inbound, ItemResult, Outcome, Request};
use sambung_sdk::json::json;
use sambung_sdk::types::Channel;

use crate::picked;

type Handler = fn(Request, Option<Channel>) -> Result<Outcome, String>;

const PLUGINS: [(&str, Handler); 8] = [
    ("events", sambung_plugin_line::Line::handle_webhook),
    ("updates", sambung_plugin_telegram::Telegram::handle_webhook),
    ("events", sambung_plugin_whatsapp::WhatsApp::handle_webhook),
    ("events", sambung_plugin_x::X::handle_webhook),
    ("poll", sambung_plugin_x::X::handle_webhook),
    ("events", sambung_plugin_messenger::Messenger::handle_webhook),
    ("events", sambung_plugin_instagram::Instagram::handle_webhook),
    ("visitor", sambung_plugin_webchat::Webchat::handle_webhook),
];

/// The first byte names the plugin; the body.
pub fn run(data: &[u8]) {
    let Some((which, body)) = picked(data) else { return };
    let (recipe, handle) = PLUGINS[which % PLUGINS.len()];
    let translated = || {
        let mut channel = Channel::with_settings("ch_1", &json!({ "mode": "own-app" }));
        channel.account = Some("1".to_owned());
        let request = Request { received_at: 1_780_000_000_000, ..Request::new(recipe, body) };
        handle(request, Some(channel))
    };
    holds(translated);
}

/// What holds for every translation.
pub(crate) fn holds(translated: impl Fn() -> Result<Outcome, String>) {
    let (once, again) = (translated(), translated());
    assert_eq!(format!("{once:?}"), format!("{again:?}"), "another translation is another outcome");
    let Ok(outcome) = once else { return };
    for item in &outcome.items {
        match &item.outcome {
            ItemResult::Ignored(reason) | ItemResult::Failed(reason) => assert!(!reason.is_empty()),
            ItemResult::Other(open) => panic!("an outcome of no kind: {open:?}"),
            ItemResult::Events(events) => {
                for event in events {
                    assert!(!event.id.is_empty(), "{event:?}");
                    if let Happening::Message(message) = &event.what {
                        assert!(!message.content.is_empty(), "{message:?}");
                    }
                }
            }
        }
    }
}
