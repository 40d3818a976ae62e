//! The LINE component in the real runtime against the simulator: connect, receive, reply, push, fetch.

use axum::http::StatusCode;
use axum::routing::post;
use sambung_runtime::contract::inbound::{Happening, ItemResult, Message};
use sambung_runtime::contract::media::Source as Found;
use sambung_runtime::contract::outbound::{Outgoing, SendFault};
use sambung_runtime::contract::types::{Content, Identity, Text};
use sambung_runtime::{Download, DownloadError, Markers};
use sambung_testkit::{Kit, KitError, Webhook};
use sambung_tests::fixtures;
use sambung_tests::openapi::{Call, Description};
use sambung_tests::providers::line::{
    BOT, Delivery, Line, SECRET, Source, Stored, TOKEN, Trouble, body, message_event, sign,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const USER: &str = "U4af4980629f1a2b3c4d5e6f708192a3b";

/// The component, filled in and led to the simulator.
async fn kit(line: &Line, token: &str) -> Kit {
    let plugin = sambung_bundle::BUNDLED.iter().find(|plugin| plugin.id == "line").expect("the plugin is bundled");
    let mut kit = Kit::load_at(plugin.wasm, line.overrides()).await.unwrap();
    kit.fill_in(&json!({ "channel_secret": SECRET, "channel_access_token": token })).unwrap();
    kit
}

/// A customer's text, received, with the token that answers it.
async fn received(kit: &mut Kit, line: &Line, message: Value) -> (Message, Option<String>) {
    let event = message_event(line, Source::User(USER), kit.time(), message);
    let body = body(&[event]);
    let webhook = Webhook::post(body.clone()).header("x-line-signature", sign(SECRET, &body));
    let mut outcome = kit.webhook(&webhook).await.unwrap().outcome.unwrap();
    let ItemResult::Events(mut events) = outcome.items.remove(0).outcome else { panic!("no event") };
    let event = events.remove(0);
    let token = event.opens.first().and_then(|opening| opening.token.clone());
    let Happening::Message(message) = event.what else { panic!("no message") };
    (message, token)
}

async fn hello(kit: &mut Kit, line: &Line) -> (Message, Option<String>) {
    received(kit, line, json!({ "type": "text", "text": "Halo", "quoteToken": "q" })).await
}

fn text(body: &str) -> Content {
    Content::Text(Text { body: body.to_owned(), format: None, extra: Vec::new() })
}

fn replied(kit: &mut Kit, to: &Message, token: &Option<String>, body: &str) -> Outgoing {
    let mut outgoing = kit.outgoing(to.thread.clone(), text(body));
    outgoing.rule = Some("reply-token".to_owned());
    outgoing.token = token.clone();
    outgoing
}

fn pushed(kit: &mut Kit, to: &Message, body: &str) -> Outgoing {
    let mut outgoing = kit.outgoing(to.thread.clone(), text(body));
    outgoing.rule = Some("push".to_owned());
    outgoing
}

fn shown(line: &Line) -> Vec<(bool, Value)> {
    let show = |delivery: Delivery| (delivery.reply, delivery.object["text"].clone());
    line.deliveries().into_iter().map(show).collect()
}

#[tokio::test]
async fn a_channel_connects_and_its_address_is_registered() {
    let line = Line::start().await;
    let mut kit = kit(&line, TOKEN).await;
    let account = kit.connect(None).await.unwrap().account;
    assert_eq!(account.id, BOT);
    assert_eq!(line.endpoint(), kit.channel().webhook_url.clone());
    line.use_webhook(false);
    let findings = kit.check().await.unwrap().findings;
    assert_eq!(findings[0].code, "webhook-off");
}

#[tokio::test]
async fn a_refused_token_is_told_in_the_provider_s_words() {
    let line = Line::start().await;
    let mut kit = kit(&line, "wrong").await;
    let Err(KitError::Faults(faults)) = kit.connect(None).await else { panic!("connected") };
    assert_eq!(faults[0].field.as_deref(), Some("channel_access_token"));
    assert!(faults[0].words.starts_with("Authentication failed due to the following reason"));
}

#[tokio::test]
async fn a_wrong_channel_secret_shows_while_connecting() {
    let line = Line::start().await;
    let refusing = axum::Router::new().fallback(post(|| async { StatusCode::UNAUTHORIZED }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    line.reach_endpoint_at(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(async move { axum::serve(listener, refusing).await });
    let mut kit = kit(&line, TOKEN).await;
    let Err(KitError::Faults(faults)) = kit.connect(None).await else { panic!("connected") };
    assert_eq!(faults[0].field.as_deref(), Some("channel_secret"));
}

#[tokio::test]
async fn a_reply_goes_with_the_token_and_the_next_message_by_push() {
    let line = Line::start().await;
    let mut kit = kit(&line, TOKEN).await;
    let (message, token) = hello(&mut kit, &line).await;
    let pair = vec![replied(&mut kit, &message, &token, "a"), replied(&mut kit, &message, &token, "b")];
    assert!(kit.send_all(pair).await.unwrap().iter().all(Result::is_ok));

    let again = replied(&mut kit, &message, &token, "c");
    let error = kit.send_all(vec![again]).await.unwrap().remove(0).unwrap_err();
    assert_eq!((error.fault, error.rule.as_deref()), (SendFault::WindowClosed, Some("reply-token")));

    let push = pushed(&mut kit, &message, "c");
    assert!(kit.send_all(vec![push]).await.unwrap()[0].is_ok());
    assert_eq!(shown(&line), [(true, json!("a")), (true, json!("b")), (false, json!("c"))]);
}

#[tokio::test]
async fn a_push_whose_answer_was_lost_is_delivered_once() {
    let line = Line::start().await;
    let mut kit = kit(&line, TOKEN).await;
    let (message, _) = hello(&mut kit, &line).await;
    line.trouble([Trouble::ServerErrorAfterTaking]);
    let push = pushed(&mut kit, &message, "a");
    let error = kit.send_all(vec![push.clone()]).await.unwrap().remove(0).unwrap_err();
    assert!(error.retryable);
    let receipt = kit.send_all(vec![push]).await.unwrap().remove(0).unwrap();
    assert_eq!(line.deliveries().len(), 1);
    assert_eq!(receipt.ids, [line.deliveries()[0].id.clone()]);
}

#[tokio::test]
async fn the_monthly_limit_stops_pushes_and_no_reply() {
    let line = Line::start().await;
    let mut kit = kit(&line, TOKEN).await;
    let (message, token) = hello(&mut kit, &line).await;
    line.trouble([Trouble::MonthlyLimit]);
    let push = pushed(&mut kit, &message, "a");
    let error = kit.send_all(vec![push]).await.unwrap().remove(0).unwrap_err();
    assert_eq!((error.fault, error.scope.as_str()), (SendFault::Quota, "message"));
    let reply = replied(&mut kit, &message, &token, "b");
    assert!(kit.send_all(vec![reply]).await.unwrap()[0].is_ok());
}

#[tokio::test]
async fn a_video_is_fetched_with_the_token_once_it_is_prepared() {
    let line = Line::start().await;
    let mut kit = kit(&line, TOKEN).await;
    line.content("77", Stored::Preparing("moving pictures".into(), "video/mp4"));
    let video = json!({ "type": "video", "id": "77", "contentProvider": { "type": "line" } });
    let (message, _) = received(&mut kit, &line, video).await;
    let Content::Media(media) = &message.content[0] else { panic!("no media") };
    let resolve = || kit.plugin().resolve(kit.caller(), kit.channel().clone(), media.file.clone());
    assert!(matches!(resolve().await.unwrap().value, Ok(Found::Later(_))));
    let Ok(Found::Fetch(request)) = resolve().await.unwrap().value else { panic!("not ready") };
    let file =
        kit.plugin().download(kit.caller(), Download::Fetch(request.clone(), Markers::default()), 1_000).await.unwrap();
    assert_eq!((file.bytes, file.mime.as_deref()), (15, Some("video/mp4")));
    assert_eq!(kit.blob_content(&file.blob).unwrap().bytes, b"moving pictures");

    line.content("77", Stored::Gone);
    let gone = kit.plugin().download(kit.caller(), Download::Fetch(request, Markers::default()), 1_000).await;
    assert!(matches!(gone, Err(DownloadError::Gone { status: 410 })));
}

#[tokio::test]
async fn a_friend_is_looked_up_and_a_stranger_is_nobody() {
    let line = Line::start().await;
    let kit = kit(&line, TOKEN).await;
    line.profile(USER, json!({ "userId": USER, "displayName": "LINE taro" }));
    let who = |user: &str| Identity {
        scheme: "line-user".to_owned(),
        scope: BOT.to_owned(),
        value: user.to_owned(),
        extra: Vec::new(),
    };
    let look_up = async |user: &str| {
        kit.plugin().look_up(kit.caller(), kit.channel().clone(), who(user), None).await.unwrap().value.unwrap()
    };
    assert_eq!(look_up(USER).await.unwrap().name.as_deref(), Some("LINE taro"));
    assert_eq!(look_up("U1").await, None);
}

#[tokio::test]
async fn what_leaves_the_sandbox_fits_the_published_description() {
    let Some(folder) = fixtures::folder("what_leaves_the_sandbox_fits_the_published_description", "line/openapi")
    else {
        return;
    };
    let description = Description::read(&folder.join("messaging-api.yml"));
    let line = Line::start().await;
    let mut kit = kit(&line, TOKEN).await;
    kit.connect(None).await.unwrap();
    kit.check().await.unwrap();
    let (message, token) = hello(&mut kit, &line).await;
    let reply = replied(&mut kit, &message, &token, "a");
    let push = pushed(&mut kit, &message, "b");
    assert!(kit.send_all(vec![reply, push]).await.unwrap().iter().all(Result::is_ok));
    for request in line.recorded() {
        let call = Call { method: &request.method, url: &request.url, headers: &request.headers, body: &request.body };
        description.check(&call).unwrap_or_else(|misfit| panic!("{} {}\n{misfit}", request.method, request.url));
    }
    assert!(line.recorded().len() > 8);
}
