//! A workspace that an operator makes in the browser, and its first admin, who enters it.

use sambung_tests::api::until;
use sambung_tests::chromium::drive;
use sambung_tests::host::Host;
use serde_json::json;

use super::console::sign_in;

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_makes_a_workspace_and_its_first_admin_enters_it() {
    drive("an_operator_makes_a_workspace_and_its_first_admin_enters_it", async |chromium| {
        let host = Host::start("").await;
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;
        browser.visit(&host.api().url("/settings/workspaces")).await;
        browser.click("textbox", "Name").await;
        browser.type_text("toko-kopi").await;
        browser.click("button", "Add a workspace").await;
        browser.wait_for("heading", "Add an admin to toko-kopi").await;
        browser.click("textbox", "E-mail address").await;
        browser.type_text("rina@toko.example").await;
        browser.click("button", "Add a person").await;
        let link = until("the link is shown", async || {
            browser.run("return document.querySelector('.notice code')?.textContent ?? null").await.as_str().map(str::to_owned)
        })
        .await;
        assert_eq!(browser.complaints().await, Vec::<String>::new());

        let admin = chromium.open("en").await;
        admin.visit(&link).await;
        admin.click("textbox", "Password").await;
        admin.type_line("a password of her own").await;
        until("she is in", async || admin.address().await.ends_with("/inbox").then_some(())).await;
        let me = admin.run("return fetch('/v1/me').then((answer) => answer.json())").await;
        assert_eq!(
            (&me["email"], &me["role"], &me["workspace"]["name"]),
            (&json!("rina@toko.example"), &json!("admin"), &json!("toko-kopi")),
            "{me}"
        );
        // A name that another workspace has is refused beside the field, and the typed name stays.
        browser.visit(&host.api().url("/settings/workspaces")).await;
        let rename = "const row = [...document.querySelectorAll('tr')].find((row) => row.innerText.includes('toko-kopi'));\
                      row.querySelector('input').value = 'default'; row.querySelector('form button').click()";
        browser.run(rename).await;
        until("it is told beside the field", async || {
            let told = "const error = document.querySelector('details[open] .field-error');\
                        return error && [error.innerText, error.parentElement.querySelector('input').value]";
            let told = browser.run(told).await;
            (told[1] == "default" && told[0].as_str()?.contains("name")).then_some(())
        })
        .await;
    })
    .await;
}
