//! What is said of a channel and of a registration with a provider.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Something that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Stable; for programs.
    pub code: String,
    /// `info`, `warning` or `error`
    pub level: String,
    /// For people.
    pub words: String,
    /// What to do about it.
    pub fix: Option<Instruction>,
}

/// Something that a person should do, with what helps to do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Instruction {
    /// What to do.
    pub text: String,
    /// Where.
    pub link: Option<String>,
    /// A value to copy.
    pub copy: Option<String>,
}

/// How a channel whose visitors write on web pages gets onto them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Embed {
    /// The script tag for every page that shall show the chat.
    #[schema(example = "<script src=\"https://chat.example/widget/ch_1/widget.js\" async></script>")]
    pub script: String,
    /// The last page of an allowed site that loaded it; null before the first.
    pub seen: Option<WidgetSeen>,
}

/// A page that loaded a channel's widget.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WidgetSeen {
    /// The page's site.
    #[schema(example = "https://shop.example")]
    pub site: String,
    /// When, to the minute.
    pub at: String,
}
