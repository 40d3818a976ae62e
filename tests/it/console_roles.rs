//! A supervisor and an agent in the browser: to what only an admin or an operator may they see no way, and typing the address or
//! sending the form is refused. What there is comes from the pages of an operator and from the router, so that a new page is covered
//! as soon as it stands.

use std::collections::BTreeSet;

use sambung::keys::RequestId;
use sambung_tests::chromium::{Browser, drive};
use sambung_tests::host::{Host, with_whatsapp};
use sambung_tests::pages::{Act, every_act, every_page, kind_of};
use sambung_tests::providers::whatsapp::WhatsApp;
use serde_json::{Value, json};

use super::console::sign_in;
use super::stories::templates::closed_conversation;

/// The roles that may not do everything.
const ROLES: [&str; 2] = ["supervisor", "agent"];
const PASSWORD: &str = "a long password";
/// Kinds of pages and of acts that an agent lacks at least: with fewer, the crawl has lost its way.
const PAGES_AT_LEAST: usize = 20;
const ACTS_AT_LEAST: usize = 20;

/// What the router answers to and no page of this story shows, because it needs a state that the story has not.
const NOT_SHOWN: [(&str, &str); 14] = [
    ("/contacts/{contact}/split", "agent"),
    ("/inbox/{conversation}/messages/{message}/mail", "agent"),
    ("/inbox/{conversation}/messages/{message}/retry", "agent"),
    ("/inbox/{conversation}/messages/{message}/resolve", "agent"),
    ("/inbox/{conversation}/read", "agent"),
    ("/integrations/{channel}/answer", "admin"),
    ("/integrations/{channel}/register", "admin"),
    ("/integrations/{channel}/abandon", "admin"),
    ("/integrations/{channel}/preview", "admin"),
    ("/journal/{request}", "admin"),
    ("/journal/{request}/replay", "admin"),
    ("/plugins/approvals", "operator"),
    ("/system/release", "operator"),
    ("/settings/endpoints/{endpoint}/replay", "admin"),
];

/// Everything that a crawl found.
struct Found {
    pages: Vec<String>,
    files: BTreeSet<String>,
    acts: Vec<Act>,
}

impl Found {
    /// Everything that this browser's person reaches by links.
    async fn by(browser: &Browser, base: &str) -> Found {
        let pages = every_page(browser, base, "/inbox").await;
        let (files, acts) = every_act(browser, base, &pages).await;
        Found { pages, files, acts }
    }

    fn kinds(&self) -> BTreeSet<String> {
        self.pages.iter().chain(&self.files).map(|path| kind_of(path)).collect()
    }

    fn kinds_of_acts(&self) -> BTreeSet<String> {
        self.acts.iter().map(|act| kind_of(&act.to)).collect()
    }
}

/// The addresses that the console's router names, with constants resolved.
fn routes() -> BTreeSet<String> {
    let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../host/src/console"));
    let read =
        |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let constant = |path: &str| {
        let (file, name) = path.rsplit_once("::").unwrap_or(("mod", path));
        let text = [format!("{file}.rs"), format!("{file}/mod.rs")].iter().find_map(|name| {
            let text = std::fs::read_to_string(folder.join(name)).ok()?;
            text.split_once(&format!("const {name}: &str = \"", name = path.rsplit("::").next().unwrap_or(name)))
                .map(|(_, rest)| rest.to_owned())
        });
        let text = text.unwrap_or_else(|| panic!("{file}.rs has no constant {name}"));
        text.split('"').next().unwrap_or_default().to_owned()
    };
    let router = read("mod.rs");
    let routes = router.split(".route(").skip(1).map(|rest| rest.split(',').next().unwrap_or_default().trim());
    routes
        .map(|first| {
            first.strip_prefix('"').map_or_else(|| constant(first), |own| own.trim_end_matches('"').to_owned())
        })
        .collect()
}

/// Whether a path is one of a route's.
fn is_of(route: &str, path: &str) -> bool {
    let (mut parts, mut given) = (route.split('/'), path.split('/'));
    loop {
        match (parts.next(), given.next()) {
            (None, None) => return true,
            (Some(part), Some(own)) if part.starts_with('{') || part == own => {}
            _ => return false,
        }
    }
}

/// What an act might have changed.
async fn standing(host: &Host) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for list in
        ["channels", "users", "tokens", "endpoints", "replies", "plugins", "contacts", "conversations", "workspaces"]
    {
        all.push((list.to_owned(), host.api().get(&format!("/v1/{list}")).await));
    }
    all
}

async fn signs_in_as(browser: &Browser, base: &str, role: &str) {
    browser.visit(&format!("{base}/sign-in")).await;
    browser.click("textbox", "E-mail address").await;
    browser.type_line(&format!("{role}@toko.example")).await;
    browser.click("textbox", "Password").await;
    browser.type_line(PASSWORD).await;
    browser.wait_for("heading", "Inbox").await;
}

/// The status of the page that the browser is at.
async fn status(browser: &Browser) -> i64 {
    let script = "return performance.getEntriesByType('navigation')[0].responseStatus";
    browser.run(script).await.as_i64().unwrap_or_default()
}

/// What comes of sending the form by hand; a redirection is 0.
async fn sends(browser: &Browser, act: &Act) -> i64 {
    let pairs = serde_json::to_string(&act.pairs).unwrap();
    let body = if act.is_multipart { "data" } else { "new URLSearchParams(data)" };
    let script = format!(
        "const data = new FormData(); for (const [name, value] of {pairs}) data.append(name, value); \
         return fetch('{}', {{ method: 'POST', redirect: 'manual', body: {body} }}).then(answer => answer.status)",
        act.to
    );
    browser.run(&script).await.as_i64().unwrap_or_default()
}

/// A host with something of everything.
async fn furnished(platform: &WhatsApp) -> Host {
    let (host, [channel, _]) = with_whatsapp(platform, "").await;
    let api = host.api();
    closed_conversation(platform, api).await;
    let template = json!({ "name": "pesanan_siap", "language": "id", "category": "utility",
        "body": { "text": "Halo {{1}}, siap.", "examples": { "1": "Dewi" } } });
    api.expect(201, "POST", &format!("/v1/channels/{}/templates", channel["id"].as_str().unwrap()), template).await;
    api.expect(201, "POST", "/v1/channels", json!({ "plugin": "webchat", "name": "Toko", "settings": {} })).await;
    api.expect(201, "POST", "/v1/endpoints", json!({ "url": "https://hooks.example/in" })).await;
    api.expect(201, "POST", "/v1/replies", json!({ "name": "Buka", "text": "Sampai 21.00." })).await;
    for role in ROLES {
        let person =
            json!({ "email": format!("{role}@toko.example"), "name": role, "role": role, "password": PASSWORD });
        api.expect(201, "POST", "/v1/users", person).await;
    }
    host
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_admin_sees_no_way_to_an_admins_pages_and_is_refused_there() {
    drive("who_is_no_admin_sees_no_way_to_an_admins_pages_and_is_refused_there", async |chromium| {
        let platform = WhatsApp::start().await;
        let host = furnished(&platform).await;
        let base = host.api().url("");
        let operator = chromium.open("en").await;
        sign_in(&operator, &host).await;
        let all = Found::by(&operator, &base).await;

        let public = ["/", "/sign-in", "/setup/{link}", "/password/{link}"];
        let known = |route: &str| {
            let mut reached = all.pages.iter().chain(&all.files).chain(all.acts.iter().map(|act| &act.to));
            reached.any(|path| is_of(route, path))
                || public.contains(&route)
                || NOT_SHOWN.iter().any(|one| one.0 == route)
        };
        let uncovered: Vec<String> = routes().into_iter().filter(|route| !known(route)).collect();
        assert!(uncovered.is_empty(), "no page leads there, and the table does not name them: {uncovered:#?}");

        let before = standing(&host).await;
        let mut faults = Vec::new();
        for role in ROLES {
            let browser = chromium.open("en").await;
            signs_in_as(&browser, &base, role).await;
            let own = Found::by(&browser, &base).await;
            let (kinds, kinds_of_acts) = (own.kinds(), own.kinds_of_acts());
            let (mut pages, mut acts) = (0, 0);
            for page in all.pages.iter().filter(|page| !kinds.contains(&kind_of(page))) {
                pages += 1;
                browser.visit(&format!("{base}{page}")).await;
                let (status, text) = (status(&browser).await, browser.run("return document.body.innerText").await);
                if status != 403 || !text.as_str().is_some_and(|text| text.contains("You may not see this page")) {
                    faults.push(format!("{role}: {page} answers {status}: {text}"));
                }
            }
            for file in all.files.iter().filter(|file| !kinds.contains(&kind_of(file))) {
                pages += 1;
                let status = browser.run(&format!("return fetch('{file}').then(answer => answer.status)")).await;
                if status != 403 {
                    faults.push(format!("{role}: the file {file} answers {status}"));
                }
            }
            let request = RequestId::of_row(1).to_string();
            let beyond = NOT_SHOWN.iter().filter(|(_, who)| *who != "agent").map(|(route, _)| Act {
                to: route
                    .split('/')
                    .map(|part| match part {
                        "{request}" => &request,
                        _ if part.starts_with('{') => "1",
                        _ => part,
                    })
                    .collect::<Vec<_>>()
                    .join("/"),
                pairs: Vec::new(),
                is_multipart: false,
            });
            let shown = all.acts.iter().filter(|act| !kinds_of_acts.contains(&kind_of(&act.to))).cloned();
            for act in shown.chain(beyond) {
                acts += 1;
                let status = sends(&browser, &act).await;
                // A route that takes no form refuses the method.
                if !matches!(status, 403 | 405) {
                    faults.push(format!("{role}: sending {act:?} answers {status}"));
                }
            }
            assert!(pages >= PAGES_AT_LEAST && acts >= ACTS_AT_LEAST, "{role} lacks {pages} pages and {acts} acts");
        }
        assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
        for ((list, before), (_, after)) in before.iter().zip(standing(&host).await) {
            assert_eq!(*before, after, "{list} are as they were");
        }
    })
    .await;
}
