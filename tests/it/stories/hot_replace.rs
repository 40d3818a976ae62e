//! A plugin is replaced a hundred times under load: nothing is lost, and every answer is of one of the two builds.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use sambung_tests::api::{Api, now_ms, until};
use sambung_tests::host::{hook, with_line};
use sambung_tests::providers::line::{Line, Source, event};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::CUSTOMER;

/// What the plugin says of a beacon, and what its other build says; of one length, so that the file stays whole.
const SAYS: [&str; 2] = ["Came near a beacon.", "Came by the beacon."];
const SWAPS: usize = 100;

fn builds() -> [Vec<u8>; 2] {
    let line = sambung_bundle::BUNDLED.iter().find(|plugin| plugin.id == "line").unwrap().wasm.to_vec();
    let mut other = line.clone();
    let [from, to] = SAYS.map(str::as_bytes);
    let places: Vec<_> = (0..other.len() - from.len()).filter(|at| other[*at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "the words stand in the component");
    for at in places {
        other[at..at + to.len()].copy_from_slice(to);
    }
    [line, other]
}

struct Load {
    line: Line,
    api: Api,
    address: String,
    conversation: String,
    stop: AtomicBool,
    beacons: AtomicU32,
    replies: AtomicU32,
}

impl Load {
    async fn customers(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let token = self.line.issue_token(CUSTOMER);
            let own = json!({ "replyToken": token, "beacon": { "hwid": "d41d8cd98f", "type": "enter" } });
            let beacon = event(&self.line, "beacon", Source::User(CUSTOMER), now_ms(), own);
            assert_eq!(self.line.post(&self.address, &[beacon]).await.unwrap(), 200);
            self.beacons.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn agents(&self) {
        while !self.stop.load(Ordering::Relaxed) {
            let number = self.replies.fetch_add(1, Ordering::Relaxed);
            let id = self.api.reply(&self.conversation, &format!("reply {number}")).await;
            self.api.message_when(&id, "sent").await;
        }
    }
}

/// Puts a build in the place of the running one: by a file that is renamed into the folder, or by an upload.
async fn replace(api: &Api, folder: &std::path::Path, build: &[u8], dropped: bool) {
    if dropped {
        std::fs::write(folder.join("line.part"), build).unwrap();
        std::fs::rename(folder.join("line.part"), folder.join("line.wasm")).unwrap();
    } else {
        let upload = api.request("POST", "/v1/plugins").header("content-type", "application/wasm").body(build.to_vec());
        let answer = upload.send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
    }
    let digest = hex::encode(Sha256::digest(build));
    until("the build runs", async || {
        (api.get("/v1/plugins/line").await["digest"].as_str() == Some(&digest)).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replaced_a_hundred_times_with_webhooks_and_sends_in_flight_nothing_is_lost() {
    let line = Line::start().await;
    let (host, channel) = with_line(&line, "").await;
    let api = host.api().clone();
    let address = hook(&api, &channel);
    assert_eq!(line.post_text(&address, CUSTOMER, now_ms(), "Halo").await.unwrap(), 200);
    let conversation = api.first_conversation().await["id"].as_str().unwrap().to_owned();
    let load = Load {
        line,
        api: api.clone(),
        address,
        conversation,
        stop: AtomicBool::new(false),
        beacons: AtomicU32::new(0),
        replies: AtomicU32::new(0),
    };
    let builds = builds();
    let folder = host.data().join("plugins");
    let replacing = async {
        for swap in 1..=SWAPS {
            // Every fifth is dropped: the folder's watcher waits until a file has settled.
            replace(&api, &folder, &builds[swap % 2], swap % 5 == 0).await;
        }
        load.stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(load.customers(), load.agents(), replacing);
    api.translated().await;
    let messages = api.all_messages().await;
    let said = |words: &str| messages.iter().filter(|message| message["content"]["line"] == words).count();
    let counts = SAYS.map(said);
    assert!(counts.iter().all(|count| *count > 0), "both builds spoke: {counts:?}");
    assert_eq!(
        counts.iter().sum::<usize>(),
        load.beacons.load(Ordering::Relaxed) as usize,
        "every beacon is there once"
    );
    let texts: Vec<Value> = load.line.deliveries().iter().map(|one| one.object["text"].clone()).collect();
    let replies = (0..load.replies.load(Ordering::Relaxed)).map(|number| json!(format!("reply {number}")));
    assert_eq!(texts, replies.collect::<Vec<_>>(), "every reply is there once, in its order");
    assert!(api.all("/v1/journal?state=parked").await.is_empty());
}
