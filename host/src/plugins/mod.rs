//! Installed plugins: from a file to the generation that runs, and what a running plugin may ask of the host.
//!
//! Boot, folder, upload and tests install through one function, [`Registry::install`]. Knows no channel's life and no HTTP.

mod boot;
mod figures;
mod folder;
mod install;
mod native;
mod outcomes;
mod registry;
mod renewal;
mod services;
mod watch;

pub use figures::{FaultOfCall, Figure, Figures, HOURS, HourOfCalls, LineOfLog};
pub use folder::{FolderError, nudge, place_file};
pub use install::{InstallError, Installed, Outcome, SettingsMisfit, Source};
pub use outcomes::CallAccount;
pub use registry::{Generation, PluginState, Registry};
pub use renewal::{Renewals, Renewed};
pub use services::{Candidate, Candidates, KvService, SecretService};
