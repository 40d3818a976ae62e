//! Whatever the order in which a provider's requests arrive, and however often each is run, the same is derived.

mod files;
mod merges;
mod people;
mod rows;
mod watermarks;

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use rusqlite::params;
use sambung_runtime::contract::connection::Account;
use sambung_runtime::contract::inbound::{
    Delivery, Event, Happening, IdentityChange, Item, ItemResult, Message, Opening, Outcome, Reaction, Watermark,
};
use sambung_runtime::contract::types::{Content, Identity, Person, Target, Text, Thread};
use serde_json::{Value, json};

use crate::db::inbound::{Effect, Progress, Translated, Translation};
use crate::db::{Db, DbConfig, PendingRow, Priority, Which};
use crate::keys::{MediaId, RequestId};
use crate::model::envelope::Vault;

const NOW: i64 = 1_700_000_900_000;
const FIRST: i64 = 1_700_000_000_000;

/// A database with one connected channel, `ch_1`, and another, `ch_2`, of another workspace on the same shared address.
async fn open(folder: &std::path::Path) -> Db {
    let db = Db::open(DbConfig::at(folder.join("t.db")), Vault::new([7; 32])).expect("opens");
    db.write(Priority::Routine, |db| {
        db.execute_batch(
            "INSERT INTO workspaces (id, name, created_at) VALUES ('ws_1', 'one', 0), ('ws_2', 'two', 0);
             INSERT INTO plugins (id, state, installed_at, changed_at) VALUES ('p', 'active', 0, 0);
             INSERT INTO apps (id, plugin_id, name, settings, generated, is_default, created_at, changed_at)
               VALUES ('app_1', 'p', 'shared', '{}', '[]', 1, 0, 0);
             INSERT INTO accounts (id, workspace_id, plugin_id, account, name, created_at)
               VALUES (1, 'ws_1', 'p', 'one', 'One', 0), (2, 'ws_2', 'p', 'two', 'Two', 0);
             INSERT INTO channels (id, workspace_id, plugin_id, name, state, account, account_id, settings, created_at, changed_at)
               VALUES ('ch_1', 'ws_1', 'p', 'One', 'connected', 'one', 1, '{}', 0, 0),
                      ('ch_2', 'ws_2', 'p', 'Two', 'connected', 'two', 2, '{}', 0, 0);",
        )?;
        Ok(())
    })
    .await
    .expect("prepared");
    db
}

fn erase_line(_: &crate::db::Erased) -> crate::model::audit::Entry {
    crate::model::audit::Entry {
        workspace: Some("ws_1".into()),
        at: NOW,
        actor: "tok_1".into(),
        role: "admin".into(),
        action: "contact.erase".into(),
        subject: "ct_1".into(),
        detail: Value::Null,
    }
}

async fn run(db: &Db, channel: Option<&str>, items: Vec<Item>) -> (RequestId, Effect) {
    let id = journalled(db, channel).await;
    (id, again(db, id, channel, items, false).await)
}

async fn journalled(db: &Db, channel: Option<&str>) -> RequestId {
    journalled_at(db, "p", channel, Some("app_1")).await
}

/// A request in the journal that waits for its translation; its id.
async fn journalled_at(db: &Db, address: &'static str, channel: Option<&str>, app: Option<&'static str>) -> RequestId {
    let (theirs, id) = (channel.map(str::to_owned), RequestId::new(NOW));
    db.write(Priority::Routine, move |db| {
        db.execute(
            "INSERT INTO journal (id, plugin_id, address, channel_id, app_id, recipe, method, path, received_at, state)
             VALUES (?5, 'p', ?1, ?2, ?3, 'r', 'POST', '', ?4, 'pending')",
            params![address, theirs, app, NOW, id],
        )?;
        db.execute("INSERT INTO raw_requests VALUES (?1, '', '[]', x'00')", [id])?;
        Ok(id)
    })
    .await
    .expect("journalled")
}

async fn again(db: &Db, id: RequestId, channel: Option<&str>, items: Vec<Item>, replayed: bool) -> Effect {
    let mut done = db.commit_translated(vec![translated(id, channel, items, replayed)], NOW).await.expect("written");
    done.remove(0).expect("committed").effect
}

fn translated(id: RequestId, channel: Option<&str>, items: Vec<Item>, replayed: bool) -> Translated {
    let outcome = Outcome { items, answer: None, extra: vec![] };
    let row = PendingRow {
        id,
        plugin: "p".into(),
        channel: channel.map(Into::into),
        app: Some("app_1".into()),
        received_at: NOW,
        replays: replayed.into(),
        ..PendingRow::default()
    };
    let translation = Translation::Outcome { outcome: outcome.into(), rules: Arc::from([]), early: false };
    Translated { row: Arc::new(row), translation, progress: Progress::default() }
}

#[test]
fn a_long_body_and_long_html_weigh_as_much_as_the_events_that_take_as_long() {
    let weight = |body: usize, html: usize| {
        let mail = json!({ "type": "mail", "html": "x".repeat(html) });
        let mail = crate::model::content::from_json(&mail, "").expect("it is a mail");
        let happening = Happening::Message(Message { content: vec![mail], ..message("m1", "t") });
        let mut one =
            translated(RequestId::of_row(1), None, vec![item(vec![event("e1", FIRST, happening)], &[])], false);
        one.row = Arc::new(PendingRow { body: vec![0; body], ..PendingRow::default() });
        one.weight()
    };
    assert_eq!(weight(1_000, 1_000), 1);
    assert_eq!(weight(1 << 20, 1_000), 128);
    assert_eq!(weight(1_000, 512 << 10), 64);
}

fn item(events: Vec<Event>, routes: &[&str]) -> Item {
    let routes = routes.iter().map(|route| (*route).to_owned()).collect();
    Item { routes, raw: None, outcome: ItemResult::Events(events), extra: vec![] }
}

/// What nobody has a place for is told, and not known by its id: run again with a newer plugin, it is stored.
#[tokio::test]
async fn an_unknown_event_is_stored_when_a_newer_plugin_knows_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let open_kind = sambung_runtime::contract::types::Open {
        kind: "poll".into(),
        data: "{}".into(),
        line: "A poll.".into(),
        extra: vec![],
    };
    let other = event("e1", FIRST, Happening::Other(open_kind));
    let (id, effect) = run(&db, Some("ch_1"), vec![item(vec![other], &[])]).await;
    assert_eq!(effect, Effect::Settled);
    db.write(Priority::Routine, move |db| {
        db.execute("UPDATE journal SET state = 'pending' WHERE id = ?1", [id])?;
        Ok(())
    })
    .await
    .expect("queued");
    again(
        &db,
        id,
        Some("ch_1"),
        vec![item(vec![event("e1", FIRST, Happening::Message(message("m1", "t1")))], &[])],
        true,
    )
    .await;
    assert_eq!(count(&db, "messages").await, 1);
}

/// A request that waited for a channel is kept aside with a reason when the channel goes.
#[tokio::test]
async fn what_waited_for_a_channel_is_parked_when_it_goes() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    db.write(Priority::Routine, |db| {
        db.execute("UPDATE channels SET state = 'connecting', account_id = NULL WHERE id = 'ch_1'", [])?;
        Ok(())
    })
    .await
    .expect("changed");
    let (_, effect) =
        run(&db, Some("ch_1"), vec![item(vec![event("e1", FIRST, Happening::Message(message("m1", "t1")))], &[])])
            .await;
    assert_eq!(effect, Effect::Waiting);
    db.delete_channel("ch_1", None, NOW).await.expect("gone");
    let state: (String, i64) = db
        .read(|db| Ok(db.query_row("SELECT state, settled_at FROM journal", [], |row| Ok((row.get(0)?, row.get(1)?)))?))
        .await
        .expect("read");
    assert_eq!(state, ("parked".to_owned(), NOW));
}

fn thread(key: &str) -> Thread {
    Thread { key: key.into(), aliases: vec![], joins: vec![], context: None, extra: vec![] }
}

fn person(value: &str) -> Person {
    let identity = Identity { scheme: "user".into(), scope: "one".into(), value: value.into(), extra: vec![] };
    Person { identities: vec![identity], name: None, avatar: None, extra: vec![] }
}

fn target(id: &str) -> Target {
    Target { id: id.into(), context: None, extra: vec![] }
}

fn text(body: &str) -> Vec<Content> {
    vec![Content::Text(Text { body: body.into(), format: None, extra: vec![] })]
}

fn message(id: &str, key: &str) -> Message {
    Message {
        kind: "received".into(),
        id: id.into(),
        thread: thread(key),
        sender: Some(person(key)),
        content: text(id),
        reply_to: None,
        group: None,
        context: None,
        correlation: None,
        extra: vec![],
    }
}

fn echo(id: &str, key: &str) -> Message {
    Message { kind: "echo".into(), sender: None, ..message(id, key) }
}

fn event(id: &str, at: i64, what: Happening) -> Event {
    Event { id: id.into(), time: Some(at as u64), what, opens: vec![], closes: vec![], extra: vec![] }
}

/// Everything that is derived, by the provider's names.
async fn derived(db: &Db) -> BTreeMap<String, Value> {
    db.read(|db| {
        let mut all = BTreeMap::new();
        let mut messages = db.prepare(
            "SELECT p.provider_id, json_array(json(m.content), m.direction, m.at, m.status, m.edited_at, m.deleted_at, json(m.reactions),
                    (SELECT r.provider_id FROM provider_ids r WHERE r.message_id = m.reply_to), v.thread_key)
             FROM messages m JOIN provider_ids p ON p.message_id = m.id JOIN conversations v ON v.id = m.conversation_id",
        )?;
        let mut conversations = db.prepare(
            "SELECT 'conversation ' || v.thread_key, json_array(v.last_message_at, v.last_inbound_at,
                    (SELECT p.provider_id FROM provider_ids p WHERE p.message_id = v.last_message_id),
                    (SELECT json_group_array(o.value) FROM
                       (SELECT value FROM json_each(v.openings) ORDER BY value) o),
                    (SELECT json_group_array(c.rule || c.at) FROM closings c WHERE c.conversation_id = v.id),
                    (SELECT json_group_array(w.state || w.at) FROM watermarks w WHERE w.conversation_id = v.id))
             FROM conversations v",
        )?;
        for query in [&mut messages, &mut conversations] {
            let rows = query.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))?;
            for row in rows {
                let (name, state) = row?;
                all.insert(name, serde_json::from_str(&state).expect("json"));
            }
        }
        Ok(all)
    })
    .await
    .expect("read")
}

async fn count(db: &Db, table: &'static str) -> i64 {
    db.read(move |db| Ok(db.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?))
        .await
        .expect("counted")
}

/// One thing that a provider may tell, of two people's conversations and three messages in each.
fn happening() -> impl Strategy<Value = (u8, u8, u8, u8)> {
    (0..8u8, 0..2u8, 0..3u8, 0..3u8)
}

fn told(index: usize, (kind, who, which, other): (u8, u8, u8, u8)) -> Event {
    let at = FIRST + index as i64 * 1_000;
    let key = format!("k{who}");
    let (theirs, ours) = (format!("in{who}{which}"), format!("out{who}{which}"));
    let what = match kind {
        0 => {
            let reply_to = (other != which).then(|| target(&format!("in{who}{other}")));
            Happening::Message(Message { reply_to, ..message(&theirs, &key) })
        }
        1 => Happening::Message(echo(&ours, &key)),
        2 => Happening::Message(Message {
            kind: "edited".into(),
            content: text(&format!("edit {index}")),
            ..message(&theirs, &key)
        }),
        3 => Happening::Deleted(target(&theirs)),
        4 => {
            let emojis = if other == 0 { vec![] } else { vec![format!("emoji{other}")] };
            let who = Some(person(&key));
            Happening::Reaction(Reaction { message: target(&theirs), thread: None, who, emojis, extra: vec![] })
        }
        5 | 6 => {
            let state = ["sent", "delivered", "failed"][usize::from(other)];
            Happening::Delivery(Delivery {
                id: Some(ours),
                correlation: None,
                state: state.into(),
                who: None,
                price: None,
                failure: None,
                extra: vec![],
            })
        }
        _ => {
            let (id, time) = if other == 0 { (Some(ours), None) } else { (None, Some(at as u64)) };
            let state = if which == 0 { "delivered" } else { "read" }.into();
            Happening::Watermark(Watermark { thread: thread(&key), state, id, time, extra: vec![] })
        }
    };
    let mut event = event(&format!("e{index}"), at, what);
    if kind == 0 {
        let opening =
            Opening { rule: "reply".into(), closes_at: None, token: Some(format!("\"{theirs}\"")), extra: vec![] };
        event.opens.push(opening);
        event.closes.push("other".into());
    }
    event
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// A provider's message is one message: who tells the same id twice means the same one, so only the first of each id is
    /// told here. Everything else may come in any order, twice, and in any grouping.
    #[test]
    fn order_repetition_and_grouping_change_nothing(
        told_of in prop::collection::vec(happening(), 1..24),
        order in any::<prop::sample::Index>(),
        seed in any::<u64>(),
        group in 1..5usize,
    ) {
        let mut known = std::collections::BTreeSet::new();
        let events: Vec<Event> = told_of
            .into_iter()
            .enumerate()
            .filter(|(_, (kind, who, which, _))| *kind > 1 || known.insert((*kind, *who, *which)))
            .map(|(index, one)| told(index, one))
            .collect();
        let mut shuffled = events.clone();
        let mut chance = seed;
        for place in (1..shuffled.len()).rev() {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(place, (chance >> 33) as usize % (place + 1));
        }
        let twice = shuffled[order.index(shuffled.len())].clone();
        shuffled.push(twice);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (straight, mixed) = runtime.block_on(async {
            let (one, two) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
            let (straight, mixed) = (open(one.path()).await, open(two.path()).await);
            for event in events {
                run(&straight, Some("ch_1"), vec![item(vec![event], &[])]).await;
            }
            for group in shuffled.chunks(group) {
                let items: Vec<Item> = group.iter().map(|event| item(vec![event.clone()], &[])).collect();
                let (id, _) = run(&mixed, Some("ch_1"), items.clone()).await;
                mixed
                    .write(Priority::Routine, move |db| {
                        db.execute("UPDATE journal SET state = 'pending' WHERE id = ?1", [id])?;
                        Ok(())
                    })
                    .await
                    .expect("pending again");
                again(&mixed, id, Some("ch_1"), items, true).await;
            }
            (derived(&straight).await, derived(&mixed).await)
        });
        prop_assert_eq!(straight, mixed);
    }
}

#[tokio::test]
async fn items_of_a_batch_stand_or_fall_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let failed = Item { outcome: ItemResult::Failed("no idea".into()), ..item(vec![], &["one"]) };
    let batch = vec![
        item(vec![event("e1", FIRST, Happening::Message(message("m1", "k1")))], &["one"]),
        failed,
        item(vec![event("e2", FIRST, Happening::Message(message("m2", "k1")))], &["nobody"]),
        item(vec![event("e3", FIRST, Happening::Message(message("m3", "k1")))], &["two"]),
    ];
    let (_, effect) = run(&db, None, batch).await;
    assert_eq!(effect, Effect::Parked);
    assert_eq!(count(&db, "messages WHERE workspace_id = 'ws_1'").await, 1);
    assert_eq!(count(&db, "messages WHERE workspace_id = 'ws_2'").await, 1);
    assert_eq!(count(&db, "journal_items WHERE outcome = 'parked'").await, 2);
    assert_eq!(count(&db, "journal_items WHERE workspace_id IS NULL").await, 1);
}

/// What the database refuses is kept aside alone, whatever was to be committed together with it.
#[tokio::test]
async fn what_is_refused_takes_nothing_with_it_that_was_to_be_committed_together() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    db.write(Priority::Routine, |db| {
        db.execute_batch(
            "CREATE TRIGGER refuses BEFORE INSERT ON provider_ids WHEN NEW.provider_id = 'bad'
             BEGIN SELECT RAISE(ABORT, 'not this one'); END",
        )?;
        Ok(())
    })
    .await
    .expect("made");
    let said = |id: &str| item(vec![event(id, FIRST, Happening::Message(message(id, "t1")))], &[]);
    let mut rows = Vec::new();
    for items in [vec![said("m1")], vec![said("bad"), said("m2")], vec![said("m3")]] {
        rows.push(translated(journalled(&db, Some("ch_1")).await, Some("ch_1"), items, false));
    }
    let done = db.commit_translated(rows, NOW).await.expect("written");
    let done: Vec<_> =
        done.into_iter().map(|row| row.expect("committed")).map(|row| (row.effect, row.stored)).collect();
    assert_eq!(done, [(Effect::Settled, 1), (Effect::Parked, 1), (Effect::Settled, 1)]);
    assert_eq!((count(&db, "messages").await, count(&db, "dedupe").await), (3, 3));
}

#[tokio::test]
async fn a_channels_own_address_speaks_for_no_other_account() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let forged = vec![item(vec![event("e1", FIRST, Happening::Message(message("m1", "k1")))], &["two"])];
    let (_, effect) = run(&db, Some("ch_1"), forged).await;
    assert_eq!(effect, Effect::Parked);
    assert_eq!(count(&db, "messages").await, 0);
}

#[tokio::test]
async fn conversations_that_meet_are_merged_into_the_older_and_every_key_leads_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    for (id, key, at) in [("m1", "old", FIRST), ("m2", "new", FIRST + 1)] {
        run(&db, Some("ch_1"), vec![item(vec![event(id, at, Happening::Message(message(id, key)))], &[])]).await;
    }
    assert_eq!(count(&db, "conversations WHERE merged_into IS NULL").await, 2);
    let mut both = message("m3", "new");
    both.thread.aliases.push("old".into());
    run(&db, Some("ch_1"), vec![item(vec![event("m3", FIRST + 2, Happening::Message(both))], &[])]).await;
    assert_eq!(count(&db, "conversations WHERE merged_into IS NULL AND thread_key = 'old'").await, 1);
    assert_eq!(count(&db, "conversations WHERE merged_into IS NOT NULL").await, 1);
    let inside = "messages m JOIN conversations v ON v.id = m.conversation_id WHERE v.merged_into IS NULL";
    assert_eq!(count(&db, inside).await, 4, "three messages and the line that tells of it");
    assert_eq!(
        count(&db, "thread_keys k JOIN conversations v ON v.id = k.conversation_id AND v.merged_into IS NULL").await,
        2
    );
}

#[tokio::test]
async fn people_who_prove_to_be_one_are_merged_into_the_oldest() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    for (id, key, at) in [("m1", "a", FIRST), ("m2", "b", FIRST + 1)] {
        run(&db, Some("ch_1"), vec![item(vec![event(id, at, Happening::Message(message(id, key)))], &[])]).await;
    }
    let mut said = message("m3", "b");
    let both = [person("a"), person("b")].into_iter().flat_map(|one| one.identities).collect();
    said.sender = Some(Person { identities: both, name: Some("Sari".into()), avatar: None, extra: vec![] });
    run(&db, Some("ch_1"), vec![item(vec![event("m3", FIRST + 2, Happening::Message(said))], &[])]).await;
    assert_eq!(count(&db, "contacts WHERE name = 'Sari'").await, 1);
    assert_eq!(count(&db, "contacts").await, 1);
    assert_eq!(count(&db, "identities").await, 2);
    let dangling = "messages WHERE contact_id IS NOT NULL AND contact_id NOT IN (SELECT id FROM contacts)";
    assert_eq!(count(&db, dangling).await, 0);
}

#[tokio::test]
async fn an_erased_person_leaves_no_content_identity_or_raw_copy() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let said = event("e1", FIRST, Happening::Message(message("secret-words", "kasia-1984")));
    let (row, _) = run(&db, Some("ch_1"), vec![item(vec![said], &[])]).await;
    db.write(Priority::Routine, move |db| {
        db.execute("UPDATE journal SET workspace_id = 'ws_1' WHERE id = ?1", [row])?;
        db.execute("UPDATE raw_requests SET body = CAST('from kasia-1984' AS BLOB) WHERE journal_id = ?1", [row])?;
        Ok(())
    })
    .await
    .expect("a body");
    let contact = db.contacts_page("ws_1", None, None, 10).await.expect("listed")[0].id;
    assert!(db.erase_contact("ws_2", contact, NOW, erase_line).await.expect("asked").is_none(), "of another workspace");
    let erased = db.erase_contact("ws_1", contact, NOW, erase_line).await.expect("erased").expect("there");
    assert_eq!((erased.messages, erased.journal), (1, 1));
    for table in [
        "identities",
        "messages WHERE content LIKE '%secret-words%'",
        "feed WHERE data LIKE '%secret-words\"}%'",
        "thread_keys",
        "conversations WHERE thread_key LIKE '%kasia%'",
    ] {
        assert_eq!(count(&db, table).await, 0, "{table}");
    }
    assert_eq!(count(&db, "raw_requests").await, 0);
    assert!(db.contacts_page("ws_1", None, None, 10).await.expect("listed").is_empty());
}

#[tokio::test]
async fn a_file_that_arrives_after_its_person_was_erased_is_kept_by_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    db.write(Priority::Routine, |db| {
        db.execute_batch(
            "INSERT INTO media (id, workspace_id, state, kind, created_at) VALUES (1, 'ws_1', 'deleted', 'image', 1);
             INSERT INTO media (id, workspace_id, state, kind, digest, created_at) VALUES (2, 'ws_1', 'stored', 'image', 'd1', 1);",
        )?;
        Ok(())
    })
    .await
    .expect("an erased file, and bytes that were on their way");
    db.settle_media(MediaId::of_row(1), crate::db::MediaOutcome::Stored(MediaId::of_row(2)), NOW)
        .await
        .expect("settled");
    assert_eq!(count(&db, "media WHERE state = 'stored'").await, 0);
    assert_eq!(db.expire_media(i64::MIN, (i64::MIN, i64::MIN), NOW, 10).await.expect("swept"), ["d1"]);
    assert_eq!(count(&db, "media WHERE digest IS NOT NULL").await, 0);
}

#[tokio::test]
async fn requests_wait_for_their_channel_to_be_connected_but_notices_take_effect() {
    use sambung_runtime::contract::inbound::Notice;
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    db.write(Priority::Routine, |db| {
        db.execute(
            "UPDATE channels SET state = 'connecting', account_id = NULL, account = NULL WHERE id = 'ch_1'",
            [],
        )?;
        Ok(())
    })
    .await
    .expect("connecting");
    let notice = Notice {
        level: "info".into(),
        code: "confirm".into(),
        words: "Confirm the forwarding".into(),
        link: None,
        copy: Some("1234".into()),
        extra: vec![],
    };
    let events = vec![
        event("e1", FIRST, Happening::Notice(notice)),
        event("e2", FIRST, Happening::Message(message("m1", "k1"))),
    ];
    let (_, effect) = run(&db, Some("ch_1"), vec![item(events, &[])]).await;
    assert_eq!(effect, Effect::Waiting);
    assert_eq!((count(&db, "messages").await, count(&db, "findings WHERE code = 'confirm'").await), (0, 1));
    let released = db.write(Priority::Routine, |db| crate::db::inbound::journal::release_waiting(db, "ch_1")).await;
    assert_eq!(released.expect("released"), 1);
    assert_eq!(count(&db, "journal WHERE state = 'pending'").await, 1);
}

#[tokio::test]
async fn a_request_that_somebody_runs_again_notifies_nobody() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let (id, _) =
        run(&db, Some("ch_1"), vec![Item { outcome: ItemResult::Failed("no idea".into()), ..item(vec![], &[]) }]).await;
    let reader = crate::db::JournalReader { workspace: "ws_1".into(), operator: true };
    assert_eq!(db.replay_row(reader, id).await.expect("asked"), crate::db::Replay::Queued);
    let fixed = vec![item(vec![event("e1", FIRST, Happening::Message(message("m1", "k1")))], &[])];
    assert_eq!(again(&db, id, Some("ch_1"), fixed, true).await, Effect::Settled);
    let told = "feed WHERE type = 'message.created' AND json_extract(data, '$.replayed') = 1";
    assert_eq!(count(&db, told).await, 1);
    assert_eq!(count(&db, "journal_items").await, 0);
}

/// What arrived at a shared address for a channel that was connecting is translated once it is connected, in order of arrival and
/// as news; nothing else that was kept aside is touched.
#[tokio::test]
async fn what_a_connecting_channel_missed_at_a_shared_address_comes_in_order_when_it_is_connected() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let said = |id: &str| vec![event(&format!("e-{id}"), FIRST, Happening::Message(message(id, "customer")))];
    let (early, _) = run(&db, None, vec![item(said("early"), &["three"])]).await;
    let (foreign, _) = run(&db, None, vec![item(said("foreign"), &["three"])]).await;
    db.write(Priority::Routine, move |db| {
        db.execute("UPDATE journal SET received_at = 1 WHERE id = ?1", [early])?;
        db.execute("UPDATE journal SET app_id = 'app_2' WHERE id = ?1", [foreign])?;
        db.execute(
            "INSERT INTO channels (id, workspace_id, plugin_id, name, state, settings, created_at, changed_at) \
             VALUES ('ch_3', 'ws_2', 'p', 'Three', 'connecting', '{}', 2, 2)",
            [],
        )?;
        Ok(())
    })
    .await
    .expect("prepared");
    let both = |one: &str, other: &str| vec![item(said(one), &["three"]), item(said(other), &["one"])];
    let (first, effect) = run(&db, None, both("a", "for-one")).await;
    assert_eq!(effect, Effect::Parked);
    let (second, _) = run(&db, None, vec![item(said("b"), &["route-of-three"])]).await;
    let (other, _) = run(&db, None, vec![item(said("c"), &["four"])]).await;
    let account = Account {
        id: "three".into(),
        name: "Three".into(),
        routes: vec!["route-of-three".into()],
        features: "{}".into(),
        extra: vec![],
    };
    let connected = crate::db::Connected { account, findings: Vec::new() };
    let change = Some(crate::db::SettingsChange::default());
    db.channel_connected("ch_3", connected, change, Arc::default(), None, NOW).await.expect("connected");
    let every = Which::AllBut(Default::default());
    let read = db.pending_rows(vec!["p".into()], every, Default::default(), 10, 1 << 20);
    let (pending, _) = read.await.expect("read");
    assert_eq!(pending.iter().map(|row| (row.id, row.replays)).collect::<Vec<_>>(), [(first, 0), (second, 0)]);
    assert_eq!(again(&db, first, None, both("a", "for-one"), false).await, Effect::Settled);
    assert_eq!(again(&db, second, None, vec![item(said("b"), &["route-of-three"])], false).await, Effect::Settled);
    assert_eq!(count(&db, "messages").await, 3, "what the other channel got is not stored again");
    assert_eq!(count(&db, "feed WHERE type = 'message.created' AND workspace_id = 'ws_2'").await, 2);
    assert_eq!(count(&db, "journal_items").await, 3, "the early, the foreign and the unknown are kept aside as before");
    let parked = db
        .read(|db| {
            Ok(db.query_row("SELECT json_group_array(id) FROM journal WHERE state = 'parked'", [], |row| {
                row.get::<_, String>(0)
            })?)
        })
        .await
        .expect("read");
    assert_eq!(parked, format!("[{},{},{}]", early.row(), foreign.row(), other.row()));
}

/// A request that waits when a person is erased brings nothing of the person back, gives the others theirs, and leaves no raw
/// copy; whom another workspace knows by the same name stays there.
#[tokio::test]
async fn what_waits_when_a_person_is_erased_brings_nothing_of_them_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    let said = |id: &str, who: &str| event(&format!("e-{id}"), FIRST, Happening::Message(message(id, who)));
    for (channel, id) in [("ch_1", "m1"), ("ch_2", "m2")] {
        run(&db, Some(channel), vec![item(vec![said(id, "kasia-1984")], &[])]).await;
    }
    let id = RequestId::new(NOW);
    let shared = db
        .write(Priority::Routine, move |db| {
            db.execute(
                "INSERT INTO journal (id, plugin_id, address, app_id, recipe, method, path, received_at, state) \
                 VALUES (?2, 'p', 'p', 'app_1', 'r', 'POST', '', ?1, 'pending')",
                params![NOW, id],
            )?;
            db.execute(
                "INSERT INTO raw_requests VALUES (?1, '', '[[\"x\",\"y\"]]', CAST('of kasia-1984 and budi' AS BLOB))",
                [id],
            )?;
            Ok(id)
        })
        .await
        .expect("journalled");
    let contact = db.contacts_page("ws_1", None, None, 10).await.expect("listed")[0].id;
    let erased = db.erase_contact("ws_1", contact, NOW, erase_line).await.expect("erased").expect("there");
    assert_eq!(erased.waiting, 1);
    assert_eq!(
        count(&db, "journal JOIN raw_requests ON journal_id = id WHERE state = 'pending'").await,
        1,
        "others' words are in it"
    );
    assert_eq!(count(&db, "journal WHERE instr(erased, 'kasia') > 0").await, 0, "the mark is sealed");
    let edit = Message { kind: "edited".into(), content: text("edited"), ..message("m1", "customer") };
    let all = vec![
        said("again", "kasia-1984"),
        said("other", "budi"),
        event("e-edit", FIRST, Happening::Message(edit)),
        event(
            "e-reaction",
            FIRST,
            Happening::Reaction(Reaction {
                message: target("other"),
                thread: None,
                who: Some(person("kasia-1984")),
                emojis: vec!["x".into()],
                extra: vec![],
            }),
        ),
    ];
    let items = vec![item(all, &["one"]), item(vec![said("again", "kasia-1984")], &["two"])];
    assert_eq!(again(&db, shared, None, items, false).await, Effect::Settled);
    assert_eq!(count(&db, "messages WHERE workspace_id = 'ws_1' AND content LIKE '%\"again\"%'").await, 0);
    assert_eq!(count(&db, "messages WHERE content LIKE '%edited%'").await, 0);
    assert_eq!(count(&db, "messages WHERE reactions IS NOT NULL AND reactions <> '[]'").await, 0);
    assert_eq!(count(&db, "waiting_events").await, 0);
    assert_eq!(count(&db, "identities WHERE workspace_id = 'ws_1' AND value = 'kasia-1984'").await, 0);
    assert_eq!(count(&db, "identities WHERE workspace_id = 'ws_1' AND value = 'budi'").await, 1);
    assert_eq!(count(&db, "messages WHERE workspace_id = 'ws_2'").await, 2, "the other workspace's customer goes on");
    assert_eq!(count(&db, "raw_requests WHERE CAST(body AS TEXT) LIKE '%kasia%'").await, 0);
    assert_eq!(
        count(&db, "journal LEFT JOIN raw_requests ON journal_id = id WHERE erased IS NOT NULL OR headers <> '[]'")
            .await,
        0
    );
}

#[tokio::test]
async fn typing_is_told_to_those_who_follow_and_leaves_no_row() {
    use futures_util::FutureExt;
    let folder = tempfile::tempdir().expect("a folder");
    let db = open(folder.path()).await;
    run(&db, Some("ch_1"), vec![item(vec![event("e1", FIRST, Happening::Message(message("m1", "t")))], &[])]).await;
    let rows = async || {
        let count = |db: &rusqlite::Connection| {
            let sql = "SELECT (SELECT count(*) FROM dedupe), (SELECT max(id) FROM feed)";
            Ok(db.query_row(sql, [], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?)
        };
        db.read(count).await.expect("read")
    };
    let before = rows().await;
    let mut team = db.wakes().passing.follow("ws_1");
    let types = |id: &str, thread: &str, at: i64| {
        let thread = Thread { key: thread.into(), aliases: vec![], joins: vec![], context: None, extra: vec![] };
        vec![item(vec![event(id, at, Happening::Typing(thread))], &[])]
    };
    run(&db, Some("ch_1"), types("e2", "t", NOW - 11_000)).await;
    run(&db, Some("ch_1"), types("e3", "nobody's", NOW)).await;
    let id = journalled(&db, Some("ch_1")).await;
    again(&db, id, Some("ch_1"), types("e4", "t", NOW), true).await;
    assert!(team.next().now_or_never().is_none(), "no follower is told of late, unknown or replayed typing");
    let (_, effect) = run(&db, Some("ch_1"), types("e5", "t", NOW)).await;
    assert_eq!(effect, Effect::Settled);
    assert_eq!(team.next().now_or_never().expect("it is told").kind, "conversation.typing");
    assert_eq!(rows().await, before);
}
