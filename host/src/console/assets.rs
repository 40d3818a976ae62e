//! The style sheet, the icons and the scripts. Their addresses hold a hash of their bytes, so that a browser keeps them for good.
//! They are packed once, at the first request, because they are the same for every reader.

use std::io::Write;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::web::state::State;

/// A file that pages load.
pub(super) struct Asset {
    /// Its address.
    pub path: String,
    kind: &'static str,
    text: &'static str,
    packed: LazyLock<Option<Bytes>, Box<dyn FnOnce() -> Option<Bytes> + Send>>,
}

pub(super) static SHEET: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("console", "css", "text/css; charset=utf-8", include_str!("assets/console.css")));
pub(super) static ICONS: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icons", "svg", "image/svg+xml", include_str!("assets/icons.svg")));

pub(super) static LIVE: LazyLock<Asset> = LazyLock::new(|| Asset::module("live", include_str!("assets/live.js")));
pub(super) static COMPOSER: LazyLock<Asset> =
    LazyLock::new(|| Asset::module("composer", include_str!("assets/composer.js")));

pub(super) static AGAIN: LazyLock<Asset> = LazyLock::new(|| Asset::module("again", include_str!("assets/again.js")));
pub(super) static BUSY: LazyLock<Asset> = LazyLock::new(|| Asset::module("busy", include_str!("assets/busy.js")));
pub(super) static DIALOG: LazyLock<Asset> = LazyLock::new(|| Asset::module("dialog", include_str!("assets/dialog.js")));
pub(super) static FRESH: LazyLock<Asset> = LazyLock::new(|| Asset::module("fresh", include_str!("assets/fresh.js")));
pub(super) static GUIDE: LazyLock<Asset> = LazyLock::new(|| Asset::module("guide", include_str!("assets/guide.js")));
pub(super) static COPY: LazyLock<Asset> = LazyLock::new(|| Asset::module("copy", include_str!("assets/copy.js")));
pub(super) static PREVIEW: LazyLock<Asset> =
    LazyLock::new(|| Asset::module("preview", include_str!("assets/preview.js")));
pub(super) static PROGRESS: LazyLock<Asset> =
    LazyLock::new(|| Asset::module("progress", include_str!("assets/progress.js")));
pub(super) static KEYS: LazyLock<Asset> = LazyLock::new(|| Asset::module("keys", include_str!("assets/keys.js")));
pub(super) static LIST: LazyLock<Asset> = LazyLock::new(|| Asset::module("list", include_str!("assets/list.js")));
pub(super) static PICTURE: LazyLock<Asset> =
    LazyLock::new(|| Asset::module("picture", include_str!("assets/picture.js")));
pub(super) static QUICK: LazyLock<Asset> = LazyLock::new(|| Asset::module("quick", include_str!("assets/quick.js")));
pub(super) static TYPING: LazyLock<Asset> = LazyLock::new(|| Asset::module("typing", include_str!("assets/typing.js")));
pub(super) static ZONE: LazyLock<Asset> = LazyLock::new(|| Asset::module("zone", include_str!("assets/zone.js")));

impl Asset {
    fn module(name: &str, text: &'static str) -> Asset {
        Asset::new(name, "js", "text/javascript; charset=utf-8", text)
    }

    fn new(name: &str, ending: &str, kind: &'static str, text: &'static str) -> Asset {
        let hash = hex::encode(&Sha256::digest(text)[..8]);
        let packed: Box<dyn FnOnce() -> Option<Bytes> + Send> = Box::new(|| pack(text));
        Asset { path: format!("/console/{name}-{hash}.{ending}"), kind, text, packed: LazyLock::new(packed) }
    }

    /// The file, packed where the browser takes that.
    fn answer(&self, asked: &HeaderMap) -> Response {
        let headers = [
            (CONTENT_TYPE, self.kind),
            (CACHE_CONTROL, "public, max-age=31536000, immutable"),
            (VARY, "accept-encoding"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        match self.packed.as_ref().filter(|_| takes_gzip(asked)) {
            Some(packed) => (headers, [(CONTENT_ENCODING, "gzip")], packed.clone()).into_response(),
            None => (headers, self.text).into_response(),
        }
    }
}

fn pack(text: &str) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Memory refuses no byte.
    encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()).ok().map(Bytes::from)
}

/// Whether a browser takes gzip: `gzip;q=0` refuses it.
fn takes_gzip(asked: &HeaderMap) -> bool {
    let values = asked.get_all(ACCEPT_ENCODING).into_iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    values.flat_map(|value| value.split(',')).any(|one| {
        let (name, quality) = one.split_once(';').unwrap_or((one, ""));
        let refused = quality.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// The files' addresses.
pub(super) fn routes() -> Router<State> {
    let all = [
        &SHEET, &ICONS, &AGAIN, &BUSY, &COMPOSER, &COPY, &DIALOG, &FRESH, &GUIDE, &KEYS, &LIST, &LIVE, &PICTURE,
        &PREVIEW, &PROGRESS, &QUICK, &TYPING, &ZONE,
    ];
    all.into_iter().fold(Router::new(), |router, asset| {
        let asset: &'static Asset = asset;
        router.route(&asset.path, get(async move |asked: HeaderMap| asset.answer(&asked)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gzip_goes_to_browsers_that_take_it() {
        for (line, takes) in [
            ("gzip, deflate, br", true),
            ("GZIP;q=0.5", true),
            ("br, gzip;q=0", false),
            ("identity", false),
            ("", false),
        ] {
            let asked = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(line))]);
            assert_eq!(takes_gzip(&asked), takes, "{line}");
        }
    }

    /// What stands in the console's sources, but for the style sheet.
    fn sources(folder: &std::path::Path, all: &mut String) {
        for entry in std::fs::read_dir(folder).expect("the sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                sources(&path, all);
            } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "js") {
                all.push_str(&std::fs::read_to_string(&path).expect("a source"));
            }
        }
    }

    #[test]
    fn the_sheet_holds_no_class_that_no_page_uses() {
        let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let mut all = String::new();
        sources(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/console"), &mut all);
        let used: std::collections::BTreeSet<&str> = all.split(|c| !is_part(c)).collect();
        let sheet = include_str!("assets/console.css");
        let selectors = sheet.split('.').skip(1).filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
        let classes = selectors.map(|rest| rest.split(|c| !is_part(c)).next().unwrap_or_default());
        // The tones of avatars are numbered.
        let unused: Vec<_> = classes.filter(|class| !class.starts_with("tone-") && !used.contains(class)).collect();
        assert!(unused.is_empty(), "{unused:?}");
    }
}
