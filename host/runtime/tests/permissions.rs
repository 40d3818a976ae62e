//! Every import of the contract needs a permission, or says why it needs none.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::path::Path;

use sambung_runtime::permissions::{NEEDS, Needs};
use wit_parser::{Resolve, WorldItem};

#[test]
fn every_import_of_the_contract_has_its_permission_or_a_reason_for_none() {
    let mut resolve = Resolve::default();
    resolve.push_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")).unwrap();
    let mut offered = BTreeSet::new();
    for (_, world) in &resolve.worlds {
        for item in world.imports.values() {
            let WorldItem::Interface { id, .. } = item else { panic!("{} imports what is no interface", world.name) };
            let interface = &resolve.interfaces[*id];
            let name = interface.name.as_deref().unwrap();
            offered.extend(interface.functions.keys().map(|function| format!("{name}.{function}")));
        }
    }
    let listed: BTreeSet<String> = NEEDS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(listed.len(), NEEDS.len(), "each is listed once");
    let missing: Vec<&String> = offered.difference(&listed).collect();
    assert!(missing.is_empty(), "say in permissions.rs what these need: {missing:?}");
    let gone: Vec<&String> = listed.difference(&offered).collect();
    assert!(gone.is_empty(), "the contract does not offer these: {gone:?}");
    for (name, needs) in NEEDS {
        assert!(!matches!(needs, Needs::Nothing(because) if because.len() < 10), "{name} says no reason");
    }
}
