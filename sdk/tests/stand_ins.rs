//! The stand-ins behave as the host does, so that what passes against them is not a surprise in a component.

#![forbid(unsafe_code)]

use sambung_sdk::crypto::{self, Piece};
use sambung_sdk::http::{Auth, Request};
use sambung_sdk::json::{Value, json};
use sambung_sdk::outbound::{SendError, SendFault};
use sambung_sdk::testing::Host;
use sambung_sdk::{kv, log, secrets, visitor};

const ME: &str = "https://api.example/me";

#[test]
fn requests_are_answered_in_the_order_they_are_expected() {
    let host = Host::new();
    host.expect("GET", ME).answer(401, json!({"message": "no"}));
    host.expect("POST", "https://api.example/send?to=a%20b%26c").answer(200, json!({"id": "m1"})).header("X-Id", "7");

    let refused = Request::get(ME).bearer("token").send().expect("an answer of any status is an answer");
    assert!(!refused.is_success());
    let taken = Request::post("https://api.example/send").query("to", "a b&c").json(&json!({"text": "hai"})).send();
    let taken = taken.expect("it is answered");
    assert_eq!(taken.header("x-id"), Some("7"));
    assert_eq!(taken.json::<Value>().expect("JSON")["id"], "m1");

    let requests = host.requests();
    assert_eq!(requests[0].auth, Auth::Bearer("token".to_owned()));
    assert_eq!(requests[1].body_bytes(), br#"{"text":"hai"}"#);
}

#[test]
#[should_panic(expected = "no request was expected, but the plugin asked for GET https://api.example/me")]
fn a_request_that_nobody_expected_fails_the_test() {
    let _host = Host::new();
    let _ = Request::get(ME).send();
}

#[test]
#[should_panic(expected = "expected GET https://api.example/me, but the plugin asked for DELETE")]
fn another_request_than_the_expected_fails_the_test() {
    let host = Host::new();
    host.expect("GET", ME);
    let _ = Request::delete(ME).send();
}

#[test]
#[should_panic(expected = "never requested")]
fn an_expected_request_that_never_came_fails_the_test() {
    let host = Host::new();
    host.expect("GET", ME);
}

#[test]
fn a_request_without_an_answer_is_unknown_only_when_it_may_have_left() {
    let host = Host::new();
    host.expect("POST", ME).fail("timeout", true);
    host.expect("POST", ME).fail("connect", false);
    host.expect("POST", ME).fail("forbidden", false);
    let mut faults = Vec::new();
    for _ in 0..3 {
        let error: SendError = Request::post(ME).send().expect_err("scripted").into();
        faults.push((error.fault, error.retryable));
    }
    let expected = [(SendFault::Unknown, false), (SendFault::Unavailable, true), (SendFault::Invalid, false)];
    assert_eq!(faults, expected);
}

#[test]
fn a_captured_secret_is_not_in_the_answer_and_is_kept_by_its_label() {
    let host = Host::new();
    host.expect("POST", ME).answer(200, json!({"data": [{"token": "s3cret"}, {"token": "s3cret2"}]}));
    let answer = Request::post(ME).capture("/data/*/token", "page-token").send().expect("answered");
    assert!(!answer.text().contains("s3cret"));
    assert_eq!(answer.json::<Value>().expect("JSON")["data"][1]["token"], "page-token:1");

    secrets::keep("page-token:0", "page_token", None).expect("it was captured");
    secrets::keep("other", "page_token", None).expect_err("nothing was captured under that label");
    assert_eq!(host.kept().len(), 1);
    assert!(secrets::has("page_token"), "the name stands for it at once");
}

#[test]
fn markers_stand_only_for_secrets_that_are_set() {
    let host = Host::new();
    assert!(!secrets::has("token"));
    secrets::marker("token", "raw").expect_err("it is not set");
    host.secret("token", "t0ken");
    let marker = secrets::marker("token", "url").expect("it is set");
    assert!(!marker.contains("t0ken"));
    secrets::marker("token", "rot13").expect_err("no such encoding");
}

#[test]
fn kv_remembers_within_its_limits() {
    let host = Host::new();
    host.remember("cursor", "1");
    assert_eq!(kv::get("cursor"), Ok(Some(b"1".to_vec())));
    kv::delete("cursor").expect("it may be deleted");
    assert_eq!(host.remembered("cursor"), None);

    kv::set(&"k".repeat(129), b"").expect_err("the key is a byte too long");
    kv::set("k", &[0; 16 * 1024 + 1]).expect_err("the value is a byte too long");
    for key in 0..128 {
        kv::set(&key.to_string(), b"").expect("there is room for 128 keys");
    }
    kv::set("one more", b"").expect_err("and for no more");
    kv::set("0", b"again").expect("a known key may change");
}

#[test]
fn a_new_host_knows_nothing_of_the_last() {
    let first = Host::new();
    log::warn("odd");
    visitor::push("v1", &json!({"kind": "message"})).expect("it is pushed");
    assert_eq!((first.logs().len(), first.pushed().len()), (1, 1));
    drop(first);
    let second = Host::new();
    assert!(second.logs().is_empty() && second.pushed().is_empty());
}

#[test]
fn macs_are_those_of_the_published_vectors() {
    let host = Host::new();
    host.secret("key", "Jefe");
    let data = [Piece::from("what do ya want "), Piece::from("for nothing?")];
    let key = [Piece::named("key")];
    // RFC 4231, case 2, and RFC 2202, case 2.
    let sha256 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    let sha1 = "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
    assert_eq!(hex(&crypto::hmac("sha256", &key, &data).expect("computed")), sha256);
    assert_eq!(hex(&crypto::hmac("sha1", &key, &data).expect("computed")), sha1);
    // FIPS 180-2, "abc".
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hex(&crypto::digest("sha256", b"abc").expect("computed")), abc);
    crypto::hmac("md5", &key, &data).expect_err("no such algorithm");
}

#[test]
fn a_secret_is_no_data_of_a_mac_with_a_known_key() {
    let host = Host::new();
    host.secret("token", "t0ken").secret("app_secret", "s3cret");
    let token = [Piece::named("token")];
    crypto::hmac("sha256", &[Piece::from("known")], &token).expect_err("the value could be guessed");
    crypto::hmac("sha256", &[Piece::named("app_secret")], &token).expect("a proof of both");
}

#[test]
fn a_signature_is_its_keys_and_no_other() {
    let host = Host::new();
    // RFC 8032, 7.1, test 2.
    let key = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    let signature = bytes(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    host.secret("public_key", key);
    for key in [Piece::named("public_key"), Piece::Bytes(bytes(key))] {
        assert_eq!(crypto::verify_ed25519(&key, &[0x72], &signature), Ok(true));
        assert_eq!(crypto::verify_ed25519(&key, &[0x73], &signature), Ok(false));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}
