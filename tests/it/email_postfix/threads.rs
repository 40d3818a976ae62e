//! There and back: what lies in the mailbox is answered as real mail programs answer, and comes into the same conversation with
//! what they quote folded and not deleted.

use std::path::Path;

use sambung_tests::api::until;
use sambung_tests::fixtures;
use sambung_tests::providers::email::{deliver, header};
use serde_json::Value;

use super::{SHOP, SITI, stage};

const ANSWER: &str = "Paket Anda sampai besok siang.";

/// A recorded answer of a program, and what it says beside the quotation.
struct Program {
    name: &'static str,
    file: &'static str,
    /// What it quotes, as it stands in the recording.
    quotes: &'static [&'static str],
    /// Whether it says which mail it answers, and where it sends the answer.
    names_mail: bool,
    to_signed: bool,
}

/// Each finds back in a way of its own: by both, by the signed address alone, and by the ids alone.
const PROGRAMS: [Program; 4] = [
    Program { name: "Gmail", file: "reply_gmail.eml", quotes: &["> Hi", "\nHi\n"], names_mail: true, to_signed: true },
    Program {
        name: "Outlook",
        file: "reply_outlook.eml",
        quotes: &["The manager's comment:"],
        names_mail: false,
        to_signed: true,
    },
    Program { name: "iPhone", file: "reply_iphone.eml", quotes: &["> Hi"], names_mail: true, to_signed: false },
    Program { name: "Apple Mail", file: "reply_apple_mail.eml", quotes: &["> Hi"], names_mail: true, to_signed: true },
];

/// The recorded mail as an answer to that one: its own structure and words, and what was quoted then is our answer.
fn answer(folder: &Path, program: &Program, to: &str, answered: &str) -> String {
    let recorded = std::fs::read_to_string(folder.join(program.file)).unwrap().replace("\r\n", "\n");
    let (head, body) = recorded.split_once("\n\n").unwrap();
    let own = ["from:", "to:", "message-id:", "in-reply-to:", "references:"];
    let mut kept = true;
    let lines = head.lines().filter(|line| {
        kept = if line.starts_with([' ', '\t']) {
            kept
        } else {
            !own.iter().any(|name| line.to_lowercase().starts_with(name))
        };
        kept
    });
    let head: String = lines.map(|line| format!("{line}\n")).collect();
    let mut body = body.to_owned();
    for quote in program.quotes {
        assert!(body.contains(quote), "{}: {quote:?}", program.name);
        body = body.replacen(quote, &quote.replace("Hi", ANSWER).replace("The manager's comment:", ANSWER), 2);
    }
    let id = program.name.replace(' ', "-");
    let refer = match program.names_mail {
        true => format!("In-Reply-To: {answered}\nReferences: <m1@customer.example> {answered}\n"),
        false => String::new(),
    };
    format!("From: Siti <{SITI}>\nTo: {to}\nMessage-ID: <{id}@customer.example>\n{refer}{head}\n{body}")
}

/// The parts of the text that are not quoted.
fn own_words(content: &Value) -> String {
    let text: Vec<char> = content["text"].as_str().unwrap().chars().collect();
    let mut quoted = vec![false; text.len()];
    for range in content["extra"]["quotes"].as_array().unwrap_or_else(|| panic!("nothing is folded: {content}")) {
        let at = |index: usize| usize::try_from(range[index].as_u64().unwrap()).unwrap();
        quoted[at(0)..at(1)].fill(true);
    }
    text.iter().zip(quoted).filter(|(_, quoted)| !quoted).map(|(letter, _)| letter).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_of_real_mail_programs_find_back_through_postfix_and_their_quotations_are_folded() {
    let test = "answers_of_real_mail_programs_find_back_through_postfix_and_their_quotations_are_folded";
    let Some(folder) = fixtures::folder(test, "email/talon-apache2") else { return };
    let Some((postfix, host, first)) = stage(test, SITI, "").await else { return };
    let api = host.api();
    let conversation = first["conversation_id"].as_str().unwrap();
    let sent = api.reply(conversation, ANSWER).await;
    api.message_when(&sent, "sent").await;
    let raw = postfix.mailbox(SITI, 1).await.remove(0);
    let raw = String::from_utf8_lossy(&raw).replace("\r\n", "\n").replace('\n', "\r\n");
    let signed = header(&raw, "reply-to").split('<').next_back().unwrap().trim_end_matches('>').to_owned();
    let answered = header(&raw, "message-id");

    for program in &PROGRAMS {
        let to = if program.to_signed { signed.as_str() } else { SHOP };
        deliver(postfix.address(), SITI, to, &answer(&folder, program, to, &answered)).await;
        let id = format!("{}@customer.example", program.name.replace(' ', "-"));
        let message = until(&format!("the answer from {} is there", program.name), async || {
            let all = api.all_messages().await;
            all.into_iter().find(|message| message["content"]["message_id"] == id.as_str())
        })
        .await;
        assert_eq!(message["conversation_id"], conversation, "{}", program.name);
        let content = &message["content"];
        assert!(content["text"].as_str().unwrap().contains(ANSWER), "{}: it is not deleted: {content}", program.name);
        let own = own_words(content);
        assert!(own.contains("Hello") && !own.contains(ANSWER), "{}: {own}", program.name);
        if let Some(html) = content["html"].as_str() {
            let at = html.find("data-quoted").unwrap_or_else(|| panic!("{}: {html}", program.name));
            let quoted = html.find(ANSWER).unwrap_or_else(|| panic!("{}: {html}", program.name));
            assert!(at < quoted, "{}: {html}", program.name);
        }
    }
    postfix.is_idle().await;
    assert_eq!(api.all("/v1/conversations").await.len(), 1);
}
