//! A dialog over the page, which its button closes without a script.

use maud::{Markup, html};

use super::assets::DIALOG;

/// A dialog with this title and text, whose only button closes it and has the focus.
pub(super) fn dialog(title: &str, text: &Markup, close: &str) -> Markup {
    html! {
        dialog.dialog-layer open aria-labelledby="dialog-title" aria-describedby="dialog-text" {
            div.dialog {
                div.dialog-body {
                    h1 id="dialog-title" { (title) }
                    div.stack-small id="dialog-text" { (text) }
                }
                form.dialog-foot method="dialog" { button.button.is-primary.push-end type="submit" autofocus { (close) } }
            }
        }
        script type="module" src=(DIALOG.path) {}
    }
}
