//! Mail is a permission: declared, shown, approved, and only as the channel itself. What is attached counts as egress.

use sambung_tests::api::until;
use sambung_tests::host::Host;
use sambung_tests::providers::email::{NameServer, Postbox, deliver, header};
use sambung_tests::server::target_folder;
use serde_json::{Value, json};

/// For compiling a component on a busy machine.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(300);

async fn start(postbox: &Postbox, more: &str) -> Host {
    let names = NameServer::start(&[]).await.address();
    let config = format!(
        "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\n\
         [mail.relay]\nhost = '127.0.0.1'\nport = {}\nsecurity = 'none'\n{more}",
        postbox.address().port()
    );
    Host::start(&config).await
}

fn guest(name: &str) -> Vec<u8> {
    sambung_guests::component(&target_folder(), name)
}

/// The component with one text in place of another of the same length.
fn with(mut wasm: Vec<u8>, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let found: Vec<usize> =
        (0..wasm.len() - from.len()).filter(|at| wasm[*at..].starts_with(from.as_bytes())).collect();
    assert!(!found.is_empty(), "{from} does not stand in the component");
    for at in found {
        wasm[at..at + to.len()].copy_from_slice(to.as_bytes());
    }
    wasm
}

async fn install(host: &Host, wasm: Vec<u8>) -> (u16, Value) {
    let upload = host
        .api()
        .request("POST", "/v1/plugins")
        .header("content-type", "application/wasm")
        .timeout(PATIENCE)
        .body(wasm);
    let answer = upload.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_writes_as_its_own_channel_and_as_nobody_else() {
    let postbox = Postbox::start().await;
    let host = start(&postbox, "").await;
    let (status, plugin) = install(&host, guest("forges_mail")).await;
    assert_eq!(status, 201, "{plugin}");
    assert_eq!(plugin["permissions"]["mail"]["from"], json!(["generated:forwarding_address"]), "it is shown: {plugin}");
    let channel = json!({ "plugin": "forges-mail", "name": "Forger", "settings": {} });
    let channel = host.api().expect(201, "POST", "/v1/channels", channel).await;
    let own = channel["settings"]["forwarding_address"].as_str().unwrap().to_owned();
    deliver(host.mail(), "siti@customer.example", &own, "From: siti@customer.example\n\nHalo\n").await;
    let conversation = host.api().first_conversation().await["id"].as_str().unwrap().to_owned();
    for forged in [
        "from ceo@bank.example",
        "also-from ceo@bank.example",
        "reply-to ceo@bank.example",
        "Sender ceo@bank.example",
        "Return-Path <ceo@bank.example>",
        "Resent-From ceo@bank.example",
        "from ceo@in.example",
        &format!("from {own}.bank.example"),
    ] {
        let message = host.api().reply(&conversation, forged).await;
        let failed = host.api().message_when(&message, "failed").await;
        let detail = failed["error"]["detail"].as_str().unwrap_or_default();
        assert!(
            detail.contains("no address of this channel") || detail.contains("the host's to write"),
            "{forged}: {failed}"
        );
    }
    assert!(postbox.taken().is_empty(), "{:?}", postbox.taken());
    assert!(!postbox.said().iter().any(|line| line.contains("bank.example")), "{:?}", postbox.said());
    let message = host.api().reply(&conversation, "own ").await;
    host.api().message_when(&message, "sent").await;
    let taken = postbox.taken();
    assert_eq!((taken[0].from.as_str(), header(&taken[0].raw, "From")), (own.as_str(), own.clone()));
    assert_eq!(header(&taken[0].raw, "Reply-To"), own.replace('@', "+suffix@"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_imports_what_it_does_not_declare_is_refused_with_what_to_declare() {
    let postbox = Postbox::start().await;
    let host = start(&postbox, "").await;
    let (status, problem) = install(&host, with(guest("mails"), "[mail]\nfrom", "#mail]\n#rom")).await;
    assert!((400..500).contains(&status), "{status}: {problem}");
    assert!(problem.to_string().contains("`[mail]`"), "{problem}");
    let (status, problem) = install(&host, with(guest("good"), "visitor = true", "visitor =false")).await;
    assert!((400..500).contains(&status) && problem.to_string().contains("[ingress] visitor"), "{status}: {problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_wants_mail_for_the_first_time_waits_for_an_operator() {
    let postbox = Postbox::start().await;
    let host = start(&postbox, "").await;
    let (status, silent) = install(&host, guest("plays")).await;
    assert_eq!((status, &silent["permissions"]["mail"]), (201, &Value::Null), "{silent}");
    let wants_mail = with(guest("mails"), "id = \"mails\"", "id = \"plays\"");
    std::fs::write(host.data().join("plugins/plays.wasm"), wants_mail).unwrap();
    let refused = until("it waits", async || {
        let all = host.api().get("/v1/plugins").await;
        all["items"].as_array()?.iter().find(|item| item["state"] == "refused").cloned()
    })
    .await;
    assert!(refused.to_string().contains("sends mail as the address that the host makes"), "{refused}");
    let running = host.api().get("/v1/plugins/plays").await;
    assert_eq!((&running["digest"], &running["permissions"]["mail"]), (&silent["digest"], &Value::Null), "{running}");
    let approved = json!({ "digest": refused["digest"] });
    let writes = host.api().expect(200, "POST", "/v1/plugins/approvals", approved).await;
    assert_eq!(writes["permissions"]["mail"]["from"], json!(["generated:forwarding_address"]), "it is shown: {writes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_attached_counts_as_egress() {
    let postbox = Postbox::start().await;
    let host = start(&postbox, "[runtime.limits]\negress_bytes = 100000\n").await;
    let api = host.api();
    let settings = json!({ "address": "support@shop.example", "sending": "relay" });
    let channel =
        api.expect(201, "POST", "/v1/channels", json!({ "plugin": "email", "name": "S", "settings": settings })).await;
    let address = channel["settings"]["forwarding_address"].as_str().unwrap();
    deliver(host.mail(), "siti@customer.example", address, "From: siti@customer.example\nMessage-ID: <m@x>\n\nHalo\n")
        .await;
    let conversation = api.first_conversation().await["id"].as_str().unwrap().to_owned();
    let send = async |bytes: usize| {
        let upload =
            api.request("POST", "/v1/media?name=a.txt").header("content-type", "text/plain").body(vec![b'a'; bytes]);
        let media: Value = upload.send().await.unwrap().json().await.unwrap();
        let content = json!({ "content": { "type": "media", "kind": "document", "media_id": media["id"] } });
        let queued = api.expect(202, "POST", &format!("/v1/conversations/{conversation}/messages"), content).await;
        queued["id"].as_str().unwrap().to_owned()
    };
    let small = send(50_000).await;
    api.message_when(&small, "sent").await;
    let large = send(150_000).await;
    let tried = until("it was tried", async || {
        let message = api.get(&format!("/v1/messages/{large}")).await;
        message["attempts"][0]["error"].is_object().then_some(message)
    })
    .await;
    assert_eq!(tried["attempts"][0]["error"]["code"], "egress-bytes", "{tried}");
    assert_eq!(postbox.taken().len(), 1, "nothing of it left");
}
