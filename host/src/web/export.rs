//! Lists as files for spreadsheets: CSV that is written while it is sent, and of which a spreadsheet runs nothing.

use std::future::{Future, ready};

use axum::body::{Body, Bytes};
use axum::http::HeaderValue;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};

use super::problem::{Answer, Problem};

/// The type of these files.
const CSV: &str = "text/csv; charset=utf-8";
/// Tells spreadsheets that the file is UTF-8.
const BOM: &[u8] = "\u{feff}".as_bytes();
/// Lines that are read at a time, and held in memory.
pub const AT_ONCE: usize = 500;

/// Why a file ended before it was whole: its client sees that the connection broke.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Csv(#[from] csv::Error),
    #[error("the next lines could not be read: {0}")]
    Read(String),
}

/// Some lines of a file, and where the next begin; none: these are the last.
pub struct Lines<P> {
    /// A line's cells, as many as the head has.
    pub lines: Vec<Vec<String>>,
    /// Asks for the next.
    pub next: Option<P>,
}

/// A file of this name, whose first line is `head`. `read` reads the lines from a place on, and is asked again only when what it gave
/// before is being sent: one batch is in memory at a time, however long the file is.
///
/// # Errors
/// Those of the first batch. A later fault breaks the connection, because a file that ends early must not look whole.
pub async fn csv<P, F, R>(name: &'static str, head: &[&str], mut read: R) -> Answer<Response>
where
    P: Send + 'static,
    F: Future<Output = Answer<Lines<P>>> + Send + 'static,
    R: FnMut(Option<P>) -> F + Send + 'static,
{
    let first = read(None).await?;
    let head = head.iter().map(|cell| (*cell).to_owned()).collect();
    let begun = written([head].into_iter().chain(first.lines)).map_err(|error| Problem::internal(&error))?;
    let begun = Bytes::from([BOM, &begun].concat());
    let rest = stream::try_unfold((first.next, read), |(place, mut read)| async move {
        let Some(place) = place else { return Ok(None) };
        let batch = read(Some(place)).await;
        let batch = batch.map_err(|problem| Broken::Read(problem.detail().unwrap_or_default().to_owned()))?;
        Ok::<_, Broken>(Some((written(batch.lines)?, (batch.next, read))))
    });
    let body = Body::from_stream(stream::once(ready(Ok(begun))).chain(rest));
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(CSV)),
        (CONTENT_DISPOSITION, disposition.map_err(|error| Problem::internal(&error))?),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, body).into_response())
}

/// Whether an answer is such a file.
pub fn is_one(answer: &Response) -> bool {
    answer.headers().get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes() == CSV.as_bytes())
}

fn written(lines: impl IntoIterator<Item = Vec<String>>) -> Result<Bytes, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for line in lines {
        writer.write_record(line.into_iter().map(defused))?;
    }
    Ok(writer.into_inner().map_err(|error| error.into_error())?.into())
}

/// A cell that a spreadsheet shows and does not run: what begins a formula has an apostrophe before it, also after what separates cells
/// in other countries' files.
fn defused(cell: String) -> String {
    let mut shown = String::with_capacity(cell.len());
    let mut before = ';';
    for letter in cell.chars() {
        let begins = matches!(before, ';' | '\t' | '\r' | '\n');
        if begins && matches!(letter, '=' | '+' | '-' | '@') || shown.is_empty() && matches!(letter, '\t' | '\r') {
            shown.push('\'');
        }
        shown.push(letter);
        before = letter;
    }
    shown
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn a_cell_is_quoted_where_it_must_be_and_runs_nowhere() {
        let lines = ["=1+1", "+62 811", "-1", "@a", "\t=1", "a,\"b\"\n=c", "Budi;=1+1", "plain-x"]
            .map(|cell| vec![cell.to_owned(), "x".into()]);
        let text = written(lines).expect("written");
        let expected = "'=1+1,x\n'+62 811,x\n'-1,x\n'@a,x\n'\t'=1,x\n\"a,\"\"b\"\"\n'=c\",x\nBudi;'=1+1,x\nplain-x,x\n";
        assert_eq!(text, expected);
    }

    #[tokio::test]
    async fn a_batch_is_read_only_when_the_one_before_is_taken() {
        let reads = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&reads);
        let answer = csv("x.csv", &["n"], move |place: Option<usize>| {
            counted.fetch_add(1, Ordering::Relaxed);
            let at = place.unwrap_or(0);
            ready(Ok(Lines { lines: vec![vec![at.to_string()]], next: Some(at + 1).filter(|next| *next < 1_000_000) }))
        });
        let mut body = answer.await.expect("begun").into_body().into_data_stream();
        assert_eq!(body.next().await.expect("a chunk").expect("whole"), "\u{feff}n\n0\n");
        assert_eq!(body.next().await.expect("a chunk").expect("whole"), "1\n");
        assert!(reads.load(Ordering::Relaxed) <= 3, "of a million");
    }

    #[tokio::test]
    async fn a_file_that_cannot_be_read_to_its_end_breaks_off() {
        let answer = csv("x.csv", &["n"], |place: Option<()>| {
            ready(match place {
                None => Ok(Lines { lines: vec![], next: Some(()) }),
                Some(()) => Err(Problem::not_found()),
            })
        });
        let mut body = answer.await.expect("begun").into_body().into_data_stream();
        assert!(body.next().await.expect("the head").is_ok());
        assert!(body.next().await.expect("the fault").is_err());
    }
}
