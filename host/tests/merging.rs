//! Contacts that a user says are one person: what is shown as one, where messages and answers go, and taking them apart again.

use reqwest::header::COOKIE;
use reqwest::{Method, StatusCode};
use sambung::auth::Role;
use sambung::keys::EventId;
use serde_json::{Value, json};

use super::common::{TestHost, until};
use super::console::{form, page, person, sent_to, sign_in};
use super::outbound::Story;

/// A customer of the shop, with the one conversation that they have.
struct Customer {
    user: String,
    contact: String,
    conversation: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

async fn write(story: &Story, user: &str, words: &str) {
    let address = story.host.url(&format!("/hooks/line/{}", story.channel));
    let now = story.host.state.clock.now() as u64;
    assert_eq!(story.line.post_text(&address, user, now, words).await.unwrap(), 200);
}

/// A customer who writes for the first time.
async fn customer(story: &Story, number: u8) -> Customer {
    let (user, words) = (format!("U{number:032x}"), format!("Halo dari {number}"));
    write(story, &user, &words).await;
    let found = std::cell::RefCell::new(Value::Null);
    until("the customer has a conversation", async || {
        let all = items(&story.host, "/v1/conversations?limit=200").await;
        let theirs = all.into_iter().find(|one| one["last_message"]["preview"] == *words);
        *found.borrow_mut() = theirs.unwrap_or_default();
        !found.borrow().is_null()
    })
    .await;
    let found = found.into_inner();
    Customer { user, contact: text(&found["contact"]["id"]), conversation: text(&found["id"]) }
}

async fn items(host: &TestHost, path: &str) -> Vec<Value> {
    let (status, page) = host.get(path).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page["items"].as_array().unwrap().clone()
}

async fn ask(story: &Story, act: &str, contact: &str, other: &str) -> (StatusCode, Value) {
    story.host.post(&format!("/v1/contacts/{contact}/{act}"), json!({"contact": other})).await
}

async fn lines(story: &Story, action: &str) -> usize {
    items(&story.host, "/v1/audit?limit=200").await.iter().filter(|line| line["action"] == action).count()
}

async fn contact_of(story: &Story, conversation: &str) -> Value {
    story.host.get(&format!("/v1/conversations/{conversation}")).await.1["contact"].clone()
}

#[tokio::test]
async fn two_contacts_are_one_person_until_they_are_taken_apart() {
    let story = Story::begin().await;
    let host = &story.host;
    let (sari, other) = (customer(&story, 1).await, customer(&story, 2).await);
    let path = format!("/v1/contacts/{}", sari.contact);
    host.call(Method::PATCH, &path, Some(json!({"name": "Sari"}))).await;

    let (status, merged) = ask(&story, "merge", &sari.contact, &other.contact).await;
    assert_eq!(status, StatusCode::OK, "{merged}");
    assert_eq!((&merged["id"], &merged["name"]), (&json!(sari.contact), &json!("Sari")));
    assert_eq!(merged["merged"][0]["id"], *other.contact);
    let values: Vec<_> = merged["identities"].as_array().unwrap().iter().map(|one| text(&one["value"])).collect();
    assert_eq!(values, [sari.user.clone(), other.user.clone()]);
    assert_eq!(merged["merged"][0]["identities"], json!([merged["identities"][1]]));
    assert_eq!(merged["conversations"], json!([other.conversation, sari.conversation]));

    // The whole person is shown, found and listed, under either id.
    assert_eq!(contact_of(&story, &other.conversation).await, json!({"id": sari.contact, "name": "Sari"}));
    assert_eq!(host.get(&format!("/v1/contacts/{}", other.contact)).await.1, merged);
    assert!(items(host, "/v1/contacts").await.iter().all(|one| one["id"] != *other.contact));
    for id in [&sari.contact, &other.contact] {
        assert_eq!(items(host, &format!("/v1/conversations?contact={id}")).await.len(), 2);
    }
    for search in ["sari", &other.user] {
        assert_eq!(items(host, &format!("/v1/contacts?q={search}")).await, [without_conversations(&merged)]);
        assert_eq!(items(host, &format!("/v1/conversations?q={search}")).await.len(), 2, "{search}");
    }

    // What the merged identity writes is the person's, in its own conversation, and an answer goes to that identity.
    write(&story, &other.user, "Ini saya lagi").await;
    let messages = format!("/v1/conversations/{}/messages", other.conversation);
    until("the message is there", async || items(host, &messages).await.len() == 2).await;
    let newest = items(host, &messages).await.remove(0);
    assert_eq!(newest["from"], json!({"type": "contact", "id": sari.contact, "name": "Sari"}));
    let (status, queued) = host.post(&messages, json!({"content": {"type": "text", "text": "Baik, Kak."}})).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{queued}");
    story.becomes(queued["id"].as_str().unwrap(), "sent").await;
    let delivered = story.line.deliveries();
    assert_eq!(delivered.last().unwrap().to, other.user, "an answer goes to the identity that wrote");

    // Nothing is done twice.
    assert_eq!(ask(&story, "merge", &sari.contact, &other.contact).await.0, StatusCode::OK);
    assert_eq!(ask(&story, "merge", &other.contact, &sari.contact).await.0, StatusCode::OK);
    assert_eq!(lines(&story, "contact.merge").await, 1);

    for _ in 0..2 {
        let (status, apart) = ask(&story, "split", &sari.contact, &other.contact).await;
        assert_eq!((status, &apart["merged"]), (StatusCode::OK, &json!([])), "{apart}");
        assert_eq!(apart["conversations"], json!([sari.conversation]));
    }
    assert_eq!(lines(&story, "contact.split").await, 1);
    assert_eq!(contact_of(&story, &other.conversation).await["id"], *other.contact);
    let newest = items(host, &messages).await.into_iter().find(|one| one["id"] == newest["id"]).unwrap();
    assert_eq!(newest["from"]["id"], *other.contact, "what came meanwhile goes back with its identity");
    // Whoever follows the feed is told of both changes.
    let workspace = host.state.db.workspace_or_new(host.state.clock.id("ws"), "default", 0).await.unwrap().id;
    let told = host.state.db.feed_after(&workspace, EventId::NONE, 1000).await.unwrap();
    let contacts: Vec<Value> = told
        .iter()
        .filter(|row| row.kind == "conversation.updated")
        .map(|row| serde_json::from_str::<Value>(&row.data).unwrap())
        .filter(|data| data["id"] == *other.conversation)
        .map(|data| data["contact"]["id"].clone())
        .collect();
    assert!(contacts.iter().any(|contact| *contact == *sari.contact), "{contacts:?}");
    assert_eq!(contacts.last(), Some(&json!(other.contact)));
}

fn without_conversations(contact: &Value) -> Value {
    let mut listed = contact.clone();
    listed.as_object_mut().unwrap().remove("conversations");
    listed
}

#[tokio::test]
async fn a_chain_of_merges_is_one_person_and_each_is_taken_out_alone() {
    let story = Story::begin().await;
    let (one, two, three) = (customer(&story, 1).await, customer(&story, 2).await, customer(&story, 3).await);
    assert_eq!(ask(&story, "merge", &two.contact, &three.contact).await.0, StatusCode::OK);
    let (status, refused) = ask(&story, "merge", &one.contact, &three.contact).await;
    assert_eq!((status, &refused["code"]), (StatusCode::CONFLICT, &json!("merged-elsewhere")), "{refused}");
    assert_eq!(refused["contact"], *two.contact);
    let (_, whole) = ask(&story, "merge", &one.contact, &two.contact).await;
    let merged: Vec<_> = whole["merged"].as_array().unwrap().iter().map(|one| text(&one["id"])).collect();
    assert_eq!(merged, [three.contact.clone(), two.contact.clone()]);
    for customer in [&one, &two, &three] {
        assert_eq!(contact_of(&story, &customer.conversation).await["id"], *one.contact);
    }
    assert_eq!(ask(&story, "split", &one.contact, &two.contact).await.0, StatusCode::OK);
    let (status, refused) = ask(&story, "split", &two.contact, &three.contact).await;
    assert_eq!((status, &refused["contact"]), (StatusCode::CONFLICT, &json!(one.contact)), "{refused}");
    assert_eq!(contact_of(&story, &two.conversation).await["id"], *two.contact);
    assert_eq!(contact_of(&story, &three.conversation).await["id"], *one.contact);

    let (status, refused) = ask(&story, "merge", &one.contact, &one.contact).await;
    assert_eq!((status, &refused["errors"][0]["pointer"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("#/contact")));
    assert_eq!(ask(&story, "merge", &one.contact, "").await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let host = &story.host;
    let foreign = host.token_for("other", Role::Admin).await;
    for act in ["merge", "split"] {
        assert_eq!(ask(&story, act, &one.contact, "ct_none").await.0, StatusCode::NOT_FOUND);
        let path = format!("/v1/contacts/{}/{act}", one.contact);
        let body = Some(json!({"contact": two.contact}));
        assert_eq!(host.call_as(&foreign, Method::POST, &path, body).await.0, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn two_who_merge_at_once_and_writes_meanwhile_lose_nothing() {
    let story = Story::begin().await;
    let (one, two) = (customer(&story, 1).await, customer(&story, 2).await);
    let (there, back) = tokio::join!(
        ask(&story, "merge", &one.contact, &two.contact),
        ask(&story, "merge", &two.contact, &one.contact)
    );
    assert_eq!((there.0, back.0), (StatusCode::OK, StatusCode::OK), "{there:?} {back:?}");
    assert_eq!(there.1["id"], back.1["id"], "both came to the same contact");
    assert_eq!(lines(&story, "contact.merge").await, 1);
    let kept = text(&there.1["id"]);
    let gone = if kept == one.contact { &two.contact } else { &one.contact };

    let writes = async {
        for number in 0..30 {
            let user = if number % 2 == 0 { &one.user } else { &two.user };
            write(&story, user, &format!("nomor {number}")).await;
        }
    };
    let merges = async {
        for _ in 0..15 {
            assert_eq!(ask(&story, "split", &kept, gone).await.0, StatusCode::OK);
            assert_eq!(ask(&story, "merge", &kept, gone).await.0, StatusCode::OK);
        }
    };
    tokio::join!(writes, merges);
    for customer in [&one, &two] {
        let path = format!("/v1/conversations/{}/messages?limit=200", customer.conversation);
        until("every message is there", async || items(&story.host, &path).await.len() == 16).await;
        assert!(items(&story.host, &path).await.iter().all(|message| message["from"]["id"] == *kept));
    }
    assert_eq!(items(&story.host, "/v1/contacts").await.len(), 2, "the first customer and the merged person");
}

#[tokio::test]
async fn erasing_a_merged_contact_erases_every_identity() {
    let story = Story::begin().await;
    let (one, two) = (customer(&story, 1).await, customer(&story, 2).await);
    assert_eq!(ask(&story, "merge", &one.contact, &two.contact).await.0, StatusCode::OK);
    let path = format!("/v1/contacts/{}", two.contact);
    assert_eq!(story.host.call(Method::DELETE, &path, None).await.0, StatusCode::NO_CONTENT, "by either id");
    for customer in [&one, &two] {
        let path = format!("/v1/conversations/{}/messages", customer.conversation);
        assert_eq!(items(&story.host, &path).await[0]["content"]["text"], "Erased.");
        assert_eq!(items(&story.host, &format!("/v1/contacts?q={}", customer.user)).await, Vec::<Value>::new());
        let shown = story.host.get(&format!("/v1/contacts/{}", customer.contact)).await.1;
        assert!(shown["erased_at"].is_string() && shown["identities"] == json!([]), "{shown}");
        assert_eq!(ask(&story, "split", &one.contact, &customer.contact).await.0, StatusCode::NOT_FOUND);
    }
    // Somebody who writes again is a stranger.
    let again = customer(&story, 2).await;
    assert!(again.contact != one.contact && again.contact != two.contact);
}

#[tokio::test]
async fn a_contact_is_merged_on_a_page_after_a_question_and_taken_apart_at_its_identities() {
    let story = Story::begin().await;
    let host = &story.host;
    let (one, two) = (customer(&story, 1).await, customer(&story, 2).await);
    person(host, "rina@toko.example", "agent").await;
    let session = sign_in(host, "rina@toko.example").await;
    let inbox = format!("/inbox/{}", one.conversation);
    let search = format!("/contacts/{}/merge?conversation={}", one.contact, one.conversation);
    for at in [inbox.clone(), format!("/contacts/{}", one.contact)] {
        let html = page(host, &at, &session).await.1;
        assert!(html.contains(&format!(r#"href="/contacts/{}/merge?"#, one.contact)), "{html}");
    }
    let html = page(host, &format!("{search}&q={}", two.user), &session).await.1;
    assert!(html.contains(&format!("with={}", two.contact)) && !html.contains("<dialog"), "{html}");
    assert!(!html.contains(&format!("with={}", one.contact)), "not with itself");
    let html = page(host, &format!("{search}&with={}", two.contact), &session).await.1;
    assert!(html.contains("<dialog") && html.contains("take the two apart again"), "{html}");
    let fields = [("contact", two.contact.as_str()), ("conversation", one.conversation.as_str())];
    let answer = form(host, &format!("/contacts/{}/merge", one.contact), &fields).header(COOKIE, &session);
    assert_eq!(sent_to(&answer.send().await.unwrap()), inbox);
    let html = page(host, &inbox, &session).await.1;
    assert!(html.contains("Take apart") && html.contains(&two.user), "{html}");
    let own = [("contact", one.contact.as_str())];
    let answer = form(host, &format!("/contacts/{}/merge", one.contact), &own).header(COOKIE, &session);
    assert_eq!(answer.send().await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
    let answer = form(host, &format!("/contacts/{}/split", one.contact), &fields[..1]).header(COOKIE, &session);
    assert_eq!(sent_to(&answer.send().await.unwrap()), format!("/contacts/{}", one.contact));
    assert_eq!(contact_of(&story, &two.conversation).await["id"], *two.contact);
}
