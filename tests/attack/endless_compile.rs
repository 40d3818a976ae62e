//! An operator installs a valid component whose code takes hours to compile.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use sambung_tests::api::Api;
use sambung_tests::server::{Server, built, target_folder};
use wasm_encoder::{BlockType, CodeSection, Function, FunctionSection, Instruction, Module, TypeSection, ValType};

use crate::arena::{Arena, turn};

/// Functions, loops in each, and variables that each loop changes: what a compiler keeps of them is the product.
const FUNCTIONS: u32 = 40;
const LOOPS: u32 = 800;
const LOCALS: u32 = 4_000;

/// A good plugin that carries a module which nothing calls, and which is compiled all the same.
fn component() -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], []);
    let (mut functions, mut code) = (FunctionSection::new(), CodeSection::new());
    for _ in 0..FUNCTIONS {
        functions.function(0);
        let mut function = Function::new([(LOCALS, ValType::I32)]);
        for _ in 0..LOOPS {
            function.instruction(&Instruction::Loop(BlockType::Empty));
        }
        for local in 1..=LOCALS {
            let before = local % LOCALS + 1;
            function
                .instruction(&Instruction::LocalGet(before))
                .instruction(&Instruction::LocalGet(local))
                .instruction(&Instruction::I32Add)
                .instruction(&Instruction::LocalSet(local));
        }
        let targets: Vec<u32> = (0..LOOPS).collect();
        function.instruction(&Instruction::LocalGet(0)).instruction(&Instruction::BrTable(targets.into(), LOOPS));
        for _ in 0..=LOOPS {
            function.instruction(&Instruction::End);
        }
        code.function(&function);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    let module = module.finish();
    let mut wasm = sambung_guests::component(&target_folder(), "good");
    // A section of a component: a core module.
    wasm.push(1);
    let mut size = module.len();
    loop {
        let more = size > 0x7f;
        wasm.push((size & 0x7f) as u8 | if more { 0x80 } else { 0 });
        size >>= 7;
        if !more {
            break;
        }
    }
    wasm.extend(module);
    wasm
}

async fn put(operator: &Api, wasm: Vec<u8>) -> Result<(u16, String), reqwest::Error> {
    let put = operator.request("POST", "/v1/plugins").header("content-type", "application/wasm").body(wasm);
    let answer = put.timeout(Duration::from_secs(120)).send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}

/// What the system tells of a process behind its name: its state, its parent and so on.
fn stat(process: &Path) -> Option<Vec<String>> {
    let stat = std::fs::read_to_string(process.join("stat")).ok()?;
    Some(stat[stat.rfind(')')? + 1..].split_whitespace().map(str::to_owned).collect())
}

/// The processes that this one started and that live.
fn children(pid: u32) -> Vec<PathBuf> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    processes.filter(|process| stat(process).is_some_and(|told| told[1] == pid.to_string() && told[0] != "Z")).collect()
}

/// The process that compiles for a server.
async fn compiler(server: u32) -> PathBuf {
    let since = Instant::now();
    loop {
        if let Some(compiler) = children(server).pop() {
            return compiler;
        }
        assert!(since.elapsed() < Duration::from_secs(60), "nothing compiles");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compiling_ends_at_its_deadline_and_holds_up_nobody() {
    let arena = Arena::start("[runtime.code]\ncompile_ms = 3000\n").await;
    let operator = arena.operator();
    let wasm = component();
    let impact = arena
        .under("endless_compile", move || async move {
            let begun = Instant::now();
            let answer = put(&operator, wasm).await.unwrap();
            (answer, begun.elapsed())
        })
        .await;
    let ((status, words), took) = &impact.found;
    impact.print("refused", format_args!("{:>9} ms: {words}", took.as_millis()));
    assert_eq!(*status, 422, "{words}");
    assert!(words.contains("compile_ms"), "{words}");
    assert!(*took < Duration::from_secs(30), "{took:?}");
    assert_eq!(children(arena.server.pid()).len(), 0, "the compiler lives on");
    impact.assert_held();
}

fn terminate(pid: u32) {
    let pid = Pid::from_raw(pid.cast_signed()).unwrap();
    kill_process(pid, Signal::TERM).unwrap();
}

/// A server that compiles without an end in sight.
async fn compiling(grace_ms: u32) -> (Server, tokio::task::JoinHandle<()>) {
    let code = "[runtime.code]\ncompile_ms = 600000\n";
    let server = Server::start(&format!("[server]\nshutdown_grace_ms = {grace_ms}\n{code}")).await;
    let (operator, wasm) = (server.api(), component());
    let asking = tokio::spawn(async move {
        // It is never answered.
        let _ = put(&operator, wasm).await;
    });
    compiler(server.pid()).await;
    (server, asking)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_compiles_stops_within_its_grace() {
    let _turn = turn().await;
    let (mut server, asking) = compiling(2000).await;
    let pid = server.pid();
    let begun = Instant::now();
    server.stop().await;
    // The grace, a second for the loops, and what a busy machine takes.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(children(pid).len(), 0);
    asking.abort();
}

/// A compiler that its server cannot end any more is bounded by the system: its memory, its time, its rank, and no copy of it is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_system_bounds_what_a_compiler_takes() {
    let _turn = turn().await;
    let (server, asking) = compiling(2000).await;
    let compiler = compiler(server.pid()).await;
    let limits = || std::fs::read_to_string(compiler.join("limits")).unwrap();
    let of = |limits: &str, name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
        line.split_whitespace().take(2).map(|one| one.parse::<u64>().ok()).collect::<Vec<_>>()
    };
    let rank = |process: &Path| stat(process).unwrap()[16].parse::<i32>().unwrap();
    let least = (rank(&Path::new("/proc").join(server.pid().to_string())) + 1).min(19);
    // It takes the last place when it has read what it compiles and has bounded the rest.
    let since = Instant::now();
    while rank(&compiler) < least {
        assert!(since.elapsed() < Duration::from_secs(10), "it ranks with the server:\n{}", limits());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let limits = limits();
    assert_eq!(of(&limits, "Max address space"), [Some(4 << 30); 2], "{limits}");
    assert!(of(&limits, "Max cpu time").iter().all(|most| most.is_some_and(|most| most > 600)), "{limits}");
    assert_eq!(of(&limits, "Max core file size"), [Some(0); 2], "{limits}");
    asking.abort();
}

/// Told to end while it starts, a server compiles nothing more and never listens.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_compiles_while_it_starts_ends_at_the_first_signal() {
    let _turn = turn().await;
    let folder = tempfile::tempdir().unwrap();
    let mut command = tokio::process::Command::new(built());
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(folder.path());
    let server = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let pid = server.id().unwrap();
    compiler(pid).await;
    terminate(pid);
    let ended =
        tokio::time::timeout(Duration::from_secs(60), server.wait_with_output()).await.expect("it ends").unwrap();
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(!said.contains("listens on"), "it went on: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_a_server_that_compiles_at_once() {
    let _turn = turn().await;
    // What is in flight would be waited for.
    let (server, asking) = compiling(60_000).await;
    terminate(server.pid());
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    terminate(server.pid());
    // A process that has ended and was not waited for still takes signals; it has no threads but its first.
    let ended = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap_or_default();
        stat.is_empty() || stat.contains(") Z ")
    };
    while !ended() {
        assert!(begun.elapsed() < Duration::from_secs(2), "two signals did not end it");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    asking.abort();
}
