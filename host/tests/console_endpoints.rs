//! The pages of endpoints and of what was delivered to them.

use reqwest::StatusCode;

use crate::common::{Options, TestHost, until};
use crate::console::{key_of, page, person, send, sent_to, sign_in};
use crate::feed::{Receiver, web_chat};

const ENDPOINTS: &str = "/settings/endpoints";
const URL: &str = "https://hooks.toko.example/sambung";

async fn with_admin() -> (TestHost, Receiver, String) {
    let (receiver, address) = Receiver::start().await;
    let overrides = format!("{{ \"https://hooks.toko.example\" = \"{address}\" }}");
    let options = Options::default().set("EGRESS__OVERRIDES", overrides).set("FEED__ENDPOINTS_PER_WORKSPACE", 2);
    let host = TestHost::start_with(options).await;
    person(&host, "admin@toko.example", "admin").await;
    let session = sign_in(&host, "admin@toko.example").await;
    (host, receiver, session)
}

/// The secret that a page shows.
fn secret_of(html: &str) -> String {
    html.split_once("is-whole\">").and_then(|(_, rest)| rest.split('<').next()).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_endpoint_is_added_once_with_its_secret_shown_once_changed_disabled_and_removed() {
    let (host, _receiver, admin) = with_admin().await;
    let (status, html) = page(&host, ENDPOINTS, &admin).await;
    assert_eq!(status, StatusCode::OK);
    assert!(html.contains("No endpoint yet."), "{html}");
    let key = key_of(&html);
    for (url, words) in [("", "field is required"), ("http://toko.example/<script>", "begins with https://")] {
        let refused = send(&host, &admin, ENDPOINTS, &[("key", &key), ("url", url)]).await;
        assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let html = refused.text().await.unwrap();
        assert!(html.contains(words) && !html.contains("<script>") && key_of(&html) == key, "{html}");
    }
    let fields = [("key", key.as_str()), ("url", URL), ("types", "message.created"), ("types", "channel.updated")];
    let add = async |fields: &[(&str, &str)]| {
        let answer = send(&host, &admin, ENDPOINTS, fields).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        secret_of(&answer.text().await.unwrap())
    };
    let secret = add(&fields).await;
    assert!(secret.starts_with("whsec_"), "{secret}");
    assert_eq!(add(&fields).await, secret, "the form that comes again makes no second endpoint");
    let (_, html) = page(&host, ENDPOINTS, &admin).await;
    assert!(html.contains(URL) && html.contains("New message") && !html.contains(&secret), "{html}");
    let listed = host.get("/v1/endpoints").await.1;
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(listed["items"][0]["types"], serde_json::json!(["message.created", "channel.updated"]));
    let at = format!("{ENDPOINTS}/{}", listed["items"][0]["id"].as_str().unwrap());

    let (_, html) = page(&host, &at, &admin).await;
    assert!(html.contains("Nothing was delivered yet."), "{html}");
    let wrong = send(&host, &admin, &at, &[("url", "https://a:b@toko.example")]).await;
    assert_eq!(wrong.status(), StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.text().await.unwrap().contains("without a name or password"));
    assert!(sent_to(&send(&host, &admin, &at, &[("url", URL)]).await).starts_with(&at));
    assert!(page(&host, ENDPOINTS, &admin).await.1.contains("<td>All</td>"));

    let rotate = format!("{at}/rotate");
    let key = key_of(&page(&host, &at, &admin).await.1);
    let rotated = async || {
        let answer = send(&host, &admin, &rotate, &[("key", &key)]).await;
        assert_eq!(answer.status(), StatusCode::CREATED);
        secret_of(&answer.text().await.unwrap())
    };
    let second = rotated().await;
    assert!(second.starts_with("whsec_") && second != secret);
    assert_eq!(rotated().await, second, "pressed twice, one secret is made");

    let enabled = format!("{at}/enabled");
    send(&host, &admin, &enabled, &[("enabled", "false")]).await;
    assert!(page(&host, &at, &admin).await.1.contains("Disabled"));
    send(&host, &admin, &enabled, &[("enabled", "true")]).await;
    assert!(page(&host, &at, &admin).await.1.contains("In use"));

    let new = async |url: &str| {
        let key = key_of(&page(&host, ENDPOINTS, &admin).await.1);
        send(&host, &admin, ENDPOINTS, &[("key", &key), ("url", url)]).await
    };
    assert_eq!(new("https://two.example/").await.status(), StatusCode::CREATED);
    let over = new("https://three.example/").await;
    assert_eq!(over.status(), StatusCode::CONFLICT);
    assert!(over.text().await.unwrap().contains("as many endpoints as it may have"));

    let remove = format!("{at}/remove");
    assert_eq!(sent_to(&send(&host, &admin, &remove, &[]).await), at);
    assert_eq!(sent_to(&send(&host, &admin, &remove, &[("sure", "1")]).await), ENDPOINTS);
    assert_eq!(page(&host, &at, &admin).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn deliveries_show_the_answer_are_sent_again_and_go_on_where_a_page_ends() {
    let (host, receiver, admin) = with_admin().await;
    let key = key_of(&page(&host, ENDPOINTS, &admin).await.1);
    let fields = [("key", key.as_str()), ("url", URL), ("types", "channel.updated")];
    assert_eq!(send(&host, &admin, ENDPOINTS, &fields).await.status(), StatusCode::CREATED);
    let id = host.get("/v1/endpoints").await.1["items"][0]["id"].as_str().unwrap().to_owned();
    let at = format!("{ENDPOINTS}/{id}");
    receiver.answer(&[503]);
    web_chat(&host, "Toko").await;
    let shows = async |words: &str| page(&host, &at, &admin).await.1.contains(words);
    until("the page shows the answer", async || shows("HTTP 503").await).await;
    let (_, html) = page(&host, &at, &admin).await;
    assert!(html.contains("Waiting") && html.contains("next try") && html.contains("Channel changed"), "{html}");
    let (_, before) = host.get(&format!("/v1/endpoints/{id}/deliveries")).await;
    let failed = before["items"].as_array().unwrap().iter().find(|one| one["status"] == 503).unwrap();
    let again = send(&host, &admin, &format!("{at}/replay"), &[("delivery", failed["id"].as_str().unwrap())]).await;
    assert_eq!(sent_to(&again), format!("{at}?done=replayed"));
    until("it is delivered", async || !shows("HTTP 503").await && shows("HTTP 204").await).await;

    let channel = host.get("/v1/channels").await.1["items"][0]["id"].as_str().unwrap().to_owned();
    for number in 0..51 {
        let body = serde_json::json!({ "name": format!("Toko {number}") });
        assert_eq!(host.call(reqwest::Method::PATCH, &format!("/v1/channels/{channel}"), Some(body)).await.0, 200);
    }
    until("there is a second page", async || shows("?before=").await).await;
    until("all are delivered", async || !shows("Waiting").await).await;
    let (_, html) = page(&host, &at, &admin).await;
    let older = html.split('"').find(|text| text.contains("?before=")).unwrap().to_owned();
    let (_, second) = page(&host, &older, &admin).await;
    let events = |html: &str| html.matches("<code class=\"identity note\">").count();
    assert_eq!(events(&html), 50, "{html}");
    assert!(events(&second) >= 2 && second.contains(failed["event_id"].as_str().unwrap()), "{second}");
    assert!(!html.contains(failed["event_id"].as_str().unwrap()));
}

#[tokio::test]
async fn only_an_admin_reaches_endpoints_and_only_their_workspaces() {
    let (host, _receiver, admin) = with_admin().await;
    let (_, made) = host.post("/v1/endpoints", serde_json::json!({ "url": URL, "types": [] })).await;
    let at = format!("{ENDPOINTS}/{}", made["id"].as_str().unwrap());
    assert!(page(&host, "/inbox", &admin).await.1.contains("/settings/people"));
    person(&host, "super@toko.example", "supervisor").await;
    let supervisor = sign_in(&host, "super@toko.example").await;
    for path in [ENDPOINTS, &at] {
        assert_eq!(page(&host, path, &supervisor).await.0, StatusCode::FORBIDDEN, "{path}");
    }
    for act in ["", "/enabled", "/rotate", "/replay", "/remove"] {
        let fields = [("url", "https://x.example"), ("enabled", "false"), ("sure", "1"), ("key", "")];
        let refused = send(&host, &supervisor, &format!("{at}{act}"), &fields).await;
        assert_eq!(refused.status(), StatusCode::FORBIDDEN, "{act}");
    }
    assert_eq!(send(&host, &supervisor, ENDPOINTS, &[("url", URL)]).await.status(), StatusCode::FORBIDDEN);
    let elsewhere = host.token_for("elsewhere", sambung::auth::Role::Admin).await;
    let stranger = host.client.get(host.url(&at)).bearer_auth(elsewhere).send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::NOT_FOUND);
}
