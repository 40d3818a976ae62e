//! Components that misbehave, one a file in `examples/`, for tests of the sandbox and of the host above it.
//!
//! Each does its one wrong thing only when it is told to ([`is_wrong`]), so that a test can trip a limit and then make a
//! good call to the same plugin. [`guest!`] gives the rest of a plugin around that one thing.
#![forbid(unsafe_code)]

#[cfg(not(target_family = "wasm"))]
mod build;
mod guest;
pub mod hooked;

#[cfg(not(target_family = "wasm"))]
pub use build::{component, folder, peer, plugin};
pub use guest::{Guest, good, is_wrong, receipts, sends_wrong, tell};

#[doc(hidden)]
pub use sambung_sdk as sdk;
