//! Whom a commit wakes, and what memory forgets with it. An act notes it; once the transaction is on disk it is done, before the
//! act's caller is answered and whether or not that one still waits: a caller that hangs up must neither delay what it was told is
//! kept nor leave what was true before.
//!
//! Acts run on the writer's thread, and what follows a commit does too, so the notes lie with the thread. An act that is undone
//! may leave a note: whoever is woken looks, and finds nothing.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::db::channels::ChannelCache;
use crate::db::channels::secrets::SecretCache;
use crate::wake::{Credential, PassingEvent, Wakes};

#[derive(Default)]
struct Noted {
    journal: bool,
    outbound: bool,
    polling: bool,
    media: bool,
    strangers: bool,
    feed: bool,
    deliveries: bool,
    channels: bool,
    secrets: bool,
    visitors: BTreeSet<String>,
    changed_channels: BTreeSet<String>,
    credentials: BTreeSet<Credential>,
    passing: Vec<Passed>,
}

/// An event that is told and not kept.
struct Passed {
    workspace: String,
    subject: String,
    event: PassingEvent,
}

thread_local! {
    static NOTED: RefCell<Noted> = RefCell::default();
}

fn note(what: impl FnOnce(&mut Noted)) {
    NOTED.with_borrow_mut(what);
}

/// A journal row waits for translation.
pub(in crate::db) fn wake_journal() {
    note(|noted| noted.journal = true);
}

/// A part may be due: it was queued, or what it waited for ended.
pub(in crate::db) fn wake_outbound() {
    note(|noted| noted.outbound = true);
}

/// Which channels are polled may have changed.
pub(in crate::db) fn wake_polling() {
    note(|noted| noted.polling = true);
}

/// A file waits to be fetched.
pub(in crate::db) fn wake_media() {
    note(|noted| noted.media = true);
}

/// A contact is new, and the loop that looks people up has not asked its provider yet.
pub(in crate::db) fn wake_strangers() {
    note(|noted| noted.strangers = true);
}

/// The feed grew.
pub(in crate::db) fn wake_feed() {
    note(|noted| noted.feed = true);
}

/// An endpoint takes deliveries that took none, or has some to be tried.
pub(in crate::db) fn wake_deliveries() {
    note(|noted| noted.deliveries = true);
}

/// The provider said something about a channel that waits for it.
pub(in crate::db) fn wake_channels() {
    note(|noted| noted.channels = true);
}

/// This visitor's stream grew.
pub(in crate::db) fn wake_visitor(visitor: &str) {
    note(|noted| {
        noted.visitors.insert(visitor.to_owned());
    });
}

/// What memory holds of secrets is old.
pub(in crate::db) fn secrets_changed() {
    note(|noted| noted.secrets = true);
}

/// What memory holds of this channel is old.
pub(in crate::db) fn channel_changed(id: &str) {
    note(|noted| {
        noted.changed_channels.insert(id.to_owned());
    });
}

/// The row of a credential was changed or removed: whatever is open by it is looked at again. Called for every such change, by the
/// writer's hook.
pub(in crate::db) fn credential_changed(credential: Credential) {
    note(|noted| {
        noted.credentials.insert(credential);
    });
}

/// Something happened that is told to those who follow the workspace now.
pub(in crate::db) fn passes(workspace: &str, subject: &str, event: PassingEvent) {
    note(|noted| {
        noted.passing.push(Passed { workspace: workspace.to_owned(), subject: subject.to_owned(), event });
    });
}

/// A transaction is on disk: forgets what it changed, then wakes everybody who was noted.
pub(in crate::db) fn committed(wakes: &Wakes, channels: &ChannelCache, secrets: &SecretCache) {
    let noted = NOTED.take();
    if noted.secrets {
        secrets.forget();
    }
    for channel in &noted.changed_channels {
        channels.forget(channel);
    }
    if noted.journal {
        wakes.journal.notify_one();
    }
    if noted.outbound {
        wakes.outbound.notify_one();
    }
    if noted.polling {
        wakes.polling.notify_one();
    }
    if noted.media {
        wakes.media.notify_one();
    }
    if noted.strangers {
        wakes.strangers.notify_one();
    }
    if noted.feed {
        wakes.feed_grew();
    }
    if noted.deliveries {
        wakes.deliveries.notify_one();
    }
    if noted.channels {
        wakes.channels.notify_one();
    }
    for visitor in &noted.visitors {
        wakes.visitors.grew(visitor.as_str());
    }
    for credential in &noted.credentials {
        wakes.credentials.grew(credential);
    }
    for Passed { workspace, subject, event } in noted.passing {
        wakes.passing.tell(&workspace, &subject, || event);
    }
}
