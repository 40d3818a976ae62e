//! The page of requests that were parked.

use reqwest::StatusCode;

use crate::common::until;
use crate::console::{page, person, send, sent_to, sign_in};
use crate::inbound::Shop;

const JOURNAL: &str = "/journal";

#[tokio::test]
async fn a_parked_request_is_shown_as_text_filtered_and_translated_again() {
    let shop = Shop::open().await;
    let host = &shop.host;
    for (email, role) in [("admin@toko.example", "admin"), ("agent@toko.example", "agent")] {
        person(host, email, role).await;
    }
    let admin = sign_in(host, "admin@toko.example").await;
    let (status, html) = page(host, JOURNAL, &admin).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("No request is parked.") && html.contains("href=\"/journal\""), "{html}");

    let broken = format!("{{\"destination\":<script>alert(1)</script>{}", "x".repeat(30_000));
    assert_eq!(shop.deliver(&broken).await, StatusCode::OK);
    shop.until_settled(1).await;
    let (_, html) = page(host, JOURNAL, &admin).await;
    assert!(html.contains("Parked") && html.contains("LINE") && html.contains("Toko"), "{html}");
    let entry = shop.journal("parked").await.remove(0);
    assert!(html.contains(&maud_escaped(entry["reason"].as_str().unwrap())), "{html}");
    let at = format!("{JOURNAL}/{}", entry["id"].as_str().unwrap());
    let (_, html) = page(host, &at, &admin).await;
    assert!(html.contains("&lt;script&gt;alert(1)") && html.contains("The rest is not shown here"), "{html}");
    assert!(html.len() < 60_000, "{}", html.len());

    for (query, there) in [
        ("?state=settled", false),
        ("?state=all", true),
        (&*format!("?channel={}", shop.channel), true),
        ("?channel=ch_other", false),
    ] {
        let (status, html) = page(host, &format!("{JOURNAL}{query}"), &admin).await;
        assert_eq!((status, html.contains(&format!("{at}\""))), (StatusCode::OK, there), "{query}");
    }
    let (_, none) = host.get("/v1/journal?channel=ch_other").await;
    assert_eq!(none["items"], serde_json::json!([]));
    assert_eq!(page(host, &format!("{JOURNAL}?state=nothing"), &admin).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(page(host, "/journal/req_none", &admin).await.0, StatusCode::NOT_FOUND);

    let again = send(host, &admin, &format!("{at}/replay"), &[]).await;
    assert_eq!(sent_to(&again), format!("{at}?done=replayed"));
    let says = async |words: &str| page(host, &at, &admin).await.1.contains(words);
    until("it was run again", async || says("run again: 1").await && says("Parked").await).await;

    let agent = sign_in(host, "agent@toko.example").await;
    assert!(!page(host, "/inbox", &agent).await.1.contains("href=\"/journal\""));
    for path in [JOURNAL, &at] {
        assert_eq!(page(host, path, &agent).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(send(host, &agent, &format!("{at}/replay"), &[]).await.status(), StatusCode::FORBIDDEN);
}

/// A text as it stands in a page.
fn maud_escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[tokio::test]
async fn parked_requests_go_on_where_a_page_ends() {
    let shop = Shop::open().await;
    person(&shop.host, "admin@toko.example", "admin").await;
    let admin = sign_in(&shop.host, "admin@toko.example").await;
    for _ in 0..51 {
        assert_eq!(shop.deliver("{\"destination\":").await, StatusCode::OK);
    }
    let older = async || {
        let (_, html) = page(&shop.host, JOURNAL, &admin).await;
        html.split('"').find(|text| text.contains("before=")).map(|text| text.replace("&amp;", "&"))
    };
    until("there is a second page", async || older().await.is_some()).await;
    let (_, html) = page(&shop.host, &older().await.unwrap(), &admin).await;
    assert_eq!(html.matches("/replay\"").count(), 1, "{html}");
    assert!(!html.contains("before="), "the last page goes nowhere");
}
