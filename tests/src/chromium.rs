//! A real browser: Chromium, through its driver. What a page keeps in a closed shadow root is found as a screen reader finds
//! it, in the tree of accessible elements, and used as a person does, with the mouse and the keyboard.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;
use thirtyfour::{BrowserLogEntry, LoggingPrefsLogLevel};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::api::until;
use crate::fixtures::skip;
use crate::front::Front;
use crate::server::target_folder;

const HOW_TO_GET_IT: &str = "apt-get install -y --no-install-recommends chromium chromium-driver fonts-dejavu-core";
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// The longest way by the Tab key that a person is asked to go.
const MOST_TABS: usize = 60;

/// Browsers are heavy: one story at a time has them.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The driver, and the browsers that it has opened.
pub struct Chromium {
    address: String,
    browser: PathBuf,
    profiles: TempDir,
    opened: Mutex<Vec<Browser>>,
    _driver: Child,
}

/// A browser with a profile of its own and one page open.
#[derive(Clone)]
pub struct Browser {
    driver: WebDriver,
    console: std::sync::Arc<Mutex<Vec<String>>>,
}

/// An element as a screen reader has it.
#[derive(Debug, Clone)]
pub struct Element {
    node: i64,
    /// Whether what is typed goes to it.
    pub focused: bool,
}

/// Tells a story that needs browsers. When it fails, the page's picture, its HTML with all shadow roots, and its console stay in
/// `target/e2e/<test>-<number of the browser>.*`. It is skipped visibly where there is no Chromium.
///
/// # Panics
/// When the story does, or `SAMBUNG_REQUIRE` contains `chromium` and there is none.
pub async fn drive(test: &str, story: impl AsyncFnOnce(&Chromium)) {
    let programs = BROWSERS.iter().find_map(|name| on_path(name)).zip(on_path("chromedriver"));
    let Some((browser, driver)) = programs else {
        return skip("chromium", test, &format!("chromium or chromedriver is missing; get them with: {HOW_TO_GET_IT}"));
    };
    let _turn = TURN.lock().await;
    let chromium = Chromium::start(browser, &driver).await;
    let outcome = AssertUnwindSafe(story(&chromium)).catch_unwind().await;
    let opened = std::mem::take(&mut *chromium.opened.lock().unwrap_or_else(PoisonError::into_inner));
    for (number, browser) in opened.into_iter().enumerate() {
        if outcome.is_err() {
            browser.keep_evidence(&target_folder().join("e2e"), &format!("{test}-{number}")).await;
        }
        // A browser that ended by itself has nothing to quit.
        let _ = browser.driver.quit().await;
    }
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

impl Chromium {
    async fn start(browser: PathBuf, driver: &Path) -> Self {
        // The first to install a provider of TLS wins; a later one is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut child = Command::new(driver)
            .arg("--port=0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("the driver starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        let says = async {
            loop {
                let line = lines.next_line().await.expect("it can be read").expect("the driver says its port");
                if let Some((_, port)) = line.split_once("successfully on port ") {
                    return port.trim_end_matches('.').to_owned();
                }
            }
        };
        let port = tokio::time::timeout(Duration::from_secs(60), says).await.expect("the driver starts in a minute");
        Self {
            address: format!("http://127.0.0.1:{port}"),
            browser,
            profiles: tempfile::tempdir().expect("a folder for the profiles"),
            opened: Mutex::default(),
            _driver: child,
        }
    }

    /// A browser with a new profile, whose owner reads `language` (`en`, `id`).
    ///
    /// # Panics
    /// When it does not start.
    pub async fn open(&self, language: &str) -> Browser {
        self.open_with(language, &[]).await
    }

    /// As [`Chromium::open`], with a browser that meets the host and its providers through this proxy, whose certificate no
    /// authority signed.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn open_through(&self, front: &Front, language: &str) -> Browser {
        let rules = format!("--host-resolver-rules={}", front.resolver_rules());
        self.open_with(language, &[rules, "--ignore-certificate-errors".to_owned()]).await
    }

    async fn open_with(&self, language: &str, more: &[String]) -> Browser {
        let count = self.opened.lock().unwrap_or_else(PoisonError::into_inner).len();
        let profile = self.profiles.path().join(count.to_string());
        let mut wanted = DesiredCapabilities::chrome();
        let arguments = [
            "--headless=new".to_owned(),
            "--no-sandbox".to_owned(),
            "--disable-dev-shm-usage".to_owned(),
            "--disable-gpu".to_owned(),
            "--no-first-run".to_owned(),
            "--no-proxy-server".to_owned(),
            "--window-size=1000,800".to_owned(),
            format!("--accept-lang={language}"),
            format!("--user-data-dir={}", profile.display()),
        ];
        for argument in arguments.iter().chain(more) {
            wanted.add_arg(argument).expect("an argument is text");
        }
        wanted.set_binary(&self.browser.display().to_string()).expect("a path is text");
        wanted.set_browser_log_level(LoggingPrefsLogLevel::All).expect("a level is text");
        let driver = WebDriver::new(&self.address, wanted).await.unwrap_or_else(|error| panic!("no browser: {error}"));
        let browser = Browser { driver, console: std::sync::Arc::default() };
        self.opened.lock().unwrap_or_else(PoisonError::into_inner).push(browser.clone());
        browser
    }
}

impl Browser {
    /// Opens a page.
    ///
    /// # Panics
    /// When it cannot be loaded.
    pub async fn visit(&self, address: &str) {
        self.driver.goto(address).await.unwrap_or_else(|error| panic!("{address}: {error}"));
    }

    /// Makes the page this many pixels wide and high.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub async fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.must("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Loads the page again.
    ///
    /// # Panics
    /// When it cannot be loaded.
    pub async fn reload(&self) {
        self.driver.refresh().await.unwrap_or_else(|error| panic!("the page again: {error}"));
    }

    /// Opens an address that leads where nobody answers.
    pub async fn visit_in_vain(&self, address: &str) {
        // The browser shows a page of its own, and its driver calls that an error.
        let _ = self.driver.goto(address).await;
    }

    /// The address that this page is at, or tried to reach.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub async fn address(&self) -> String {
        self.driver.current_url().await.expect("a window has an address").to_string()
    }

    /// The address that a window which this page opened is at, or tried to reach.
    ///
    /// # Panics
    /// When there is no such window.
    pub async fn address_of_popup(&self) -> String {
        let own = self.driver.window().await.expect("the browser has a window");
        self.enter_popup().await;
        let address = self.driver.current_url().await.expect("a window has an address").to_string();
        self.driver.switch_to_window(own).await.expect("the first window is there");
        address
    }

    /// Has the window that this page opened go on to an address. It may close itself there.
    ///
    /// # Panics
    /// When there is no such window.
    pub async fn send_popup_to(&self, address: &str) {
        let own = self.driver.window().await.expect("the browser has a window");
        self.enter_popup().await;
        // A window that closes itself while it loads is what is hoped for.
        let _ = self.driver.goto(address).await;
        self.driver.switch_to_window(own).await.expect("the first window is there");
    }

    /// Turns to the tab that this page opened, as a person does who is shown it, once it is at this address.
    ///
    /// # Panics
    /// When there never is one.
    pub async fn turn_to_new_tab(&self, at: &str) {
        until("the page opened a tab", async || (self.windows().await > 1).then_some(())).await;
        self.enter_popup().await;
        until(&format!("the tab is at {at}"), async || self.address().await.starts_with(at).then_some(())).await;
    }

    /// Closes the tab that this page is in, and turns back to the first one.
    ///
    /// # Panics
    /// When there is no other.
    pub async fn close_tab(&self) {
        self.driver.close_window().await.expect("the tab closes");
        let windows = self.driver.windows().await.expect("the browser lists its windows");
        let first = windows.first().expect("another tab is open").clone();
        self.driver.switch_to_window(first).await.expect("the window is there");
    }

    /// How many windows are open.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub async fn windows(&self) -> usize {
        self.driver.windows().await.expect("the browser lists its windows").len()
    }

    async fn enter_popup(&self) {
        let windows = self.driver.windows().await.expect("the browser lists its windows");
        let popup = windows.last().filter(|_| windows.len() > 1).expect("the page opened a window").clone();
        self.driver.switch_to_window(popup).await.expect("the window is there");
    }

    /// What a script of the page's own sees.
    ///
    /// # Panics
    /// When the script fails.
    pub async fn run(&self, script: &str) -> Value {
        let result = self.driver.execute(script, vec![]).await;
        result.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    /// Shows pages as to a person who asked their system for less motion: nothing fades or moves.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub async fn without_motion(&self) {
        let features = json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
        self.must("Emulation.setEmulatedMedia", features).await;
    }

    async fn tell(&self, command: &str, parameters: Value) -> WebDriverResult<Value> {
        self.driver.cdp().send_raw(command, parameters).await
    }

    async fn must(&self, command: &str, parameters: Value) -> Value {
        self.tell(command, parameters).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// The element of this role and name, if a screen reader has one: hidden ones it has not.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub async fn find(&self, role: &str, name: &str) -> Option<Element> {
        let tree = self.must("Accessibility.getFullAXTree", json!({})).await;
        let nodes = tree["nodes"].as_array()?;
        let node = nodes.iter().find(|node| node["role"]["value"] == role && node["name"]["value"] == name)?;
        let focused = |property: &Value| property["name"] == "focused" && property["value"]["value"] == true;
        let focused = node["properties"].as_array().is_some_and(|properties| properties.iter().any(focused));
        Some(Element { node: node["backendDOMNodeId"].as_i64()?, focused })
    }

    /// The element of this role and name, once there is one.
    ///
    /// # Panics
    /// When there never is.
    pub async fn wait_for(&self, role: &str, name: &str) -> Element {
        until(&format!("the page has a {role} {name:?}"), async || self.find(role, name).await).await
    }

    /// Presses the mouse's button in the middle of an element, once it is there.
    ///
    /// # Panics
    /// When it never is, or nothing of it is seen.
    pub async fn click(&self, role: &str, name: &str) {
        let element = self.wait_for(role, name).await;
        self.must("DOM.scrollIntoViewIfNeeded", json!({ "backendNodeId": element.node })).await;
        let shape = self.must("DOM.getBoxModel", json!({ "backendNodeId": element.node })).await;
        let corner = |at: usize| shape["model"]["content"][at].as_f64().expect("a corner has coordinates");
        let (x, y) = (f64::midpoint(corner(0), corner(4)), f64::midpoint(corner(1), corner(5)));
        for kind in ["mousePressed", "mouseReleased"] {
            let event = json!({ "type": kind, "x": x, "y": y, "button": "left", "clickCount": 1 });
            self.must("Input.dispatchMouseEvent", event).await;
        }
    }

    /// Chooses a file where the page's only field for files asks for one, as its owner does in the dialog that opens.
    ///
    /// # Panics
    /// When the page has no such field.
    pub async fn choose(&self, file: &Path) {
        let document = self.must("DOM.getDocument", json!({ "depth": -1, "pierce": true })).await;
        let field = file_field(&document["root"]).expect("the page has a field for files");
        self.must("DOM.setFileInputFiles", json!({ "files": [file], "backendNodeId": field })).await;
    }

    /// Types into what has the focus, and presses Enter.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub async fn type_line(&self, text: &str) {
        self.type_text(text).await;
        self.enter().await;
    }

    /// Presses Enter.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub async fn enter(&self) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13 });
            if kind == "keyDown" {
                event["text"] = "\r".into();
            }
            self.must("Input.dispatchKeyEvent", event).await;
        }
    }

    /// Goes on from what has the focus, by the Tab key, to the element of this role and name.
    ///
    /// # Panics
    /// When the keyboard does not lead there.
    pub async fn tab_to(&self, role: &str, name: &str) {
        self.wait_for(role, name).await;
        for _ in 0..MOST_TABS {
            if self.find(role, name).await.is_some_and(|element| element.focused) {
                return;
            }
            for kind in ["rawKeyDown", "keyUp"] {
                let event = json!({ "type": kind, "key": "Tab", "code": "Tab", "windowsVirtualKeyCode": 9 });
                self.must("Input.dispatchKeyEvent", event).await;
            }
        }
        panic!("{MOST_TABS} presses of Tab do not lead to the {role} {name:?}");
    }

    /// Types into what has the focus.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub async fn type_text(&self, text: &str) {
        self.must("Input.insertText", json!({ "text": text })).await;
    }

    /// Presses the key of a letter.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub async fn press(&self, letter: &str) {
        for kind in ["keyDown", "keyUp"] {
            let text = if kind == "keyDown" { letter } else { "" };
            self.must("Input.dispatchKeyEvent", json!({ "type": kind, "key": letter, "text": text })).await;
        }
    }

    /// The classes and the text of every element with this class, in the page's order, shadow roots and frames included.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub async fn texts(&self, class: &str) -> Vec<(String, String)> {
        let document = self.must("DOM.getDocument", json!({ "depth": -1, "pierce": true })).await;
        let mut found = Vec::new();
        collect(&document["root"], class, &mut found);
        found
    }

    /// Cuts the page off from the network, or lets it back.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub async fn offline(&self, offline: bool) {
        self.must("Network.enable", json!({})).await;
        let unlimited = json!({ "offline": offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1 });
        self.must("Network.emulateNetworkConditions", unlimited).await;
    }

    /// The warnings and errors that came to the page's console since this was last asked.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub async fn complaints(&self) -> Vec<String> {
        let entries = self.driver.get_log("browser").await.expect("the console can be read");
        let lines = |entry: &BrowserLogEntry| format!("{} {}", entry.level, entry.message);
        self.console.lock().unwrap_or_else(PoisonError::into_inner).extend(entries.iter().map(lines));
        entries.iter().filter(|entry| matches!(entry.level.as_str(), "SEVERE" | "WARNING")).map(lines).collect()
    }

    async fn keep_evidence(&self, folder: &Path, name: &str) {
        // As much of it as can be had: the story has failed already, and how is told by its panic.
        let _ = std::fs::create_dir_all(folder);
        let _ = self.driver.screenshot(&folder.join(format!("{name}.png"))).await;
        let html = async {
            let document = self.tell("DOM.getDocument", json!({})).await?;
            let root = json!({ "nodeId": document["root"]["nodeId"], "includeShadowDOM": true });
            self.tell("DOM.getOuterHTML", root).await
        };
        if let Ok(html) = html.await {
            let _ = std::fs::write(folder.join(format!("{name}.html")), html["outerHTML"].as_str().unwrap_or_default());
        }
        let _ = AssertUnwindSafe(self.complaints()).catch_unwind().await;
        let console = self.console.lock().unwrap_or_else(PoisonError::into_inner).join("\n");
        let _ = std::fs::write(folder.join(format!("{name}.console.txt")), console);
    }

    /// Keeps a picture of the page.
    ///
    /// # Panics
    /// When it cannot be taken.
    pub async fn picture(&self, file: &Path) {
        self.driver.screenshot(file).await.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

fn parts<'a>(node: &'a Value, of: &str) -> impl Iterator<Item = &'a Value> {
    node[of].as_array().into_iter().flatten()
}

fn file_field(node: &Value) -> Option<i64> {
    let attributes: Vec<&str> = parts(node, "attributes").filter_map(Value::as_str).collect();
    if node["nodeName"] == "INPUT" && attributes.chunks(2).any(|pair| pair == ["type", "file"]) {
        return node["backendNodeId"].as_i64();
    }
    parts(node, "shadowRoots").chain(parts(node, "children")).find_map(file_field)
}

fn collect(node: &Value, class: &str, found: &mut Vec<(String, String)>) {
    let attributes: Vec<&str> = parts(node, "attributes").filter_map(Value::as_str).collect();
    let classes = attributes.chunks(2).find(|pair| pair[0] == "class").map(|pair| pair[1]);
    if let Some(classes) = classes.filter(|classes| classes.split(' ').any(|name| name == class)) {
        found.push((classes.to_owned(), text(node)));
    }
    let framed = Some(&node["contentDocument"]).filter(|document| document.is_object());
    for child in parts(node, "shadowRoots").chain(parts(node, "children")).chain(framed) {
        collect(child, class, found);
    }
}

fn text(node: &Value) -> String {
    if node["nodeName"] == "#text" {
        return node["nodeValue"].as_str().unwrap_or_default().to_owned();
    }
    parts(node, "children").map(text).collect()
}
