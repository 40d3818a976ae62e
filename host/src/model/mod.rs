//! Plain data and the rules worth proving: windows, status rank, retry schedule, limits, permissions.
//!
//! Nothing here waits, reads a clock or touches a disk: time and randomness are arguments.

pub mod audit;
pub mod channel;
pub mod envelope;
pub mod fault;
pub mod permissions;
pub mod proxies;
pub mod semver_policy;
pub mod time;
