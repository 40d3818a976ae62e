use serde_json::{Value, json};

use super::*;
use crate::manifest::{FieldText, Manifest, Step, Texts, read};

fn manifest() -> Manifest {
    read(
        r#"
        id = "example"
        version = "1.0.0"
        publisher = "Example"
        [[secret]]
        name = "channel_secret"
        [[secret]]
        name = "verify_token"
        origin = "generated"
        shown = true
        [[secret]]
        name = "session"
        origin = "obtained"
        "#,
    )
    .unwrap()
}

fn form() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "title": "Name", "maxLength": 10},
            "channel_secret": {"type": "string", "title": "Secret", "x-secret": "channel_secret"},
            "sites": {"type": "array", "title": "Sites", "items": {"type": "string"}, "x-origins": true, "uniqueItems": true},
            "verify_token": {"type": "string", "title": "Token", "x-secret": "verify_token", "readOnly": true},
            "color": {"type": "string", "title": "Colour", "format": "color", "x-public": true, "default": "#000000"},
            "size": {"type": "integer", "title": "Size", "minimum": 1, "maximum": 9},
        },
        "required": ["name", "channel_secret", "verify_token"],
        "oneOf": [
            {"title": "Direct", "properties": {"mode": {"const": "cloud"}, "number": {"type": "string", "title": "Number"}}, "required": ["number"]},
            {"title": "By a gateway", "properties": {"mode": {"const": "gateway"}, "base_url": {"type": "string", "title": "Address", "format": "uri"}}, "required": ["base_url"]},
        ],
    })
}

fn words(faults: &[SettingFault]) -> Vec<(&str, &str, &str)> {
    faults.iter().map(|fault| (fault.pointer.as_str(), fault.code.as_str(), fault.detail.as_str())).collect()
}

#[test]
fn a_form_in_the_subset_passes() {
    assert_eq!(lint(&form(), &manifest()), Ok(()));
}

#[test]
fn forms_and_texts_name_what_is_in_the_other() {
    let mut form = form();
    form["properties"]["name"]["x-help-anchor"] = json!("name");
    form["oneOf"][1]["properties"]["base_url"]["x-help-anchor"] = json!("gatewy");
    let step = |of: &str, anchor: &str| Step { of: of.to_owned(), anchor: Some(anchor.to_owned()), ..Step::default() };
    let mut texts = Texts {
        instructions: vec![step("channel", "name"), step("channel", "gateway"), step("app", "gatewy")],
        fields: [("base_url".to_owned(), FieldText::default()), ("nmae".to_owned(), FieldText::default())].into(),
        ..Texts::default()
    };
    let faults = agree(&[("channel", &form)], &texts).unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "channel: /oneOf/1/properties/base_url/x-help-anchor: \"gatewy\" is the `anchor` of none of the channel's \
             instructions; did you mean `gateway`?",
            "[fields.nmae]: no form has a field of this name; did you mean `name`?",
        ]
    );
    form["oneOf"][1]["properties"]["base_url"]["x-help-anchor"] = json!("gateway");
    texts.fields.remove("nmae");
    assert_eq!(agree(&[("channel", &form)], &texts), Ok(()));
}

#[test]
fn every_keyword_outside_the_subset_is_named_with_its_pointer() {
    let mut schema = form();
    schema["properties"]["name"]["allOf"] = json!([]);
    schema["properties"]["name"]["x-lockd"] = json!(true);
    schema["properties"]["nested"] = json!({"type": "object", "title": "Nested"});
    schema["definitions"] = json!({});
    let faults = lint(&schema, &manifest()).unwrap_err();
    let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(
        pointers,
        ["/definitions", "/properties/name/allOf", "/properties/name/x-lockd", "/properties/nested/type"]
    );
    assert!(faults[2].words.contains("did you mean `x-locked`?"), "{}", faults[2]);
}

#[test]
fn secrets_must_be_declared_and_of_the_right_origin() {
    let mut schema = form();
    schema["properties"]["channel_secret"]["x-secret"] = json!("chanel_secret");
    schema["properties"]["verify_token"]["readOnly"] = json!(false);
    schema["properties"]["name"]["x-secret"] = json!("session");
    let faults = lint(&schema, &manifest()).unwrap_err();
    let all = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(all.contains("did you mean `channel_secret`?"), "{all}");
    assert!(all.contains("a generated secret is readOnly"), "{all}");
    assert!(all.contains("stands in no form"), "{all}");
    assert_eq!(faults.len(), 3, "{all}");
}

#[test]
fn branches_need_titles_and_one_constant_each() {
    let mut schema = form();
    schema["oneOf"][1]["properties"]["mode"]["const"] = json!("cloud");
    schema["oneOf"][1].as_object_mut().unwrap().remove("title");
    let faults = lint(&schema, &manifest()).unwrap_err();
    assert_eq!(faults.len(), 2, "{faults:?}");
    assert!(faults.iter().all(|fault| fault.pointer == "/oneOf/1"));
}

#[test]
fn empty_required_fields_say_field_is_required() {
    let mut faults = validate(&form(), &json!({"mode": "cloud", "name": "  ", "channel_secret": null, "number": ""}));
    // Fields come in the order of the schema's map, which is that of the text only where a crate in the build asks for it.
    faults.sort_by(|one, other| one.pointer.cmp(&other.pointer));
    assert_eq!(
        words(&faults),
        [
            ("/channel_secret", "required", "field is required"),
            ("/name", "required", "field is required"),
            ("/number", "required", "field is required"),
        ]
    );
    let faults = validate(&form(), &json!({"name": "a", "channel_secret": "b"}));
    assert_eq!(words(&faults), [("/mode", "required", "field is required")]);
}

/// The field that chooses between branches may be a field with choices of its own: one fault is said once.
#[test]
fn a_wrong_or_missing_choice_is_one_fault() {
    let mut form = form();
    form["properties"]["mode"] = json!({"type": "string", "title": "Mode", "enum": ["cloud", "gateway"]});
    form["required"].as_array_mut().unwrap().push(json!("mode"));
    for (mode, code) in [(json!("zzz"), "choice"), (json!(""), "required"), (Value::Null, "required")] {
        let faults = validate(&form, &json!({"mode": mode, "name": "a", "channel_secret": "b"}));
        assert_eq!(faults.iter().map(|one| (&*one.pointer, &*one.code)).collect::<Vec<_>>(), [("/mode", code)]);
    }
}

#[test]
fn an_unknown_field_names_the_nearest_known_one() {
    let faults = validate(&form(), &json!({"mode": "cloud", "number": "1", "name": "a", "chanel_secret": "b"}));
    assert_eq!(
        words(&faults),
        [
            ("/channel_secret", "required", "field is required"),
            ("/chanel_secret", "unknown", "unknown field; did you mean `channel_secret`?"),
        ]
    );
}

#[test]
fn a_field_of_another_branch_is_refused() {
    let values =
        json!({"mode": "cloud", "number": "1", "name": "a", "channel_secret": "b", "base_url": "https://a.example"});
    assert_eq!(
        words(&validate(&form(), &values)),
        [("/base_url", "unknown", "field does not belong to the chosen mode")]
    );
}

#[test]
fn every_wrong_value_is_told_at_once() {
    let values = json!({
        "mode": "gateway", "base_url": "ftp://a", "name": "far too long a name", "channel_secret": 5,
        "sites": ["https://a.example", "https://a.example/path"], "verify_token": "mine", "color": "red", "size": 10,
    });
    let mut codes: Vec<(String, String)> =
        validate(&form(), &values).into_iter().map(|fault| (fault.pointer, fault.code)).collect();
    codes.sort();
    let wanted = [
        ("/base_url", "format"),
        ("/channel_secret", "type"),
        ("/color", "format"),
        ("/name", "too-long"),
        ("/sites", "format"),
        ("/size", "too-large"),
        ("/verify_token", "read-only"),
    ];
    assert_eq!(codes, wanted.map(|(pointer, code)| (pointer.to_owned(), code.to_owned())));
}

#[test]
fn a_secret_that_is_set_need_not_be_typed_again() {
    let values = json!({"mode": "cloud", "number": "1", "name": "a"});
    assert_eq!(validate(&form(), &values).len(), 1);
    assert_eq!(validate_update(&form(), &values, &|name| name == "channel_secret"), []);
}

#[test]
fn secrets_are_split_from_what_is_stored_plainly() {
    let (plain, secrets) =
        split(&form(), &json!({"mode": "cloud", "number": "1", "name": "a", "channel_secret": " s3 "}));
    assert_eq!(plain, json!({"mode": "cloud", "number": "1", "name": "a"}));
    assert_eq!(secrets["channel_secret"].expose(), b"s3");
    assert_eq!(secrets.len(), 1);
}

#[test]
fn visitors_see_public_fields_only() {
    assert_eq!(public(&form(), &json!({"name": "a", "channel_secret": "b"})), json!({"color": "#000000"}));
}
