//! Storing a file that a user sends, for the API and the pages.

use axum::body::Bytes;
use axum::http::StatusCode;
use futures_util::{Stream, StreamExt};

use super::caller::Caller;
use super::problem::{Answer, FieldError, Problem};
use super::state::State;
use crate::auth::Role;
use crate::db::MediaRow;
use crate::media::{Claim, MediaError, Owner, QuotaError};
use crate::model::content::MEDIA_KINDS;
use crate::model::name;

impl From<MediaError> for Problem {
    fn from(error: MediaError) -> Problem {
        match error {
            MediaError::NotFound => Problem::not_found(),
            MediaError::TooLarge(_) => Problem::too_large(error.to_string()),
            MediaError::NoPublicUrl => Problem::invalid(vec![FieldError::new("#", "public-url", error.to_string())]),
            MediaError::TooLong { .. } => Problem::invalid(vec![FieldError::new("#", "too-long", error.to_string())]),
            MediaError::Quota(QuotaError::Hour { wait, .. }) => Problem::too_many(wait),
            MediaError::Quota(error) => {
                Problem::new(StatusCode::INSUFFICIENT_STORAGE, "media-quota", error.to_string())
            }
            MediaError::DiskLow => Problem::unavailable(error.to_string(), 30),
            MediaError::Busy => Problem::unavailable(error.to_string(), 2),
            MediaError::Disk(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                Problem::unavailable("the disk is full: nothing can be stored until there is room", 30)
            }
            MediaError::Disk(error) => Problem::internal(&error),
            MediaError::Db(error) => error.into(),
        }
    }
}

/// Stores the bytes of a stream. `about` says what the sender says of them.
///
/// # Errors
/// 413 for a file that is too large, 422 for an empty one and for a wrong name or kind, 503 and 507 where there is no room.
pub async fn store<S>(state: &State, caller: &Caller, about: Claim, bytes: S) -> Answer<MediaRow>
where
    S: Stream<Item = Answer<Bytes>> + Send,
{
    caller.at_least(Role::Agent)?;
    if let Some(kind) = about.kind.as_deref().filter(|kind| !MEDIA_KINDS.contains(kind)) {
        let detail = format!("`{kind}` is none of {}", MEDIA_KINDS.join(", "));
        return Err(Problem::invalid(vec![FieldError::new("#/kind", "choice", detail)]));
    }
    if let Some(fault) = about.name.as_deref().and_then(|name| name::fault("#/name", name)) {
        return Err(Problem::invalid(vec![fault]));
    }
    let mut incoming = state.media.begin(Owner::workspace(&caller.workspace)).await?;
    let mut bytes = std::pin::pin!(bytes);
    let mut any = false;
    while let Some(chunk) = bytes.next().await {
        let chunk = chunk?;
        any |= !chunk.is_empty();
        incoming.write(&chunk).await?;
    }
    if !any {
        return Err(Problem::invalid(vec![FieldError::new("#", "required", "the file is empty")]));
    }
    Ok(incoming.finish(about).await?)
}
