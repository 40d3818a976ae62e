//! Compiling in a process of its own: it has its own address space, is ended at a deadline, and ends with the server. A compiler
//! cannot be stopped within a process.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::engine;
use crate::limits::Limits;
use crate::load::LoadError;
use crate::shape::CodeLimits;

/// Bytes of native code that one plugin may become.
const MOST_NATIVE: u64 = 512 << 20;
/// Bytes of what the compiler says about a component that it refuses.
const MOST_WORDS: u64 = 8 << 10;
/// How much less than the server's own threads the compiler's are given a turn.
#[cfg(unix)]
const NICE: i32 = 10;

static ARGUMENTS: OnceLock<Vec<OsString>> = OnceLock::new();

/// Says that this program, started with these arguments, calls [`compile_for_parent`]. From then on components are compiled
/// there; without, they are compiled in this process, and nothing ends that.
pub fn compile_with(arguments: impl IntoIterator<Item = &'static str>) {
    let _ = ARGUMENTS.set(arguments.into_iter().map(OsString::from).collect());
}

/// What the compiling process must know to make code for this one.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(crate) struct Job {
    pub(crate) limits: Limits,
    pub(crate) code: CodeLimits,
    /// Address space of each memory.
    pub(crate) reservation: u64,
}

/// Compiles what the parent process wrote to standard input, and writes native code to standard output.
///
/// # Errors
/// The component is not valid, or the parent is gone. The words are for the parent.
pub fn compile_for_parent() -> Result<(), String> {
    let mut input = Vec::new();
    io::stdin().lock().read_to_end(&mut input).map_err(|error| error.to_string())?;
    let end = input.iter().position(|byte| *byte == b'\n').ok_or("no job")?;
    let job: Job = serde_json::from_slice(&input[..end]).map_err(|error| error.to_string())?;
    confine(&job.code).map_err(|error| format!("the compiler's limits cannot be set: {error}"))?;
    let engine = engine::without_pool(&job.limits, job.reservation).map_err(|error| format!("{error:#}"))?;
    let component = Component::new(&engine, &input[end + 1..]).map_err(|error| format!("{error:#}"))?;
    let native = component.serialize().map_err(|error| format!("{error:#}"))?;
    let mut output = io::stdout().lock();
    output.write_all(&native).and_then(|()| output.flush()).map_err(|error| error.to_string())
}

/// Bounds this process: a parent that is gone does not end it.
#[cfg(unix)]
fn confine(code: &CodeLimits) -> io::Result<()> {
    use rustix::process::{Resource, Rlimit, nice, setrlimit};
    let at_most = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    let processors = std::thread::available_parallelism().map_or(1, |number| number.get() as u64);
    setrlimit(Resource::As, at_most(code.compile_bytes))?;
    setrlimit(Resource::Cpu, at_most(code.compile_ms.div_ceil(1000) * processors + 1))?;
    setrlimit(Resource::Core, at_most(0))?;
    nice(NICE)?;
    Ok(())
}

#[cfg(not(unix))]
fn confine(_code: &CodeLimits) -> io::Result<()> {
    Ok(())
}

/// Compiles a component, in a process of its own where this program can be one.
pub(crate) async fn compile(engine: &Engine, job: &Job, wasm: Vec<u8>) -> Result<Component, LoadError> {
    let begun = std::time::Instant::now();
    let compiled = match ARGUMENTS.get() {
        Some(arguments) => compile_apart(engine, job, wasm, arguments).await,
        None => compile_here(engine, wasm).await,
    };
    let outcome = match &compiled {
        Ok(_) => "ok",
        Err(LoadError::CompileTime { .. }) => "deadline",
        Err(_) => "refused",
    };
    metrics::histogram!("sambung_plugin_compile_seconds", "outcome" => outcome).record(begun.elapsed().as_secs_f64());
    compiled
}

async fn compile_here(engine: &Engine, wasm: Vec<u8>) -> Result<Component, LoadError> {
    let engine = engine.clone();
    let compiled = tokio::task::spawn_blocking(move || Component::new(&engine, &wasm)).await.map_err(host)?;
    compiled.map_err(|error| LoadError::Compile(format!("{error:#}")))
}

async fn compile_apart(
    engine: &Engine,
    job: &Job,
    wasm: Vec<u8>,
    arguments: &[OsString],
) -> Result<Component, LoadError> {
    let mut child = start(arguments).map_err(host)?;
    let deadline = Duration::from_millis(job.code.compile_ms);
    let native = match tokio::time::timeout(deadline, converse(&mut child, job, &wasm)).await {
        Ok(done) => done?,
        Err(_) => {
            if let Err(error) = child.kill().await {
                tracing::warn!(%error, "a compiler that took too long could not be ended");
            }
            return Err(LoadError::CompileTime { limit_ms: job.code.compile_ms });
        }
    };
    let engine = engine.clone();
    let loaded = tokio::task::spawn_blocking(move || {
        // SAFETY: these are bytes that this very program gave for this component, over a pipe that nobody else holds.
        #[allow(unsafe_code, reason = "loading native code is unsafe by nature; see above")]
        unsafe {
            Component::deserialize(&engine, &native)
        }
    });
    loaded.await.map_err(host)?.map_err(|error| LoadError::Host(format!("the native code cannot be loaded: {error:#}")))
}

fn host(error: impl ToString) -> LoadError {
    LoadError::Host(error.to_string())
}

fn start(arguments: &[OsString]) -> io::Result<Child> {
    // The program itself, also where its file was replaced since it was started.
    let itself = std::path::Path::new("/proc/self/exe");
    let program = if itself.exists() { itself.to_owned() } else { std::env::current_exe()? };
    Command::new(program)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Hands the component over and takes the native code.
async fn converse(child: &mut Child, job: &Job, wasm: &[u8]) -> Result<Vec<u8>, LoadError> {
    let (Some(mut input), Some(output), Some(words)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(LoadError::Host("the compiler has no standard streams".to_owned()));
    };
    let mut head = serde_json::to_vec(job).map_err(host)?;
    head.push(b'\n');
    let give = async move {
        // A compiler that ends early says why.
        let _ = input.write_all(&head).await;
        let _ = input.write_all(wasm).await;
    };
    let (mut native, mut said) = (Vec::new(), Vec::new());
    let mut output = output.take(MOST_NATIVE + 1);
    let mut words = words.take(MOST_WORDS);
    let ((), took, _) = tokio::join!(give, output.read_to_end(&mut native), words.read_to_end(&mut said));
    took.map_err(host)?;
    if native.len() as u64 > MOST_NATIVE {
        return Err(LoadError::Compile(format!("its native code has more than {MOST_NATIVE} bytes")));
    }
    let status = child.wait().await.map_err(host)?;
    if status.success() {
        return Ok(native);
    }
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    match status.code() {
        Some(1) => Err(LoadError::Compile(said)),
        // Ended by the system: its own limits, or no memory.
        _ => Err(LoadError::Compile(format!(
            "the compiler ended without a result ({status}); it may take {} bytes of address space. {said}",
            job.code.compile_bytes
        ))),
    }
}
