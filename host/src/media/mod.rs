//! Files: their bytes on disk by digest, what is measured of them, previews, and publication at unguessable addresses.
//!
//! Knows no message, no provider and no HTTP; rows are `db`'s.

mod duration;
mod incoming;
mod measure;
mod preview;
mod quota;
mod service;
mod store;

pub use incoming::{Claim, Incoming};
pub use quota::{Owner, QuotaError, Quotas};
pub use service::BlobService;
pub use store::{Media, MediaConfig, MediaError};
