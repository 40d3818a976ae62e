//! Requests that wait for their translation when a person is erased: the backlog of a plugin that is held, or of a channel that
//! is being connected.
//!
//! Others' messages may stand in the same request, so none is emptied before it is translated. It is marked with whom it may not
//! bring back, sealed; what concerns them is left out then, and the raw copy goes in the act in which the request comes to its end
//! (`journal::forget_erased`).

use std::collections::BTreeSet;

use rusqlite::{Connection, params};
use sambung_runtime::contract::inbound::{Event, Happening};
use sambung_runtime::contract::types::{Identity, Person, Thread};
use serde::{Deserialize, Serialize};

use crate::db::DbError;
use crate::db::inbound::traces::Traces;
use crate::keys::RequestId;
use crate::model::envelope::{CHANCE, Vault};

/// Who was erased while a request waited: identities, conversations and messages, by workspace.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Gone(BTreeSet<(String, String)>);

fn row_name(journal: RequestId) -> String {
    format!("journal/{journal}/erased")
}

/// Marks the requests that wait and brought one of the erased messages before, or hold one of the person's traces; how many
/// there are.
pub(super) fn mark(
    db: &Connection,
    vault: &Vault,
    workspace: &str,
    words: &[String],
    traces: &Traces,
) -> Result<usize, DbError> {
    let mut waiting: Vec<(RequestId, Option<Vec<u8>>)> = Vec::new();
    {
        let mut query = db.prepare_cached(
            "SELECT id, body, headers, query, erased, id IN (SELECT m.journal_id FROM messages m JOIN erased_messages e ON e.id = m.id) \
             FROM journal LEFT JOIN raw_requests ON journal_id = id WHERE state IN ('pending', 'waiting') AND (workspace_id = ?1 OR workspace_id IS NULL)",
        )?;
        let mut rows = query.query([workspace])?;
        while let Some(row) = rows.next()? {
            if row.get(5)? || traces.stand_in_row(row)? {
                waiting.push((row.get(0)?, row.get(4)?));
            }
        }
    }
    for (id, marked) in &waiting {
        let mut gone = Gone::read(vault, *id, marked.as_deref())?;
        gone.0.extend(words.iter().map(|word| (workspace.to_owned(), word.clone())));
        let text = serde_json::to_vec(&gone).map_err(|error| DbError::Damaged(error.to_string()))?;
        let envelope = vault.seal(&row_name(*id), &text, crate::clock::random::<CHANCE>());
        db.prepare_cached("UPDATE journal SET erased = ?2 WHERE id = ?1")?.execute(params![id, envelope])?;
    }
    Ok(waiting.len())
}

impl Gone {
    /// What a request is marked with.
    pub(super) fn read(vault: &Vault, journal: RequestId, marked: Option<&[u8]>) -> Result<Gone, DbError> {
        let Some(envelope) = marked else { return Ok(Gone::default()) };
        let damaged = || DbError::Damaged(format!("the mark of request {journal}"));
        let text = vault.open(&row_name(journal), envelope).map_err(|_| damaged())?;
        serde_json::from_slice(&text).map_err(|_| damaged())
    }

    /// Whether an event would bring back somebody who was erased in this workspace.
    pub(super) fn concerns(&self, workspace: &str, event: &Event) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let word = |word: &String| self.0.contains(&(workspace.to_owned(), word.clone()));
        let identity = |who: &Identity| word(&who.value);
        let person = |who: &Person| who.identities.iter().any(identity);
        let thread = |thread: &Thread| word(&thread.key) || thread.aliases.iter().any(word);
        match &event.what {
            Happening::Message(said) => {
                thread(&said.thread) || said.sender.as_ref().is_some_and(person) || word(&said.id)
            }
            Happening::Reaction(said) => {
                said.who.as_ref().is_some_and(person)
                    || said.thread.as_ref().is_some_and(thread)
                    || word(&said.message.id)
            }
            Happening::Delivery(said) => said.who.as_ref().is_some_and(identity),
            Happening::Watermark(said) => thread(&said.thread),
            Happening::Subscription(said) => person(&said.who) || said.thread.as_ref().is_some_and(thread),
            Happening::IdentityChanged(change) => change.old.iter().chain(&change.new).any(identity),
            Happening::Typing(at) => thread(at),
            Happening::Deleted(_)
            | Happening::TemplateChanged(_)
            | Happening::AccountChanged(_)
            | Happening::Notice(_)
            | Happening::Other(_) => false,
        }
    }
}
