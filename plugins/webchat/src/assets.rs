//! The widget that sites load: one script, joined from its parts.

use crate::Webchat;
use sambung_sdk::prelude::*;

/// The parts share one function's scope, so that the page has no name of theirs. The style sheet is a text within it.
const SCRIPT: &str = concat!(
    "(() => {\n\"use strict\";\nconst STYLE = `",
    include_str!("../assets/widget.css"),
    "`;\n",
    include_str!("../assets/place.js"),
    include_str!("../assets/words.js"),
    include_str!("../assets/elements.js"),
    include_str!("../assets/messages.js"),
    include_str!("../assets/talk.js"),
    include_str!("../assets/files.js"),
    include_str!("../assets/emoji.js"),
    include_str!("../assets/dress.js"),
    include_str!("../assets/ask.js"),
    include_str!("../assets/visitor.js"),
    "})();\n",
);

impl Assets for Webchat {
    fn files() -> Vec<Asset> {
        vec![Asset::new("widget.js", "text/javascript; charset=utf-8", SCRIPT)]
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_style_sheet_stays_one_text_within_the_script() {
        let sheet = include_str!("../assets/widget.css");
        assert!(!sheet.contains(['`', '\\']) && !sheet.contains("${"), "the text would end, or be computed");
    }
}
