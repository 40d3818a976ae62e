//! A request with what its plugin made of it, and what becomes of it.

use std::sync::Arc;

use sambung_runtime::CallError;
use sambung_runtime::contract::inbound::Outcome;
use sambung_runtime::contract::windows::WindowRule;

use crate::db::PendingRow;

/// A request with what its plugin made of it.
#[derive(Debug, Clone)]
pub struct Translated {
    /// The request, whether or not it is in the journal yet.
    pub row: Arc<PendingRow>,
    /// What came of the translation.
    pub translation: Translation,
}

/// What came of a translation.
#[derive(Debug, Clone)]
pub enum Translation {
    /// The plugin's answer.
    Outcome {
        /// Its items.
        outcome: Outcome,
        /// The plugin's window rules.
        rules: Arc<[WindowRule]>,
        /// The channel was not connected when the plugin was asked.
        early: bool,
    },
    /// The channel is connecting, and nobody waits at the provider: nothing was translated.
    TooEarly,
    /// Nothing can be made of it, with the reason.
    Parked(String),
    /// The plugin failed.
    Failed(CallError),
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// All of it is stored, or ignored with a reason.
    Settled,
    /// Some of it, or all, is kept aside with a reason.
    Parked,
    /// It waits for its channel to be connected.
    Waiting,
    /// It has to be translated again: its channel became connected meanwhile, or what came before it is not stored yet.
    Again,
}

/// A request that was committed.
#[derive(Debug, Clone, Copy)]
pub struct Committed {
    /// What became of it.
    pub effect: Effect,
    /// Events that are new.
    pub stored: u32,
    /// There are files to fetch.
    pub media: bool,
    /// There are people whom nobody knew.
    pub strangers: bool,
}

/// Of a request that gave nothing.
pub(super) const NOTHING: Committed = Committed { effect: Effect::Settled, stored: 0, media: false, strangers: false };
