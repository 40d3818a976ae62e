//! Plain data and the rules worth proving: windows, status rank, retry schedule, limits, permissions.
//!
//! Nothing here waits, reads a clock or touches a disk: time and randomness are arguments.

pub mod audit;
pub mod channel;
pub mod clean;
pub mod client_key;
pub mod content;
pub mod envelope;
pub mod fault;
pub mod holds;
pub mod html;
pub mod name;
pub mod new_template;
pub mod permissions;
pub mod proxies;
pub mod range;
pub mod retry;
pub mod semver_policy;
pub mod shown;
pub mod status;
pub mod template_use;
pub mod time;
pub mod told;
pub mod variables;
pub mod windows;
