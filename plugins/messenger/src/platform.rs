//! What is the same on all of Meta's platforms, handed on to where it stands.

use crate::{Messenger, NETWORK, settings};
use sambung_meta::{apps, outbound, profile, signals, webhook, windows};
use sambung_sdk::apps::{App, Apps, Prepared};
use sambung_sdk::inbound::{Inbound, Outcome, Request};
use sambung_sdk::outbound::{Outbound, Outgoing, Receipt, SendError};
use sambung_sdk::profiles::Profiles;
use sambung_sdk::signals::Signals;
use sambung_sdk::types::{Channel, Fault, Finding, Identity, Person, Target, Thread};
use sambung_sdk::windows::{WindowRule, Windows};

impl Windows for Messenger {
    fn window_rules() -> Vec<WindowRule> {
        windows::rules()
    }
}

impl Inbound for Messenger {
    fn handle_webhook(request: Request, _channel: Option<Channel>) -> Result<Outcome, String> {
        webhook::items(&NETWORK, &request)
    }
}

impl Outbound for Messenger {
    fn send(messages: Vec<Outgoing>, channel: Channel) -> Vec<Result<Receipt, SendError>> {
        outbound::send(&NETWORK, settings::access(&channel), &messages)
    }
}

impl Profiles for Messenger {
    fn look_up(channel: Channel, who: Identity, _thread: Option<Thread>) -> Result<Option<Person>, Fault> {
        profile::look_up(&NETWORK, &settings::access(&channel)?, who)
    }
}

impl Signals for Messenger {
    fn signal(channel: Channel, thread: Thread, kind: String, _about: Option<Target>) -> Result<(), Fault> {
        signals::signal(&settings::access(&channel)?, &thread, &kind)
    }
}

impl Apps for Messenger {
    fn prepare(app: App) -> Result<Prepared, Vec<Fault>> {
        apps::prepare(&NETWORK.webhooks, &app)
    }

    fn check(app: App) -> Result<Vec<Finding>, Fault> {
        apps::check(&NETWORK.webhooks, &app)
    }

    fn release(app: App) -> Result<(), Fault> {
        apps::release(&NETWORK.webhooks, &app)
    }
}
