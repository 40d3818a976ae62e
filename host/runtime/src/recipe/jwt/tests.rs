//! Tokens that hold, and every way in which one may not.

use hmac::{KeyInit as _, Mac as _};
use proptest::prelude::*;
use serde_json::{Value, json};
use url::Url;

use super::signing::{SigningKey, encode, set};
use super::*;
use crate::manifest::{AddressKind, Manifest, read};
use crate::recipe::{KeySet, KeySetError, Raw, Verdict, keys_wanted, receive};

const NOW_S: u64 = 1_700_000_000;
const JWKS: &str = "https://keys.example/v1/jwks";

fn manifest(more: &str) -> Manifest {
    read(&format!(
        r#"
        id = "a"
        version = "1.0.0"
        publisher = "p"

        [[egress]]
        host = "keys.example"

        [[webhook]]
        name = "events"
        keep-headers = ["authorization", "x-request-id"]

        [[webhook.verify]]
        kind = "jwt"
        jwks = "{JWKS}"
        issuers = ["https://issuer.example", "issuer.example"]
        audiences = ["setting:project", "literal:fixed"]
        {more}
        "#
    ))
    .unwrap()
}

fn claims() -> Value {
    json!({
        "iss": "https://issuer.example", "aud": "p1", "iat": NOW_S - 10, "nbf": NOW_S - 10, "exp": NOW_S + 300,
        "email": "bot@issuer.example", "email_verified": true, "serviceurl": "https://service.example/",
    })
}

struct Call {
    token: String,
    settings: Value,
    body: &'static str,
    url: Option<&'static str>,
    now_s: u64,
}

fn call(token: impl Into<String>) -> Call {
    Call { token: token.into(), settings: json!({ "project": "p1" }), body: "{}", url: None, now_s: NOW_S }
}

impl Call {
    fn raw<T>(&self, headers: &[(&str, String)], query: &str, then: impl FnOnce(&Raw<'_>) -> T) -> T {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
        then(&Raw {
            method: "POST",
            path: "",
            query,
            headers: &headers,
            body: self.body.as_bytes(),
            url: self.url,
            received_at_ms: self.now_s * 1000,
        })
    }

    fn made(&self, manifest: &Manifest, keys: &str) -> Verdict {
        let keys = KeySet::read(keys.as_bytes()).unwrap();
        let look_up = |jwks: &Url, kid: &str| {
            assert_eq!(jwks.as_str(), JWKS);
            keys.find(kid).map_or(Lookup::Absent, Lookup::Known)
        };
        let bearer = format!("Bearer {}", self.token);
        self.raw(&[("Authorization", bearer), ("X-Request-Id", "7".into())], "", |raw| {
            receive(&manifest.webhooks, AddressKind::Channel, &self.settings, raw, &|_| Vec::new(), &look_up)
        })
    }
}

/// "" where the request was accepted.
fn reason(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept { kept_headers, .. } => {
            assert_eq!(kept_headers, [("x-request-id".to_owned(), "7".to_owned())], "no token is journalled");
            ""
        }
        Verdict::Refuse { status: 401, reason } => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_token_holds_or_says_why_not() {
    let (rsa, p256, other) = (SigningKey::rsa(), SigningKey::p256(), SigningKey::p256());
    let keys = set(&[rsa.published("r"), p256.published("e")]);
    let manifest = manifest("");
    type Change = fn(&mut Value, &mut Value);
    let cases: &[(&str, Change)] = &[
        ("", |_, _| {}),
        ("", |_, claims| claims["aud"] = json!(["somebody", "p1"])),
        ("", |_, claims| claims["aud"] = json!("fixed")),
        ("", |_, claims| claims["iss"] = json!("issuer.example")),
        ("", |_, claims| claims["exp"] = json!(NOW_S - 59)),
        ("", |_, claims| claims["exp"] = json!(NOW_S as f64 + 0.5)),
        ("", |_, claims| claims["nbf"] = json!(NOW_S + 60)),
        ("", |_, claims| {
            claims.as_object_mut().unwrap().retain(|name, _| !matches!(name.as_str(), "nbf" | "iat"));
        }),
        ("the token has expired", |_, claims| claims["exp"] = json!(NOW_S - 60)),
        ("the token has expired", |_, claims| claims["exp"] = json!(-1)),
        ("the token never expires", |_, claims| drop(claims.as_object_mut().unwrap().remove("exp"))),
        ("the token's times are unreadable", |_, claims| claims["exp"] = json!("tomorrow")),
        ("the token's times are unreadable", |_, claims| claims["exp"] = Value::Null),
        ("the token is not valid yet", |_, claims| claims["nbf"] = json!(NOW_S + 61)),
        ("the token is not valid yet", |_, claims| claims["iat"] = json!(NOW_S + 61)),
        ("the token is from another issuer", |_, claims| claims["iss"] = json!("https://issuer.example/")),
        ("the token is from another issuer", |_, claims| drop(claims.as_object_mut().unwrap().remove("iss"))),
        ("the token is from another issuer", |_, claims| claims["iss"] = json!(["issuer.example"])),
        ("the token is for somebody else", |_, claims| claims["aud"] = json!("p2")),
        ("the token is for somebody else", |_, claims| claims["aud"] = json!([])),
        ("the token is for somebody else", |_, claims| claims["aud"] = json!("")),
        ("the token is for somebody else", |_, claims| drop(claims.as_object_mut().unwrap().remove("aud"))),
        ("the token's key is not one of its issuer's", |header, _| header["kid"] = json!("another")),
        ("the token does not name its key (kid)", |header, _| drop(header.as_object_mut().unwrap().remove("kid"))),
        ("the token's algorithm is not accepted", |header, _| header["alg"] = json!("none")),
        ("the token's algorithm is not accepted", |header, _| header["alg"] = json!("HS256")),
        ("the token's algorithm is not accepted", |header, _| header["alg"] = json!("rs256")),
        ("the token is malformed", |header, _| drop(header.as_object_mut().unwrap().remove("alg"))),
        ("the token asks for what this host does not know (crit)", |header, _| header["crit"] = json!(["b64"])),
        ("the token's claims are unreadable", |_, claims| *claims = json!(["iss"])),
    ];
    for (key, alg, kid) in [(&rsa, "RS256", "r"), (&p256, "ES256", "e")] {
        for (number, (expected, change)) in cases.iter().enumerate() {
            let (mut header, mut claims) = (json!({ "typ": "JWT", "alg": alg, "kid": kid }), claims());
            change(&mut header, &mut claims);
            let token = key.token(&header, &claims);
            assert_eq!(reason(call(token).made(&manifest, &keys)), *expected, "case {number} with {alg}");
        }
        let header = json!({ "alg": alg, "kid": kid });
        let by_another = other.token(&header, &claims());
        assert_eq!(reason(call(by_another).made(&manifest, &keys)), "the token's signature does not match", "{alg}");
        let swapped = json!({ "alg": if alg == "RS256" { "ES256" } else { "RS256" }, "kid": kid });
        let swapped = key.token(&swapped, &claims());
        assert_eq!(reason(call(swapped).made(&manifest, &keys)), "the token's algorithm is not its key's", "{alg}");
    }
}

#[test]
fn no_public_key_is_taken_for_a_secret_and_no_signature_for_one() {
    let rsa = SigningKey::rsa();
    let published = rsa.published("r");
    let keys = set(std::slice::from_ref(&published));
    let manifest = manifest("");
    let secret = published["n"].as_str().unwrap();
    for alg in ["HS256", "RS256"] {
        let header = json!({ "alg": alg, "kid": "r" }).to_string();
        let signed = format!("{}.{}", encode(header.as_bytes()), encode(claims().to_string().as_bytes()));
        for secret in [secret.as_bytes(), &URL_SAFE_NO_PAD.decode(secret).unwrap(), published.to_string().as_bytes()] {
            let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(secret).unwrap();
            mac.update(signed.as_bytes());
            let token = format!("{signed}.{}", encode(&mac.finalize().into_bytes()));
            assert_ne!(reason(call(token).made(&manifest, &keys)), "", "{alg}");
        }
        assert_ne!(reason(call(format!("{signed}.")).made(&manifest, &keys)), "", "{alg} without a signature");
    }
}

#[test]
fn only_the_algorithms_of_the_manifest_are_accepted() {
    let (rsa, p256) = (SigningKey::rsa(), SigningKey::p256());
    let keys = set(&[rsa.published("r"), p256.published("e")]);
    let manifest = manifest("algorithms = [\"ES256\"]");
    let token = rsa.token(&json!({ "alg": "RS256", "kid": "r" }), &claims());
    assert_eq!(reason(call(token).made(&manifest, &keys)), "the token's algorithm is not accepted");
    let token = p256.token(&json!({ "alg": "ES256", "kid": "e" }), &claims());
    assert_eq!(reason(call(token).made(&manifest, &keys)), "");
}

fn good(key: &SigningKey) -> String {
    key.token(&json!({ "alg": "ES256", "kid": "e" }), &claims())
}

#[test]
fn what_is_no_token_is_refused() {
    let key = SigningKey::p256();
    let keys = set(&[key.published("e")]);
    let manifest = manifest("");
    let good = good(&key);
    let (signed, signature) = good.rsplit_once('.').unwrap();
    for (token, expected) in [
        (String::new(), "the token is not written as expected"),
        ("a".to_owned(), "the token is malformed"),
        ("a.b".to_owned(), "the token is malformed"),
        ("..".to_owned(), "the token is malformed"),
        (format!("{signed}.%%%"), "the token's signature is unreadable"),
        (format!("{signed}.{signature}="), "the token's signature is unreadable"),
        (format!("{signed}."), "the token's signature does not match"),
        (format!("{good}.x"), "the token is malformed"),
        (format!("{good}.x.y"), "the token is malformed"),
        ("x".repeat(MOST_BYTES), "the token is too long"),
    ] {
        assert_eq!(reason(call(token.as_str()).made(&manifest, &keys)), expected, "{token}");
    }
}

#[test]
fn a_token_stands_once_where_the_manifest_says() {
    let key = SigningKey::p256();
    let keys = KeySet::read(set(&[key.published("e")]).as_bytes()).unwrap();
    let good = good(&key);
    let made = |manifest: &Manifest, headers: &[(&str, String)], query: &str| {
        let keys = |_: &Url, kid: &str| keys.find(kid).map_or(Lookup::Absent, Lookup::Known);
        let call = call("");
        call.raw(headers, query, |raw| {
            receive(&manifest.webhooks, AddressKind::Channel, &call.settings, raw, &|_| Vec::new(), &keys)
        })
    };
    let usual = manifest("");
    let bearer = |scheme: &str| ("authorization", format!("{scheme}{good}"));
    assert!(matches!(made(&usual, &[bearer("bearer ")], ""), Verdict::Accept { .. }), "a scheme has no case");
    for headers in [vec![], vec![bearer("")], vec![bearer("Basic ")], vec![bearer("Bearer "), bearer("Bearer ")]] {
        assert!(matches!(made(&usual, &headers, ""), Verdict::Refuse { .. }), "{headers:?}");
    }
    let in_query = manifest("from = \"query:jwt\"");
    let Verdict::Accept { query, .. } = made(&in_query, &[], &format!("a=1&jwt={good}&b=2")) else {
        panic!("not accepted");
    };
    assert_eq!(query, "a=1&b=2", "no token is journalled");
}

#[test]
fn an_audience_may_be_the_address_and_is_never_empty() {
    let key = SigningKey::p256();
    let keys = set(&[key.published("e")]);
    let usual = manifest("");
    let unset = "audiences = [\"setting:project\"]";
    let of_setting = read(&toml_of(unset)).unwrap();
    for settings in [json!({}), json!({ "project": "" }), json!({ "project": null })] {
        let call = Call { settings, ..call(good(&key)) };
        assert_eq!(reason(call.made(&of_setting, &keys)), "the audience of tokens is not set");
        assert_eq!(reason(call.made(&usual, &keys)), "the token is for somebody else", "another audience is set");
    }
    let number = json!({ "project": 17 });
    let mut said = claims();
    said["aud"] = json!("17");
    let token = key.token(&json!({ "alg": "ES256", "kid": "e" }), &said);
    assert_eq!(reason(Call { settings: number, ..call(token) }.made(&usual, &keys)), "");

    let of_address = read(&toml_of("audiences = [\"url\"]")).unwrap();
    let mut said = claims();
    said["aud"] = json!("https://host.example/hooks/a");
    let token = key.token(&json!({ "alg": "ES256", "kid": "e" }), &said);
    let there = Call { url: Some("https://host.example/hooks/a"), ..call(token.clone()) };
    assert_eq!(reason(there.made(&of_address, &keys)), "");
    let elsewhere = Call { url: Some("https://host.example/hooks/b"), ..call(token.clone()) };
    assert_eq!(reason(elsewhere.made(&of_address, &keys)), "the token is for somebody else");
    assert_eq!(reason(call(token).made(&of_address, &keys)), "the audience of tokens is not set");
}

fn toml_of(audiences: &str) -> String {
    format!(
        "id = \"a\"\nversion = \"1.0.0\"\npublisher = \"p\"\n[[egress]]\nhost = \"keys.example\"\n[[webhook]]\nname = \"w\"\n\
         keep-headers = [\"x-request-id\"]\n[[webhook.verify]]\nkind = \"jwt\"\njwks = \"{JWKS}\"\n\
         issuers = [\"https://issuer.example\"]\n{audiences}\n"
    )
}

#[test]
fn claims_are_what_the_manifest_or_the_request_says() {
    let key = SigningKey::p256();
    let keys = set(&[key.published("e")]);
    let verdict = |claim: &str, body: &'static str| {
        let call = Call { body, ..call(good(&key)) };
        reason(call.made(&manifest(&format!("claim = [{claim}]")), &keys))
    };
    let email = "{ name = \"email\", is = \"bot@issuer.example\" }, { name = \"email_verified\", is = \"true\" }";
    let service = "{ name = \"serviceurl\", same-as = \"json:/serviceUrl\" }";
    assert_eq!(verdict(email, "{}"), "");
    assert_eq!(verdict(service, r#"{ "serviceUrl": "https://service.example/" }"#), "");
    let refused = "a claim of the token is not as it must be";
    assert_eq!(verdict("{ name = \"email\", is = \"bot\" }", "{}"), refused);
    assert_eq!(verdict("{ name = \"absent\", is = \"\" }", "{}"), refused);
    assert_eq!(verdict(service, r#"{ "serviceUrl": "https://evil.example/" }"#), refused);
    assert_eq!(verdict(service, "{}"), refused);
}

#[test]
fn without_keys_nothing_is_decided_and_only_what_may_hold_asks_for_them() {
    let key = SigningKey::p256();
    let manifest = manifest("");
    let made = |token: &str| {
        let call = call(token);
        call.raw(&[("authorization", format!("Bearer {token}"))], "", |raw| {
            let wanted = keys_wanted(&manifest.webhooks, AddressKind::Channel, &call.settings, raw);
            let keys = |_: &Url, _: &str| Lookup::Unreachable;
            (
                wanted.into_iter().map(|name| (name.jwks.to_string(), name.kid)).collect::<Vec<_>>(),
                receive(&manifest.webhooks, AddressKind::Channel, &call.settings, raw, &|_| Vec::new(), &keys),
            )
        })
    };
    let (wanted, verdict) = made(&good(&key));
    assert_eq!(wanted, [(JWKS.to_owned(), "e".to_owned())]);
    assert!(matches!(verdict, Verdict::Undecided { .. }), "{verdict:?}");
    for token in ["", "a.b.c", &key.token(&json!({ "alg": "none", "kid": "e" }), &claims())] {
        let (wanted, verdict) = made(token);
        assert!(wanted.is_empty() && matches!(verdict, Verdict::Refuse { .. }), "{token}: {verdict:?}");
    }
}

#[test]
fn keys_that_verify_nothing_are_passed_over() {
    let (rsa, p256) = (SigningKey::rsa().published("r"), SigningKey::p256().published("e"));
    let with = |key: &Value, name: &str, value: Value| {
        let mut key = key.clone();
        key[name] = value;
        key
    };
    let useless = [
        with(&rsa, "use", json!("enc")),
        with(&rsa, "alg", json!("RS512")),
        with(&rsa, "kty", json!("oct")),
        with(&rsa, "n", json!(encode(&[255; 128]))),
        with(&rsa, "n", json!("")),
        with(&p256, "crv", json!("P-384")),
        with(&p256, "x", json!("AAAA")),
        with(&p256, "kid", Value::Null),
        with(&p256, "alg", json!("RS256")),
        json!("key"),
    ];
    assert_eq!(KeySet::read(set(&useless).as_bytes()), Err(KeySetError::NoneFits));
    let beside: Vec<_> = useless.iter().cloned().chain([with(&p256, "kid", json!("good"))]).collect();
    assert!(KeySet::read(set(&beside).as_bytes()).unwrap().find("good").is_some());
    let many: Vec<_> = (0..101).map(|number| with(&p256, "kid", json!(number.to_string()))).collect();
    assert_eq!(KeySet::read(set(&many).as_bytes()), Err(KeySetError::TooMany(101)));
    for garbage in ["", "<html>", "[]", "{}", "{\"keys\":{}}"] {
        assert!(matches!(KeySet::read(garbage.as_bytes()), Err(KeySetError::Unreadable(_))), "{garbage}");
    }
}

/// The token of RFC 7515, appendix A.3, with its key: what somebody else signed verifies here.
#[test]
fn the_standards_own_signature_verifies() {
    let key = json!({
        "kty": "EC", "crv": "P-256", "kid": "rfc",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    let keys = KeySet::read(set(&[key]).as_bytes()).unwrap();
    let signed = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let key = keys.find("rfc").unwrap();
    assert!(key.signed(signed.as_bytes(), &signature));
    assert!(!key.signed(&signed.as_bytes()[1..], &signature));
}

proptest! {
    #[test]
    fn a_changed_character_anywhere_in_a_token_is_refused(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let key = SigningKey::p256();
        let keys = set(&[key.published("e")]);
        let good = good(&key);
        let at = at.index(good.len());
        let mut changed = good.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != good);
        prop_assert_ne!(reason(call(changed).made(&manifest(""), &keys)), "");
    }

    #[test]
    fn reading_a_token_never_panics(token in "\\PC{0,200}") {
        let key = SigningKey::p256();
        prop_assert_ne!(reason(call(token).made(&manifest(""), &set(&[key.published("e")]))), "");
    }
}
