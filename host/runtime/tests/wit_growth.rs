//! The rule of growth over `wit/`, and the schemas beside it: what is published can be added to without a break.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use wit_parser::{Resolve, Type, TypeDefKind, TypeOwner};

fn wit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")
}

fn resolved() -> Resolve {
    let mut resolve = Resolve::default();
    resolve.push_dir(wit()).expect("wit/ parses");
    resolve
}

fn name_of(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Id(id) => resolve.types[*id].name.clone().unwrap_or_default(),
        _ => String::new(),
    }
}

/// Where a type stands, as `interface.type`; nothing for those without a name.
fn place(resolve: &Resolve, ty: &wit_parser::TypeDef) -> Option<String> {
    let TypeOwner::Interface(owner) = ty.owner else { return None };
    Some(format!("{}.{}", resolve.interfaces[owner].name.as_ref()?, ty.name.as_ref()?))
}

/// What keeps a type from growing.
fn stuck(resolve: &Resolve, kind: &TypeDefKind) -> Option<&'static str> {
    match kind {
        TypeDefKind::Record(record) => {
            let last = record.fields.last().expect("a record has fields");
            let grows = last.name == "extra" && name_of(resolve, &last.ty) == "extra";
            (!grows).then_some("does not end with `extra: extra`")
        }
        TypeDefKind::Variant(variant) => {
            let last = variant.cases.last().expect("a variant has cases");
            let holds = last.ty.as_ref().map(|ty| name_of(resolve, ty));
            let grows = last.name == "other" && holds.as_deref() == Some("open");
            (!grows).then_some("does not end with `other(open)`")
        }
        TypeDefKind::Enum(_) => Some("is an enum; a word that may get company is a string"),
        TypeDefKind::Flags(_) => Some("is a set of flags; use strings"),
        TypeDefKind::Resource => Some("is a resource"),
        _ => None,
    }
}

#[test]
fn every_record_ends_with_extra_and_every_variant_with_other() {
    let resolve = resolved();
    let mut seen = 0;
    let mut faults = Vec::new();
    for (_, ty) in resolve.types.iter() {
        let Some(place) = place(&resolve, ty) else { continue };
        seen += 1;
        faults.extend(stuck(&resolve, &ty.kind).map(|why| format!("{place} {why}")));
    }
    assert!(seen > 30, "only {seen} types were found");
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn a_type_that_cannot_grow_is_noticed() {
    let mut resolve = Resolve::default();
    let text = "package a:b;\ninterface i {\n  type extra = list<tuple<string, string>>;\n  record open { kind: string, extra: extra }\n\
                record r { extra: extra, last: string }\n  variant v { other(open), last }\n  enum e { a }\n  flags f { a }\n}\n";
    resolve.push_str("a.wit", text).expect("parses");
    let stuck: Vec<_> = resolve.types.iter().filter_map(|(_, ty)| stuck(&resolve, &ty.kind)).collect();
    assert_eq!(stuck.len(), 4, "{stuck:?}");
}

#[test]
fn every_function_says_when_it_is_called_whether_it_blocks_and_whether_it_is_retried() {
    let resolve = resolved();
    let exported: BTreeSet<_> = resolve
        .worlds
        .iter()
        .filter(|(_, world)| world.name == "everything")
        .flat_map(|(_, world)| world.exports.values())
        .filter_map(|item| match item {
            wit_parser::WorldItem::Interface { id, .. } => Some(*id),
            _ => None,
        })
        .collect();
    assert!(exported.len() >= 12, "{}", exported.len());
    let mut faults = Vec::new();
    for (id, interface) in resolve.interfaces.iter() {
        let owner = interface.name.clone().unwrap_or_default();
        for (name, function) in &interface.functions {
            let docs = function.docs.contents.clone().unwrap_or_default().to_lowercase();
            if docs.is_empty() {
                faults.push(format!("{owner}.{name} has no documentation"));
            }
            let says = [
                ("when it is called", &["called"][..]),
                ("whether it may block", &["block", "pure function"]),
                ("whether it is retried", &["retried", "called again", "and again"]),
            ];
            for (what, words) in says {
                if exported.contains(&id) && !words.iter().any(|word| docs.contains(word)) {
                    faults.push(format!("{owner}.{name} does not say {what}"));
                }
            }
        }
        if !owner.is_empty() && interface.docs.contents.is_none() {
            faults.push(format!("the interface {owner} has no documentation"));
        }
    }
    assert_eq!(faults, Vec::<String>::new());
}

#[test]
fn every_interface_has_a_file_of_its_own() {
    let resolve = resolved();
    for (_, interface) in resolve.interfaces.iter() {
        let Some(name) = &interface.name else { continue };
        let file = wit().join(format!("{name}.wit"));
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(text.matches("\ninterface ").count(), 1, "{}", file.display());
    }
}

#[test]
fn every_schema_is_one_has_a_title_and_takes_its_example() {
    let mut names = BTreeSet::new();
    for entry in std::fs::read_dir(wit().join("schemas")).expect("wit/schemas is there") {
        let path = entry.expect("readable").path();
        let text = std::fs::read_to_string(&path).expect("readable");
        let schema: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let name = path.file_stem().expect("named").to_string_lossy().into_owned();
        assert!(jsonschema::meta::is_valid(&schema), "{name} is no JSON Schema");
        assert!(schema["title"].is_string(), "{name} has no title");
        assert_eq!(schema["$id"], format!("https://sambung.dev/schemas/{name}.json"));
        let examples = schema["examples"].as_array().expect("examples");
        assert!(!examples.is_empty(), "{name} has no example");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        for example in examples {
            let faults: Vec<String> = validator.iter_errors(example).map(|error| error.to_string()).collect();
            assert_eq!(faults, Vec::<String>::new(), "the example of {name}");
        }
        // Growth again: what a later version adds must not be refused by an older reader.
        assert!(name == "manifest" || schema["additionalProperties"] != false, "{name} refuses unknown names");
        names.insert(name);
    }
    let missing: Vec<_> = mentioned_schemas().into_iter().filter(|name| !names.contains(name)).collect();
    assert!(missing.is_empty(), "wit/ names schemas that are not there: {missing:?}");
}

/// The names after `schemas/` in every text of `wit/`.
fn mentioned_schemas() -> BTreeSet<String> {
    let entries = std::fs::read_dir(wit()).expect("wit/ is there");
    let texts = entries.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
    let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    texts
        .flat_map(|text| {
            let names = text.split("schemas/").skip(1).filter_map(|rest| Some(rest.split_once(".json")?.0));
            names.filter(is_name).map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}
