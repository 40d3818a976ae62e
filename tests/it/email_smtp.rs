//! The listener for mail: what it takes, what it refuses, and every limit that it has.

use sambung_tests::api::until;
use sambung_tests::host::Host;
use sambung_tests::providers::email::{Client, NameServer, deliver};
use sambung_tests::server::Server;
use serde_json::{Value, json};

const MAIL: &str = "From: siti@customer.example\nTo: support@shop.example\nSubject: Halo\nMessage-ID: <m1@customer.example>\n\nHalo\n..\n.\n";

/// A host that receives mail, and the forwarding address of a channel that waits for the first.
async fn start(more: &str) -> (Host, String) {
    let names = NameServer::start(&[]).await.address();
    let host =
        Host::start(&format!("[mail]\nlisten = '127.0.0.1:0'\ndomain = 'in.example'\nresolver = '{names}'\n{more}"))
            .await;
    let settings = json!({ "address": "support@shop.example", "sending": "relay" });
    let channel = json!({ "plugin": "email", "name": "Support", "settings": settings });
    let channel = host.api().expect(201, "POST", "/v1/channels", channel).await;
    let address = channel["settings"]["forwarding_address"].as_str().unwrap().to_owned();
    (host, address)
}

async fn journal(host: &Host) -> Vec<Value> {
    host.api().all("/v1/journal").await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_on_disk_when_it_is_acknowledged() {
    let (host, address) = start("").await;
    deliver(host.mail(), "siti@customer.example", &address, MAIL).await;
    assert_eq!(journal(&host).await.len(), 1);
    let stored = until("it is stored", async || host.api().all_messages().await.into_iter().next()).await;
    assert_eq!(stored["content"]["type"], "mail");
    assert_eq!(
        stored["content"]["text"].as_str().map(|text| text.replace("\r\n", "\n")).as_deref(),
        Some("Halo\n..\n.\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_relayed_and_nobody_unknown_is_written_to() {
    let (host, address) = start("").await;
    let mut client = Client::welcome(host.mail()).await;
    client.say("MAIL FROM:<siti@customer.example>").await;
    let local = address.split('@').next().unwrap();
    for stranger in [
        "somebody@else.example".to_owned(),
        "nobody@in.example".to_owned(),
        format!("{local}@else.example"),
        format!("{local}%else.example@in.example"),
        format!("@in.example:{local}@else.example"),
        format!("\"{local}@else.example\"@in.example"),
        "postmaster@else.example".to_owned(),
    ] {
        let answer = client.say(&format!("RCPT TO:<{stranger}>")).await;
        assert!(answer.starts_with('5'), "{stranger}: {answer}");
    }
    assert!(client.say("DATA").await.starts_with("554 "), "it is for nobody");
    assert!(journal(&host).await.is_empty());
    let suffixed = address.replace('@', "+anything@").to_uppercase();
    assert!(client.say(&format!("RCPT TO:<{suffixed}>")).await.starts_with("250 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_may_come_all_at_once_and_in_no_other_order() {
    let (host, address) = start("").await;
    let (mut client, _) = Client::connect(host.mail()).await;
    assert!(client.say("MAIL FROM:<a@x.example>").await.starts_with("503 "));
    let greeting = client.say("EHLO x").await;
    for extension in ["PIPELINING", "8BITMIME", "SIZE 26214400", "ENHANCEDSTATUSCODES"] {
        assert!(greeting.contains(extension), "{greeting}");
    }
    assert!(!greeting.contains("AUTH") && !greeting.contains("STARTTLS"), "{greeting}");
    assert!(client.say("RCPT TO:<a@in.example>").await.starts_with("503 "));
    assert!(client.say("STARTTLS").await.starts_with("502 "));
    let all =
        format!("MAIL FROM:<>\r\nRCPT TO:<{address}>\r\nDATA\r\nFrom: a@x.example\r\n\r\nHi\r\n.\r\nNOOP\r\nQUIT\r\n");
    client.write(all.as_bytes()).await;
    for expected in ["250 ", "250 ", "354 ", "250 ", "250 ", "221 "] {
        let answer = client.answer().await;
        assert!(answer.starts_with(expected), "{expected}: {answer}");
    }
    assert_eq!(journal(&host).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_dot_between_two_line_ends_ends_a_mail() {
    let (host, address) = start("").await;
    let mut client = Client::welcome(host.mail()).await;
    let nearly = [
        "\r\n.\r\r\n",
        "\r\n.\n",
        "\n.\r\n",
        "\n.\n",
        "\r.\r",
        "\r.\r\n",
        "\r\n.\r",
        "\r\n..\r\n",
        "\r\n.\0\r\n",
        "\r\n. \r\n",
    ];
    for (count, near) in nearly.iter().enumerate() {
        for line in ["MAIL FROM:<a@x.example>".to_owned(), format!("RCPT TO:<{address}>"), "DATA".to_owned()] {
            client.say(&line).await;
        }
        let id = format!("<{count}@x.example>");
        let mail = format!(
            "From: a@x.example\r\nMessage-ID: {id}\r\n\r\nHi{near}MAIL FROM:<smuggled@x.example>\r\n.\r\nNOOP\r\n"
        );
        client.write(mail.as_bytes()).await;
        assert!(client.answer().await.starts_with("250 2.0.0 it is on disk"), "{near:?}");
        assert!(
            client.answer().await.starts_with("250 2.0.0 fine"),
            "{near:?}: what follows the mail is the next command"
        );
        assert_eq!(journal(&host).await.len(), count + 1, "{near:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_that_are_announced_and_do_not_come_keep_no_other_out_and_end_in_time() {
    // The server's own section follows: `start` begins with that of mail.
    let more = "connections_per_address = 20\nreceiving_bytes = 30000000\n[server]\nbody_grace_ms = 1500\n";
    let (host, address) = start(more).await;
    let mut idle = Vec::new();
    for _ in 0..5 {
        let mut client = Client::welcome(host.mail()).await;
        client.say("MAIL FROM:<a@x.example> SIZE=26000000").await;
        client.say(&format!("RCPT TO:<{address}>")).await;
        assert!(client.say("DATA").await.starts_with("354 "));
        idle.push(client);
    }
    let mut other = Client::welcome(host.mail()).await;
    assert!(other.hand_over("b@x.example", &address, MAIL).await.starts_with("250 "));
    for mut client in idle {
        assert!(client.answer().await.starts_with("421 "), "who announces a mail sends it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_too_large_is_refused_announced_or_not_and_the_session_goes_on() {
    let (host, address) = start("max_bytes = 1000\n").await;
    let mut client = Client::welcome(host.mail()).await;
    assert!(client.say("MAIL FROM:<a@x.example> SIZE=1001").await.starts_with("552 5.3.4"));
    let large = format!("From: a@x.example\n\n{}", "0123456789\n".repeat(200));
    assert!(client.hand_over("a@x.example", &address, &large).await.starts_with("552 5.3.4"));
    assert!(journal(&host).await.is_empty());
    assert!(client.hand_over("a@x.example", &address, MAIL).await.starts_with("250 "));
}

#[tokio::test(flavor = "multi_thread")]
async fn recipients_connections_and_mails_have_their_limits() {
    let (host, address) = start("max_recipients = 2\nconnections_per_address = 2\nmails_per_minute = 3\n").await;
    let mut client = Client::welcome(host.mail()).await;
    client.say("MAIL FROM:<a@x.example>").await;
    let to = |suffix: &str| format!("RCPT TO:<{}>", address.replace('@', &format!("+{suffix}@")));
    assert!(client.say(&to("1")).await.starts_with("250 "));
    assert!(client.say(&to("2")).await.starts_with("250 "));
    assert!(client.say(&to("3")).await.starts_with("452 4.5.3"));
    let second = Client::welcome(host.mail()).await;
    let (_third, greeting) = Client::connect(host.mail()).await;
    assert!(greeting.starts_with("421 "), "{greeting}");
    drop(second);
    for _ in 0..2 {
        client.say("RSET").await;
        assert!(client.say("MAIL FROM:<a@x.example>").await.starts_with("250 "));
    }
    client.say("RSET").await;
    assert!(client.say("MAIL FROM:<a@x.example>").await.starts_with("451 4.7.1"), "the fourth in a minute");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_connections_together_have_a_limit() {
    let (host, _) = start("connections = 1\n").await;
    let first = Client::welcome(host.mail()).await;
    let (_second, greeting) = Client::connect(host.mail()).await;
    assert!(greeting.starts_with("421 "), "{greeting}");
    drop(first);
    until("the place is free again", async || {
        let (_, greeting) = Client::connect(host.mail()).await;
        greeting.starts_with("220 ").then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_mail_give_their_place_to_a_new_one() {
    let (host, address) = start("connections = 3\nconnections_per_address = 3\n[server]\nhead_ms = 500\n").await;
    let mut sending = Client::welcome(host.mail()).await;
    sending.say("MAIL FROM:<a@x.example>").await;
    assert!(sending.say(&format!("RCPT TO:<{address}>")).await.starts_with("250 "));
    let _silent = (Client::welcome(host.mail()).await, Client::welcome(host.mail()).await);
    tokio::time::sleep(std::time::Duration::from_millis(1000)).await;
    let mut other = Client::welcome(host.mail()).await;
    assert!(other.hand_over("b@x.example", &address, MAIL).await.starts_with("250 "));
    assert!(sending.say("DATA").await.starts_with("354 "), "a mail under way goes on");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_or_dawdles_is_sent_away() {
    let (host, address) = start("idle_ms = 300\ndata_ms = 700\n").await;
    let mut silent = Client::welcome(host.mail()).await;
    assert!(silent.answer().await.starts_with("421 4.4.2"));
    let mut slow = Client::welcome(host.mail()).await;
    for line in ["MAIL FROM:<a@x.example>".to_owned(), format!("RCPT TO:<{address}>"), "DATA".to_owned()] {
        slow.say(&line).await;
    }
    for _ in 0..6 {
        slow.write(b"X: y\r\n").await;
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
    }
    assert!(slow.answer().await.starts_with("421 4.4.2"));
    assert!(journal(&host).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_nothing_right_is_sent_away_and_a_long_line_is_no_command() {
    let (host, _) = start("").await;
    let mut client = Client::welcome(host.mail()).await;
    assert!(client.say(&"x".repeat(5000)).await.starts_with("500 "));
    let mut last = String::new();
    for _ in 0..40 {
        last = client.say("HACK").await;
        if last.starts_with("421 ") {
            break;
        }
    }
    assert!(last.starts_with("421 "), "{last}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_goes_in_a_circle_is_stopped() {
    let (host, address) = start("max_received = 3\n").await;
    let received = "Received: by x.example\n".repeat(4);
    let mut client = Client::welcome(host.mail()).await;
    let answer = client.hand_over("a@x.example", &address, &format!("{received}{MAIL}")).await;
    assert!(answer.starts_with("554 5.4.6"), "{answer}");
    assert!(journal(&host).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_asks_the_server_to_come_again() {
    let (host, _) = start("[database]\nmin_free_bytes = 9000000000000000000\n").await;
    let mut client = Client::welcome(host.mail()).await;
    assert!(client.say("MAIL FROM:<a@x.example>").await.starts_with("452 4.3.1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_gone_is_nobody() {
    let (host, address) = start("").await;
    let channels = host.api().all("/v1/channels").await;
    let path = format!("/v1/channels/{}", channels[0]["id"].as_str().unwrap());
    host.api().ask("DELETE", &path, &Value::Null).await.unwrap();
    let mut client = Client::welcome(host.mail()).await;
    let answer = client.hand_over("a@x.example", &address, MAIL).await;
    assert!(answer.starts_with("550 5.1.1"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_domain_no_channel_receives_mail_and_the_words_say_what_to_set() {
    let host = Host::start("").await;
    let settings = json!({ "address": "support@shop.example", "sending": "relay" });
    let channel = json!({ "plugin": "email", "name": "Support", "settings": settings });
    let refused = host.api().expect(422, "POST", "/v1/channels", channel).await;
    assert!(refused["errors"][0]["detail"].as_str().unwrap().contains("mail.domain"), "{refused}");
}

/// LMTP over the socket in the data folder, as `sambung mail inject` speaks it.
#[tokio::test(flavor = "multi_thread")]
async fn mail_is_handed_over_on_this_machine_by_lmtp() {
    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
    let (host, address) = start("").await;
    let socket = host.data().join("mail.sock");
    let stream = until("the socket is there", async || tokio::net::UnixStream::connect(&socket).await.ok()).await;
    let mut wire = BufStream::new(stream);
    let other = address.replace('@', "+2@");
    let all = format!(
        "LHLO localhost\r\nMAIL FROM:<>\r\nRCPT TO:<{address}>\r\nRCPT TO:<{other}>\r\nDATA\r\n{}.\r\nQUIT\r\n",
        MAIL.replace("\n.\n", "\n..\n").replace('\n', "\r\n")
    );
    wire.write_all(all.as_bytes()).await.unwrap();
    wire.flush().await.unwrap();
    let mut codes = Vec::new();
    let mut line = String::new();
    while wire.read_line(&mut line).await.unwrap() > 0 {
        if line.as_bytes()[3] == b' ' {
            codes.push(line[..3].to_owned());
        }
        line.clear();
    }
    assert_eq!(codes, ["220", "250", "250", "250", "250", "354", "250", "250", "221"], "an answer for each recipient");
    assert_eq!(journal(&host).await.len(), 1, "of one channel it is one mail");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_of_this_machines_hands_mail_over_by_the_command_line_and_learns_what_to_do() {
    let names = NameServer::start(&[]).await.address();
    let mut server = Server::start(&format!("[mail]\ndomain = 'in.example'\nresolver = '{names}'\n")).await;
    let settings = json!({ "address": "support@shop.example", "sending": "relay" });
    let channel = json!({ "plugin": "email", "name": "Support", "settings": settings });
    let channel = server.api().expect(201, "POST", "/v1/channels", channel).await;
    let address = channel["settings"]["forwarding_address"].as_str().unwrap().to_owned();
    let inject = async |server: &Server, to: &str| {
        let arguments = ["mail", "inject", "--from", "siti@customer.example", "--to", to];
        let output = server.run_with(&arguments, MAIL.as_bytes()).await;
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, words) = inject(&server, &address).await;
    assert_eq!(code, 0, "{words}");
    assert_eq!(server.api().all("/v1/journal").await.len(), 1);
    let (code, words) = inject(&server, "nobody@in.example").await;
    assert_eq!((code, words.contains("550")), (67, true), "EX_NOUSER: {words}");
    assert_eq!(inject(&server, "a b@in.example").await.0, 64, "EX_USAGE");
    server.kill().await;
    let (code, words) = inject(&server, &address).await;
    assert_eq!((code, words.contains("no server")), (75, true), "EX_TEMPFAIL: {words}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_for_a_channel_that_goes_meanwhile_is_not_acknowledged() {
    let (host, address) = start("").await;
    let mut client = Client::welcome(host.mail()).await;
    client.say("MAIL FROM:<a@x.example>").await;
    assert!(client.say(&format!("RCPT TO:<{address}>")).await.starts_with("250 "));
    let channels = host.api().all("/v1/channels").await;
    let path = format!("/v1/channels/{}", channels[0]["id"].as_str().unwrap());
    host.api().ask("DELETE", &path, &Value::Null).await.unwrap();
    client.say("DATA").await;
    let answer = client.say("From: a@x.example\r\n\r\nHi\r\n.").await;
    assert!(answer.starts_with("451 "), "{answer}");
    assert!(client.hand_over("a@x.example", &address, MAIL).await.starts_with("550 "), "the next time it is nobody's");
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_that_come_at_once_take_no_more_memory_than_they_may_whatever_they_announce() {
    let (host, address) = start("max_bytes = 1000000\nreceiving_bytes = 1000000\n").await;
    let large = format!("From: a@x.example\r\n\r\n{}.\r\n", "0123456789\r\n".repeat(70_000));
    let begin = async |client: &mut Client, size: u32| {
        client.say(&format!("MAIL FROM:<a@x.example> SIZE={size}")).await;
        client.say(&format!("RCPT TO:<{address}>")).await;
        client.say("DATA").await
    };
    let (mut first, mut second) = (Client::welcome(host.mail()).await, Client::welcome(host.mail()).await);
    assert!(begin(&mut first, 1_000_000).await.starts_with("354 "));
    assert!(begin(&mut second, 1).await.starts_with("354 "), "what was only announced holds no room");
    second.write(large.as_bytes()).await;
    assert!(second.answer().await.starts_with("250 "));

    let (begun, rest) = large.split_at(700_000);
    first.write(begun.as_bytes()).await;
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert!(begin(&mut second, 900_000).await.starts_with("452 4.3.1"), "what does not fit now is not begun");
    first.write(rest.as_bytes()).await;
    assert!(first.answer().await.starts_with("250 "), "the first's mail holds its room");
    second.say("RSET").await;
    assert!(begin(&mut second, 1_000_000).await.starts_with("354 "));
    second.write(large.as_bytes()).await;
    assert!(second.answer().await.starts_with("250 "), "whoever was refused comes again");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_chats_or_drips_is_sent_away_and_who_has_many_recipients_is_not() {
    let (host, address) = start("idle_ms = 600\nmax_recipients = 2\n").await;
    let mut chatty = Client::welcome(host.mail()).await;
    let mut last = String::new();
    for _ in 0..120 {
        last = chatty.say("NOOP").await;
        if !last.starts_with("250 ") {
            break;
        }
    }
    assert!(last.starts_with("421 "), "{last}");
    let mut dripping = Client::welcome(host.mail()).await;
    for byte in b"NOOP          " {
        dripping.write(&[*byte]).await;
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert!(dripping.say("").await.starts_with("421 4.4.2"), "a command has its time, in however many pieces it comes");
    let mut many = Client::welcome(host.mail()).await;
    many.say("MAIL FROM:<a@x.example>").await;
    for at in 0..40 {
        let answer = many.say(&format!("RCPT TO:<{}>", address.replace('@', &format!("+{at}@")))).await;
        assert!(answer.starts_with(if at < 2 { "250 " } else { "452 " }), "{at}: {answer}");
    }
    assert!(many.say("DATA").await.starts_with("354 "), "those that were taken get theirs");
}

/// What another server might take for the end of a mail is none here, so that nobody hides a mail in a mail.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_ends_with_a_dot_between_two_whole_line_ends_and_nothing_else() {
    let (host, address) = start("data_ms = 5000\n").await;
    let hidden = format!("MAIL FROM:<evil@x.example>\r\nRCPT TO:<{address}>\r\nDATA\r\nFrom: evil@x.example\r\n\r\nx");
    let ends =
        ["\n.\n", "\n.\r\n", "\r.\r", "\r.\r\n", "\r\n.\n", "\r\n.\r", "\n.\r", "\r.\n", "\r\n\0.\r\n", "\r\n.\0\r\n"];
    let mut client = Client::welcome(host.mail()).await;
    for (at, end) in ends.iter().enumerate() {
        for line in ["MAIL FROM:<a@x.example>".to_owned(), format!("RCPT TO:<{address}>"), "DATA".to_owned()] {
            client.say(&line).await;
        }
        let mail = format!("From: a@x.example\r\nMessage-ID: <{at}@x.example>\r\n\r\nHi{end}{hidden}\r\n.\r\n");
        client.write(mail.as_bytes()).await;
        assert!(client.answer().await.starts_with("250 "), "{end:?}");
        assert!(client.say("VRFY x").await.starts_with("252 "), "nothing else was answered: {end:?}");
    }
    assert_eq!(journal(&host).await.len(), ends.len());
    client.say("MAIL FROM:<a@x.example>").await;
    client.say(&format!("RCPT TO:<{address}>")).await;
    client.say("DATA").await;
    assert!(client.say(".").await.starts_with("250 "), "the line before the first is ended by DATA");
}

/// Each of these would end the server, or keep it busy for hours.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_nobody_would_write_holds_up_no_other() {
    let (host, address) = start("").await;
    let nested = format!("From: a@x.example\n{}\nx\n", "Content-Type: message/rfc822\n\n".repeat(100_000));
    let deep = format!("From: b@x.example\nContent-Type: text/html\n\n{}\n", "<div>\n".repeat(100_000));
    let signed = "DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=eA==; b=eA==\n".repeat(50);
    let signed = format!("From: c@x.example\nMessage-ID: <signed@x.example>\n{signed}\nHi\n");
    let mut client = Client::welcome(host.mail()).await;
    for mail in [nested.as_str(), &deep, &signed, MAIL] {
        let answer = client.hand_over("a@x.example", &address, mail).await;
        assert!(answer.starts_with("250 "), "{answer}");
    }
    let all = until("they are all there", async || {
        let all = host.api().all_messages().await;
        (all.len() == 4).then_some(all)
    })
    .await;
    let signed = all.iter().find(|one| one["content"]["message_id"] == "signed@x.example").unwrap();
    let verdicts = signed["content"]["authentication"].as_array().unwrap();
    let dkim: Vec<_> = verdicts.iter().filter(|one| one["method"] == "dkim").collect();
    assert_eq!((dkim.len(), &dkim[0]["verdict"]), (1, &json!("permerror")), "{verdicts:?}");
}
