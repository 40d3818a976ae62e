//! How much a component may hold. Counted before anything of it is compiled, because the time and the memory that a compiler
//! takes grow with these numbers, and with the size of one function faster than that.

use wasmparser::{BinaryReaderError, Parser, Payload};

use crate::load::LoadError;

/// Bounds of one component, everything nested in it included. Each is a ceiling of the operator's.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CodeLimits {
    /// Functions with code.
    pub functions: u32,
    /// Bytes of code, all functions together.
    pub code_bytes: u32,
    /// Bytes of one function's code.
    pub function_bytes: u32,
    /// Local variables of one function.
    pub locals: u32,
    /// Types, of core modules and of components.
    pub types: u32,
    /// Imports, of modules and of components.
    pub imports: u32,
    /// Exports, of modules and of components.
    pub exports: u32,
    /// Tables, memories and globals.
    pub globals: u32,
    /// Segments of elements and of data.
    pub segments: u32,
    /// Modules and components.
    pub modules: u32,
    /// Components within components.
    pub nesting: u32,
    /// Instances, aliases and conversions by which a component joins its parts.
    pub links: u32,
    /// Milliseconds that compiling may take.
    pub compile_ms: u64,
    /// Bytes of address space that compiling may take.
    pub compile_bytes: u64,
}

impl Default for CodeLimits {
    /// Some ten times what the largest of the bundled plugins has.
    fn default() -> CodeLimits {
        CodeLimits {
            functions: 20_000,
            code_bytes: 8 << 20,
            function_bytes: 512 << 10,
            locals: 10_000,
            types: 10_000,
            imports: 2_000,
            exports: 2_000,
            globals: 10_000,
            segments: 10_000,
            modules: 100,
            nesting: 8,
            links: 10_000,
            compile_ms: 60_000,
            compile_bytes: 4 << 30,
        }
    }
}

/// Refuses a component that holds more than it may.
pub(crate) fn check(wasm: &[u8], limits: &CodeLimits) -> Result<(), LoadError> {
    let mut count = Count { limits, ..Count::new(limits) };
    for payload in Parser::new(0).parse_all(wasm) {
        count.add(payload.map_err(malformed)?)?;
    }
    Ok(())
}

fn malformed(error: BinaryReaderError) -> LoadError {
    LoadError::Malformed { offset: error.offset() as u64, words: error.message().to_owned() }
}

struct Count<'l> {
    limits: &'l CodeLimits,
    functions: u32,
    code_bytes: u32,
    types: u32,
    imports: u32,
    exports: u32,
    globals: u32,
    segments: u32,
    modules: u32,
    depth: u32,
    links: u32,
}

impl<'l> Count<'l> {
    fn new(limits: &'l CodeLimits) -> Count<'l> {
        Count {
            limits,
            functions: 0,
            code_bytes: 0,
            types: 0,
            imports: 0,
            exports: 0,
            globals: 0,
            segments: 0,
            modules: 0,
            depth: 0,
            links: 0,
        }
    }

    fn add(&mut self, payload: Payload<'_>) -> Result<(), LoadError> {
        let limits = self.limits;
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                self.depth += 1;
                within("levels of nesting", self.depth, limits.nesting)?;
                plus(&mut self.modules, 1, "modules and components", limits.modules)
            }
            Payload::End(_) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(())
            }
            Payload::TypeSection(section) => plus(&mut self.types, section.count(), "types", limits.types),
            Payload::CoreTypeSection(section) => plus(&mut self.types, section.count(), "types", limits.types),
            Payload::ComponentTypeSection(section) => plus(&mut self.types, section.count(), "types", limits.types),
            Payload::ImportSection(section) => plus(&mut self.imports, section.count(), "imports", limits.imports),
            Payload::ComponentImportSection(section) => {
                plus(&mut self.imports, section.count(), "imports", limits.imports)
            }
            Payload::ExportSection(section) => plus(&mut self.exports, section.count(), "exports", limits.exports),
            Payload::ComponentExportSection(section) => {
                plus(&mut self.exports, section.count(), "exports", limits.exports)
            }
            Payload::TableSection(section) => self.global(section.count()),
            Payload::MemorySection(section) => self.global(section.count()),
            Payload::GlobalSection(section) => self.global(section.count()),
            Payload::TagSection(section) => self.global(section.count()),
            Payload::ElementSection(section) => {
                plus(&mut self.segments, section.count(), "segments of elements and data", limits.segments)
            }
            Payload::DataSection(section) => {
                plus(&mut self.segments, section.count(), "segments of elements and data", limits.segments)
            }
            Payload::InstanceSection(section) => self.link(section.count()),
            Payload::ComponentInstanceSection(section) => self.link(section.count()),
            Payload::ComponentAliasSection(section) => self.link(section.count()),
            Payload::ComponentCanonicalSection(section) => self.link(section.count()),
            Payload::FunctionSection(section) => {
                plus(&mut self.functions, section.count(), "functions", limits.functions)
            }
            Payload::CodeSectionEntry(body) => {
                let bytes = u32::try_from(body.range().len()).unwrap_or(u32::MAX);
                within("bytes of code in one function", bytes, limits.function_bytes)?;
                plus(&mut self.code_bytes, bytes, "bytes of code", limits.code_bytes)?;
                let mut locals = 0;
                for group in body.get_locals_reader().map_err(malformed)? {
                    plus(&mut locals, group.map_err(malformed)?.0, "locals in one function", limits.locals)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn global(&mut self, more: u32) -> Result<(), LoadError> {
        plus(&mut self.globals, more, "tables, memories and globals", self.limits.globals)
    }

    fn link(&mut self, more: u32) -> Result<(), LoadError> {
        plus(&mut self.links, more, "instances, aliases and conversions", self.limits.links)
    }
}

fn plus(count: &mut u32, more: u32, what: &'static str, limit: u32) -> Result<(), LoadError> {
    *count = count.saturating_add(more);
    within(what, *count, limit)
}

fn within(what: &'static str, count: u32, limit: u32) -> Result<(), LoadError> {
    if count <= limit {
        return Ok(());
    }
    metrics::counter!("sambung_plugin_code_refused_total", "what" => what).increment(1);
    Err(LoadError::Code { what, count, limit })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The smallest component there is.
    const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        assert!(content.len() < 1 << 14);
        let size = [content.len() as u8 & 0x7f | 0x80, (content.len() >> 7) as u8];
        [&[id], size.as_slice(), content].concat()
    }

    /// A component around one module with these sections.
    fn around(sections: &[Vec<u8>]) -> Vec<u8> {
        let module = [b"\0asm\x01\0\0\0".as_slice(), &sections.concat()].concat();
        [EMPTY, &section(1, &module)].concat()
    }

    fn refused(wasm: &[u8], limits: &CodeLimits) -> String {
        check(wasm, limits).expect_err("refused").to_string()
    }

    /// A module with this many functions, each with 100 locals and 20 bytes of nothing.
    fn functions(number: u8) -> Vec<u8> {
        let types = section(1, &[1, 0x60, 0, 0]);
        let declared = section(3, &[[number].as_slice(), &vec![0; usize::from(number)]].concat());
        let body = [[24].as_slice(), &[1, 100, 0x7f], &[0x01; 20], &[0x0b]].concat();
        let code = section(10, &[[number].as_slice(), &body.repeat(usize::from(number))].concat());
        around(&[types, declared, code])
    }

    #[test]
    fn what_is_within_its_bounds_passes() {
        assert!(check(EMPTY, &CodeLimits::default()).is_ok());
        assert!(check(&functions(100), &CodeLimits::default()).is_ok());
        let exactly = CodeLimits {
            functions: 100,
            locals: 100,
            function_bytes: 24,
            code_bytes: 2_400,
            types: 1,
            ..CodeLimits::default()
        };
        assert!(check(&functions(100), &exactly).is_ok());
    }

    #[test]
    fn every_bound_is_told_with_its_number() {
        let all = CodeLimits::default();
        let wasm = functions(100);
        let words = refused(&wasm, &CodeLimits { functions: 99, ..all.clone() });
        assert!(words.contains("100 functions") && words.contains("99"), "{words}");
        assert!(refused(&wasm, &CodeLimits { locals: 99, ..all.clone() }).contains("locals"));
        assert!(refused(&wasm, &CodeLimits { function_bytes: 23, ..all.clone() }).contains("one function"));
        assert!(refused(&wasm, &CodeLimits { code_bytes: 2_399, ..all.clone() }).contains("bytes of code"));
        assert!(refused(&wasm, &CodeLimits { types: 0, ..all.clone() }).contains("types"));
        assert!(refused(&wasm, &CodeLimits { modules: 0, ..all.clone() }).contains("modules"));
        let nested = (0..9).fold(EMPTY.to_vec(), |inner, _| [EMPTY, &section(4, &inner)].concat());
        assert!(refused(&nested, &all).contains("nesting"));
        // Counts that stand in a section's head are taken at their word.
        let many = |id: u8| section(id, &[0xff, 0xff, 0x7f]);
        let of_modules = [
            (1, "types"),
            (2, "imports"),
            (4, "globals"),
            (5, "globals"),
            (6, "globals"),
            (7, "exports"),
            (9, "segments"),
            (11, "segments"),
        ];
        for (id, what) in of_modules {
            let words = refused(&around(&[many(id)]), &all);
            assert!(words.contains(what), "{what}: {words}");
        }
        let of_components = [
            (2, "instances"),
            (3, "types"),
            (5, "instances"),
            (6, "aliases"),
            (7, "types"),
            (8, "conversions"),
            (10, "imports"),
            (11, "exports"),
        ];
        for (id, what) in of_components {
            let words = refused(&[EMPTY, &many(id)].concat(), &all);
            assert!(words.contains(what), "{what}: {words}");
        }
    }
}
