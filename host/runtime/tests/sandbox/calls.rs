//! What a call may see, what it may ask, and what it leaves behind.

use sambung_runtime::contract::connection::ConnectStep;
use sambung_runtime::contract::types::Channel;
use sambung_runtime::{CallFault, KvWrite};

use crate::support::{caller, channel, failure, first_words, metric, outgoing, plugin, request, translate, works};

#[tokio::test]
async fn a_request_becomes_what_the_plugin_makes_of_it() {
    let plugin = plugin("good").await;
    let done = translate(&plugin, "hello").await.expect("a call");
    assert_eq!(first_words(&done.value.expect("an outcome")), "hello");
    assert!(done.usage.memory_bytes > 0);
    let finished = [("plugin", "good"), ("function", "inbound.handle-webhook"), ("outcome", "ok")];
    assert!(metric("sambung_plugin_calls_total", &finished) >= 1);
}

#[tokio::test]
async fn the_plugins_own_error_is_no_failure_of_the_call() {
    let plugin = plugin("good").await;
    let done = translate(&plugin, "error").await.expect("a call");
    assert_eq!(done.value, Err("cannot be understood".to_owned()));
}

#[tokio::test]
async fn the_clock_stands_at_the_receipt_of_the_request() {
    let plugin = plugin("good").await;
    let done = translate(&plugin, "clock").await.expect("a call");
    assert_eq!(first_words(&done.value.expect("an outcome")), "Ok(1700000000123) 0ns");
}

#[tokio::test]
async fn randomness_follows_the_seed_and_nothing_else() {
    let plugin = plugin("good").await;
    let shuffled = async |seed| {
        let done = plugin.handle_webhook(&caller(&plugin), seed, request("randomness"), None).await;
        first_words(&done.expect("a call").value.expect("an outcome"))
    };
    assert_eq!(shuffled(1).await, shuffled(1).await);
    assert_ne!(shuffled(1).await, shuffled(2).await);
}

#[tokio::test]
async fn nothing_of_the_hosts_process_is_visible() {
    let plugin = plugin("good").await;
    let done = translate(&plugin, "environment").await.expect("a call");
    assert_eq!(first_words(&done.value.expect("an outcome")), "Args { inner: [] } Vars { inner: [] }");
}

#[tokio::test]
async fn standard_output_counts_as_log() {
    let plugin = plugin("good").await;
    let done = translate(&plugin, "output").await.expect("a call");
    // Each line counts 32 bytes more, because it becomes a line of the host's log.
    assert_eq!(done.usage.log_bytes, "to standard output\n".len() as u64 + 32);
}

#[tokio::test]
async fn what_a_send_wants_kept_comes_with_its_result() {
    let plugin = plugin("good").await;
    let done = plugin.send(&caller(&plugin), vec![outgoing("hello")], channel()).await.expect("a call");
    let receipt = done.value.into_iter().next().expect("one result").expect("a receipt");
    assert_eq!(receipt.ids, ["sent-a1"]);
    assert_eq!(
        done.effects.kv,
        [KvWrite { key: "count".into(), value: Some(vec![1]) }, KvWrite { key: "forgotten".into(), value: None }]
    );
    let [entry] = &done.effects.visitor[..] else { panic!("one entry: {:?}", done.effects) };
    assert_eq!((entry.visitor.as_str(), entry.entry.as_str()), ("v1", "1"));
    assert_eq!(done.usage.host_calls, 5);
}

#[tokio::test]
async fn results_that_do_not_match_the_contents_are_a_crash() {
    let plugin = plugin("good").await;
    let error = failure(plugin.send(&caller(&plugin), vec![outgoing("wrong")], channel()).await);
    assert_eq!(error.fault, CallFault::Trap);
    assert!(error.words.contains("0 results for 1 contents"), "{}", error.words);
    works(&plugin).await;
}

#[tokio::test]
async fn connecting_and_checking_answer() {
    let plugin = plugin("good").await;
    let done = plugin.identify(&caller(&plugin), channel(), None).await.expect("a call");
    let Ok(ConnectStep::Found(account)) = done.value else { panic!("nobody: {:?}", done.value) };
    let known = Channel { account: Some(account.id), ..channel() };
    let done = plugin.register(&caller(&plugin), known).await.expect("a call");
    assert_eq!(done.value.expect("it is registered").account.id, "account");
    assert!(plugin.check(&caller(&plugin), channel()).await.expect("a call").value.is_ok());
    assert!(plugin.disconnect(&caller(&plugin), channel()).await.expect("a call").value.is_ok());
}

#[tokio::test]
async fn a_function_that_is_not_exported_is_said_to_be_absent() {
    let plugin = plugin("good").await;
    let error = failure(plugin.list_templates(&caller(&plugin), channel(), None).await);
    assert_eq!(error.fault, CallFault::NotExported);
    assert_eq!(error.function, "templates.list-templates");
}

#[tokio::test]
async fn imports_that_do_not_belong_into_a_call_refuse_and_the_call_goes_on() {
    let plugin = plugin("wrong_call").await;
    let done = translate(&plugin, "anything").await.expect("a call");
    let words = first_words(&done.value.expect("an outcome"));
    let answers: Vec<&str> = words.lines().collect();
    assert_eq!(answers.len(), 10, "{words}");
    for answer in answers {
        assert!(answer.starts_with("wrong-call") || answer == "false", "{answer}");
    }
    assert!(done.effects.kv.is_empty() && done.effects.visitor.is_empty() && done.effects.secrets.is_empty());
}

#[tokio::test]
async fn calls_at_the_same_time_share_nothing() {
    let plugin = plugin("good").await;
    let bodies: Vec<String> = (0..24).map(|number| format!("body {number}")).collect();
    let calls = bodies.iter().map(|body| translate(&plugin, body));
    for (body, done) in bodies.iter().zip(futures_util::future::join_all(calls).await) {
        assert_eq!(&first_words(&done.expect("a call").value.expect("an outcome")), body);
    }
}
