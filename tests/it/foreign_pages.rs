//! A page of another origin, opened by an admin who is signed in: it neither acts in the admin's name nor shows the console in a frame.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use sambung_tests::api::until;
use sambung_tests::chromium::drive;
use sambung_tests::host::Host;
use serde_json::json;
use tokio::net::TcpListener;

use super::console::sign_in;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_neither_sends_forms_nor_frames_the_console() {
    drive("a_page_of_another_origin_neither_sends_forms_nor_frames_the_console", async |chromium| {
        let host = Host::start("").await;
        let chat = json!({ "plugin": "webchat", "name": "Toko", "settings": {} });
        let chat = host.api().expect(201, "POST", "/v1/channels", chat).await;
        let path = format!("/v1/channels/{}", chat["id"].as_str().unwrap());
        let browser = chromium.open("en").await;
        sign_in(&browser, &host).await;

        // The form is the one that the console's own page has.
        browser.visit(&host.api().url(&format!("/integrations/{}/disconnect", chat["id"].as_str().unwrap()))).await;
        let form = browser.run("return document.querySelector('main form, dialog form')?.outerHTML ?? ''").await;
        let form = form.as_str().unwrap();
        assert!(form.contains("method=\"post\""), "{form}");
        let base = host.api().url("");
        let action = format!("action=\"{base}/integrations/{}/disconnect\"", chat["id"].as_str().unwrap());
        let forged = match form.split_once("action=\"") {
            Some((before, rest)) => format!("{before}{action}{}", rest.split_once('"').map_or("", |(_, after)| after)),
            None => form.replacen("<form", &format!("<form {action}"), 1),
        };
        let page = format!(
            "<!doctype html><title>Prize</title><link rel=icon href=\"data:,\">{forged}<iframe src=\"{base}/inbox\"></iframe>"
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let evil = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        let app = Router::new().route("/", get(async move || Html(page.clone())));
        tokio::spawn(async move { axum::serve(listener, app).await });

        browser.visit(&evil).await;
        let refused = async || {
            let complaints = browser.complaints().await;
            complaints.iter().any(|one| one.contains("frame-ancestors") || one.contains("refused to connect")).then_some(())
        };
        until("the browser shows no console in the frame", refused).await;
        browser.run("document.querySelector('form').submit()").await;
        until("the form is refused", async || {
            let text = browser.run("return document.body.innerText").await;
            let address = browser.address().await;
            (address.starts_with(&base) && text.as_str().is_some_and(|text| !text.is_empty())).then_some(())
        })
        .await;
        assert_eq!(host.api().get(&path).await["state"], "connected", "the channel is as it was");
    })
    .await;
}
