//! What `wit-bindgen` makes of `wit/`: types, imports and the macros that export. Authors meet it only through the other
//! modules; it is public because `export_channel!` expands in their crates.
//!
//! The required interfaces are one world and each optional interface is one of its own, so that a component exports exactly
//! what its author lists. All share the types of the first.

#![allow(missing_docs, unsafe_code)] // Generated: lowering and lifting values is pointer work.

/// The world of every plugin.
pub mod plugin {
    wit_bindgen::generate!({
        path: "../wit",
        world: "plugin",
        pub_export_macro: true,
        export_macro_name: "export_plugin",
        generate_unused_types: true,
        additional_derives: [PartialEq, Clone, serde::Serialize, serde::Deserialize],
    });
}

macro_rules! optional {
    ($module:ident, $world:literal, $export:literal $(, $key:literal: $path:path)?) => {
        pub mod $module {
            wit_bindgen::generate!({
                path: "../wit",
                world: $world,
                pub_export_macro: true,
                export_macro_name: $export,
                generate_unused_types: true,
                additional_derives: [PartialEq, Clone, serde::Serialize, serde::Deserialize],
                with: {
                    "sambung:channel/types@1.0.0": crate::bindings::plugin::sambung::channel::types,
                    $($key: $path,)?
                },
            });
        }
    };
}

optional!(templates, "with-templates", "export_templates");
optional!(template_authoring, "with-template-authoring", "export_template_authoring");
optional!(profiles, "with-profiles", "export_profiles");
optional!(
    media,
    "with-media",
    "export_media",
    "sambung:channel/http@1.0.0": crate::bindings::plugin::sambung::channel::http
);
optional!(signals, "with-signals", "export_signals");
optional!(reconcile, "with-reconcile", "export_reconcile");
optional!(polling, "with-polling", "export_polling");
optional!(apps, "with-apps", "export_apps");
optional!(assets, "with-assets", "export_assets");
