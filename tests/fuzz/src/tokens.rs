//! Tokens: what nobody made opens nothing.

use sambung::auth::token;

use crate::server;

/// The value of `Authorization`.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let bare = text.strip_prefix("Bearer ").unwrap_or(&text);
    if token::looks_right(bare) {
        assert_eq!(token::hash(bare), token::hash(bare));
    }
    if data.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        return;
    }
    let mut head = b"GET /v1/me HTTP/1.1\r\nhost: sambung\r\nconnection: close\r\nauthorization: ".to_vec();
    head.extend_from_slice(data);
    head.extend_from_slice(b"\r\n\r\n");
    let status = server::http(&head);
    assert!((400..500).contains(&status), "answered {status}");
}
