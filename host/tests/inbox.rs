//! The inbox as a team shares it: who answers what, what is done, what each person has read, and how it is searched.

use reqwest::header::{COOKIE, ORIGIN};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::common::TestHost;
use super::console::{person, sign_in};
use super::outbound::Story;

/// A person of the workspace, signed in.
struct Member {
    session: String,
    id: String,
}

impl Member {
    async fn join(host: &TestHost, name: &str, role: &str) -> Member {
        person(host, &format!("{name}@toko.example"), role).await;
        let session = sign_in(host, &format!("{name}@toko.example")).await;
        let mut member = Member { session, id: String::new() };
        member.id = member.ask(host, Method::GET, "/v1/me", Value::Null).await.1["user"].as_str().unwrap().to_owned();
        member
    }

    async fn ask(&self, host: &TestHost, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let mut request = host.client.request(method, host.url(path)).header(COOKIE, &self.session);
        request = request.header(ORIGIN, &host.base).header("sec-fetch-site", "same-origin");
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        (answer.status(), serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }

    async fn get(&self, host: &TestHost, path: &str) -> Value {
        let (status, body) = self.ask(host, Method::GET, path, Value::Null).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        body
    }

    async fn post(&self, host: &TestHost, path: &str, body: Value) -> (StatusCode, Value) {
        self.ask(host, Method::POST, path, body).await
    }
}

#[tokio::test]
async fn an_agent_takes_what_is_unassigned_and_gives_back_their_own() {
    let Story { host, conversation, .. } = Story::begin().await;
    let (budi, rina) = (Member::join(&host, "budi", "agent").await, Member::join(&host, "rina", "agent").await);
    let chief = Member::join(&host, "chief", "supervisor").await;
    let path = format!("/v1/conversations/{conversation}/assign");

    let people = budi.get(&host, "/v1/people").await;
    assert!(
        people["items"].as_array().unwrap().iter().any(|one| one["id"] == *rina.id && one["role"] == "agent"),
        "{people}"
    );
    assert_eq!(budi.post(&host, &path, json!({"user": rina.id})).await.0, StatusCode::FORBIDDEN, "not to another");
    let (status, taken) = budi.post(&host, &path, json!({"user": budi.id})).await;
    assert_eq!(
        (status, &taken["assigned_to"]),
        (StatusCode::OK, &json!({"id": budi.id, "name": "Rina <script>alert(1)</script>"}))
    );
    for user in [json!(rina.id), Value::Null] {
        assert_eq!(rina.post(&host, &path, json!({"user": user})).await.0, StatusCode::FORBIDDEN, "it is Budi's");
    }
    let mine = budi.get(&host, "/v1/conversations?assigned_to=me").await;
    assert_eq!(mine["items"][0]["id"], *conversation);
    assert_eq!(rina.get(&host, "/v1/conversations?assigned_to=me").await["items"], json!([]));
    assert_eq!(
        budi.get(&host, "/v1/conversations/counts").await,
        json!({"all": 1, "mine": 1, "unassigned": 0, "unread": 1})
    );
    assert_eq!(chief.post(&host, &path, json!({"user": rina.id})).await.1["assigned_to"]["id"], *rina.id);
    assert_eq!(rina.post(&host, &path, json!({"user": null})).await.1["assigned_to"], Value::Null);
    assert_eq!(chief.post(&host, &path, json!({"user": "usr_none"})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn a_new_message_opens_again_what_was_done() {
    let mut story = Story::begin().await;
    let budi = Member::join(&story.host, "budi", "agent").await;
    let path = format!("/v1/conversations/{}/status", story.conversation);
    let (status, done) = budi.post(&story.host, &path, json!({"status": "done"})).await;
    assert_eq!((status, &done["status"]), (StatusCode::OK, &json!("done")), "{done}");
    assert_eq!(done["status_changed_by"]["id"], *budi.id);
    assert!(done["status_changed_at"].is_string());
    assert_eq!(budi.post(&story.host, &path, json!({"status": "gone"})).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    let of = async |host: &TestHost, status: &str| {
        let page = budi.get(host, &format!("/v1/conversations?status={status}")).await;
        page["items"].as_array().unwrap().len()
    };
    assert_eq!((of(&story.host, "open").await, of(&story.host, "done").await), (0, 1));
    story.customer_writes("Masih ada?").await;
    assert_eq!((of(&story.host, "open").await, of(&story.host, "done").await), (1, 0));
    let shown = budi.get(&story.host, &format!("/v1/conversations/{}", story.conversation)).await;
    assert_eq!((&shown["status"], &shown["status_changed_by"]), (&json!("open"), &Value::Null), "{shown}");
}

#[tokio::test]
async fn each_person_has_read_what_they_have_read_and_an_answer_reads() {
    let mut story = Story::begin().await;
    story.customer_writes("Ada kopi?").await;
    let host = &story.host;
    let (budi, rina) = (Member::join(host, "budi", "agent").await, Member::join(host, "rina", "agent").await);
    let path = format!("/v1/conversations/{}", story.conversation);
    let unread = async |who: &Member| {
        let shown = who.get(host, &path).await;
        (shown["unread"].as_i64().unwrap(), shown["unread_by_you"].as_i64().unwrap())
    };
    assert_eq!((unread(&budi).await, unread(&rina).await), ((2, 2), (2, 2)));
    assert_eq!(rina.post(host, &format!("{path}/read"), json!({})).await.1["unread_by_you"], 0);
    // Who never opened it has read what the team has.
    assert_eq!(unread(&budi).await, (0, 0));
    budi.post(host, &format!("{path}/read"), json!({})).await;
    story.customer_writes("Halo?").await;
    let host = &story.host;
    let unread = async |who: &Member| {
        let shown = who.get(host, &path).await;
        (shown["unread"].as_i64().unwrap(), shown["unread_by_you"].as_i64().unwrap())
    };
    assert_eq!((unread(&budi).await, unread(&rina).await), ((1, 1), (1, 1)));
    let content = json!({"content": {"type": "text", "text": "Ada, Kak."}});
    assert_eq!(budi.post(host, &format!("{path}/messages"), content).await.0, StatusCode::ACCEPTED);
    assert_eq!((unread(&budi).await, unread(&rina).await), ((0, 0), (0, 1)), "an answer reads, for who answered");
    let list =
        async |who: &Member| who.get(host, "/v1/conversations?unread=true").await["items"].as_array().unwrap().len();
    assert_eq!((list(&budi).await, list(&rina).await), (0, 1));
    let by_token = host.get(&path).await.1;
    assert_eq!((&by_token["unread"], by_token.get("unread_by_you")), (&json!(0), None));
}

#[tokio::test]
async fn a_contact_is_found_by_the_name_that_a_user_gave_which_stays() {
    let mut story = Story::begin().await;
    let host = &story.host;
    let contact = host.get(&format!("/v1/conversations/{}", story.conversation)).await.1["contact"]["id"].clone();
    let path = format!("/v1/contacts/{}", contact.as_str().unwrap());
    let (status, renamed) = host.call(Method::PATCH, &path, Some(json!({"name": " Sari 100% Toko_Kopi "}))).await;
    assert_eq!((status, &renamed["name"]), (StatusCode::OK, &json!("Sari 100% Toko_Kopi")), "{renamed}");
    for bad in [json!({"name": " "}), json!({"name": "a\nb"}), json!({"name": "x".repeat(201)})] {
        assert_eq!(host.call(Method::PATCH, &path, Some(bad)).await.0, StatusCode::UNPROCESSABLE_ENTITY);
    }
    story.customer_writes("Halo lagi").await;
    let host = &story.host;
    let shown = host.get(&path).await.1;
    assert_eq!(shown["name"], "Sari 100% Toko_Kopi");
    let value = shown["identities"][0]["value"].as_str().unwrap().to_lowercase();
    for (search, found) in [
        ("sari", 1),
        ("100%25", 1),
        ("0%25%20t", 1),
        ("toko_k", 1),
        ("%25x", 0),
        ("o_o", 0),
        ("budi", 0),
        (&value[3..9], 1),
    ] {
        for list in ["conversations", "contacts"] {
            let (status, page) = host.get(&format!("/v1/{list}?q={search}")).await;
            assert_eq!(status, StatusCode::OK);
            assert_eq!(page["items"].as_array().unwrap().len(), found, "{list} with {search}");
        }
    }
    let of = host.get(&format!("/v1/conversations?contact={}", contact.as_str().unwrap())).await.1;
    assert_eq!(of["items"].as_array().unwrap().len(), 1);
    assert_eq!(host.get("/v1/conversations?contact=ct_none").await.1["items"], json!([]));
}

#[tokio::test]
async fn both_statuses_make_one_list_that_pages_without_a_gap() {
    let story = Story::begin().await;
    let (host, line) = (&story.host, &story.line);
    let address = host.url(&format!("/hooks/line/{}", story.channel));
    let now = host.state.clock.now() as u64;
    for who in 0..8_u64 {
        let user = format!("U{who:032x}");
        assert_eq!(line.post_text(&address, &user, now + who, "Halo").await.unwrap(), 200);
    }
    let all = async || host.get("/v1/conversations?limit=200").await.1["items"].as_array().unwrap().clone();
    super::common::until("nine conversations", async || all().await.len() == 9).await;
    for (at, one) in all().await.iter().enumerate() {
        if at % 2 == 0 {
            let path = format!("/v1/conversations/{}/status", one["id"].as_str().unwrap());
            assert_eq!(host.post(&path, json!({"status": "done"})).await.0, StatusCode::OK);
        }
    }
    let expected: Vec<Value> = all().await.iter().map(|one| one["id"].clone()).collect();
    for (filter, wanted) in [("", 9), ("&status=done", 5), ("&status=open", 4), ("&assigned_to=none", 9)] {
        let mut paged = Vec::new();
        let mut cursor = String::new();
        loop {
            let (status, page) = host.get(&format!("/v1/conversations?limit=2{filter}{cursor}")).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            paged.extend(page["items"].as_array().unwrap().iter().map(|one| one["id"].clone()));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(paged.len(), wanted, "{filter}");
        assert!(filter.starts_with("&status") || paged == expected, "{filter}");
    }
}
