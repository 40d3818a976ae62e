//! Signing in with a provider as a person does, in a real browser: in a pop-up that tells the page it came from, and in the same
//! tab, which is sent back to where it was. The provider's own page is the simulator's, asked by the test in the browser's place,
//! since no browser reaches the provider's name here.

use sambung_tests::api::{Api, until};
use sambung_tests::chromium::drive;
use sambung_tests::host::Host;
use sambung_tests::providers::http_client;
use sambung_tests::providers::x::{CLIENT, CONSUMER_KEY, CONSUMER_SECRET, X};
use serde_json::{Value, json};

async fn host(x: &X) -> Host {
    let lines: String = x.overrides().iter().map(|(from, to)| format!("'{from}' = '{to}'\n")).collect();
    let host = Host::start(&format!("[egress.overrides]\n{lines}")).await;
    let app = json!({
        "consumer_key": CONSUMER_KEY,
        "consumer_secret": CONSUMER_SECRET,
        "client_id": CLIENT.0,
        "client_secret": CLIENT.1,
    });
    let app = host.api().expect(200, "PUT", "/v1/plugins/x/settings", app).await;
    x.allow_return_to(app["redirect_url"].as_str().unwrap());
    host
}

/// Begins to connect: the channel's path, and the address to open.
async fn begin(api: &Api, return_to: Value) -> (String, String) {
    let form = json!({ "plugin": "x", "name": "Shop", "settings": { "mode": "sign-in" }, "return_to": return_to });
    let channel = api.expect(201, "POST", "/v1/channels", form).await;
    let url = channel["step"]["url"].as_str().unwrap_or_else(|| panic!("{channel}")).to_owned();
    (format!("/v1/channels/{}", channel["id"].as_str().unwrap()), url)
}

/// The person agrees on the provider's page: where the browser is sent from there.
async fn agrees(x: &X, page: &str) -> String {
    assert!(page.starts_with("https://x.com/i/oauth2/authorize?"), "{page}");
    let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let answer = client.get(page.replace("https://x.com", x.address())).send().await.unwrap();
    answer.headers()["location"].to_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pop_up_tells_the_page_that_opened_it_and_closes() {
    drive("a_pop_up_tells_the_page_that_opened_it_and_closes", async |chromium| {
        let x = X::start().await;
        let host = host(&x).await;
        let api = host.api();
        let (path, url) = begin(api, Value::Null).await;
        let browser = chromium.open("id").await;
        browser.visit(&api.url("/docs/")).await;
        let listen = "window.told = null; new BroadcastChannel('sambung:sign-in').onmessage = event => { window.told = event.data }; \
                      addEventListener('message', event => { if (event.origin === location.origin) window.opened = event.data });";
        browser.run(listen).await;
        browser.run(&format!("window.open('{url}', 'sign-in', 'popup,width=500,height=600')")).await;
        let page = until("the pop-up is at the provider's page", async || {
            if browser.windows().await < 2 {
                return None;
            }
            Some(browser.address_of_popup().await).filter(|address| address.starts_with("https://x.com/"))
        })
        .await;
        browser.send_popup_to(&agrees(&x, &page).await).await;
        let told = until("the page is told", async || {
            let told = browser.run("return window.told").await;
            (!told.is_null()).then_some(told)
        })
        .await;
        assert_eq!(told["state"], "connected", "{told}");
        assert_eq!(path, format!("/v1/channels/{}", told["channel"].as_str().unwrap()));
        until("the pop-up closes itself", async || (browser.windows().await == 1).then_some(())).await;
        assert_eq!(api.get(&path).await["state"], "connected");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_tab_is_sent_back_and_who_says_no_can_try_again() {
    drive("the_same_tab_is_sent_back_and_who_says_no_can_try_again", async |chromium| {
        let x = X::start().await;
        let host = host(&x).await;
        let api = host.api();
        let (path, url) = begin(api, json!("/docs/?tab=channels")).await;
        let browser = chromium.open("id").await;
        let leave = async || {
            browser.visit_in_vain(&url).await;
            browser.address().await
        };
        let page = leave().await;
        let state = page.split("state=").nth(1).unwrap().split('&').next().unwrap();
        browser.visit(&api.url(&format!("/sign-in/callback?error=access_denied&state={state}"))).await;
        let channel = api.get(&path).await;
        assert_eq!(channel["step"]["error"]["code"], "denied", "{channel}");
        assert!(browser.address().await.contains("/docs/?tab=channels&channel=ch_"), "{}", browser.address().await);
        browser.visit(&agrees(&x, &leave().await).await).await;
        let address = browser.address().await;
        assert!(address.ends_with("&sign_in=ok"), "{address}");
        assert_eq!(api.get(&path).await["state"], "connected");
        let again = http_client().get(&url).send().await.unwrap();
        assert_eq!(again.status(), 410, "the address is used up");
    })
    .await;
}
