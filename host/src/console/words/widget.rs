//! Texts: the preview of a widget, and how it gets onto pages.

use serde::Deserialize;

/// The preview of a widget, and how it gets onto pages.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(in crate::console) struct Widget {
    pub preview: String,
    pub device: String,
    pub desktop: String,
    pub phone: String,
    pub page_theme: String,
    pub light: String,
    pub dark: String,
    pub visitors_language: String,
    pub show: String,
    pub unsaved: String,
    pub verify: String,
    pub seen: String,
    pub not_seen: String,
}
