//! Lists as CSV files, from pages and from the API: whole, harmless in a spreadsheet, and only for those who may.

use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE, COOKIE};
use reqwest::{Method, StatusCode};
use sambung::auth::Role;
use sambung::keys::ContactId;
use serde_json::json;

use crate::common::TestHost;
use crate::console::{page, person, sign_in};

/// More than is read at a time.
const CONTACTS: usize = 1_203;

/// The file at an address, as a browser of this session downloads it.
async fn file(host: &TestHost, path: &str, session: &str) -> (StatusCode, String) {
    let answer = host.client.get(host.url(path)).header(COOKIE, session).send().await.unwrap();
    if answer.status() == StatusCode::OK {
        assert_eq!(answer.headers()[CONTENT_TYPE], "text/csv; charset=utf-8", "{path}");
        assert!(answer.headers()[CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment; "), "{path}");
        assert_eq!(answer.headers()["cache-control"], "no-store", "{path}");
    }
    (answer.status(), answer.text().await.unwrap())
}

async fn from_api(host: &TestHost, path: &str) -> String {
    let answer = host.request(Method::GET, path).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.text().await.unwrap()
}

fn lines(text: &str) -> Vec<csv::StringRecord> {
    csv::Reader::from_reader(text.as_bytes())
        .into_records()
        .map(|line| line.expect("a line as the head has it"))
        .collect()
}

async fn with_contacts() -> (TestHost, String) {
    let host = TestHost::start().await;
    person(&host, "admin@toko.example", "admin").await;
    let admin = sign_in(&host, "admin@toko.example").await;
    let workspace = host.state.db.workspace("default").await.unwrap().unwrap().id;
    let db = rusqlite::Connection::open(host.data.join("sambung.db")).unwrap();
    db.execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
         INSERT INTO contacts (id, workspace_id, name, created_at, changed_at)
         SELECT i, ?1, iif(i = 7, '=cmd|'' /C calc''!A1', 'Sari, ' || i), i, i FROM n",
        rusqlite::params![workspace, CONTACTS as i64],
    )
    .unwrap();
    db.execute("INSERT INTO identities VALUES (?1, 'phone', '', '+62811', 7, NULL)", [&workspace]).unwrap();
    (host, admin)
}

#[tokio::test]
async fn all_contacts_are_in_the_file_and_none_is_a_formula() {
    let (host, admin) = with_contacts().await;
    let (_, html) = page(&host, "/contacts?q=sari", &admin).await;
    let link = html.split('"').find(|text| text.starts_with("/contacts.csv")).expect("a link to the file").to_owned();
    let (status, text) = file(&host, "/contacts.csv", &admin).await;
    assert_eq!(status, StatusCode::OK);
    let all = lines(&text);
    let id = |row: i64| ContactId::of_row(row).to_string();
    assert_eq!((all.len(), all[0][0].to_owned(), all[CONTACTS - 1][0].to_owned()), (CONTACTS, id(1203), id(1)));
    let seventh = all.iter().find(|line| line[0] == id(7)).unwrap();
    assert_eq!((&seventh[1], &seventh[2]), ("'=cmd|' /C calc'!A1", "phone +62811"));
    assert!(all.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@'])));
    let (_, found) = file(&host, &link, &admin).await;
    assert_eq!(lines(&found).len(), CONTACTS - 1, "those that the list finds");
    assert_eq!(from_api(&host, "/v1/contacts.csv").await, text, "the API gives the same");

    let agent = host.token_for("default", Role::Agent).await;
    let refused = host.client.get(host.url("/v1/contacts.csv")).bearer_auth(&agent).send().await.unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
    person(&host, "agent@toko.example", "agent").await;
    let agent = sign_in(&host, "agent@toko.example").await;
    assert!(!page(&host, "/contacts", &agent).await.1.contains("/contacts.csv"));
    assert_eq!(file(&host, "/contacts.csv", &agent).await.0, StatusCode::FORBIDDEN);
    let (_, log) = host.get("/v1/audit?action=contact.export").await;
    assert_eq!(log["items"].as_array().unwrap().len(), 3, "each export is a line of the log: {log}");
}

#[tokio::test]
async fn the_audit_log_is_filtered_alike_by_page_api_and_file() {
    let host = TestHost::start().await;
    person(&host, "admin@toko.example", "admin").await;
    let admin = sign_in(&host, "admin@toko.example").await;
    for name in ["one", "two"] {
        host.post("/v1/tokens", json!({ "name": name, "role": "agent" })).await;
    }
    host.post("/v1/workspaces", json!({ "name": "other" })).await;
    let (_, listed) = host.get("/v1/audit?action=token.create").await;
    let subjects: Vec<_> =
        listed["items"].as_array().unwrap().iter().map(|line| line["subject_name"].clone()).collect();
    assert_eq!(subjects[..2], [json!("two"), json!("one")], "{listed}");
    let until = listed["items"][0]["at"].as_str().unwrap();
    let (_, before) = host.get(&format!("/v1/audit?action=token.create&until={until}")).await;
    let time = |at: &str| at.parse::<jiff::Timestamp>().unwrap();
    let is_before = |line: &serde_json::Value| time(line["at"].as_str().unwrap()) < time(until);
    assert!(before["items"].as_array().unwrap().iter().all(is_before), "{before}");
    let (status, problem) = host.get("/v1/audit?from=yesterday").await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("#/from")));

    let (_, html) = page(&host, "/settings/audit?action=token.create", &admin).await;
    let link = html.split('"').find(|text| text.starts_with("/settings/audit.csv?")).expect("a link to the file");
    let (_, text) = file(&host, link, &admin).await;
    assert_eq!(text, from_api(&host, "/v1/audit.csv?action=token.create").await);
    let all = lines(&text);
    assert!(all.iter().all(|line| &line[4] == "token.create") && all.len() >= 2, "{text}");
    let (_, text) = file(&host, "/settings/audit.csv", &admin).await;
    assert!(!text.contains("workspace.create"), "an admin's file has no line of the whole host: {text}");
    assert!(from_api(&host, "/v1/audit.csv").await.contains("workspace.create"));
    assert_eq!(file(&host, "/settings/audit.csv", "").await.0, StatusCode::SEE_OTHER, "to the sign-in");
}
