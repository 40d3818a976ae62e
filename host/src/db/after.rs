//! Whom a commit wakes. An act notes it; once the transaction is on disk they are woken, whether or not anybody still waits for
//! the act's answer: a caller that hangs up must not delay what it was told is kept.
//!
//! Acts run on the writer's thread, and what follows a commit does too, so the notes lie with the thread. An act that is undone
//! may leave a note: whoever is woken looks, and finds nothing.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::wake::Wakes;

#[derive(Default)]
struct Noted {
    journal: bool,
    outbound: bool,
    polling: bool,
    feed: bool,
    deliveries: bool,
    channels: bool,
    visitors: BTreeSet<String>,
}

thread_local! {
    static NOTED: RefCell<Noted> = RefCell::default();
}

fn note(what: impl FnOnce(&mut Noted)) {
    NOTED.with_borrow_mut(what);
}

/// A journal row waits for translation.
pub(super) fn wake_journal() {
    note(|noted| noted.journal = true);
}

/// A part may be due: it was queued, or what it waited for ended.
pub(super) fn wake_outbound() {
    note(|noted| noted.outbound = true);
}

/// Which channels are polled may have changed.
pub(super) fn wake_polling() {
    note(|noted| noted.polling = true);
}

/// The feed grew.
pub(super) fn wake_feed() {
    note(|noted| noted.feed = true);
}

/// An endpoint takes deliveries that took none, or has some to be tried.
pub(super) fn wake_deliveries() {
    note(|noted| noted.deliveries = true);
}

/// The provider said something about a channel that waits for it.
pub(super) fn wake_channels() {
    note(|noted| noted.channels = true);
}

/// This visitor's stream grew.
pub(super) fn wake_visitor(visitor: &str) {
    note(|noted| {
        noted.visitors.insert(visitor.to_owned());
    });
}

/// A transaction is on disk: wakes everybody who was noted.
pub(super) fn committed(wakes: &Wakes) {
    let noted = NOTED.take();
    if noted.journal {
        wakes.journal.notify_one();
    }
    if noted.outbound {
        wakes.outbound.notify_one();
    }
    if noted.polling {
        wakes.polling.notify_one();
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
        wakes.visitors.grew(visitor);
    }
}
