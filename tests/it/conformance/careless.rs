//! The suite itself: a channel that does not do what it is asked is told so, question by question.

use sambung_testkit::Kit;
use sambung_testkit::conformance::{Answer, Proof, Registering, Sample, Subject, conform};
use sambung_testkit::contract::outbound::Outgoing;
use sambung_testkit::contract::types::Thread;
use sambung_testkit::{Provider, Webhook};
use serde_json::{Value, json};

use super::bundled;
use super::line::Line;

/// LINE's channel at a provider that is not LINE.
struct Careless;

impl Subject for Careless {
    async fn fill_in(&self, kit: &mut Kit) {
        Line.fill_in(kit).await;
    }

    /// Every event has the same id.
    fn text(&self, _number: u32, text: &str) -> Value {
        Line.text(1, text)
    }

    /// One that everybody knows.
    fn unknown(&self) -> Value {
        Line.text(7, "known")
    }

    /// The id of a message is not optional.
    fn optional(&self) -> Vec<&'static str> {
        vec!["/message/id"]
    }

    fn body(&self, events: &[Value]) -> Vec<u8> {
        Line.body(events)
    }

    fn signed(&self, kit: &Kit, body: &[u8]) -> Option<Webhook> {
        // Signed for another body, as at an address that verifies otherwise.
        if String::from_utf8_lossy(body).contains("\"one\"") {
            return Line.signed(kit, b"another").map(|other| Webhook { body: body.to_vec(), ..other });
        }
        // A header that nobody verifies.
        Line.signed(kit, body).map(|webhook| webhook.header("x-trace", "abc"))
    }

    fn identifies(&self, provider: &Provider) {
        Line.identifies(provider);
    }

    /// LINE forgets the address that it was told before, and takes what it should refuse.
    fn registers(&self, provider: &Provider, registering: Registering) {
        Line.registers(
            provider,
            match registering {
                Registering::Taken => Registering::Refused,
                Registering::Refused => Registering::Taken,
            },
        );
    }

    /// Everything is answered the other way round.
    fn script(&self, provider: &Provider, answer: Answer) {
        Line.script(
            provider,
            match answer {
                Answer::Takes => Answer::Broken,
                Answer::Unauthorized => Answer::Takes,
                Answer::TooMany(_) => Answer::TooMany(60),
                Answer::Broken => Answer::Unauthorized,
                Answer::BreaksOff => Answer::Takes,
            },
        );
    }

    fn prepared(&self, outgoing: Outgoing) -> Outgoing {
        Line.prepared(outgoing)
    }

    fn thread(&self) -> Thread {
        Line.thread()
    }

    fn samples(&self, kit: &mut Kit) -> Vec<Sample> {
        let refused = |provider: &Provider| {
            provider.expect("POST", "/v2/bot/message/push").answer(400, json!({}));
        };
        let texts = Line.samples(kit).into_iter().take(1);
        texts.map(|sample| Sample { script: refused, ..sample }).collect()
    }

    fn proofs(&self) -> Vec<Proof> {
        let mut proofs = Line.proofs();
        proofs.retain(|proof| proof.interface == "media");
        proofs[0].run = |_| Box::pin(async { Err("nothing came".to_owned()) });
        proofs
    }
}

#[tokio::test]
async fn what_does_not_conform_is_told_question_by_question() {
    let report = conform(&Careless, bundled("line")).await.unwrap();
    let wrong: Vec<&str> = report.wrong().map(|(question, _)| question).collect();
    for expected in [
        "an event that comes twice has one id",
        "an unknown kind is told, and spoils nothing beside it",
        "/message/id may be missing",
        "what is not signed as it should be is refused",
        "`identify` finds the account and changes nothing",
        "`register` twice is as once",
        "a `register` that fails leaves the provider as it was",
        "the address that is handed out is one that events are accepted at",
        "a text that is taken has a receipt",
        "one bad content spoils none beside it",
        "a refused credential is unauthorized",
        "too many is rate-limited, until the provider says",
        "a server error is no failure for good",
        "an answer that breaks off leaves it unknown",
        "the content `location` is shown",
        "media of the kind `video` are shown",
        "`text` is sent",
        "`media` is shown",
        "`profiles` is shown",
        "`signals` is shown",
    ] {
        assert!(wrong.contains(&expected), "{expected} is not told; these are: {wrong:#?}");
    }
}
