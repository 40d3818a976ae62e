//! The published vectors of several providers, and what must never be accepted.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::manifest::{Manifest, read};

fn manifest(webhooks: &str) -> Manifest {
    let secrets = ["secret", "path_secret", "verify_token", "public_key"].map(|name| match name {
        "path_secret" => format!("[[secret]]\nname = \"{name}\"\norigin = \"generated\"\nlength = 43\n"),
        _ => format!("[[secret]]\nname = \"{name}\"\n"),
    });
    read(&format!("id = \"a\"\nversion = \"1.0.0\"\npublisher = \"p\"\n{}\n{webhooks}", secrets.concat())).unwrap()
}

const PATH_SECRET: &str = "AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefg";

struct Call<'a> {
    method: &'a str,
    path: &'a str,
    query: &'a str,
    headers: Vec<(String, String)>,
    body: &'a [u8],
    settings: Value,
    secrets: Vec<(&'a str, &'a str)>,
    now_ms: u64,
}

fn post<'a>(secret: &'a str, body: &'a [u8], headers: &[(&str, &str)]) -> Call<'a> {
    Call {
        method: "POST",
        path: "",
        query: "",
        headers: headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        body,
        settings: json!({}),
        secrets: vec![("secret", secret), ("path_secret", PATH_SECRET), ("verify_token", "let-me-in")],
        now_ms: 1_700_000_000_000,
    }
}

fn get<'a>(query: &'a str) -> Call<'a> {
    Call { method: "GET", query, ..post("s3cret", b"", &[]) }
}

impl Call<'_> {
    fn made(&self, manifest: &Manifest) -> Verdict {
        let raw = Raw {
            method: self.method,
            path: self.path,
            query: self.query,
            headers: &self.headers,
            body: self.body,
            url: Some("https://host.example/hooks/a?b=c"),
            received_at_ms: self.now_ms,
        };
        let secrets = |name: &str| {
            self.secrets
                .iter()
                .filter(|(key, _)| *key == name)
                .map(|(_, value)| SecretValue::new(value.as_bytes().to_vec()))
                .collect()
        };
        receive(&manifest.webhooks, AddressKind::Channel, &self.settings, &raw, &secrets, &no_keys)
    }
}

fn no_keys(_: &Url, _: &str) -> Lookup {
    Lookup::Unreachable
}

fn reason(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Refuse { reason, .. } => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn accepted(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Accept { .. })
}

fn line() -> Manifest {
    manifest(
        "[[webhook]]\nname = \"events\"\nkeep-headers = [\"x-request-id\", \"X-Line-Signature\"]\n\
         [[webhook.verify]]\nkind = \"hmac\"\nkeys = [\"secret\"]\nsignature = \"header:x-line-signature\"\nencoding = \"base64\"\n",
    )
}

fn meta() -> Manifest {
    manifest(
        r#"
        [[webhook]]
        name = "handshake"
        methods = ["GET"]
        refuse = 403
        [[webhook.verify]]
        kind = "secret"
        keys = ["verify_token"]
        from = "query:hub.verify_token"
        [[webhook.answer]]
        when = [{ of = "query:hub.mode", is = "subscribe" }]
        body = "${query:hub.challenge}"
        handshake = true

        [[webhook]]
        name = "legacy"
        path = "/legacy"
        [[webhook.verify]]
        kind = "hmac"
        algorithm = "sha1"
        keys = ["secret"]
        signature = "header:x-hub-signature"
        prefix = "sha1="

        [[webhook]]
        name = "events"
        [[webhook.verify]]
        kind = "hmac"
        keys = ["secret"]
        signature = "header:x-hub-signature-256"
        prefix = "sha256="
        "#,
    )
}

fn x() -> Manifest {
    manifest(
        r#"
        [[webhook]]
        name = "challenge"
        methods = ["GET"]
        [[webhook.answer]]
        when = [{ of = "query:crc_token" }]
        content-type = "application/json"
        body = '{"response_token":"sha256=${crc}"}'
        value = [{ name = "crc", algorithm = "sha256", key = "secret", over = "query:crc_token", encoding = "base64" }]
        handshake = true

        [[webhook]]
        name = "events"
        [[webhook.verify]]
        kind = "hmac"
        keys = ["secret"]
        signature = "header:x-twitter-webhooks-signature"
        prefix = "sha256="
        encoding = "base64"
        "#,
    )
}

#[test]
fn line_signatures_of_the_published_vectors_are_accepted() {
    let vectors = [
        ("SECRET", "{}", "3q8QXTAGaey18yL8FWTqdVlbMr6hcuNvM4tefa0o9nA="),
        (
            "8c570fa6dd201bb328f1c1eac23a96d8",
            r#"{"destination":"U8e742f61d673b39c7fff3cecb7536ef0","events":[]}"#,
            "GhRKmvmHys4Pi8DxkF4+EayaH0OqtJtaZxgTD9fMDLs=",
        ),
    ];
    for (secret, body, signature) in vectors {
        let call = post(secret, body.as_bytes(), &[("X-Line-Signature", signature), ("X-Request-Id", "7")]);
        let Verdict::Accept { recipe, kept_headers, answer, handshake, .. } = call.made(&line()) else {
            panic!("refused");
        };
        assert_eq!((recipe.as_str(), answer.status, answer.body.len(), handshake), ("events", 200, 0, false));
        assert!(kept_headers.contains(&("x-request-id".to_owned(), "7".to_owned())));
    }
}

#[test]
fn meta_signatures_are_over_the_raw_bytes() {
    let escaped = r#"{"object":"page","text":"caf\u00e9 \ud83d\ude00"}"#;
    let signature = "sha256=27053ed6cc212190192b06dbd3f03ec959c1a759eb22add0287564e427bbb0af";
    let good = post("test_app_secret", escaped.as_bytes(), &[("X-Hub-Signature-256", signature)]);
    assert!(accepted(&good.made(&meta())));
    let respelt = post(
        "test_app_secret",
        r#"{"object":"page","text":"café 😀"}"#.as_bytes(),
        &[("X-Hub-Signature-256", signature)],
    );
    assert_eq!(reason(respelt.made(&meta())), "the signature does not match");
}

#[test]
fn a_sha1_signature_is_accepted_where_the_manifest_says_so() {
    let body = br#"{"object":"page","entry":[{"id":"1","time":1700000000000,"messaging":[]}]}"#;
    let headers = [("X-Hub-Signature", "sha1=c002a165fdea7fa8419113915b21419de956de2c")];
    let call = Call { path: "/legacy", ..post("test_app_secret", body, &headers) };
    assert!(matches!(call.made(&meta()), Verdict::Accept { recipe, .. } if recipe == "legacy"));
}

#[test]
fn metas_handshake_quotes_the_challenge_and_journals_nothing() {
    let call = get("hub.mode=subscribe&hub.challenge=11%3C58&hub.verify_token=let-me-in");
    let Verdict::Accept { answer, query, handshake, .. } = call.made(&meta()) else { panic!("refused") };
    assert_eq!((answer.status, answer.body.as_slice(), handshake), (200, b"11<58".as_slice(), true));
    assert_eq!(answer.headers[0], ("content-type".to_owned(), "text/plain; charset=utf-8".to_owned()));
    assert_eq!(answer.headers[1], ("x-content-type-options".to_owned(), "nosniff".to_owned()));
    assert_eq!(query, "hub.mode=subscribe&hub.challenge=11%3C58");
    let wrong = get("hub.mode=subscribe&hub.challenge=1&hub.verify_token=guess").made(&meta());
    assert_eq!(wrong, Verdict::Refuse { status: 403, reason: "the secret does not match" });
    let twice = get("hub.challenge=1&hub.verify_token=let-me-in&hub.verify_token=let-me-in").made(&meta());
    assert_eq!(reason(twice), "the secret is missing or repeated");
}

#[test]
fn xs_challenge_is_answered_with_an_hmac() {
    for (secret, query, token) in [
        ("test_consumer_secret", "crc_token=challenge_string", "583uAmerwtjpykYEAEm+CEIRm6dOywK4QKRr0ha/Pd4="),
        ("apiSecret", "crc_token=test+token", "O5hJl2njQRIa4vsumZ+3oom9ECR5m3aQLRZkPoYelp0="),
    ] {
        let call = Call { secrets: vec![("secret", secret)], ..get(query) };
        let Verdict::Accept { answer, handshake: true, .. } = call.made(&x()) else { panic!("refused") };
        assert_eq!(String::from_utf8(answer.body).unwrap(), format!(r#"{{"response_token":"sha256={token}"}}"#));
    }
}

#[test]
fn nobody_can_have_a_webhooks_body_signed_by_asking() {
    let body = "%7B%22for_user_id%22%3A%221%22%7D";
    let query = format!("crc_token={body}");
    assert_eq!(reason(get(&query).made(&x())), "the answer could not be computed");
}

#[test]
fn an_unsigned_request_is_answered_only_and_never_journalled() {
    assert_eq!(reason(get("something=else").made(&x())), "no handshake");
}

#[test]
fn xs_signatures_are_base64() {
    let body = br#"{"for_user_id":"4337869213","direct_message_events":[]}"#;
    let headers = [("x-twitter-webhooks-signature", "sha256=62uSzi0ITsKqyj5ZDmb8qN7BOCF3cOEmF4n/++nCpFE=")];
    assert!(accepted(&post("test_consumer_secret", body, &headers).made(&x())));
}

#[test]
fn a_secret_header_is_compared_and_not_kept() {
    let manifest = manifest(
        "[[webhook]]\nname = \"u\"\nkeep-headers = [\"x-telegram-bot-api-secret-token\", \"x-other\"]\n\
         [[webhook.verify]]\nkind = \"secret\"\nkeys = [\"secret\"]\nfrom = \"header:X-Telegram-Bot-Api-Secret-Token\"\n",
    );
    let call = post("s3cret", b"{}", &[("X-Telegram-Bot-Api-Secret-Token", "s3cret"), ("X-Other", "1")]);
    let Verdict::Accept { kept_headers, .. } = call.made(&manifest) else { panic!("refused") };
    assert_eq!(kept_headers, [("x-other".to_owned(), "1".to_owned())]);
    let wrong = post("s3cret", b"{}", &[("X-Telegram-Bot-Api-Secret-Token", "s3cret ")]);
    assert!(accepted(&wrong.made(&manifest)), "white space around a header's value is no part of it");
    let wrong = post("s3cret", b"{}", &[("X-Telegram-Bot-Api-Secret-Token", "S3cret")]);
    assert_eq!(reason(wrong.made(&manifest)), "the secret does not match");
}

#[test]
fn a_secret_in_the_path_is_compared_and_removed() {
    let manifest = manifest(
        "[[webhook]]\nname = \"gateway\"\npath = \"/in\"\nwhen = { setting = \"mode\", is = \"gateway\" }\n\
         [[webhook.verify]]\nkind = \"secret\"\nkeys = [\"path_secret\"]\nfrom = \"path\"\n",
    );
    let path = format!("/in/{PATH_SECRET}/statuses");
    let call = Call { path: &path, settings: json!({"mode": "gateway"}), ..post("", b"{}", &[]) };
    let Verdict::Accept { path, .. } = call.made(&manifest) else { panic!("refused") };
    assert_eq!(path, "/statuses");
    let named = |mode: &str| path_secret(&manifest.webhooks, AddressKind::Channel, &json!({"mode": mode}));
    assert_eq!((named("gateway"), named("cloud")), (Some("path_secret"), None));
    let bare = Call { path: "/in", settings: json!({"mode": "gateway"}), ..post("", b"{}", &[]) };
    assert_eq!(reason(bare.made(&manifest)), "the secret is missing or repeated");
    let other_mode = Call { settings: json!({"mode": "cloud"}), ..call };
    assert_eq!(other_mode.made(&manifest), Verdict::NoMatch);
}

#[test]
fn a_signed_ping_is_answered_by_condition() {
    let seed = [7u8; 32];
    let key = ed25519_dalek::SigningKey::from_bytes(&seed);
    let manifest = manifest(
        r#"
        [[webhook]]
        name = "interactions"
        [[webhook.verify]]
        kind = "ed25519"
        keys = ["public_key"]
        signature = "header:x-signature-ed25519"
        over = ["header:x-signature-timestamp", "body"]
        timestamp = { from = "header:x-signature-timestamp" }
        [[webhook.answer]]
        when = [{ of = "json:/type", is = "1" }]
        content-type = "application/json"
        body = '{"type":${json:/type}}'
        handshake = true
        "#,
    );
    let public = hex::encode(key.verifying_key().to_bytes());
    let call = |body: &'static str, time: &str| {
        use ed25519_dalek::Signer as _;
        let signature = hex::encode(key.sign(format!("{time}{body}").as_bytes()).to_bytes());
        let headers = [("X-Signature-Ed25519", signature.as_str()), ("X-Signature-Timestamp", time)];
        Call { secrets: vec![("public_key", &public)], ..post("", body.as_bytes(), &headers) }.made(&manifest)
    };
    let Verdict::Accept { answer, handshake: true, .. } = call(r#"{"type":1}"#, "1700000000") else {
        panic!("refused")
    };
    assert_eq!(answer.body, br#"{"type":1}"#);
    assert!(matches!(call(r#"{"type":2}"#, "1700000000"), Verdict::Accept { handshake: false, .. }));
    assert_eq!(reason(call(r#"{"type":1}"#, "1699999699")), "the signature is stale");
    assert_eq!(reason(call(r#"{"type":1}"#, "1700000301")), "the signature is stale");
}

#[test]
fn a_signature_over_the_address_and_sorted_form_fields_is_accepted() {
    let manifest = manifest(
        "[[webhook]]\nname = \"form\"\n[[webhook.verify]]\nkind = \"hmac\"\nalgorithm = \"sha1\"\nkeys = [\"secret\"]\n\
         signature = \"header:x-signature\"\nencoding = \"base64\"\nover = [\"url\", \"sorted-form\"]\n",
    );
    let signed = verify::mac(
        crate::manifest::webhook::Algorithm::Sha1,
        b"s3cret",
        [b"https://host.example/hooks/a?b=cBodyHi thereFrom+62".as_slice()].into_iter(),
    );
    let signature = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, signed);
    let call = post("s3cret", b"From=%2B62&Body=Hi+there", &[("X-Signature", &signature)]);
    assert!(accepted(&call.made(&manifest)));
}

#[test]
fn any_current_value_of_a_key_is_accepted_while_it_rotates() {
    let body = b"{}";
    let call = |secrets: Vec<(&'static str, &'static str)>| {
        let headers = [("X-Line-Signature", "3q8QXTAGaey18yL8FWTqdVlbMr6hcuNvM4tefa0o9nA=")];
        Call { secrets, ..post("", body, &headers) }.made(&line())
    };
    assert!(accepted(&call(vec![("secret", "NEW"), ("secret", "SECRET")])));
    assert_eq!(reason(call(vec![("secret", "NEW")])), "the signature does not match");
}

#[test]
fn what_cannot_be_verified_is_refused() {
    let signature = "3q8QXTAGaey18yL8FWTqdVlbMr6hcuNvM4tefa0o9nA=";
    let unset = Call { secrets: vec![], ..post("", b"{}", &[("x-line-signature", signature)]) };
    assert_eq!(reason(unset.made(&line())), "the secret to verify with is not set");
    let empty = post("", b"{}", &[("x-line-signature", "thNnmggU2ex3L5XXeMNfxf8Wl8STcVZTxscSFEKSxa0=")]);
    assert_eq!(reason(empty.made(&line())), "the secret to verify with is not set");
    assert_eq!(reason(post("SECRET", b"{}", &[]).made(&line())), "the signature is missing or repeated");
    let twice = post("SECRET", b"{}", &[("x-line-signature", signature), ("X-Line-Signature", signature)]);
    assert_eq!(reason(twice.made(&line())), "the signature is missing or repeated");
    let garbled = post("SECRET", b"{}", &[("x-line-signature", "%%%")]);
    assert_eq!(reason(garbled.made(&line())), "the signature is unreadable");
    let shorter = post("SECRET", b"{}", &[("x-line-signature", "3q8Q")]);
    assert_eq!(reason(shorter.made(&line())), "the signature does not match");
    let deep = "[".repeat(100_000);
    let deep = post("SECRET", deep.as_bytes(), &[("x-line-signature", signature)]);
    assert_eq!(reason(deep.made(&line())), "the signature does not match");
}

#[test]
fn another_method_path_or_address_matches_nothing() {
    assert_eq!(Call { method: "PUT", ..post("SECRET", b"{}", &[]) }.made(&line()), Verdict::NoMatch);
    assert_eq!(Call { path: "/more", ..post("SECRET", b"{}", &[]) }.made(&line()), Verdict::NoMatch);
    let raw = Raw { method: "POST", path: "", query: "", headers: &[], body: b"", url: None, received_at_ms: 0 };
    let verdict = receive(&line().webhooks, AddressKind::App, &json!({}), &raw, &|_| Vec::new(), &no_keys);
    assert_eq!(verdict, Verdict::NoMatch);
    assert_eq!(secrets_of(&x().webhooks, AddressKind::Channel).into_iter().collect::<Vec<_>>(), ["secret"]);
}

#[test]
fn quoted_values_are_escaped_in_json() {
    let manifest = manifest(
        "[[webhook]]\nname = \"w\"\nmethods = [\"GET\"]\n[[webhook.answer]]\ncontent-type = \"application/json\"\n\
         body = '{\"echo\":\"${query:c}\"}'\nhandshake = true\n",
    );
    let Verdict::Accept { answer, .. } = get("c=%22%7D%5C%22").made(&manifest) else { panic!("refused") };
    let json: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(json["echo"], "\"}\\\"");
}

proptest! {
    #[test]
    fn a_flipped_bit_anywhere_in_a_signed_body_is_refused(body in proptest::collection::vec(any::<u8>(), 1..300), at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let signed = verify::mac(crate::manifest::webhook::Algorithm::Sha256, b"SECRET", std::iter::once(body.as_slice()));
        let signature = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &signed);
        let headers = [("x-line-signature", signature.as_str())];
        prop_assert!(accepted(&post("SECRET", &body, &headers).made(&line())));
        let mut flipped = body.clone();
        flipped[at.index(body.len())] ^= 1 << bit;
        prop_assert_eq!(reason(post("SECRET", &flipped, &headers).made(&line())), "the signature does not match");
    }

    #[test]
    fn a_flipped_bit_anywhere_in_the_signature_is_refused(at in 0usize..32, bit in 0u8..8) {
        let mut signed = verify::mac(crate::manifest::webhook::Algorithm::Sha256, b"SECRET", std::iter::once(b"{}".as_slice()));
        signed[at] ^= 1 << bit;
        let signature = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &signed);
        let verdict = post("SECRET", b"{}", &[("x-line-signature", &signature)]).made(&line());
        prop_assert!(!accepted(&verdict));
    }
}
