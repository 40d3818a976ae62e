//! Reading a plugin file before anything of it is compiled: what it says about itself, what it needs and what it offers.

use std::collections::BTreeMap;

use semver::Version;
use sha2::{Digest, Sha256};
use wasmparser::{Encoding, Parser, Payload};

use crate::load::LoadError;
use crate::manifest::{self, Manifest, Texts};
use crate::permissions;

/// The package of the contract.
pub(crate) const PACKAGE: &str = "sambung:channel";
/// The version of the contract that this host speaks.
pub const CONTRACT: Version = Version::new(1, 0, 0);

const IMPORTS: [&str; 9] = ["types", "http", "secrets", "crypto", "kv", "media-host", "log", "visitor", "mailer"];
const REQUIRED: [&str; 5] = ["connection", "settings", "windows", "inbound", "outbound"];
const OPTIONAL: [&str; 9] =
    ["templates", "template-authoring", "profiles", "media", "signals", "reconcile", "polling", "apps", "assets"];

/// Packages of WASI that a standard library links; they exist and are empty.
const WASI: [&str; 4] = ["wasi:cli", "wasi:io", "wasi:clocks", "wasi:random"];

/// Which optional interfaces a plugin exports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[allow(missing_docs, reason = "each is the interface of that name in wit/")]
pub struct Interfaces {
    pub templates: bool,
    pub template_authoring: bool,
    pub profiles: bool,
    pub media: bool,
    pub signals: bool,
    pub reconcile: bool,
    pub polling: bool,
    pub apps: bool,
    pub assets: bool,
}

/// The facts of a plugin file.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// SHA-256 of the file, in hex.
    pub digest: String,
    /// Size of the file.
    pub bytes: u64,
    /// What it says about itself.
    pub manifest: Manifest,
    /// What a person reads, by language. English is always there.
    pub texts: BTreeMap<String, Texts>,
    /// An SVG, as it stands in the file; whoever shows it cleans it first.
    pub icon: Option<String>,
    /// The optional interfaces that it exports.
    pub interfaces: Interfaces,
    /// Everything it imports, with versions.
    pub imports: Vec<String>,
    /// Everything it exports, with versions.
    pub exports: Vec<String>,
}

/// Reads a file's facts without compiling it.
pub(crate) fn inspect(wasm: &[u8]) -> Result<Inspection, LoadError> {
    let outline = Outline::read(wasm)?;
    // A standard library that has sockets links files as well, so the more telling of the two comes first.
    let (sockets, others): (Vec<_>, Vec<_>) =
        outline.imports.iter().partition(|name| name.starts_with("wasi:sockets/"));
    for import in sockets.into_iter().chain(others) {
        check_import(import)?;
    }
    let offered = offered(&outline.exports)?;
    if let Some(missing) = REQUIRED.iter().find(|name| !offered.contains(name)) {
        return Err(LoadError::MissingExport { interface: (*missing).to_owned() });
    }
    let manifest = outline.section("plugin.toml")?.ok_or(LoadError::NoManifest)?;
    let manifest = manifest::read(&manifest)?;
    let has = |name: &str| offered.contains(&name);
    agree_on_polling(manifest.ingress.poll, has("polling"))?;
    check_permissions(&outline.imports, &manifest)?;
    let mut texts = BTreeMap::new();
    for language in ["en", "id"] {
        let file = format!("texts.{language}.toml");
        if let Some(text) = outline.section(&file)? {
            texts.insert(language.to_owned(), manifest::read_texts(&file, &text, &manifest)?);
        }
    }
    texts.entry("en".to_owned()).or_insert_with(|| Texts { name: manifest.id.clone(), ..Texts::default() });
    Ok(Inspection {
        digest: hex::encode(Sha256::digest(wasm)),
        bytes: wasm.len() as u64,
        texts,
        icon: outline.section("icon.svg")?,
        interfaces: Interfaces {
            templates: has("templates"),
            template_authoring: has("template-authoring"),
            profiles: has("profiles"),
            media: has("media"),
            signals: has("signals"),
            reconcile: has("reconcile"),
            polling: has("polling"),
            apps: has("apps"),
            assets: has("assets"),
        },
        manifest,
        imports: outline.imports,
        exports: outline.exports,
    })
}

/// What stands in a component, without what its code does.
struct Outline<'a> {
    imports: Vec<String>,
    exports: Vec<String>,
    sections: Vec<(&'a str, &'a [u8])>,
}

impl<'a> Outline<'a> {
    fn read(wasm: &'a [u8]) -> Result<Outline<'a>, LoadError> {
        if wasm.len() < 8 || !wasm.starts_with(b"\0asm") {
            return Err(LoadError::NotWasm);
        }
        let mut outline = Outline { imports: Vec::new(), exports: Vec::new(), sections: Vec::new() };
        let mut nested = 0_usize;
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.map_err(|error| LoadError::Malformed {
                offset: error.offset() as u64,
                words: error.message().to_owned(),
            })?;
            match payload {
                Payload::Version { encoding: Encoding::Module, .. } if nested == 0 => {
                    return Err(LoadError::CoreModule);
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => nested += 1,
                Payload::End(_) => nested = nested.saturating_sub(1),
                Payload::ComponentImportSection(imports) if nested == 0 => {
                    for import in imports {
                        outline.imports.push(import.map_err(malformed)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) if nested == 0 => {
                    for export in exports {
                        outline.exports.push(export.map_err(malformed)?.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section) => {
                    if let Some(name) = section.name().strip_prefix("sambung:") {
                        outline.sections.push((name, section.data()));
                    }
                }
                _ => {}
            }
        }
        Ok(outline)
    }

    /// The one section of this name, wherever in the file it stands.
    fn section(&self, name: &str) -> Result<Option<String>, LoadError> {
        let mut found = self.sections.iter().filter(|(of, _)| *of == name);
        let Some((_, bytes)) = found.next() else {
            return Ok(None);
        };
        if found.any(|(_, other)| other != bytes) {
            return Err(LoadError::Section {
                name: name.to_owned(),
                words: "stands in the file twice, with different content".to_owned(),
            });
        }
        String::from_utf8(bytes.to_vec())
            .map(Some)
            .map_err(|_| LoadError::Section { name: name.to_owned(), words: "is not UTF-8".to_owned() })
    }
}

fn malformed(error: wasmparser::BinaryReaderError) -> LoadError {
    LoadError::Malformed { offset: error.offset() as u64, words: error.message().to_owned() }
}

/// `package/interface@version`, as far as the name has these parts.
fn parts(name: &str) -> Option<(&str, &str, Option<Version>)> {
    let (package, rest) = name.split_once('/')?;
    let (interface, version) = match rest.split_once('@') {
        Some((interface, version)) => (interface, Version::parse(version).ok()),
        None => (rest, None),
    };
    Some((package, interface, version))
}

fn check_import(name: &str) -> Result<(), LoadError> {
    let Some((package, interface, version)) = parts(name) else {
        return Err(unknown(name));
    };
    if package == PACKAGE {
        check_version(name, version)?;
        return if IMPORTS.contains(&interface) || OPTIONAL.contains(&interface) || REQUIRED.contains(&interface) {
            Ok(())
        } else {
            Err(unknown(name))
        };
    }
    if WASI.contains(&package) {
        return Ok(());
    }
    if package.starts_with("wasi:") {
        return Err(LoadError::Forbidden {
            import: name.to_owned(),
            words: match package {
                "wasi:filesystem" => {
                    "a plugin has no files; keep what must last in `kv`, in settings or in blobs".to_owned()
                }
                "wasi:sockets" | "wasi:http" => "a plugin reaches the network through `http.fetch` alone".to_owned(),
                _ => "this host does not offer it; leave out what links it".to_owned(),
            },
        });
    }
    Err(unknown(name))
}

/// Whether the manifest declares what every import needs.
fn check_permissions(imports: &[String], manifest: &Manifest) -> Result<(), LoadError> {
    for import in imports {
        let Some((PACKAGE, interface, _)) = parts(import) else { continue };
        if let Some(words) = permissions::of_interface(interface).find_map(|needs| needs.missing(manifest)) {
            return Err(LoadError::Undeclared { import: import.clone(), words });
        }
    }
    Ok(())
}

fn unknown(name: &str) -> LoadError {
    LoadError::Forbidden {
        import: name.to_owned(),
        words: format!("this host offers {PACKAGE}@{CONTRACT} and what a standard library links, nothing else"),
    }
}

fn check_version(name: &str, version: Option<Version>) -> Result<(), LoadError> {
    match version {
        Some(version) if version.major == CONTRACT.major && version.pre.is_empty() => Ok(()),
        _ => Err(LoadError::Version { needs: name.to_owned(), has: format!("{PACKAGE}@{CONTRACT}") }),
    }
}

/// The interfaces of the contract that are exported. What else a plugin exports is its own affair.
fn offered(exports: &[String]) -> Result<Vec<&str>, LoadError> {
    let mut offered = Vec::new();
    for name in exports {
        if let Some((PACKAGE, interface, version)) = parts(name) {
            if REQUIRED.contains(&interface) || OPTIONAL.contains(&interface) {
                check_version(name, version)?;
            }
            offered.push(interface);
        }
    }
    Ok(offered)
}

/// The manifest's word is for people and for hosts that only read it, so it must be true.
fn agree_on_polling(says: bool, exports: bool) -> Result<(), LoadError> {
    if says == exports { Ok(()) } else { Err(LoadError::Polling { says }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_refused_by_what_it_is() {
        assert!(matches!(inspect(b"<html>"), Err(LoadError::NotWasm)));
        assert!(matches!(inspect(b""), Err(LoadError::NotWasm)));
        assert!(matches!(inspect(b"\0asm\x01\0\0\0"), Err(LoadError::CoreModule)));
    }

    #[test]
    fn an_empty_component_lacks_what_every_plugin_has() {
        let error = inspect(b"\0asm\x0d\0\x01\0").expect_err("refused");
        assert!(matches!(error, LoadError::MissingExport { .. }));
        assert!(error.to_string().contains("connection"), "{error}");
    }

    #[test]
    fn files_and_sockets_are_refused_with_what_to_do() {
        let files = check_import("wasi:filesystem/types@0.2.6").expect_err("refused");
        assert!(files.to_string().contains("kv"), "{files}");
        let sockets = check_import("wasi:sockets/tcp@0.2.6").expect_err("refused");
        assert!(sockets.to_string().contains("http.fetch"), "{sockets}");
        assert!(check_import("wasi:nn/tensor@0.2.0").is_err());
        assert!(check_import("someone:else/thing@1.0.0").is_err());
        assert!(check_import("wasi:cli/stderr@0.2.6").is_ok());
        assert!(check_import("sambung:channel/http@1.0.0").is_ok());
    }

    #[test]
    fn a_manifest_and_exports_that_differ_about_polling_are_refused_with_what_to_do() {
        assert!(agree_on_polling(true, true).is_ok() && agree_on_polling(false, false).is_ok());
        let nobody_asks = agree_on_polling(true, false).expect_err("refused").to_string();
        assert!(nobody_asks.contains("does not export `polling`; set it to false"), "{nobody_asks}");
        let in_silence = agree_on_polling(false, true).expect_err("refused").to_string();
        assert!(in_silence.contains("exports `polling`; set it to true"), "{in_silence}");
    }

    #[test]
    fn another_version_of_the_contract_is_refused_with_both_versions() {
        let error = check_import("sambung:channel/http@2.3.0").expect_err("refused");
        let words = error.to_string();
        assert!(words.contains("sambung:channel/http@2.3.0"), "{words}");
        assert!(words.contains("sambung:channel@1.0.0"), "{words}");
        assert!(check_import("sambung:channel/http").is_err());
        assert!(offered(&["sambung:channel/inbound@0.9.0".to_owned()]).is_err());
        assert!(check_import("sambung:channel/http@1.4.2").is_ok());
    }
}
