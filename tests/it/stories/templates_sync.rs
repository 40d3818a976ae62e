//! Templates as the provider has them: news with their reasons, reading again, and what a failure costs.

use std::backtrace::Backtrace;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use sambung::clock::Clock;
use sambung_tests::api::{now_ms, until};
use sambung_tests::host::{with_whatsapp, with_whatsapp_at};
use sambung_tests::providers::whatsapp::{self, TemplateTrouble, WhatsApp};
use serde_json::{Value, json};

use super::templates::{closed_conversation, list_when, listed, path, told};
use super::{PHONE, messages};

#[tokio::test(flavor = "multi_thread")]
async fn news_are_shown_at_once_with_their_reason_and_reading_again_keeps_it() {
    let platform = WhatsApp::start().await;
    platform.template(listed("order_ready", "APPROVED"));
    let (host, [channel, second]) = with_whatsapp(&platform, "").await;
    let api = host.api();
    for channel in [&channel, &second] {
        list_when(api, channel, "they are read after connecting", |list| list.len() == 1).await;
    }
    let mut time = 1_780_000_000;
    let mut tell = async |field: &str, value: Value| {
        time += 1;
        assert_eq!(platform.post_change(time, field, &value).await.unwrap(), 200);
        api.translated().await;
        api.get(&format!("{}/order_ready:id", path(&channel))).await
    };
    let more = json!({ "other_info": { "title": "FIRST_PAUSE", "description": "People blocked it." } });
    let shown = tell("message_template_status_update", platform.decide("order_ready", "id", "PAUSED", &more)).await;
    assert_eq!(
        (&shown["status"], &shown["reason"]),
        (&json!("paused"), &json!("FIRST_PAUSE: People blocked it.")),
        "{shown}"
    );
    list_when(api, &second, "the account's other number is told as well", |list| list[0]["status"] == "paused").await;
    let before = shown["synced_at"].clone();
    let shown = list_when(api, &channel, "it is read again by itself", |list| list[0]["synced_at"] != before).await;
    assert_eq!(shown[0]["reason"], "FIRST_PAUSE: People blocked it.", "the list says nothing of why: {shown:?}");

    let conversation = closed_conversation(&platform, api).await;
    let use_it = json!({ "content": { "type": "template", "name": "order_ready", "language": "id", "parameters": { "1": "B" } } });
    let refused = api.expect(422, "POST", &messages(&conversation), use_it).await;
    assert!(refused["errors"][0]["detail"].as_str().unwrap().contains("People blocked it."), "{refused}");

    let quality = json!({ "previous_quality_score": "GREEN", "new_quality_score": "RED", "message_template_id": 1,
        "message_template_name": "order_ready", "message_template_language": "id" });
    platform.alter_template("order_ready", "id", "quality_score", json!({ "score": "RED" }));
    let shown = tell("message_template_quality_update", quality).await;
    assert_eq!((&shown["quality"], &shown["status"]), (&json!("red"), &json!("paused")));
    let shown =
        tell("message_template_status_update", platform.decide("order_ready", "id", "APPROVED", &json!({}))).await;
    assert_eq!((&shown["status"], shown.get("reason")), (&json!("approved"), None));
    let rejected = json!({ "reason": "INVALID_FORMAT", "rejection_info": { "reason": "Two blanks touch." } });
    let shown =
        tell("message_template_status_update", platform.decide("order_ready", "id", "REJECTED", &rejected)).await;
    assert_eq!((&shown["status"], &shown["reason"]), (&json!("rejected"), &json!("INVALID_FORMAT: Two blanks touch.")));
    let category = json!({ "message_template_id": 1, "message_template_name": "order_ready", "message_template_language": "id",
        "previous_category": "UTILITY", "new_category": "MARKETING" });
    platform.alter_template("order_ready", "id", "category", json!("MARKETING"));
    assert_eq!(tell("template_category_update", category).await["category"], "marketing");
    // Another change, told by the provider's id alone.
    platform.alter_template("order_ready", "id", "category", json!("UTILITY"));
    let by_id = json!({ "message_template_id": 1, "new_category": "UTILITY" });
    assert_eq!(tell("template_category_update", by_id).await["category"], "utility");
    api.expect(200, "POST", &format!("{}/sync", path(&channel)), Value::Null).await;
    let shown = api.get(&format!("{}/order_ready:id", path(&channel))).await;
    assert_eq!(shown["reason"], "INVALID_FORMAT: Two blanks touch.", "the list says less of why: {shown}");
    let states: Vec<Value> = told(&host, &channel).iter().map(|data| data["status"].clone()).collect();
    for state in ["approved", "paused", "rejected"] {
        assert!(states.contains(&json!(state)), "{state}: {states:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_are_read_on_a_miss_and_a_failure_is_shown_with_the_list() {
    let platform = WhatsApp::start().await;
    let (host, [channel, _]) = with_whatsapp(&platform, "").await;
    let api = host.api();
    let synced = async || api.get(&path(&channel)).await["sync"].clone();
    until("they are read after connecting", async || synced().await["synced_at"].is_string().then_some(())).await;
    // More than a page, so that every page is asked for.
    for number in 0..150 {
        let mut template = listed(&format!("order_{number:03}"), "APPROVED");
        template["id"] = json!(number.to_string());
        platform.template(template);
    }
    let conversation = closed_conversation(&platform, api).await;
    let with = |parameters: Value| json!({ "content": { "type": "template", "name": "order_149", "language": "id", "parameters": parameters } });
    let refused = api.expect(422, "POST", &messages(&conversation), with(json!({ "1": "B" }))).await;
    assert_eq!(refused["errors"][0]["code"], "unknown-template", "{refused}");
    until("it is read by itself", async || (api.all(&path(&channel)).await.len() == 150).then_some(())).await;
    for (parameters, place, code) in [
        (json!({}), "#/content/parameters/1", "required"),
        (json!({ "1": "  " }), "#/content/parameters/1", "required"),
        (json!({ "1": { "media_id": "md_1" } }), "#/content/parameters/1", "type"),
        (json!({ "1": "x".repeat(1025) }), "#/content/parameters/1", "too-long"),
        (json!({ "1": "B", "2": "C" }), "#/content/parameters/2", "unknown"),
    ] {
        let refused = api.expect(422, "POST", &messages(&conversation), with(parameters)).await;
        assert_eq!(
            (&refused["errors"][0]["pointer"], &refused["errors"][0]["code"]),
            (&json!(place), &json!(code)),
            "{refused}"
        );
    }
    let queued = api.expect(202, "POST", &messages(&conversation), with(json!({ "1": "B" }))).await;
    api.message_when(queued["id"].as_str().unwrap(), "sent").await;

    platform.template_trouble([TemplateTrouble::ListRefused]);
    api.expect(502, "POST", &format!("{}/sync", path(&channel)), Value::Null).await;
    assert_eq!(synced().await["error"], "An unexpected error has occurred");
    assert_eq!(api.all(&path(&channel)).await.len(), 150, "what is known stays");
    let done = api.expect(200, "POST", &format!("{}/sync", path(&channel)), Value::Null).await;
    assert_eq!((&done["count"], &done["error"]), (&json!(150), &Value::Null));
    assert_eq!(synced().await["error"], Value::Null);
}

/// A clock that breaks once, when whoever reads an account's templates looks at it: the way there leads through several
/// functions of one file, and the way to anything else in it through one.
fn fragile(armed: &Arc<AtomicBool>) -> Clock {
    let (armed, system) = (Arc::clone(armed), Clock::system());
    Clock::from_fn(move || {
        let reading = || Backtrace::force_capture().to_string().matches("outbound/sync.rs").count() >= 4;
        if armed.load(Ordering::Relaxed) && reading() {
            let breaks = armed.swap(false, Ordering::Relaxed);
            assert!(!breaks, "the clock broke, as the test told it to");
        }
        system.now()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_over_one_accounts_templates_costs_only_that_reading() {
    let platform = WhatsApp::start().await;
    platform.template(listed("order_ready", "APPROVED"));
    let armed = Arc::new(AtomicBool::new(true));
    let (host, channels) = with_whatsapp_at(&platform, "", fragile(&armed)).await;
    let api = host.api();
    let sync = async |channel: &Value| api.get(&path(channel)).await["sync"].clone();
    let (mut broken, mut whole) = (None, None);
    until("one is read and one is not", async || {
        let states = [sync(&channels[0]).await, sync(&channels[1]).await];
        let failed = states.iter().any(|state| state["error"].is_string());
        (failed && states.iter().any(|state| state["synced_at"].is_string())).then_some(())
    })
    .await;
    for channel in &channels {
        match sync(channel).await["error"].is_string() {
            true => broken = Some(channel),
            false => whole = Some(channel),
        }
    }
    let (broken, whole) = (broken.unwrap(), whole.unwrap());
    assert!(!armed.load(Ordering::Relaxed), "it did break");
    assert!(sync(broken).await["error"].as_str().unwrap().contains("panicked"));
    assert_eq!(api.get(&path(whole)).await["items"].as_array().unwrap().len(), 1, "the other account's are there");
    let done = api.expect(200, "POST", &format!("{}/sync", path(broken)), Value::Null).await;
    assert_eq!(done["count"], 1, "its turn is free again");
    // Messages go out all the same.
    let hello = whatsapp::text(&platform, PHONE, now_ms() / 1000, "Halo");
    assert_eq!(platform.post(&[whatsapp::value(0, &[hello], &[])]).await.unwrap(), 200);
    let conversation = api.first_conversation().await;
    let reply = api.reply(conversation["id"].as_str().unwrap(), "Halo juga").await;
    api.message_when(&reply, "sent").await;
}
