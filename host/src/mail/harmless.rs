//! Makes the HTML of mails harmless before it is stored. Where it is long a background thread does, because a megabyte takes up to a
//! second, in which the thread that it was asked on serves others.

use sambung_runtime::background;
use sambung_runtime::contract::types::Content;

use crate::model::content;

/// HTML of at most so many bytes is cleaned on the caller's thread.
const SHORT: usize = 8 << 10;

/// Calls a function for each content in a value.
type Each<T> = fn(&mut T, &mut dyn FnMut(&mut Content));

/// Cleans the contents that `each` finds in it.
pub async fn harmless<T: Send + 'static>(mut it: T, each: Each<T>) -> T {
    let mut bytes = 0;
    each(&mut it, &mut |one| bytes += content::html_bytes(one));
    let clean = move || {
        each(&mut it, &mut content::clean);
        it
    };
    if bytes <= SHORT { clean() } else { background::run(clean).await }
}
