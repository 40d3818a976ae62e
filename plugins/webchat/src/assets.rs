//! The widget that sites load.

use crate::Webchat;
use sambung_sdk::prelude::*;

impl Assets for Webchat {
    fn files() -> Vec<Asset> {
        let script = include_str!("../assets/widget.js");
        vec![Asset::new("widget.js", "text/javascript; charset=utf-8", script)]
    }
}
