//! The first-party channels, compiled to components when this crate is built.
//!
//! It knows nothing of what is in them, and has no Cargo dependency on their crates: a change in the host never compiles a
//! plugin again.

#![forbid(unsafe_code)]

/// One channel that comes with the host.
#[derive(Clone, Copy)]
pub struct Bundled {
    /// The `id` of its manifest, which is the name of its folder.
    pub id: &'static str,
    /// The component.
    pub wasm: &'static [u8],
}

/// Every bundled channel, by id.
pub static BUNDLED: &[Bundled] = include!(concat!(env!("OUT_DIR"), "/bundled.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(bytes: &[u8], part: &str) -> bool {
        bytes.windows(part.len()).any(|window| window == part.as_bytes())
    }

    #[test]
    fn every_folder_with_a_manifest_is_bundled() {
        let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders: Vec<String> = std::fs::read_dir(here)
            .expect("the plugins folder is there")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.join("plugin.toml").is_file())
            .filter_map(|path| Some(path.file_name()?.to_str()?.to_owned()))
            .collect();
        folders.sort();
        let bundled: Vec<&str> = BUNDLED.iter().map(|plugin| plugin.id).collect();
        assert_eq!(bundled, folders);
        assert!(bundled.contains(&"webchat"));
    }

    #[test]
    fn every_component_carries_its_sections_and_its_id() {
        for Bundled { id, wasm } in BUNDLED {
            assert_eq!(&wasm[..8], b"\0asm\x0d\0\x01\0", "{id} is no component");
            for section in ["plugin.toml", "texts.en.toml", "texts.id.toml", "icon.svg"] {
                assert!(contains(wasm, &format!("sambung:{section}")), "{id} lacks {section}");
            }
            assert!(contains(wasm, &format!("id = \"{id}\"")), "{id} has another id inside");
        }
    }

    #[test]
    fn no_component_tells_on_whose_machine_it_was_built() {
        for Bundled { id, wasm } in BUNDLED {
            assert!(!contains(wasm, "/registry/src/"), "{id} has a path of the machine that built it");
        }
    }

    /// A build that lost the optimisation of the whole program, which Cargo drops without a word, shows here.
    #[test]
    fn all_components_together_are_smaller_than_four_megabytes() {
        let all: usize = BUNDLED.iter().map(|plugin| plugin.wasm.len()).sum();
        assert!(all < 4 << 20, "all components together are {all} bytes");
    }

    #[test]
    fn every_component_exports_the_required_interfaces() {
        for Bundled { id, wasm } in BUNDLED {
            for interface in ["connection", "settings", "windows", "inbound", "outbound"] {
                let name = format!("sambung:channel/{interface}@1.0.0");
                assert!(contains(wasm, &name), "{id} does not export {name}");
            }
        }
    }
}
