//! Bodies of requests, at every operation of the OpenAPI document that takes one: the server never fails for them.

use std::sync::LazyLock;

use crate::{picked, server};

/// Method and path of every operation with a body, with ids in the place of its parameters.
static OPERATIONS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let document = server::document();
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().expect("paths") {
        for (method, operation) in operations.as_object().expect("operations") {
            if operation.get("requestBody").is_some() {
                let path: Vec<&str> =
                    path.split('/').map(|part| if part.starts_with('{') { "1" } else { part }).collect();
                found.push((method.to_uppercase(), path.join("/")));
            }
        }
    }
    assert!(found.len() > 10, "{found:?}");
    found
});

/// The first byte names the operation; the body.
pub fn run(data: &[u8]) {
    let Some((which, body)) = picked(data) else { return };
    let (method, path) = &OPERATIONS[which % OPERATIONS.len()];
    // A server that was stopped answers nothing.
    if path.contains("shutdown") || path.contains("restore") {
        return;
    }
    let token = server::token();
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nhost: sambung\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    let status = server::http(&request);
    assert!(status < 500 || status == 503, "{method} {path} answered {status} to {}", String::from_utf8_lossy(body));
}
