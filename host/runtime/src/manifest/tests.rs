use proptest::prelude::*;

use super::limits::{OverLimit, Unit};
use super::section::Faults;
use super::*;

const WHOLE: &str = r#"
id = "example"
version = "1.2.3"
publisher = "Example"
license = "MIT"
homepage = "https://example.com/plugin"

[[egress]]
host = "api.example.com"
methods = ["get", "POST"]
path-prefix = "/v2"

[[egress]]
host = "*.files.example.com"

[[egress]]
from-setting = "base_url"

[[egress]]
media-from-anywhere = true

[[secret]]
name = "access_token"
destinations = ["https://api.example.com", "setting:base_url"]
places = ["auth", "header:X-Key", "query:key", "body:/token", "path"]

[[secret]]
name = "hook"
scope = "app"
origin = "generated"
length = 43
alphabet = "url-safe"
shown = true

[[webhook]]
name = "events"
address = "app"
path = "/in"
methods = ["POST"]
when = { setting = "mode", is = "cloud" }
refuse = 403
keep-headers = ["X-Request-Id"]
plugin-answers = true

[[webhook.verify]]
kind = "hmac"
algorithm = "sha256"
keys = ["hook"]
signature = "header:X-Signature"
prefix = "sha256="
encoding = "hex"
over = ["header:x-time", "literal:.", "body"]
timestamp = { from = "header:x-time", unit = "s", max-age-s = 300 }

[[webhook.verify]]
kind = "secret"
keys = ["hook"]
from = "path"

[[webhook]]
name = "challenge"
methods = ["GET"]

[[webhook.answer]]
when = [{ of = "query:crc" }]
content-type = "application/json"
body = '{"token":"sha256=${crc}","echo":"${query:crc}"}'
value = [{ name = "crc", algorithm = "sha256", key = "hook", over = "query:crc", encoding = "base64" }]
handshake = true

[[webhook]]
name = "issued"
path = "/issued"

[[webhook.verify]]
kind = "jwt"
jwks = "https://api.example.com/v2/keys"
algorithms = ["RS256"]
issuers = ["https://issuer.example.com"]
audiences = ["setting:project", "literal:everybody", "url"]
claim = [{ name = "email", is = "bot@example.com" }, { name = "service", same-as = "json:/service" }]
from = "header:x-token"
prefix = "JWT "
leeway-s = 30

[[secret]]
name = "user_token"
origin = "obtained"
destinations = ["https://api.example.com/v2"]
places = ["auth"]

[[secret]]
name = "client_key"
scope = "app"
destinations = ["https://api.example.com/v2"]
places = ["auth"]

[[oauth2]]
when = { setting = "mode", is = "sign-in" }
authorize = "https://login.example.com/dialog"
scopes = ["read", "write"]
scope-separator = ","
pkce = false
client-id = "app_id"
client-secret = "client_key"
params = { prompt = "consent" }
[oauth2.token]
url = "https://api.example.com/v2/token"
method = "GET"
client-auth = "basic"
access-token = "user_token"
at = ["", "/data/0"]
[oauth2.exchange]
url = "https://api.example.com/v2/long"
params = { token = "${access_token}", key = "${client_secret}" }
[oauth2.refresh]
url = "https://api.example.com/v2/refresh"
params = { token = "${access_token}" }
ahead-ms = 86_400_000
[oauth2.revoke]
url = "https://api.example.com/v2/revoke"
params = { token = "${access_token}" }

[limits]
together = 5
contents = ["text", "media", "interactive"]
text = { max = 5000, unit = "utf-16" }
caption = { max = 1024, unit = "code-points" }
interactive = { buttons = 3, rows = 10, label = { max = 20, unit = "code-points" } }
[limits.media.image]
types = ["image/jpeg", "image/png"]
max-bytes = 10_000_000
[[limits.rate]]
scope = "channel"
count = 80
per-ms = 1000

[resend]
for-ms = 86_400_000
except-rules = ["reply-token"]

[ingress]
visitor = true

[runtime]
memory-bytes = 16_777_216
"#;

#[test]
fn every_section_is_read() {
    let manifest = read(WHOLE).unwrap();
    assert_eq!(manifest.version, semver::Version::new(1, 2, 3));
    assert_eq!(manifest.egress.len(), 4);
    assert_eq!(manifest.secrets[0].places.len(), 5);
    assert_eq!(manifest.webhooks[0].verify.len(), 2);
    assert_eq!(manifest.webhooks[0].keep_headers, ["x-request-id"]);
    assert_eq!(manifest.webhooks[1].answers[0].values[0].key, "hook");
    let Verify::Jwt(jwt) = &manifest.webhooks[2].verify[0] else { panic!("{:?}", manifest.webhooks[2]) };
    assert_eq!((jwt.audiences.len(), jwt.claims.len(), jwt.leeway_s), (3, 2, 30));
    assert_eq!((jwt.algorithms.as_slice(), jwt.prefix.as_str()), ([webhook::JwtAlgorithm::Rs256].as_slice(), "JWT "));
    let flow = manifest.sign_in(&serde_json::json!({ "mode": "sign-in" })).unwrap();
    assert!(manifest.sign_in(&serde_json::json!({ "mode": "typed" })).is_none());
    assert_eq!((flow.steps().count(), flow.token.method, flow.token.at.len()), (4, Method::Get, 2));
    assert_eq!(flow.refresh.as_ref().map(|refresh| refresh.ahead_ms), Some(86_400_000));
    assert_eq!(manifest.limits.media["image"].max_bytes, 10_000_000);
    assert_eq!(manifest.resend.as_ref().unwrap().for_ms, 86_400_000);
    assert!(manifest.ingress.visitor);
    assert_eq!(manifest.runtime.memory_bytes, Some(16 << 20));
    assert_eq!(manifest.destination_settings().collect::<Vec<_>>(), ["base_url"]);
}

#[test]
fn a_manifest_survives_being_stored_as_json() {
    let manifest = read(WHOLE).unwrap();
    let json = serde_json::to_string(&manifest).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
}

#[test]
fn every_fault_is_told_at_once_with_its_line() {
    let error = read(
        "id = \"Example\"\nversion = \"one\"\npublisher = \"P\"\nlicence = \"MIT\"\n\n[[secret]]\nname = \"a\"\nplace = [\"auth\"]\n",
    )
    .unwrap_err();
    let told: Vec<String> = error.faults.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 4, "{told:#?}");
    assert!(told[0].starts_with("line 1: `id`"), "{told:#?}");
    assert!(told[1].starts_with("line 2: `version`"), "{told:#?}");
    assert_eq!(told[2], "line 4: `licence`: unknown key; did you mean `license`?");
    assert_eq!(told[3], "line 8: `secret[0].place`: unknown key; did you mean `places`?");
}

#[test]
fn what_is_no_toml_says_on_which_line() {
    let error = read("id = \"a\"\nversion =\n").unwrap_err();
    assert_eq!((error.faults.len(), error.faults[0].line), (1, 2));
}

fn fault_of(change: impl Fn(&str) -> String) -> String {
    read(&change(WHOLE)).unwrap_err().to_string()
}

#[test]
fn parts_that_contradict_each_other_are_refused() {
    let undeclared = fault_of(|toml| toml.replace("keys = [\"hook\"]\nsignature", "keys = [\"hok\"]\nsignature"));
    assert!(undeclared.contains("did you mean `hook`?"), "{undeclared}");
    let elsewhere =
        fault_of(|toml| toml.replace("\"https://api.example.com\", \"setting", "\"https://evil.example\", \"setting"));
    assert!(elsewhere.contains("which no [[egress]] allows"), "{elsewhere}");
    let guessable = fault_of(|toml| toml.replace("length = 43", "length = 12"));
    assert!(guessable.contains("at least 128 bits"), "{guessable}");
    let unverified = fault_of(|toml| toml.replace("handshake = true", "handshake = false"));
    assert!(unverified.contains("what nobody verified is never journalled"), "{unverified}");
    let html = fault_of(|toml| toml.replace("application/json", "text/html"));
    assert!(html.contains("`text/plain` or `application/json`"), "{html}");
}

#[test]
fn a_contradiction_is_told_at_the_line_of_its_section() {
    let line = |part: &str| WHOLE[..WHOLE.find(part).unwrap()].lines().count() + 1;
    let elsewhere =
        fault_of(|toml| toml.replace("\"https://api.example.com\", \"setting", "\"https://evil.example\", \"setting"));
    let there = format!("plugin.toml: line {}: `secret[0].destinations`:", line("destinations ="));
    assert!(elsewhere.starts_with(&there), "{elsewhere}, not {there}");
    let undeclared = fault_of(|toml| toml.replace("keys = [\"hook\"]\nsignature", "keys = [\"hok\"]\nsignature"));
    assert!(undeclared.contains("`webhook["), "{undeclared}");
    assert!(!undeclared.contains("line 1:"), "{undeclared}");
}

#[test]
fn one_mistake_is_one_fault() {
    let head = "id = \"a\"\nversion = \"1.0.0\"\npublisher = \"P\"\n";
    let told = |rest: &str| read(&format!("{head}{rest}")).unwrap_err().to_string();
    let secret = "[[secret]]\nname = \"key\"\n";
    assert_eq!(
        told(&format!(
            "{secret}[[webhook]]\nname = \"w\"\n[[webhook.verify]]\nkind = \"hmac-sha256\"\nkeys = [\"key\"]\n\
             signature = \"header:x-signature\"\n"
        )),
        "plugin.toml: line 9: `webhook[0].verify[0].kind`: `hmac-sha256` is none of `hmac`, `ed25519`, `secret`, \
         `jwt`"
    );
    let bound = "destinations = [\"https://api.example.com\"]\nplaces = [\"auth\"]\n";
    assert_eq!(
        told(&format!("{secret}{bound}[[egress]]\nhost = \"https://api.example.com\"\n")),
        "plugin.toml: line 9: `egress[0].host`: only a host name or *.SUFFIX; scheme, port and path-prefix have keys of \
         their own"
    );
    let bearer = told(&format!("[[egress]]\nhost = \"api.example.com\"\n{secret}{}", bound.replace("auth", "bearer")));
    assert!(bearer.contains("expected auth") && !bearer.contains("go together"), "{bearer}");
    assert_eq!(
        told("[resend]\nfor-ms = \"a day\"\n"),
        "plugin.toml: line 5: `resend.for-ms`: must be a whole number from 0, not a string"
    );
    assert_eq!(
        told("[webhook]\nname = \"w\"\n"),
        "plugin.toml: line 4: `webhook`: must be a list of tables: write [[webhook]], not a table"
    );
}

#[test]
fn media_without_a_kind_could_never_be_sent() {
    let head = "id = \"a\"\nversion = \"1.0.0\"\npublisher = \"P\"\n[limits]\ncontents = [\"text\", \"media\"]\n";
    let told = read(head).unwrap_err().to_string();
    assert!(told.contains("line 5: `limits.contents`: `media` needs a [limits.media.KIND]"), "{told}");
    assert!(read(&format!("{head}[limits.media.image]\nmax-bytes = 1000\n")).is_ok());
}

#[test]
fn a_bare_star_and_a_whole_top_level_domain_are_refused() {
    for (host, words) in [("*", "bare *"), ("*.com", "too much"), ("a.example.com/x", "only a host name")] {
        let error = fault_of(|toml| toml.replace("\"*.files.example.com\"", &format!("\"{host}\"")));
        assert!(error.contains(words), "{host}: {error}");
    }
}

#[test]
fn targets_match_whole_segments_and_never_what_climbs_out() {
    let target: Target = "https://api.example.com/v2".parse().unwrap();
    let goes = |url: &str| target.matches(&url::Url::parse(url).unwrap());
    assert!(goes("https://api.example.com/v2"));
    assert!(goes("https://api.example.com/v2/x?y=1"));
    assert!(goes("https://API.example.com:443/v2/x"));
    for out in [
        "https://api.example.com/v22",
        "https://api.example.com/",
        "http://api.example.com/v2",
        "https://api.example.com:8443/v2",
        "https://api.example.com/v2/../v1",
        "https://api.example.com/v2/%2e%2e/v1",
        "https://api.example.com/v2/..%2f..%2fv1",
        "https://api.example.com/v2/..%5c..%5cv1",
        "https://api.example.com/v2/%252e%252e/v1",
        "https://api.example.com.evil.example/v2",
        "https://api.example.com@evil.example/v2",
    ] {
        assert!(!goes(out), "{out}");
    }
    let below: Target = "https://*.example.com".parse().unwrap();
    let goes = |url: &str| below.matches(&url::Url::parse(url).unwrap());
    assert!(goes("https://a.b.example.com/"));
    assert!(!goes("https://example.com/"));
    assert!(!goes("https://notexample.com/"));
}

#[test]
fn the_published_schema_and_the_reader_agree() {
    let schema = schema();
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let as_json = |toml: &str| serde_json::to_value(toml::from_str::<toml::Table>(toml).unwrap()).unwrap();
    let faults: Vec<String> =
        validator.iter_errors(&as_json(WHOLE)).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert_eq!(faults, Vec::<String>::new());
    for (from, to) in [
        ("license =", "licence ="),
        ("destinations =", "destination ="),
        ("refuse = 403", "refus = 403"),
        ("prefix = \"sha", "pre = \"sha"),
        ("together", "togther"),
        ("for-ms", "forms"),
        ("visitor =", "visitors ="),
        ("memory-bytes", "memory"),
        ("max-bytes", "max"),
        ("per-ms", "per"),
        ("handshake", "hand"),
        ("of = ", "off = "),
        ("jwks =", "jwk ="),
        ("jwks = \"https:", "jwks = \"http:"),
        ("issuers =", "issuer ="),
        ("audiences =", "audience ="),
        ("audiences = [\"setting:", "audiences = [\""),
        ("\"RS256\"", "\"HS256\""),
        ("same-as", "same"),
        ("service\", same-as", "service\", is = \"x\", same-as"),
        ("from = \"header:x-token", "from = \"json:/token"),
        ("leeway-s = 30", "leeway-s = 301"),
        ("kind = \"jwt\"", "kind = \"jwt\"\nkeys = [\"hook\"]"),
        ("scope-separator", "scope-seperator"),
        ("authorize = \"https:", "authorize = \"http:"),
        ("client-id =", "client ="),
        ("access-token = ", "token = "),
        ("client-auth = \"basic\"", "client-auth = \"digest\""),
        ("method = \"GET\"", "method = \"PUT\""),
        ("at = [\"\",", "at = [\"data\","),
        ("ahead-ms = 86_400_000", "ahead-ms = 59_999"),
    ] {
        let broken = WHOLE.replacen(from, to, 1);
        assert!(!validator.is_valid(&as_json(&broken)), "the schema takes {to}");
        assert!(read(&broken).is_err(), "the reader takes {to}");
    }
}

#[test]
fn every_key_of_the_published_schema_is_known_to_the_reader() {
    let schema = schema();
    let faults = Faults::new("");
    let empty = toml::de::DeTable::new();
    let section = |path: &str| section::Section::new(&empty, path.to_owned(), 0..0, &faults);
    let keys = |pointer: &str| {
        let mut keys: Vec<String> =
            schema.pointer(pointer).unwrap()["properties"].as_object().unwrap().keys().cloned().collect();
        keys.sort();
        keys
    };
    let asked = |read: &dyn Fn(&section::Section<'_>)| {
        let section = section("");
        read(&section);
        let mut asked: Vec<String> = section.asked().into_iter().map(str::to_owned).collect();
        asked.sort();
        asked.dedup();
        asked
    };
    assert_eq!(asked(&|s| drop(destination::read(s))), keys("/$defs/egress"));
    assert_eq!(asked(&|s| drop(secret::read(s))), keys("/$defs/secret"));
    assert_eq!(asked(&|s| drop(webhook::read(s))), keys("/$defs/webhook"));
    assert_eq!(asked(&|s| drop(oauth2::read(s))), keys("/$defs/oauth2"));
    assert_eq!(asked(&|s| drop(limits::read(s))), keys("/$defs/limits"));
    assert_eq!(asked(&|s| drop(resend::read(s))), keys("/$defs/resend"));
    assert_eq!(
        asked(&|s| {
            ingress::read(s);
        }),
        keys("/$defs/ingress")
    );
    assert_eq!(
        asked(&|s| {
            runtime::read(s);
        }),
        keys("/$defs/runtime")
    );
}

/// A sign-in sends secrets, so it is held to what the manifest says about them as much as a request of the plugin's.
#[test]
fn a_sign_in_goes_only_where_egress_and_its_secrets_allow() {
    for (from, to, told) in [
        ("v2/token", "v1/token", "allowed by no [[egress]]"),
        ("client-secret = \"client_key\"", "client-secret = \"hook\"", "sends the secret `hook`"),
        ("client-secret = \"client_key\"", "client-secret = \"access_token\"", "scope = \"app\""),
        ("access-token = \"user_token\"", "access-token = \"access_token\"", "origin = \"obtained\""),
        ("key = \"${client_secret}\"", "key = \"${client_sekret}\"", "is none of `${client_id}`"),
        (
            "/v2/refresh\"\nparams = { token = \"${access",
            "/v2/refresh\"\nparams = { token = \"${refresh",
            "give it a `refresh-token`",
        ),
        ("[oauth2.token]", "[oauth2.tokens]", "`oauth2[0].token`: is required"),
    ] {
        let broken = WHOLE.replacen(from, to, 1);
        assert_ne!(broken, WHOLE, "{from}");
        let error = read(&broken).unwrap_err().to_string();
        assert!(error.contains(told), "{to}: {error}");
    }
}

#[test]
fn texts_are_read_and_unknown_keys_named() {
    let toml = "name = \"N\"\ndescription = \"D\"\n[[instructions]]\ntext = \"Open\"\nlink = \"https://a.example\"\n[fields.token]\ntitle = \"T\"\n[reasons]\nclosed = \"Shut\"\n";
    let manifest = read(WHOLE).unwrap();
    let texts = read_texts("texts.en.toml", toml, &manifest).unwrap();
    assert_eq!((texts.instructions[0].of.as_str(), texts.reasons["closed"].as_str()), ("channel", "Shut"));
    let error = read_texts("texts.en.toml", &toml.replace("title", "titel"), &manifest).unwrap_err();
    assert_eq!(error.to_string(), "texts.en.toml: line 7: `fields.token.titel`: unknown key; did you mean `title`?");
}

#[test]
fn words_of_buttons_and_of_success_are_optional_bounded_and_one_line() {
    let manifest = read(WHOLE).unwrap();
    let whole = |more: &str| format!("name = \"N\"\ndescription = \"D\"\n{more}");
    let read = |more: &str| read_texts("texts.en.toml", &whole(more), &manifest);
    let texts = read("").unwrap();
    assert_eq!((texts.add, texts.submit, texts.connected), (None, None, None));
    let texts = read("add = \"Add\"\nsubmit = \"Install\"\n[connected]\ntitle = \"Done\"\ntext = \"Go\"\n").unwrap();
    assert_eq!((texts.add.as_deref(), texts.submit.as_deref()), (Some("Add"), Some("Install")));
    assert_eq!(texts.connected, Some(ConnectedText { title: "Done".to_owned(), text: "Go".to_owned() }));
    assert!(read(&format!("submit = \"{}\"", "ä".repeat(40))).is_ok());
    for (more, told) in [
        (format!("add = \"{}\"", "ä".repeat(41)), "line 3: `add`: has 41 characters, and 40 is the most"),
        ("submit = \"\"".to_owned(), "line 3: `submit`: must not be empty"),
        ("submit = \" \"".to_owned(), "line 3: `submit`: must not be empty"),
        ("submit = \"a\\nb\"".to_owned(), "line 3: `submit`: must be one line"),
        ("[connected]\ntitle = \"T\"".to_owned(), "`connected.text`: is required"),
        ("[connected]\ntitle = \"T\"\ntext = \"T\"\nlink = \"L\"".to_owned(), "`connected.link`: unknown key"),
        (
            format!("[connected]\ntitle = \"{}\"\ntext = \"T\"", "x".repeat(81)),
            "line 4: `connected.title`: has 81 characters, and 80 is the most",
        ),
        (
            format!("[connected]\ntitle = \"T\"\ntext = \"{}\"", "x".repeat(401)),
            "line 5: `connected.text`: has 401 characters, and 400 is the most",
        ),
    ] {
        let error = read(&more).unwrap_err().to_string();
        assert!(error.contains(told), "{more}: {error}");
    }
}

/// What a step says is there to be copied is looked for under that name, and a field's anchor among the steps' own.
#[test]
fn a_step_that_names_nothing_to_copy_and_an_anchor_of_two_steps_are_faults() {
    let manifest = read(WHOLE).unwrap();
    let step = |of: &str, copy: &str| {
        let toml = format!(
            "name = \"N\"\ndescription = \"D\"\n[[instructions]]\nof = \"{of}\"\ntext = \"T\"\ncopy = \"{copy}\"\n"
        );
        read_texts("texts.en.toml", &toml, &manifest).map(drop).map_err(|error| error.to_string())
    };
    for (of, copy) in [("app", "webhook_url"), ("app", "redirect_url"), ("app", "hook"), ("channel", "webhook_url")] {
        assert_eq!(step(of, copy), Ok(()), "{copy} of {of}");
    }
    for (of, copy, told) in [
        ("app", "webhok_url", "did you mean `webhook_url`?"),
        ("channel", "redirect_url", "there is webhook_url"),
        ("channel", "hook", "did you mean `webhook_url`?"),
        ("app", "access_token", "there is webhook_url, redirect_url, hook"),
        ("channel", "forwarding_address", "there is webhook_url"),
    ] {
        let words = format!(
            "texts.en.toml: line 6: `instructions[0].copy`: `{copy}` is nothing that is shown with a {of} to be copied; {told}"
        );
        assert_eq!(step(of, copy), Err(words));
    }
    let plain = read("id = \"a\"\nversion = \"1.0.0\"\npublisher = \"A\"\n").unwrap();
    let toml = "name = \"N\"\ndescription = \"D\"\n[[instructions]]\nanchor = \"a\"\ntext = \"T\"\ncopy = \"webhook_url\"\n[[instructions]]\nanchor = \"a\"\ntext = \"T\"\n";
    let error = read_texts("texts.id.toml", toml, &plain).unwrap_err();
    let lines: Vec<(usize, &str)> = error.faults.iter().map(|fault| (fault.line, fault.key.as_str())).collect();
    assert_eq!(lines, [(6, "instructions[0].copy"), (8, "instructions[1].anchor")], "{error}");
    assert!(error.to_string().contains("leave it out"), "{error}");
}

#[test]
fn limits_trip_one_unit_over() {
    let limits = read(WHOLE).unwrap().limits;
    assert_eq!(limits.check_text(&"🙂".repeat(2500)), Ok(()));
    let over = limits.check_text(&("🙂".repeat(2500) + "a"));
    assert_eq!(over, Err(OverLimit::TooLong { actual: 5001, max: 5000, unit: Unit::Utf16 }));
    assert_eq!(over.unwrap_err().to_string(), "5001 UTF-16 units are more than the 5000 that the channel takes");
    assert_eq!(limits.check_media("image", "image/JPEG; q=1", 10_000_000, None), Ok(()));
    let too_large = limits.check_media("image", "image/jpeg", 10_000_001, None);
    assert!(matches!(too_large, Err(OverLimit::TooLarge { .. })));
    assert!(matches!(limits.check_media("image", "image/gif", 1, None), Err(OverLimit::MediaType { .. })));
    assert!(matches!(limits.check_media("video", "video/mp4", 1, None), Err(OverLimit::Kind { .. })));
    assert!(matches!(limits.takes("location"), Err(OverLimit::Kind { .. })));
    let buttons = limits.interactive.unwrap();
    assert!(matches!(buttons.check(4, 0, std::iter::empty()), Err(OverLimit::TooMany { .. })));
    assert!(matches!(buttons.check(3, 0, ["x".repeat(21).as_str()].into_iter()), Err(OverLimit::TooLong { .. })));
    assert_eq!(limits.groups(12).collect::<Vec<_>>(), [0..5, 5..10, 10..12]);
}

proptest! {
    #[test]
    fn counting_agrees_with_the_standard_library(text in "\\PC{0,100}") {
        prop_assert_eq!(Unit::Bytes.count(&text), text.len() as u64);
        prop_assert_eq!(Unit::CodePoints.count(&text), text.chars().count() as u64);
        prop_assert_eq!(Unit::Utf16.count(&text), text.encode_utf16().count() as u64);
    }

    #[test]
    fn groups_cover_everything_once_and_in_order(count in 0usize..200, together in 0u32..20) {
        let limits = ContentLimits { together, ..ContentLimits::default() };
        let groups: Vec<_> = limits.groups(count).collect();
        prop_assert_eq!(groups.iter().cloned().flatten().collect::<Vec<_>>(), (0..count).collect::<Vec<_>>());
        prop_assert!(groups.iter().all(|group| group.len() <= together.max(1) as usize));
    }

    #[test]
    fn reading_never_panics(toml in "\\PC{0,200}") {
        let _ = read(&toml);
        let _ = read_texts("texts.en.toml", &toml, &read(WHOLE).unwrap());
    }
}
