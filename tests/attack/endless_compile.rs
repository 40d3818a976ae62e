//! An operator installs a valid component whose code takes hours to compile.

use std::time::{Duration, Instant};

use sambung_tests::api::Api;
use sambung_tests::server::{Server, target_folder};
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

/// The processes that this one started and that live.
fn children(pid: u32) -> usize {
    let started = |entry: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
        let fields: Vec<&str> = stat[stat.rfind(')')? + 1..].split_whitespace().collect();
        (fields.get(1)?.parse() == Ok(pid) && fields.first() != Some(&"Z")).then_some(())
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(started).count()
}

async fn until_it_compiles(server: &Server) {
    let since = Instant::now();
    while children(server.pid()) == 0 {
        assert!(since.elapsed() < Duration::from_secs(60), "nothing compiles:\n{}", server.last_words());
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
    assert_eq!(children(arena.server.pid()), 0, "the compiler lives on");
    impact.assert_held();
}

/// A server that compiles without an end in sight.
async fn compiling() -> (Server, tokio::task::JoinHandle<()>) {
    let server = Server::start("[server]\nshutdown_grace_ms = 2000\n[runtime.code]\ncompile_ms = 600000\n").await;
    let operator = server.api();
    let asking = tokio::spawn(async move {
        // It is never answered.
        let _ = put(&operator, component()).await;
    });
    until_it_compiles(&server).await;
    (server, asking)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_compiles_stops_within_its_grace() {
    let _turn = turn().await;
    let (mut server, asking) = compiling().await;
    let pid = server.pid();
    let begun = Instant::now();
    server.stop().await;
    // The grace, a second for the loops, and what a busy machine takes.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!(children(pid), 0);
    asking.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_a_server_that_compiles_at_once() {
    let _turn = turn().await;
    let (server, asking) = compiling().await;
    let pid = rustix::process::Pid::from_raw(server.pid().cast_signed()).unwrap();
    let term = || rustix::process::kill_process(pid, rustix::process::Signal::TERM);
    term().unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let begun = Instant::now();
    term().unwrap();
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
