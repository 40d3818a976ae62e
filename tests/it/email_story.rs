//! A mail comes in and is answered: the real component, a real database, real SMTP both ways.

use sambung_tests::api::until;
use sambung_tests::host::Host;
use sambung_tests::providers::email::{self, Delivered, NameServer, Postbox, deliver};
use serde_json::{Value, json};

const SHOP: &str = "support@shop.example";

/// A mail of somebody's.
fn mail(from: &str, id: &str, answers: &[&str], text: &str) -> String {
    let refer = match answers {
        [] => String::new(),
        ids => {
            let all: Vec<String> = ids.iter().map(|id| format!("<{id}>")).collect();
            format!("In-Reply-To: {}\nReferences: {}\n", all[all.len() - 1], all.join(" "))
        }
    };
    format!("From: {from}\nTo: {SHOP}\nSubject: Pesanan\nMessage-ID: <{id}>\n{refer}\n{text}\n")
}

/// A host with a relay and a channel that a first mail connected; its forwarding address.
async fn start(postbox: &Postbox, more: &str) -> (Host, String) {
    let names = NameServer::start(&[]).await.address();
    let config = format!(
        "[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\n\
         [mail.relay]\nhost = '127.0.0.1'\nport = {}\nsecurity = 'none'\n{more}",
        postbox.address().port()
    );
    let host = Host::start(&config).await;
    let settings = json!({ "address": SHOP, "display_name": "Shop", "sending": "relay" });
    let channel = json!({ "plugin": "email", "name": "Support", "settings": settings });
    let channel = host.api().expect(201, "POST", "/v1/channels", channel).await;
    assert_eq!((&channel["state"], &channel["step"]["kind"]), (&json!("connecting"), &json!("wait")), "{channel}");
    let address = channel["settings"]["forwarding_address"].as_str().unwrap().to_owned();
    let shown = channel["step"]["instructions"].as_array().unwrap().iter().any(|one| one["copy"] == address.as_str());
    assert!(shown, "the address is there to be copied: {channel}");
    (host, address)
}

async fn messages(host: &Host, count: usize) -> Vec<Value> {
    until(&format!("there are {count} messages"), async || {
        let messages = host.api().all_messages().await;
        (messages.len() == count).then_some(messages)
    })
    .await
}

async fn sent(postbox: &Postbox, count: usize) -> Vec<Delivered> {
    until("it has left", async || {
        let taken = postbox.taken();
        (taken.len() == count).then_some(taken)
    })
    .await
}

fn header(mail: &Delivered, name: &str) -> String {
    email::header(&mail.raw, name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_answered_and_the_answer_to_that_finds_back() {
    let postbox = Postbox::start().await;
    let (host, address) = start(&postbox, "").await;
    let api = host.api();
    deliver(
        host.mail(),
        "owner+caf_=x@mail.example",
        &address,
        &mail("Siti <siti@customer.example>", "m1@c", &[], "Kapan sampai?"),
    )
    .await;
    let first = messages(&host, 1).await.remove(0);
    assert_eq!(first["from"]["name"], "Siti");
    until("the first mail connects the channel", async || {
        (api.all("/v1/channels").await[0]["state"] == "connected").then_some(())
    })
    .await;

    let conversation = first["conversation_id"].as_str().unwrap();
    let id = api.reply(conversation, "Besok.").await;
    api.message_when(&id, "sent").await;
    let out = sent(&postbox, 1).await.remove(0);
    assert_eq!((out.from.as_str(), out.to), (SHOP, vec!["siti@customer.example".to_owned()]));
    let out = postbox.taken().remove(0);
    assert_eq!(header(&out, "subject"), "Re: Pesanan");
    assert_eq!((header(&out, "in-reply-to"), header(&out, "references")), ("<m1@c>".to_owned(), "<m1@c>".to_owned()));
    let (own, reply_to) = (header(&out, "message-id"), header(&out, "reply-to"));
    assert!(own.ends_with("@shop.example>") && reply_to.contains('+'), "{own} {reply_to}");

    // By In-Reply-To alone, and by the signed address alone.
    let own = own.trim_matches(['<', '>']);
    deliver(host.mail(), "f@mail.example", &address, &mail("siti@customer.example", "m2@c", &[own], "Terima kasih"))
        .await;
    let signed = reply_to.split('<').next_back().unwrap().trim_end_matches('>').to_owned();
    deliver(host.mail(), "f@mail.example", &signed, &mail("siti@customer.example", "m3@c", &[], "Satu lagi")).await;
    let all = messages(&host, 4).await;
    assert!(all.iter().all(|message| message["conversation_id"] == conversation), "{all:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_else_is_never_merged_in_silence() {
    let postbox = Postbox::start().await;
    let (host, address) = start(&postbox, "").await;
    deliver(host.mail(), "f@x.example", &address, &mail("siti@customer.example", "m1@c", &[], "Halo")).await;
    let first = messages(&host, 1).await.remove(0);
    let conversation = first["conversation_id"].as_str().unwrap().to_owned();
    until("connected", async || (host.api().all("/v1/channels").await[0]["state"] == "connected").then_some(())).await;
    let id = host.api().reply(&conversation, "Ya").await;
    host.api().message_when(&id, "sent").await;
    let out = postbox.taken().remove(0);

    let own = header(&out, "message-id");
    let own = own.trim_matches(['<', '>']);
    deliver(host.mail(), "f@x.example", &address, &mail("budi@else.example", "b1@e", &["m1@c", own], "Saya juga"))
        .await;
    let all = messages(&host, 3).await;
    let budis = all.iter().find(|message| message["content"]["message_id"] == "b1@e").unwrap();
    assert_ne!(budis["conversation_id"], conversation.as_str(), "he knows ids, and nobody gave him the address");

    let reply_to = header(&out, "reply-to");
    let signed = reply_to.split('<').next_back().unwrap().trim_end_matches('>').to_owned();
    deliver(
        host.mail(),
        "f@x.example",
        &signed,
        &mail("budi@else.example", "b2@e", &[], "Siti memberi saya alamatnya"),
    )
    .await;
    let all = until("he came in, and a line says so", async || {
        let all = host.api().all(&format!("/v1/conversations/{conversation}/messages")).await;
        (all.len() == 4).then_some(all)
    })
    .await;
    assert!(all.iter().any(|message| message["content"]["code"] == "somebody-else-wrote"), "{all:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_mail_twice_is_one_message_and_its_files_are_stored() {
    let postbox = Postbox::start().await;
    let (host, address) = start(&postbox, "").await;
    let raw = format!(
        "From: siti@customer.example\nTo: {SHOP}\nMessage-ID: <f1@c>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n\
         --b\nContent-Type: text/html\n\n<p onclick=\"x()\">Lihat <img src=\"cid:logo\"><script>alert(1)</script></p><blockquote>lama</blockquote>\n\
         --b\nContent-Type: image/png; name=logo.png\nContent-ID: <logo>\nContent-Disposition: inline\nContent-Transfer-Encoding: base64\n\n\
         iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==\n\
         --b\nContent-Type: application/pdf; name=bon.pdf\nContent-Disposition: attachment\n\n%PDF-1.4 bon\n--b--\n"
    );
    for _ in 0..2 {
        deliver(host.mail(), "f@x.example", &address, &raw).await;
    }
    let stored = until("its files are stored", async || {
        let message = host.api().all_messages().await.into_iter().next()?;
        let files = message["content"]["files"].as_array()?.clone();
        files.iter().all(|file| file["state"] == "stored").then_some(message)
    })
    .await;
    host.api().translated().await;
    assert_eq!(host.api().all_messages().await.len(), 1);
    let files = stored["content"]["files"].as_array().unwrap();
    assert_eq!(files.len(), 2, "{files:?}");
    assert_eq!(
        (&files[0]["content_id"], &files[0]["inline"], &files[0]["mime"]),
        (&json!("logo"), &json!(true), &json!("image/png"))
    );
    assert_eq!(files[1]["name"], "bon.pdf");
    let html = stored["content"]["html"].as_str().unwrap();
    assert!(html.contains("cid:logo") && html.contains("data-quoted") && html.contains("lama"), "{html}");
    assert!(!html.contains("script") && !html.contains("onclick"), "{html}");
    let bytes = host
        .api()
        .request("GET", &format!("/v1/media/{}", files[1]["media_id"].as_str().unwrap()))
        .send()
        .await
        .unwrap();
    assert!(bytes.status().is_success());
    assert_eq!(bytes.text().await.unwrap().trim(), "%PDF-1.4 bon");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bounce_becomes_the_status_of_the_mail_that_came_back() {
    let postbox = Postbox::start().await;
    let (host, address) = start(&postbox, "").await;
    deliver(host.mail(), "f@x.example", &address, &mail("siti@customer.example", "m1@c", &[], "Halo")).await;
    let first = messages(&host, 1).await.remove(0);
    until("connected", async || (host.api().all("/v1/channels").await[0]["state"] == "connected").then_some(())).await;
    let id = host.api().reply(first["conversation_id"].as_str().unwrap(), "Ya").await;
    host.api().message_when(&id, "sent").await;
    let own = header(&postbox.taken()[0], "message-id");
    let bounce = |action: &str, number: u32| {
        format!(
            "From: MAILER-DAEMON@mx.example\nMessage-ID: <bounce{number}@mx>\nMIME-Version: 1.0\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\n\nIt came back.\n\
             --b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx\n\nFinal-Recipient: rfc822; siti@customer.example\n\
             Action: {action}\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no such user\n\
             --b\nContent-Type: text/rfc822-headers\n\nMessage-ID: {own}\n--b--\n"
        )
    };
    deliver(host.mail(), "", &address, &bounce("delayed", 1)).await;
    host.api().translated().await;
    assert_eq!(host.api().get(&format!("/v1/messages/{id}")).await["status"], "sent", "late is not failed");
    deliver(host.mail(), "", &address, &bounce("failed", 2)).await;
    let failed = host.api().message_when(&id, "failed").await;
    assert!(failed["error"].to_string().contains("no such user"), "{failed}");
    assert_eq!(host.api().all_messages().await.len(), 2, "nobody wrote the bounce");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_servers_word_decides_and_silence_after_the_mail_is_unknown() {
    let postbox = Postbox::start().await;
    let (host, address) = start(&postbox, "").await;
    deliver(host.mail(), "f@x.example", &address, &mail("siti@customer.example", "m1@c", &[], "Halo")).await;
    let first = messages(&host, 1).await.remove(0);
    let conversation = first["conversation_id"].as_str().unwrap().to_owned();
    until("connected", async || (host.api().all("/v1/channels").await[0]["state"] == "connected").then_some(())).await;

    postbox.say_next("RCPT", "550 5.1.1 no such user");
    let id = host.api().reply(&conversation, "satu").await;
    let failed = host.api().message_when(&id, "failed").await;
    assert!(failed["error"].to_string().contains("5.1.1"), "{failed}");

    postbox.say_next(".", "");
    let id = host.api().reply(&conversation, "dua").await;
    host.api().message_when(&id, "unknown").await;
    assert_eq!(postbox.taken().len(), 1, "it was taken, and is not sent again by itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channels_own_account_is_reached_by_an_override_and_its_password_is_tried_at_once() {
    let postbox = Postbox::start().await;
    postbox.ask_for("shop", "right");
    let overrides = format!("[egress.overrides]\n'smtp://smtp.shop.example:587' = 'smtp://{}'\n", postbox.address());
    let (host, address) = {
        let names = NameServer::start(&[]).await.address();
        let config =
            format!("[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\n{overrides}");
        let host = Host::start(&config).await;
        let channel = |password: &str| {
            let settings = json!({
                "address": SHOP, "sending": "account", "smtp_host": "smtp.shop.example", "smtp_port": 587,
                "smtp_security": "starttls", "smtp_user": "shop", "smtp_password": password,
            });
            json!({ "plugin": "email", "name": "Support", "settings": settings })
        };
        let refused = host.api().expect(422, "POST", "/v1/channels", channel("wrong")).await;
        assert_eq!(refused["errors"][0]["pointer"], "#/settings/smtp_password", "{refused}");
        let made = host.api().expect(201, "POST", "/v1/channels", channel("right")).await;
        (host, made["settings"]["forwarding_address"].as_str().unwrap().to_owned())
    };
    deliver(host.mail(), "f@x.example", &address, &mail("siti@customer.example", "m1@c", &[], "Halo")).await;
    let first = messages(&host, 1).await.remove(0);
    until("connected", async || (host.api().all("/v1/channels").await[0]["state"] == "connected").then_some(())).await;
    let id = host.api().reply(first["conversation_id"].as_str().unwrap(), "Ya").await;
    host.api().message_when(&id, "sent").await;
    assert_eq!(sent(&postbox, 1).await[0].to, ["siti@customer.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_channel_of_the_same_address_is_told_why_it_waits() {
    let postbox = Postbox::start().await;
    let (host, first) = start(&postbox, "").await;
    let settings = json!({ "address": SHOP.to_uppercase(), "sending": "relay" });
    let channel = json!({ "plugin": "email", "name": "Again", "settings": settings });
    let again = host.api().expect(201, "POST", "/v1/channels", channel).await;
    deliver(host.mail(), "f@x.example", &first, &mail("siti@customer.example", "m1@c", &[], "Halo")).await;
    let state = async |name: &str| {
        let all = host.api().all("/v1/channels").await;
        all.into_iter().find(|channel| channel["name"] == name).unwrap()
    };
    until("the first is connected", async || (state("Support").await["state"] == "connected").then_some(())).await;
    let second = again["settings"]["forwarding_address"].as_str().unwrap();
    deliver(host.mail(), "f@x.example", second, &mail("siti@customer.example", "m2@c", &[], "Halo")).await;
    until("the second says why", async || {
        let channel = state("Again").await;
        let found = channel["findings"].as_array()?.iter().any(|one| one["code"] == "account-connected");
        found.then_some(())
    })
    .await;
    assert_eq!(state("Again").await["state"], "connecting");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_stands_in_the_answer_where_its_html_names_it() {
    let postbox = Postbox::start().await;
    let (host, address) = start(&postbox, "").await;
    deliver(host.mail(), "f@x.example", &address, &mail("siti@customer.example", "m1@c", &[], "Halo")).await;
    let first = messages(&host, 1).await.remove(0);
    until("connected", async || (host.api().all("/v1/channels").await[0]["state"] == "connected").then_some(())).await;
    let upload = host.api().request("POST", "/v1/media?name=logo.png").header("content-type", "image/png");
    let logo: Value = upload.body(&b"\x89PNG\r\n\x1a\nlogo"[..]).send().await.unwrap().json().await.unwrap();
    let file = json!({ "kind": "image", "media_id": logo["id"], "content_id": "logo", "inline": true });
    let html = "<p>Ini <img src=\"cid:logo\"></p>";
    let content = json!({ "content": { "type": "mail", "text": "Ini", "html": html, "files": [file] } });
    let path = format!("/v1/conversations/{}/messages", first["conversation_id"].as_str().unwrap());
    let queued = host.api().expect(202, "POST", &path, content).await;
    host.api().message_when(queued["id"].as_str().unwrap(), "sent").await;
    let raw = sent(&postbox, 1).await.remove(0).raw;
    for part in
        ["multipart/alternative", "multipart/related", "Content-ID: <logo>", "src=\"cid:logo\"", "iVBORw0KGgpsb2dv"]
    {
        assert!(raw.contains(part) || raw.replace("=3D", "=").contains(part), "{part}: {raw}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_with_a_file_that_is_not_there_is_refused_before_it_is_queued() {
    let postbox = Postbox::start().await;
    let (host, address) = start(&postbox, "").await;
    deliver(host.mail(), "f@x.example", &address, &mail("siti@customer.example", "m1@c", &[], "Halo")).await;
    let first = messages(&host, 1).await.remove(0);
    until("connected", async || (host.api().all("/v1/channels").await[0]["state"] == "connected").then_some(())).await;
    let elsewhere = host.caller("another", sambung::auth::Role::Operator).await;
    let stored =
        elsewhere.request("POST", "/v1/media?name=x.pdf").header("content-type", "application/pdf").body("%PDF");
    let theirs: Value = stored.send().await.unwrap().json().await.unwrap();
    let path = format!("/v1/conversations/{}/messages", first["conversation_id"].as_str().unwrap());
    for id in [json!("md_nothing"), theirs["id"].clone()] {
        let files = json!([{ "kind": "document", "media_id": id }]);
        let content = json!({ "content": { "type": "mail", "text": "Lihat", "files": files } });
        let refused = host.api().expect(422, "POST", &path, content).await;
        assert_eq!(refused["errors"][0]["pointer"], "#/content/files/0/media_id", "{refused}");
    }
}
