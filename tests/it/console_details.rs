//! What pages of the console do by themselves: lists that stay current, the step that explains a field, the focus on a fault.

use sambung_tests::api::until;
use sambung_tests::chromium::drive;
use sambung_tests::host::Host;
use sambung_tests::server::target_folder;

use super::console::sign_in;

/// For compiling a component on a busy machine.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_is_installed_meanwhile_is_offered_without_a_reload() {
    drive("a_plugin_that_is_installed_meanwhile_is_offered_without_a_reload", async |chromium| {
        let host = Host::start("").await;
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        browser.visit(&host.api().url("/integrations")).await;
        browser.run("document.body.dataset.kept = 'yes'").await;
        let offers = async || {
            let script = "return [...document.querySelectorAll('.available a')].map((one) => one.getAttribute('href'))";
            browser.run(script).await
        };
        let before = offers().await;
        let guest = sambung_guests::component(&target_folder(), "traps_on_demand");
        let upload = host.api().request("POST", "/v1/plugins").header("content-type", "application/wasm");
        assert!(upload.timeout(PATIENCE).body(guest).send().await.unwrap().status().is_success());
        until("the plugin is offered", async || {
            let now = offers().await;
            let is_there = |one: &serde_json::Value| one == "/integrations/new/traps-on-demand";
            (now != before && now.as_array().unwrap().iter().any(is_there)).then_some(())
        })
        .await;
        assert_eq!(browser.run("return document.body.dataset.kept").await, "yes", "the page was not loaded again");
        assert_eq!(browser.complaints().await, Vec::<String>::new());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_focus_marks_its_step_and_goes_to_the_first_fault() {
    drive("the_focus_marks_its_step_and_goes_to_the_first_fault", async |chromium| {
        let host = Host::start("").await;
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        browser.visit(&host.api().url("/integrations/new/line")).await;
        let first = "[...document.querySelectorAll('.field:has(a[href^=\"#step-\"]) .input')][0]";
        browser.run(&format!("{first}.focus()")).await;
        let marked = "const all = [...document.querySelectorAll('.guide-steps > [aria-current]')];\
                      const link = document.activeElement.closest('.field').querySelector('a');\
                      return all.length === 1 && link.hash === '#' + all[0].id";
        assert_eq!(browser.run(marked).await, true);
        browser.click("button", "Install").await;
        until("the first field that is wrong has the focus", async || {
            let script = "const wrong = document.querySelector('[aria-invalid=true]');\
                          return wrong !== null && document.activeElement === wrong";
            (browser.run(script).await == true).then_some(())
        })
        .await;
    })
    .await;
}
