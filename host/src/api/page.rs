//! Pages of lists: `?limit=&cursor=`, `{items, next}`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::problem::{FieldError, Problem};

const USUAL: usize = 50;
const MOST: usize = 200;

/// Which page is asked for.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Items on the page, at most 200; 50 when nothing is said.
    pub limit: Option<usize>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

impl PageQuery {
    /// Items on the page.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(USUAL).clamp(1, MOST)
    }

    /// Where the page before ended, as [`Page::new`] was told.
    pub fn after<T: DeserializeOwned>(&self) -> Result<Option<T>, Problem> {
        self.cursor.as_deref().map(|text| Cursor(text.to_owned()).read()).transpose()
    }
}

/// Where a page ended. Opaque to callers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor of this place.
    pub fn at(place: &impl Serialize) -> Cursor {
        Cursor(URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).expect("a place is plain data")))
    }

    /// The place.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        URL_SAFE_NO_PAD.decode(&self.0).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).ok_or_else(|| {
            Problem::invalid(vec![FieldError::new("#/cursor", "cursor", "this is no `next` of this list")])
        })
    }
}

/// A page.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Asks for the next page; null on the last.
    #[schema(value_type = Option<String>)]
    pub next: Option<Cursor>,
}

impl<T> Page<T> {
    /// A page of at most `limit` out of `items`, for which one more than `limit` was asked: that one only tells that there is
    /// a next page. `place` is where an item stands.
    pub fn new<P: Serialize>(mut items: Vec<T>, limit: usize, place: impl Fn(&T) -> P) -> Page<T> {
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(|last| Cursor::at(&place(last)));
        Page { items, next }
    }

    /// A page of these items, with the place where the next begins.
    pub fn leading_to(items: Vec<T>, next: Option<impl Serialize>) -> Page<T> {
        Page { items, next: next.map(|place| Cursor::at(&place)) }
    }

    /// The same page in another form.
    pub fn map<U>(self, form: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(form).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_tells_where_the_next_begins() {
        let page = Page::new(vec![3, 2, 1], 2, |item| *item);
        assert_eq!(page.items, [3, 2]);
        let next = page.next.expect("there is one more");
        assert_eq!(next.read::<i32>().expect("our own"), 2);
        assert!(Page::new(vec![3, 2], 2, |item| *item).next.is_none());
        assert!(Cursor("%%%".into()).read::<i32>().is_err());
    }

    #[test]
    fn a_limit_is_kept_within_bounds() {
        let query = |limit| PageQuery { limit, cursor: None };
        assert_eq!(query(None).limit(), 50);
        assert_eq!(query(Some(0)).limit(), 1);
        assert_eq!(query(Some(9999)).limit(), 200);
    }
}
