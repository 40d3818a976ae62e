//! Every limit: it is tripped, the error and the metric say which it was, and the plugin works on.

use std::time::Duration;

use sambung_runtime::{CallError, CallFault, Limits, Plugin};

use crate::support::{
    caller, channel, failure, guest, metric, outgoing, plugin, plugin_with, runtime, translate, works,
};

/// What a failed call must look like from outside.
fn seen(plugin: &Plugin, error: &CallError, fault: CallFault) {
    assert_eq!(error.fault, fault, "{error}");
    assert!(!error.dispatched);
    let plugin = plugin.manifest().id.as_str();
    let outcome = [("plugin", plugin), ("function", error.function), ("outcome", fault.code())];
    assert!(metric("sambung_plugin_calls_total", &outcome) > 0, "{outcome:?}");
    let limit = metric("sambung_plugin_limit_total", &[("plugin", plugin), ("limit", fault.code())]);
    assert_eq!(limit > 0, fault.is_limit(), "{}", fault.code());
}

/// Asks `guest` for its wrong thing in `handle-webhook`, and then for a good one.
async fn translation_trips(guest: &str, fault: CallFault) -> CallError {
    let plugin = plugin(guest).await;
    let error = failure(translate(&plugin, "wrong").await);
    seen(&plugin, &error, fault);
    works(&plugin).await;
    error
}

/// The same in `send`.
async fn sending_trips(guest: &str, fault: CallFault) -> CallError {
    let plugin = plugin(guest).await;
    let error = failure(plugin.send(&caller(&plugin), vec![outgoing("wrong")], channel()).await);
    seen(&plugin, &error, fault);
    works(&plugin).await;
    error
}

#[tokio::test]
async fn a_panic_is_a_trap_that_says_what_the_plugin_said() {
    let error = translation_trips("panics", CallFault::Trap).await;
    assert!(error.words.contains("the moon is not in the body"), "{}", error.words);
    assert!(error.words.contains("panics.rs"), "{}", error.words);
}

#[tokio::test]
async fn ending_the_process_is_a_trap_that_says_so() {
    let error = translation_trips("exits", CallFault::Trap).await;
    assert!(error.words.contains("ended itself with status 1"), "{}", error.words);
}

#[tokio::test]
async fn an_endless_computation_ends_at_the_limit_of_computing_time() {
    let error = translation_trips("endless", CallFault::Cpu).await;
    // 200 milliseconds by its own manifest, below the host's second.
    assert!(error.usage.cpu > Duration::from_millis(200), "{:?}", error.usage);
    assert!(error.usage.cpu < Duration::from_millis(300), "{:?}", error.usage);
}

#[tokio::test]
async fn an_endless_computation_holds_up_nobody_on_the_same_thread() {
    let plugin = plugin("endless").await;
    let (endless, good) = tokio::join!(translate(&plugin, "wrong"), async {
        tokio::task::yield_now().await;
        translate(&plugin, "hello").await
    });
    assert!(good.is_ok());
    assert!(endless.is_err());
}

#[tokio::test]
async fn computing_between_waits_is_counted() {
    let error = sending_trips("endless", CallFault::Cpu).await;
    assert!(error.usage.host_calls > 1, "{:?}", error.usage);
    assert!(error.usage.cpu < Duration::from_millis(300), "{:?}", error.usage);
}

#[tokio::test]
async fn waiting_again_and_again_is_not_computing() {
    let plugin = plugin("endless").await;
    let done = translate(&plugin, "naps").await.expect("no limit is reached");
    assert!(done.usage.wall > Duration::from_millis(300), "{:?}", done.usage);
    assert!(done.usage.cpu < Duration::from_millis(200), "{:?}", done.usage);
}

#[tokio::test]
async fn a_sleep_ends_at_the_deadline_and_is_not_computing() {
    let error = translation_trips("sleeps", CallFault::Deadline).await;
    assert!(error.usage.wall >= Duration::from_millis(300));
    assert!(error.usage.cpu < Duration::from_millis(150), "{:?}", error.usage);
}

#[tokio::test]
async fn a_host_function_that_never_answers_ends_at_the_deadline() {
    let error = sending_trips("sleeps", CallFault::Deadline).await;
    assert_eq!(error.usage.host_calls, 1);
}

#[tokio::test]
async fn taking_all_memory_ends_at_the_limit_of_memory() {
    let error = translation_trips("memory_bomb", CallFault::Memory).await;
    // 4 MiB by its own manifest.
    assert!(error.usage.memory_bytes <= 4 << 20, "{:?}", error.usage);
    assert!(error.usage.memory_bytes > 2 << 20, "{:?}", error.usage);
}

#[tokio::test]
async fn a_plugin_that_asks_before_it_takes_memory_lives() {
    let plugin = plugin("memory_bomb").await;
    let done = translate(&plugin, "careful").await.expect("no trap");
    assert!(done.value.is_ok());
}

#[tokio::test]
async fn growing_a_table_ends_at_the_limit_of_tables() {
    let plugin =
        runtime(Limits::default()).load(with_table_growth(guest("grows_tables"))).await.expect("the guest loads");
    let error = failure(translate(&plugin, "wrong").await);
    seen(&plugin, &error, CallFault::Tables);
    works(&plugin).await;
}

/// Puts instructions for which Rust has no words where the guest left a place for them.
fn with_table_growth(mut wasm: Vec<u8>) -> Vec<u8> {
    let place = [&[0x42][..], &signed_leb(-0x7edc_ba98_7654_3211)].concat();
    let mut growth = vec![0xd0, 0x70, 0x41, 0xc0, 0x84, 0x3d, 0xfc, 0x0f, 0x00, 0xac];
    growth.resize(place.len(), 0x01);
    let found: Vec<usize> =
        wasm.windows(place.len()).enumerate().filter(|(_, bytes)| *bytes == place).map(|(at, _)| at).collect();
    let [at] = found[..] else { panic!("the guest has {} places for table.grow", found.len()) };
    wasm[at..at + place.len()].copy_from_slice(&growth);
    wasm
}

fn signed_leb(mut value: i64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        if (value == 0 && byte & 0x40 == 0) || (value == -1 && byte & 0x40 != 0) {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

#[tokio::test]
async fn endless_recursion_ends_at_the_limit_of_the_stack() {
    translation_trips("recursion", CallFault::Stack).await;
}

#[tokio::test]
async fn a_flood_of_log_messages_ends_at_the_limit_of_the_log() {
    let error = translation_trips("floods_log", CallFault::LogBytes).await;
    assert!(error.usage.log_bytes > 64 << 10);
    assert!(error.usage.log_bytes < 66 << 10);
}

#[tokio::test]
async fn a_flood_of_standard_error_ends_at_the_limit_of_the_log() {
    let error = translation_trips("floods_stderr", CallFault::LogBytes).await;
    assert!(error.words.contains("a line that says nothing"), "{}", error.words);
}

#[tokio::test]
async fn a_result_that_is_too_big_is_not_taken() {
    translation_trips("result_too_big", CallFault::ResultSize).await;
}

#[tokio::test]
async fn an_argument_of_a_host_call_that_is_too_big_is_not_taken() {
    let plugin = plugin("result_too_big").await;
    let error = failure(translate(&plugin, "argument").await);
    assert_eq!(error.fault, CallFault::ResultSize, "{error}");
    works(&plugin).await;
}

#[tokio::test]
async fn too_many_host_calls_end_at_their_limit() {
    let error = sending_trips("too_many_host_calls", CallFault::HostCalls).await;
    assert_eq!(error.usage.host_calls, Limits::default().host_calls);
}

#[tokio::test]
async fn the_operators_ceiling_stands_above_what_a_plugin_asks_for() {
    let limits = Limits { log_bytes: 100, ..Limits::default() };
    let plugin = plugin_with("floods_log", limits).await;
    let error = failure(translate(&plugin, "wrong").await);
    assert_eq!(error.fault, CallFault::LogBytes);
    assert!(error.usage.log_bytes < 2_000);
    works(&plugin).await;
}

#[tokio::test]
async fn calls_beyond_the_places_and_their_queue_are_told_busy() {
    let plugin = plugin("sleeps").await;
    // 4 places for calls that wait for nothing, and a queue of 16 before them.
    let calls = (0..100).map(|_| translate(&plugin, "wrong"));
    let results = futures_util::future::join_all(calls).await;
    let busy = |error: &CallError| error.fault == CallFault::Busy;
    let told = results.into_iter().map(failure).filter(busy).count();
    assert!(told >= 20, "{told}");
    works(&plugin).await;
}

#[tokio::test]
async fn sends_that_hang_hold_back_no_translation() {
    let plugin = plugin("sleeps").await;
    // More than the places of sending and their queue.
    let hanging =
        (0..100).map(|_| async { failure(plugin.send(&caller(&plugin), vec![outgoing("wrong")], channel()).await) });
    let (hanging, ()) = tokio::join!(futures_util::future::join_all(hanging), works(&plugin));
    assert!(hanging.iter().any(|error| error.fault == CallFault::Deadline));
    assert!(hanging.iter().any(|error| error.fault == CallFault::Busy));
}
