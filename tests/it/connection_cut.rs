//! The connection of an open inbox is cut for ten seconds while customers go on writing: the page says so, then shows everything once
//! and in order, without being loaded again, and keeps the draft that the agent is at.

use std::time::Duration;

use sambung_tests::api::until;
use sambung_tests::chromium::drive;
use sambung_tests::front::{Front, NAME};
use sambung_tests::host::Host;

use super::console::{shown, sign_in_at, until_bubble};
use super::console_team::Chat;

const PUBLIC: &str = "https://chat.example";
const CUT: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn an_inbox_whose_connection_is_cut_shows_everything_once_and_keeps_the_draft() {
    drive("an_inbox_whose_connection_is_cut_shows_everything_once_and_keeps_the_draft", async |chromium| {
        let host = Host::start(&format!("[server]\npublic_url = '{PUBLIC}'\n")).await;
        let front = Front::start([(NAME, host.api().url("").as_str())]).await;
        let chat = Chat::begin(&host).await;
        let browser = chromium.open_through(&front, "en").await;
        sign_in_at(&browser, &host, PUBLIC).await;
        browser.visit(&format!("{PUBLIC}/inbox/{}", chat.conversation)).await;
        until_bubble(&browser, "Halo").await;
        browser.click("textbox", "Reply to Sari").await;
        browser.type_text("Sebentar, Kak").await;
        browser.run("window.isTheSame = true").await;
        let chip = async || browser.run("return !document.getElementById('reconnecting').hidden").await == true;
        chat.write(&host, "m2", "Pesan 0").await;
        until_bubble(&browser, "Pesan 0").await;
        assert!(!chip().await, "nothing is lost yet");
        browser.complaints().await;

        front.cut(true);
        let began = tokio::time::Instant::now();
        for number in 1..=4 {
            chat.write(&host, &format!("c{number}"), &format!("Pesan {number}")).await;
        }
        until("the page says that it reconnects", async || chip().await.then_some(())).await;
        assert!(shown(&browser, "reconnecting").await[0].contains("Reconnecting…"));
        chat.another(&host).await.write(&host, "o1", "Halo dari yang lain").await;
        tokio::time::sleep_until(began + CUT).await;
        chat.write(&host, "c5", "Pesan 5").await;
        let bubbles = shown(&browser, "bubble").await;
        assert_eq!(bubbles, ["Halo", "Pesan 0"], "nothing comes through a cut connection");
        front.cut(false);

        until("everything is there", async || {
            shown(&browser, "bubble").await.iter().any(|one| one == "Pesan 5").then_some(())
        })
        .await;
        let expected = ["Halo", "Pesan 0", "Pesan 1", "Pesan 2", "Pesan 3", "Pesan 4", "Pesan 5"];
        assert_eq!(shown(&browser, "bubble").await, expected, "once, and in order");
        until("the notice is gone", async || (!chip().await).then_some(())).await;
        until("the list has the conversation that began meanwhile", async || {
            let rows = shown(&browser, "conversation-preview").await;
            (rows.len() == 2 && rows.iter().any(|row| row.contains("Halo dari yang lain"))).then_some(())
        })
        .await;
        assert_eq!(browser.run("return document.querySelector('.composer-text').value").await, "Sebentar, Kak");
        assert_eq!(browser.run("return window.isTheSame").await, true, "the page was not loaded again");

        // The draft goes on where it was, and leaves.
        browser.type_line(", saya lihat dulu.").await;
        until_bubble(&browser, "Sebentar, Kak, saya lihat dulu.").await;
        // Chromium notes each request that met the cut.
        let complaints = browser.complaints().await;
        assert!(complaints.iter().all(|one| one.contains("net::ERR_")), "{complaints:?}");
    })
    .await;
}
