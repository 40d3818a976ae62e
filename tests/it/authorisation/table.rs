//! Who may call which operation, with a valid body. In an order in which each can succeed: what removes something comes last.

use sambung::auth::Role;
use sambung::auth::Role::{Admin, Agent, Operator, Supervisor};
use serde_json::{Value, json};

use super::world::{World, unique};

/// Who may call an operation.
#[derive(Debug, Clone, Copy)]
pub enum Who {
    /// Without a credential, too.
    Anyone,
    /// This role and those above.
    AtLeast(Role),
}

/// What is sent with a request.
#[derive(Debug, Clone)]
pub enum Given {
    /// No body.
    Nothing,
    /// JSON.
    Json(Value),
    /// Bytes of a type.
    Bytes(&'static str, Vec<u8>),
}

/// What holds for an operation.
pub struct Rule {
    /// `GET /v1/…`
    pub operation: &'static str,
    /// Who may call it.
    pub who: Who,
    /// How it may be answered to the least of them, with ids of the own workspace.
    pub answers: &'static [u16],
    /// What is sent.
    pub body: fn(&World) -> Given,
    /// Whether it tells an operator of the whole host, other workspaces included.
    pub tells_of_the_host: bool,
}

const fn rule(operation: &'static str, least: Role, answers: &'static [u16], body: fn(&World) -> Given) -> Rule {
    Rule { operation, who: Who::AtLeast(least), answers, body, tells_of_the_host: false }
}

const fn read(operation: &'static str, least: Role) -> Rule {
    rule(operation, least, &[200], |_| Given::Nothing)
}

fn json(value: Value) -> Given {
    Given::Json(value)
}

fn text() -> Value {
    json!({ "type": "text", "text": "Halo" })
}

/// Every operation.
pub const RULES: &[Rule] = &[
    Rule {
        operation: "POST /v1/session",
        who: Who::Anyone,
        answers: &[201],
        body: |world| json(json!({ "email": world.email, "password": world.password })),
        tells_of_the_host: false,
    },
    // Both links were used up or never were.
    Rule {
        operation: "POST /v1/setup",
        who: Who::Anyone,
        answers: &[410],
        body: |world| json(json!({ "token": "used", "email": world.email, "password": world.password })),
        tells_of_the_host: false,
    },
    Rule {
        operation: "POST /v1/password",
        who: Who::Anyone,
        answers: &[410],
        body: |world| json(json!({ "token": "used", "password": world.password })),
        tells_of_the_host: false,
    },
    read("GET /v1/me", Agent),
    // A token is no person.
    rule("PATCH /v1/me", Agent, &[409], |_| json(json!({ "name": "Named" }))),
    read("GET /v1/people", Agent),
    read("GET /v1/users", Admin),
    read("GET /v1/users/{id}", Admin),
    rule("POST /v1/users", Admin, &[201], |_| {
        json(
            json!({ "email": format!("{}@own.example", unique()), "name": "N", "role": "agent", "password": "a long password" }),
        )
    }),
    rule("PATCH /v1/users/{id}", Admin, &[200], |_| json(json!({ "name": "Named" }))),
    rule("POST /v1/users/{id}/password-link", Admin, &[201], |_| Given::Nothing),
    read("GET /v1/tokens", Admin),
    read("GET /v1/tokens/{id}", Admin),
    rule("POST /v1/tokens", Admin, &[201], |_| json(json!({ "name": "N", "role": "agent" }))),
    rule("PATCH /v1/tokens/{id}", Admin, &[200], |_| json(json!({ "name": "Named" }))),
    Rule { tells_of_the_host: true, ..read("GET /v1/workspaces", Operator) },
    rule("POST /v1/workspaces", Operator, &[201], |_| json(json!({ "name": unique() }))),
    Rule { tells_of_the_host: true, ..read("GET /v1/workspaces/{id}", Operator) },
    Rule {
        tells_of_the_host: true,
        ..rule("PATCH /v1/workspaces/{id}", Operator, &[200], |_| json(json!({ "name": unique() })))
    },
    read("GET /v1/audit", Admin),
    read("GET /v1/audit.csv", Admin),
    Rule { tells_of_the_host: true, ..read("GET /v1/system", Operator) },
    rule("POST /v1/system/release", Operator, &[200], |_| Given::Nothing),
    read("GET /v1/plugins", Admin),
    read("GET /v1/plugins/{id}", Admin),
    Rule { tells_of_the_host: true, ..read("GET /v1/plugins/{id}/use", Operator) },
    read("GET /v1/plugins/{id}/settings-schema", Admin),
    rule("GET /v1/plugins/{id}/icon", Agent, &[200, 404], |_| Given::Nothing),
    rule("POST /v1/plugins", Operator, &[200, 201], |world| Given::Bytes("application/wasm", world.plugin.clone())),
    rule("POST /v1/plugins/approvals", Operator, &[202], |_| json(json!({ "digest": "0".repeat(64) }))),
    rule("POST /v1/plugins/{id}/disable", Operator, &[200], |_| Given::Nothing),
    rule("POST /v1/plugins/{id}/enable", Operator, &[200], |_| Given::Nothing),
    read("GET /v1/plugins/{id}/apps", Admin),
    rule("POST /v1/plugins/{id}/apps", Admin, &[201], |_| {
        json(json!({ "name": "N", "settings": { "app_id": unique(), "app_secret": "s" } }))
    }),
    read("GET /v1/plugins/{id}/apps/{app}", Admin),
    rule("PATCH /v1/plugins/{id}/apps/{app}", Admin, &[200], |_| json(json!({ "name": "Named" }))),
    rule("POST /v1/plugins/{id}/apps/{app}/check", Admin, &[200], |_| Given::Nothing),
    rule("PUT /v1/plugins/{id}/settings", Operator, &[200], |_| json(json!({ "app_id": "1", "app_secret": "s" }))),
    read("GET /v1/channels", Agent),
    rule("POST /v1/channels", Admin, &[201], |_| {
        json(json!({ "plugin": "connects", "name": "N", "settings": { "account": unique(), "token": "t" } }))
    }),
    read("GET /v1/channels/{id}/traffic", Agent),
    read("GET /v1/channels/{id}", Agent),
    rule("PATCH /v1/channels/{id}", Admin, &[200], |_| json(json!({ "name": "Named" }))),
    rule("POST /v1/channels/{id}/check", Admin, &[200], |_| Given::Nothing),
    rule("POST /v1/channels/{id}/register", Admin, &[200], |_| Given::Nothing),
    rule("POST /v1/channels/{id}/answer", Admin, &[200, 409], |_| json(json!({ "choice": "1" }))),
    rule("DELETE /v1/channels/{id}/step", Admin, &[204, 409], |_| Given::Nothing),
    rule("POST /v1/channels/{id}/reconnect", Admin, &[200], |_| json(json!({ "settings": { "token": "u" } }))),
    rule("POST /v1/channels/{id}/messages", Agent, &[202, 409, 422], |world| {
        json(json!({ "to": { "contact_id": world.own("contacts") }, "content": text() }))
    }),
    read("GET /v1/channels/{id}/templates", Agent),
    read("GET /v1/channels/{id}/templates/{template}", Agent),
    rule("POST /v1/channels/{id}/templates/sync", Admin, &[200], |_| Given::Nothing),
    rule("PATCH /v1/channels/{id}/templates/{template}", Admin, &[200], |_| json(json!({ "enabled": false }))),
    rule("POST /v1/channels/{id}/templates", Admin, &[201], |_| {
        json(json!({ "name": unique(), "language": "id", "category": "utility",
                     "body": { "text": "Halo {{1}}, pesanan dikirim.", "examples": { "1": "Dewi" } } }))
    }),
    read("GET /v1/conversations", Agent),
    read("GET /v1/conversations/{id}", Agent),
    read("GET /v1/conversations/{id}/messages", Agent),
    rule("POST /v1/conversations/{id}/messages", Agent, &[202], |_| json(json!({ "content": text() }))),
    read("GET /v1/conversations/counts", Agent),
    rule("POST /v1/conversations/{id}/status", Agent, &[200], |_| json(json!({ "status": "done" }))),
    // An agent takes a conversation and gives it to nobody else.
    rule("POST /v1/conversations/{id}/assign", Agent, &[403], |world| json(json!({ "user": world.own("users") }))),
    rule("POST /v1/conversations/{id}/read", Agent, &[200], |_| Given::Nothing),
    rule("POST /v1/conversations/{id}/typing", Agent, &[204], |_| Given::Nothing),
    read("GET /v1/messages/{id}", Agent),
    rule("POST /v1/messages/{id}/retry", Agent, &[202, 409], |_| Given::Nothing),
    // An agent decides their own messages, and this one is an admin's.
    rule("POST /v1/messages/{id}/resolve", Agent, &[403], |_| json(json!({ "outcome": "sent" }))),
    rule("POST /v1/media", Agent, &[201], |_| Given::Bytes("text/plain", b"a file".to_vec())),
    read("GET /v1/media/{id}", Agent),
    rule("POST /v1/media/{id}/fetch", Agent, &[202, 409], |_| Given::Nothing),
    read("GET /v1/journal", Supervisor),
    read("GET /v1/journal/{id}", Supervisor),
    rule("POST /v1/journal/{id}/replay", Admin, &[202], |_| Given::Nothing),
    read("GET /v1/events", Agent),
    read("GET /v1/endpoints", Admin),
    rule("POST /v1/endpoints", Admin, &[201], |_| json(json!({ "url": "https://receiver.example/", "types": [] }))),
    read("GET /v1/endpoints/{id}", Admin),
    rule("PATCH /v1/endpoints/{id}", Admin, &[200], |_| json(json!({ "enabled": true }))),
    read("GET /v1/endpoints/{id}/deliveries", Admin),
    rule("POST /v1/endpoints/{id}/replay", Admin, &[202], |_| json(json!({}))),
    rule("POST /v1/endpoints/{id}/rotate", Admin, &[200], |_| Given::Nothing),
    read("GET /v1/replies", Agent),
    read("GET /v1/replies/{id}", Agent),
    rule("POST /v1/replies", Supervisor, &[201], |_| json(json!({ "name": "N", "text": "Halo {{contact.name}}" }))),
    rule("PATCH /v1/replies/{id}", Supervisor, &[200], |_| json(json!({ "name": "Named" }))),
    rule("DELETE /v1/replies/{id}", Supervisor, &[204], |_| Given::Nothing),
    read("GET /v1/contacts", Agent),
    read("GET /v1/contacts.csv", Admin),
    read("GET /v1/contacts/{id}", Agent),
    rule("PATCH /v1/contacts/{id}", Agent, &[200], |_| json(json!({ "name": "Named" }))),
    // A contact is not merged with itself, and is its own already.
    rule("POST /v1/contacts/{id}/merge", Agent, &[422], |world| json(json!({ "contact": world.own("contacts") }))),
    rule("POST /v1/contacts/{id}/split", Agent, &[200], |world| json(json!({ "contact": world.own("contacts") }))),
    rule("DELETE /v1/endpoints/{id}", Admin, &[204], |_| Given::Nothing),
    rule("DELETE /v1/contacts/{id}", Admin, &[204], |_| Given::Nothing),
    rule("DELETE /v1/channels/{id}/templates/{template}", Admin, &[204], |_| Given::Nothing),
    rule("DELETE /v1/plugins/{id}/apps/{app}", Admin, &[204], |_| Given::Nothing),
    rule("DELETE /v1/channels/{id}", Admin, &[204], |_| Given::Nothing),
    rule("DELETE /v1/users/{id}", Admin, &[204], |_| Given::Nothing),
    rule("DELETE /v1/tokens/{id}", Admin, &[204], |_| Given::Nothing),
    rule("DELETE /v1/plugins/{id}", Operator, &[204], |_| Given::Nothing),
    rule("DELETE /v1/session", Agent, &[204], |_| Given::Nothing),
];

/// Ids in bodies: an operation, and for a workspace the id and the body that names it.
pub type Reference = (&'static str, fn(&World) -> (String, Value));

/// Every place in a body where an id of a workspace may stand.
pub const REFERENCES: &[Reference] = &[
    ("POST /v1/conversations/{id}/assign", |world| (world.own("users"), json!({ "user": world.own("users") }))),
    ("POST /v1/conversations/{id}/messages", |world| {
        (world.own("messages"), json!({ "content": text(), "reply_to": world.own("messages") }))
    }),
    ("POST /v1/conversations/{id}/messages", |world| {
        let content = json!({ "type": "media", "kind": "document", "media_id": world.own("media") });
        (world.own("media"), json!({ "content": content }))
    }),
    ("POST /v1/channels/{id}/messages", |world| {
        (world.own("contacts"), json!({ "to": { "contact_id": world.own("contacts") }, "content": text() }))
    }),
    ("POST /v1/contacts/{id}/merge", |world| (world.own("contacts"), json!({ "contact": world.own("contacts") }))),
    ("POST /v1/contacts/{id}/split", |world| (world.own("contacts"), json!({ "contact": world.own("contacts") }))),
    ("POST /v1/channels", |world| {
        let settings = json!({ "account": "new", "token": "t" });
        (
            world.own("apps"),
            json!({ "plugin": "connects", "name": "N", "app": world.own("apps"), "settings": settings }),
        )
    }),
    ("POST /v1/channels/{id}/templates", |world| {
        let header = json!({ "kind": "document", "example": { "media_id": world.own("media") } });
        let body = json!({ "text": "Halo {{1}}, pesanan dikirim.", "examples": { "1": "Dewi" } });
        let template =
            json!({ "name": "with_header", "language": "id", "category": "utility", "header": header, "body": body });
        (world.own("media"), template)
    }),
    ("POST /v1/endpoints/{id}/replay", |world| {
        (world.own("deliveries"), json!({ "delivery": world.own("deliveries") }))
    }),
];
