//! Forms with files: each file is stored while it arrives, each other field is a text.

use axum::extract::multipart::{Field, Multipart, MultipartRejection};
use futures_util::TryStreamExt;

use super::reader::Reader;
use crate::db::MediaRow;
use crate::media::Claim;
use crate::web::problem::{Answer, FieldError, Problem};
use crate::web::state::State;
use crate::web::upload;

/// Bytes of all fields together, files apart.
const MOST_TEXT: usize = 256 << 10;
/// Files of one form.
const MOST_FILES: usize = 10;
/// Fields of one form.
const MOST_FIELDS: usize = 200;

/// A field of a form.
pub(super) enum Part {
    /// What was typed or chosen.
    Text(String),
    /// A file, which is stored.
    File(Box<MediaRow>),
}

/// Reads a form, field by field in its order, into `take`. What came before a fault was taken.
///
/// # Errors
/// 400 for what is no form, 413 and 422 for fields and files beyond their bounds, and what storing a file refuses.
pub(super) async fn read(
    state: &State,
    reader: &Reader,
    form: Result<Multipart, MultipartRejection>,
    mut take: impl FnMut(&str, Part),
) -> Answer<()> {
    let mut form = form.map_err(|_| Problem::bad_request("this is no form of these pages"))?;
    let (mut fields, mut files, mut room) = (0, 0, MOST_TEXT);
    while let Some(field) = form.next_field().await.map_err(|error| unread(&error))? {
        fields += 1;
        if fields > MOST_FIELDS {
            return Err(Problem::bad_request("the form has more fields than these pages"));
        }
        let name = field.name().unwrap_or_default().to_owned();
        match field.file_name().map(str::to_owned) {
            None => take(&name, Part::Text(text(field, &mut room).await?)),
            // A browser sends an empty part where no file was chosen.
            Some(file) if file.is_empty() => {}
            Some(file) => {
                files += 1;
                if files > MOST_FILES {
                    let words = format!("at most {MOST_FILES} files go into one form");
                    return Err(Problem::invalid(vec![FieldError::new("#/file", "too-many", words)]));
                }
                let claim = Claim { mime: field.content_type().map(str::to_owned), name: Some(file), kind: None };
                let bytes = field.map_err(|error| unread(&error));
                take(&name, Part::File(Box::new(upload::store(state, &reader.caller, claim, bytes).await?)));
            }
        }
    }
    Ok(())
}

/// A field, for which there is so much room yet.
async fn text(mut field: Field<'_>, room: &mut usize) -> Answer<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| unread(&error))? {
        *room = room
            .checked_sub(chunk.len())
            .ok_or_else(|| Problem::too_large("the fields of the form are larger than they may be"))?;
        bytes.extend_from_slice(&chunk);
    }
    String::from_utf8(bytes).map_err(|_| Problem::bad_request("the form holds a text that is not UTF-8"))
}

fn unread(error: &axum::extract::multipart::MultipartError) -> Problem {
    Problem::unread(error, Problem::bad_request("the form ended before it was whole"))
}
