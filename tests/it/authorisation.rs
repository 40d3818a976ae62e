//! Authorisation, generated from the served OpenAPI document: every operation with every kind of caller, with ids of the caller's own
//! workspace and of another one. [`table`] declares who may call what; an operation that it does not cover fails the test.

mod document;
mod table;
mod world;

use std::collections::BTreeSet;

use sambung::auth::Role;
use serde_json::json;

use document::Operation;
use table::{Given, RULES, Rule, Who};
use world::{Answer, Caller, Stage, World};

/// The rule of every operation, in the table's order.
fn rules(operations: &[Operation]) -> Vec<(&'static Rule, &Operation)> {
    let described: BTreeSet<&str> = operations.iter().map(|operation| operation.name.as_str()).collect();
    let declared: BTreeSet<&str> = RULES.iter().map(|rule| rule.operation).collect();
    assert_eq!(declared.len(), RULES.len(), "an operation stands twice in the table");
    let uncovered: Vec<_> = described.difference(&declared).collect();
    assert!(uncovered.is_empty(), "say in the table who may call {uncovered:?}");
    let gone: Vec<_> = declared.difference(&described).collect();
    assert!(gone.is_empty(), "the document has no {gone:?}");
    let find = |rule: &Rule| operations.iter().find(|operation| operation.name == rule.operation).unwrap();
    RULES.iter().map(|rule| (rule, find(rule))).collect()
}

/// The body that the table gives, which fits the document's schema; a body is missing, or given in vain, fails.
fn body(rule: &Rule, operation: &Operation, world: &World) -> Given {
    let given = (rule.body)(world);
    operation.fits(&given);
    given
}

/// Whether a caller of this role may call an operation.
fn may(rule: &Rule, caller: &Caller) -> bool {
    match (rule.who, caller.role) {
        (Who::Anyone, _) => true,
        (Who::AtLeast(least), Some(role)) => role >= least,
        (Who::AtLeast(_), None) => false,
    }
}

/// What an answer says, without the id that was asked for.
fn said(answer: &Answer, asked: &str) -> (u16, String) {
    // A number may stand there for another reason.
    let body = if asked.parse::<u64>().is_ok() { answer.body.clone() } else { answer.body.replace(asked, "ID") };
    (answer.status, body)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_with_every_role_and_with_another_workspaces_ids() {
    let stage = Stage::build().await;
    let operations = document::operations(&stage.openapi().await);
    let rules = rules(&operations);
    for (rule, operation) in &rules {
        body(rule, operation, &stage.own);
    }
    let before = stage.dump();

    // Who may not call it is refused and changes nothing, whosever ids they give.
    for (rule, operation) in &rules {
        for caller in stage.callers.iter().filter(|caller| !may(rule, caller)) {
            let expected = if caller.role.is_some() { 403 } else { 401 };
            for world in [&stage.own, &stage.other] {
                let path = operation.path(world);
                let answer = stage.ask(caller, operation, &path, body(rule, operation, &stage.own)).await;
                let who = format!("{} as {}: {path}", operation.name, caller.name);
                stage.hold(answer.status == expected, || format!("{who}: {expected} expected: {answer:?}"));
                stage.leaks_nothing(&answer, &path, &format!("{} as {}", operation.name, caller.name));
            }
        }
    }
    stage.assert_unchanged(&before, "a refused request changed it");

    // Who may call it finds another workspace's ids as ids that do not exist.
    for (rule, operation) in rules.iter().filter(|(_, operation)| operation.names_a_workspaces_own()) {
        for caller in stage.callers.iter().filter(|caller| caller.role.is_some() && may(rule, caller)) {
            let foreign = operation.path(&stage.other);
            let missing = operation.path(&stage.other.missing());
            let theirs = stage.ask(caller, operation, &foreign, body(rule, operation, &stage.own)).await;
            let nobodys = stage.ask(caller, operation, &missing, body(rule, operation, &stage.own)).await;
            let who = format!("{} as {}", operation.name, caller.name);
            stage.hold(theirs.status == 404, || format!("{who}: {foreign}: 404 expected: {theirs:?}"));
            let (id, none) = operation.ids(&stage.other, &stage.other.missing());
            let alike = said(&theirs, &id) == said(&nobodys, &none);
            stage.hold(alike, || format!("{who}: {foreign}: {theirs:?} differs from {missing}: {nobodys:?}"));
            stage.leaks_nothing(&theirs, &foreign, &who);
        }
    }
    stage.assert_unchanged(&before, "a request with another workspace's id changed it");

    above(&stage, &operations).await;
    volumes(&stage, &operations).await;
    in_bodies(&stage, &operations).await;
    in_queries(&stage, &operations).await;
    shared_rows(&stage, &operations).await;
    stage.assert_others_unchanged(
        &before,
        "a request that names another workspace's id in its body or query changed it",
    );

    // Who may call it is let in, those above as well. What is an operator's concerns the whole host, and comes last.
    let (hosts, workspaces): (Vec<_>, Vec<_>) =
        rules.iter().partition(|(rule, _)| matches!(rule.who, Who::AtLeast(Role::Operator)));
    for (rule, operation) in workspaces {
        let_in(&stage, rule, operation).await;
    }
    stage.assert_others_unchanged(&before, "a request about another workspace changed it");
    for (rule, operation) in hosts {
        let_in(&stage, rule, operation).await;
    }
    stage.verdict();
}

/// Calls an operation as everybody who may.
async fn let_in(stage: &Stage, rule: &Rule, operation: &Operation) {
    let mut callers: Vec<&Caller> = stage.callers.iter().filter(|caller| may(rule, caller)).collect();
    callers.sort_by_key(|caller| caller.role);
    for (at, caller) in callers.into_iter().enumerate() {
        let path = operation.path(&stage.own);
        let answer = stage.ask(caller, operation, &path, body(rule, operation, &stage.own)).await;
        let who = format!("{} as {}: {path}", operation.name, caller.name);
        if at == 0 {
            let good = rule.answers.contains(&answer.status);
            stage.hold(good, || format!("{who}: {:?} expected: {answer:?}", rule.answers));
        } else {
            stage.hold(![401, 403].contains(&answer.status), || format!("{who}: {answer:?}"));
        }
        if !rule.tells_of_the_host {
            // The audit log repeats what this test asked for.
            let asked = format!("{path} {}", stage.other.own("deliveries"));
            stage.leaks_nothing(&answer, &asked, &who);
        }
    }
}

/// Nobody gives a role above their own, and nobody touches the token or the person of such a role.
async fn above(stage: &Stage, operations: &[Operation]) {
    let find = |name: &str| operations.iter().find(|operation| operation.name == name).unwrap();
    let list = stage.ask(stage.caller("admin"), find("GET /v1/tokens"), "/v1/tokens", Given::Nothing).await;
    let list: serde_json::Value = serde_json::from_str(&list.body).unwrap();
    let operators = list["items"].as_array().unwrap().iter().find(|token| token["role"] == "operator").unwrap();
    let token = format!("/v1/tokens/{}", operators["id"].as_str().unwrap());
    let user = find("PATCH /v1/users/{id}").path(&stage.own);
    let new = json!({ "email": "above@own.example", "name": "N", "role": "operator", "password": "a long password" });
    for (operation, path, given) in [
        ("POST /v1/tokens", "/v1/tokens", Given::Json(json!({ "name": "N", "role": "operator" }))),
        ("POST /v1/users", "/v1/users", Given::Json(new)),
        ("PATCH /v1/users/{id}", user.as_str(), Given::Json(json!({ "role": "operator" }))),
        ("PATCH /v1/tokens/{id}", token.as_str(), Given::Json(json!({ "name": "N" }))),
        ("DELETE /v1/tokens/{id}", token.as_str(), Given::Nothing),
    ] {
        let answer = stage.ask(stage.caller("admin"), find(operation), path, given).await;
        stage.hold(answer.status == 403, || format!("{operation} above the own role as admin: {answer:?}"));
    }
}

/// What an admin is told of a plugin, and of the host, counts and names nothing of other workspaces.
async fn volumes(stage: &Stage, operations: &[Operation]) {
    let find = |name: &str| operations.iter().find(|operation| operation.name == name).unwrap();
    let (list, read) = (find("GET /v1/plugins"), find("GET /v1/plugins/{id}"));
    let ask = async |name: &str, operation: &Operation| {
        let answer = stage.ask(stage.caller(name), operation, &operation.path(&stage.own), Given::Nothing).await;
        serde_json::from_str::<serde_json::Value>(&answer.body).unwrap()
    };
    assert_eq!(ask("admin", read).await["channels"], 1, "an admin counts the own workspace's channels");
    assert_eq!(ask("operator", read).await["channels"], 2, "an operator counts all");
    assert!(ask("admin", list).await["egress_overrides"].is_null(), "overrides are the operator's");
    assert!(ask("operator", list).await["egress_overrides"].is_object());
}

/// A request that brought messages to both workspaces is whole for an operator alone, and run again by an operator alone.
async fn shared_rows(stage: &Stage, operations: &[Operation]) {
    let find = |name: &str| operations.iter().find(|operation| operation.name == name).unwrap();
    let (list, read, replay) =
        (find("GET /v1/journal"), find("GET /v1/journal/{id}"), find("POST /v1/journal/{id}/replay"));
    let rows = stage.ask(stage.caller("operator"), list, "/v1/journal", Given::Nothing).await;
    let rows: serde_json::Value = serde_json::from_str(&rows.body).unwrap();
    let shared: Vec<_> = rows["items"].as_array().unwrap().iter().filter(|row| row["plugin"] == "whatsapp").collect();
    assert!(!shared.is_empty(), "an operator sees the shared request: {rows}");
    for row in shared {
        let path = format!("/v1/journal/{}", row["id"].as_str().unwrap());
        let whole = stage.ask(stage.caller("operator"), read, &path, Given::Nothing).await;
        assert!(whole.body.contains("messaging_product"), "an operator sees it whole: {whole:?}");
        for name in ["supervisor", "admin"] {
            let answer = stage.ask(stage.caller(name), read, &path, Given::Nothing).await;
            stage.leaks_nothing(&answer, &path, &format!("GET {path} as {name}"));
            assert!(!answer.body.contains("messaging_product"), "{name} sees the raw request of several workspaces");
        }
        let answer = stage.ask(stage.caller("admin"), replay, &format!("{path}/replay"), Given::Nothing).await;
        assert_eq!(answer.status, 404, "an admin replays a request of several workspaces: {answer:?}");
    }
    for name in ["supervisor", "admin"] {
        let answer = stage.ask(stage.caller(name), list, "/v1/journal", Given::Nothing).await;
        stage.leaks_nothing(&answer, "", &format!("GET /v1/journal as {name}"));
    }
}

/// Ids in bodies: another workspace's are answered as those that do not exist.
async fn in_bodies(stage: &Stage, operations: &[Operation]) {
    let caller = stage.caller("admin");
    for (name, body) in table::REFERENCES {
        let operation = operations.iter().find(|operation| operation.name == *name).unwrap();
        let path = operation.path(&stage.own);
        let missing = stage.other.missing();
        let (id, theirs) = body(&stage.other);
        let (none, nobodys) = body(&missing);
        let theirs = stage.ask(caller, operation, &path, Given::Json(theirs)).await;
        let nobodys = stage.ask(caller, operation, &path, Given::Json(nobodys)).await;
        let alike = said(&theirs, &id) == said(&nobodys, &none);
        stage.hold(alike, || format!("{name} with {id} in its body: {theirs:?} differs from {nobodys:?}"));
        stage.leaks_nothing(&theirs, &id, name);
    }
    // An account that another workspace has is in the way or not, and nothing is told of the channel.
    let taken = json!({ "plugin": "connects", "name": "x", "settings": { "account": "acme-other", "token": "t" } });
    let operation = operations.iter().find(|operation| operation.name == "POST /v1/channels").unwrap();
    let answer = stage.ask(caller, operation, "/v1/channels", Given::Json(taken)).await;
    stage.leaks_nothing(&answer, "", "POST /v1/channels with another workspace's account");
}

/// Ids and cursors in queries.
async fn in_queries(stage: &Stage, operations: &[Operation]) {
    let caller = stage.caller("admin");
    let nobodys = stage.other.missing();
    for operation in operations.iter().filter(|operation| operation.name.starts_with("GET ")) {
        let path = operation.path(&stage.own);
        for parameter in operation.queries.iter().filter(|name| *name != "limit" && *name != "cursor") {
            for (id, none) in stage.other.all_ids().into_iter().zip(nobodys.all_ids()) {
                let ask = async |id: &str| {
                    stage.ask(caller, operation, &format!("{path}?{parameter}={id}"), Given::Nothing).await
                };
                let (theirs, nobodys) = (ask(&id).await, ask(&none).await);
                let who = format!("{}?{parameter}={id}", operation.name);
                let alike = said(&theirs, &id) == said(&nobodys, &none);
                stage.hold(alike, || format!("{who}: {theirs:?} differs from {nobodys:?}"));
                stage.leaks_nothing(&theirs, &id, &who);
            }
        }
        if operation.queries.iter().any(|name| name == "cursor") {
            let page = format!("{}?limit=1", operation.path(&stage.other));
            let page = stage.ask(&stage.other.admin, operation, &page, Given::Nothing).await;
            let page: serde_json::Value = serde_json::from_str(&page.body).unwrap_or_default();
            if let Some(cursor) = page["next"].as_str() {
                let answer = stage.ask(caller, operation, &format!("{path}?cursor={cursor}"), Given::Nothing).await;
                stage.leaks_nothing(&answer, cursor, &format!("{} with another workspace's cursor", operation.name));
            }
        }
    }
    // Only an operator enters another workspace, and nobody else learns whether there is one.
    for (id, name) in [(&stage.other.workspace, "missing"), (&nobodys.workspace, "there is none")] {
        for role in [Role::Agent, Role::Supervisor, Role::Admin] {
            let caller = stage.caller(role.name());
            let status = stage.enter(caller, id).await;
            assert_eq!(status, 403, "{} in {name}", caller.name);
        }
    }
}
