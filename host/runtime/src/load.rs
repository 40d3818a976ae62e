//! Why a plugin file is refused, in words that say what is wrong, where, and what to do.

use crate::call::CallError;
use crate::manifest::ManifestError;

/// A refused file. Nothing of it runs.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Larger than the operator allows.
    #[error(
        "the file has {bytes} bytes, and {limit} are allowed; build it with optimisation and without debug information"
    )]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// [`crate::Limits::file_bytes`]
        limit: u64,
    },
    /// Something else.
    #[error("this is not a WebAssembly file")]
    NotWasm,
    /// WebAssembly, but a module.
    #[error("this is a core WebAssembly module, not a component; build it with `cargo build --target wasm32-wasip2`")]
    CoreModule,
    /// It ends too early or is damaged.
    #[error("the file is damaged or incomplete at byte {offset}: {words}; copy it again")]
    Malformed {
        /// Where.
        offset: u64,
        /// What the parser says.
        words: String,
    },
    /// No `plugin.toml` inside.
    #[error(
        "the component carries no plugin.toml (custom section `sambung:plugin.toml`); the SDK's `export_channel!` embeds it"
    )]
    NoManifest,
    /// One of the embedded files cannot be read.
    #[error("the section `sambung:{name}` {words}")]
    Section {
        /// Which.
        name: String,
        /// Why.
        words: String,
    },
    /// The embedded `plugin.toml` or a texts file is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It imports what this host does not give.
    #[error("the component imports `{import}`: {words}")]
    Forbidden {
        /// The interface.
        import: String,
        /// Why not, and what to do.
        words: String,
    },
    /// It imports what its manifest does not ask for.
    #[error("the component imports `{import}`: {words}")]
    Undeclared {
        /// The interface.
        import: String,
        /// What is missing, and what to declare.
        words: &'static str,
    },
    /// It was built against another version of the contract.
    #[error(
        "the component needs `{needs}`, and this host has {has}; build it against that version, or update the host"
    )]
    Version {
        /// What it needs.
        needs: String,
        /// What there is.
        has: String,
    },
    /// An interface that every plugin has is not there.
    #[error("the component does not export `{interface}` of the contract, which every plugin has")]
    MissingExport {
        /// Which.
        interface: String,
    },
    /// Manifest and exports differ about polling.
    #[error("`plugin.toml` says `[ingress] poll = {says}`, and the component {}; set it to {}",
        if *says { "does not export `polling`" } else { "exports `polling`" }, !says)]
    Polling {
        /// What the manifest says.
        says: bool,
    },
    /// It holds more than the operator allows.
    #[error(
        "the component has {count} {what}, and {limit} are allowed (`[runtime.code]`); build it with optimisation and without \
         debug information, or ask the operator to raise the limit"
    )]
    Code {
        /// Of what.
        what: &'static str,
        /// How many.
        count: u32,
        /// [`crate::CodeLimits`]
        limit: u32,
    },
    /// Compiling it takes too long.
    #[error(
        "compiling the component takes longer than {limit_ms} milliseconds (`runtime.code.compile_ms`); make its functions \
         smaller, or ask the operator to raise the limit"
    )]
    CompileTime {
        /// [`crate::CodeLimits::compile_ms`]
        limit_ms: u64,
    },
    /// It parses and is not valid.
    #[error("the component cannot be compiled: {0}")]
    Compile(String),
    /// Its imports or exports have other types than the contract's.
    #[error("the component does not fit the contract: {0}; build it against the published `wit/` of this version")]
    Link(String),
    /// A call that every load makes failed.
    #[error("the plugin failed while it was loaded: {0}")]
    Preflight(#[from] CallError),
    /// What a call at load answered cannot be used.
    #[error("`{function}` answered with something that cannot be used: {words}")]
    Answer {
        /// The function.
        function: &'static str,
        /// What is wrong.
        words: String,
    },
    /// The host could not do its part.
    #[error("the plugin could not be loaded: {0}")]
    Host(String),
}
