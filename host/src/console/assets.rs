//! The style sheet, the icons and the scripts. Their addresses hold a hash of their bytes, so that a browser keeps them for good.

use std::sync::LazyLock;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::routing::get;
use sha2::{Digest, Sha256};

use crate::web::state::State;

/// A file that pages load.
pub(super) struct Asset {
    /// Its address.
    pub path: String,
    kind: &'static str,
    text: &'static str,
}

pub(super) static SHEET: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("console", "css", "text/css; charset=utf-8", include_str!("assets/console.css")));
pub(super) static ICONS: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("icons", "svg", "image/svg+xml", include_str!("assets/icons.svg")));

pub(super) static LIVE: LazyLock<Asset> = LazyLock::new(|| Asset::module("live", include_str!("assets/live.js")));
pub(super) static COMPOSER: LazyLock<Asset> =
    LazyLock::new(|| Asset::module("composer", include_str!("assets/composer.js")));

pub(super) static KEYS: LazyLock<Asset> = LazyLock::new(|| Asset::module("keys", include_str!("assets/keys.js")));
pub(super) static ZONE: LazyLock<Asset> = LazyLock::new(|| Asset::module("zone", include_str!("assets/zone.js")));

impl Asset {
    fn module(name: &str, text: &'static str) -> Asset {
        Asset::new(name, "js", "text/javascript; charset=utf-8", text)
    }

    fn new(name: &str, ending: &str, kind: &'static str, text: &'static str) -> Asset {
        let hash = hex::encode(&Sha256::digest(text)[..8]);
        Asset { path: format!("/console/{name}-{hash}.{ending}"), kind, text }
    }
}

/// The files' addresses.
pub(super) fn routes() -> Router<State> {
    [&SHEET, &ICONS, &LIVE, &COMPOSER, &KEYS, &ZONE].into_iter().fold(Router::new(), |router, asset| {
        let asset: &'static Asset = asset;
        let headers = [
            (CONTENT_TYPE, asset.kind),
            (CACHE_CONTROL, "public, max-age=31536000, immutable"),
            (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        ];
        router.route(&asset.path, get(async move || (headers, asset.text)))
    })
}
