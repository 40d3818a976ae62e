//! A picture of every page of the console, in both languages and themes, on a desk and on a phone.

use std::path::Path;

use sambung_tests::api::until;
use sambung_tests::chromium::{Browser, drive};
use sambung_tests::pages::{LANGUAGES, THEMES, choose_look, every_page, kind_of};

use crate::stage::Stage;

/// Width and height of the screens.
const SCREENS: [(u32, u32); 2] = [(1440, 900), (390, 844)];

/// Signs in and takes the pictures. Where there is no Chromium, it says so.
pub async fn take(stage: &Stage, (email, password): &(String, String), folder: &Path) {
    if let Err(error) = std::fs::create_dir_all(folder) {
        println!("{} cannot be made: {error}", folder.display());
        return;
    }
    drive("pictures", async |chromium| {
        let base = stage.api().url("");
        let browser = chromium.open("en").await;
        browser.without_motion().await;
        browser.visit(&format!("{base}/sign-in")).await;
        of_page(&browser, &base, "/sign-in", folder).await;
        browser.visit(&format!("{base}/sign-in")).await;
        browser.click("textbox", "E-mail address").await;
        browser.type_text(email).await;
        browser.click("textbox", "Password").await;
        browser.type_line(password).await;
        browser.wait_for("heading", "Inbox").await;
        let pages = every_page(&browser, &base, "/inbox").await;
        println!("{} pages, {} pictures each …", pages.len(), LANGUAGES.len() * THEMES.len() * SCREENS.len());
        for page in &pages {
            of_page(&browser, &base, page, folder).await;
        }
        println!("The pictures are in {}.", folder.display());
    })
    .await;
}

async fn of_page(browser: &Browser, base: &str, path: &str, folder: &Path) {
    let name = kind_of(path).trim_matches('/').replace('/', "-");
    for language in LANGUAGES {
        for theme in THEMES {
            choose_look(browser, language, theme).await;
            for (width, height) in SCREENS {
                browser.resize(width, height).await;
                browser.visit(&format!("{base}{path}")).await;
                if path.ends_with("/try") {
                    open_chat(browser).await;
                }
                browser.picture(&folder.join(format!("{name}-{language}-{theme}-{width}.png"))).await;
            }
        }
    }
    choose_look(browser, "en", "light").await;
    browser.resize(SCREENS[0].0, SCREENS[0].1).await;
}

/// Opens the chat, whose language may be the page's or the browser's.
async fn open_chat(browser: &Browser) {
    let launcher = until("the page has the chat's button", async || {
        for name in ["Open chat", "Buka obrolan"] {
            if browser.find("button", name).await.is_some() {
                return Some(name);
            }
        }
        None
    });
    browser.click("button", launcher.await).await;
}
