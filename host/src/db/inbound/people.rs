//! People by their identities: found by the first that is known, made when none is, and merged when several meet.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};
use sambung_runtime::contract::types::{Identity, Person};

use crate::db::engine::after;
use crate::db::inbound::site::Site;
use crate::db::inbox::contacts::{SHOWN_FROM, SHOWN_NAME, merging};
use crate::db::{Db, DbError, Priority};
use crate::keys::{ContactId, ConversationId};
use crate::model::clean;

/// A contact that the provider was not asked about yet.
#[derive(Debug, Clone, PartialEq)]
pub struct StrangerRow {
    /// Whose it is.
    pub workspace: String,
    /// The contact.
    pub contact: ContactId,
    /// The channel to ask through.
    pub channel: String,
    /// Its identities.
    pub identities: Vec<Identity>,
    /// The thread key and the context of the conversation that they wrote in.
    pub thread: Option<(String, Option<String>)>,
}

/// A person, as they are known now.
#[derive(Debug, Clone)]
pub(super) struct Contact {
    pub id: ContactId,
    pub name: Option<String>,
    /// The contact that is shown in its place, and its name, where a user merged several.
    pub shown: Option<(ContactId, Option<String>)>,
    /// Several contacts turned out to be this one.
    pub merged: bool,
}

/// The contact of a person, made where nobody knows any of the identities. None for somebody without an identity.
pub(super) fn contact_of(site: &mut Site<'_>, person: &Person, at: i64) -> Result<Option<Contact>, DbError> {
    if person.identities.is_empty() {
        return Ok(None);
    }
    let (mut known, missing) = look_up(site, &person.identities)?;
    let mut contact = match known.len() {
        0 => Contact::alone(create(site, at)?, None),
        1 => known.remove(0),
        _ => merge(site, &known)?,
    };
    for identity in missing {
        site.db
            .prepare_cached(
                "INSERT INTO identities (workspace_id, scheme, scope, value, contact_id, extra) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                site.workspace,
                identity.scheme,
                identity.scope,
                identity.value,
                contact.id,
                extra_json(identity)
            ])?;
    }
    describe(site, &mut contact, person, at)?;
    Ok(Some(contact))
}

fn extra_json(identity: &Identity) -> Option<String> {
    (!identity.extra.is_empty()).then(|| serde_json::json!(identity.extra).to_string())
}

/// The contacts that are known by these identities, without repetition, and the identities that nobody has.
fn look_up<'i>(site: &Site<'_>, identities: &'i [Identity]) -> Result<(Vec<Contact>, Vec<&'i Identity>), DbError> {
    let mut query = site.db.prepare_cached(
        "SELECT i.contact_id, c.name, c.merged_into IS NOT NULL OR (c.name IS NULL \
           AND EXISTS (SELECT 1 FROM contacts m WHERE m.merged_into = c.id)) FROM identities i JOIN contacts c ON c.id = i.contact_id \
         WHERE i.workspace_id = ?1 AND i.scheme = ?2 AND i.scope = ?3 AND i.value = ?4",
    )?;
    let (mut known, mut missing): (Vec<Contact>, _) = (Vec::new(), Vec::new());
    for identity in identities {
        let values = params![site.workspace, identity.scheme, identity.scope, identity.value];
        let found =
            query.query_row(values, |row| Ok((Contact::alone(row.get(0)?, row.get(1)?), row.get::<_, bool>(2)?)));
        match found.optional()? {
            Some((contact, _)) if known.iter().any(|other| other.id == contact.id) => {}
            Some((mut contact, grouped)) => {
                if grouped {
                    contact.shown = shown(site.db, contact.id)?;
                }
                known.push(contact);
            }
            None => missing.push(identity),
        }
    }
    Ok((known, missing))
}

impl Contact {
    /// A contact that no user merged.
    fn alone(id: ContactId, name: Option<String>) -> Contact {
        Contact { id, name, shown: None, merged: false }
    }

    /// The id and the name that are shown.
    pub fn as_shown(&self) -> (ContactId, Option<&str>) {
        match &self.shown {
            Some((id, name)) => (*id, name.as_deref()),
            None => (self.id, self.name.as_deref()),
        }
    }
}

/// The contact that is shown in this one's place, and its name.
fn shown(db: &Connection, id: ContactId) -> Result<Option<(ContactId, Option<String>)>, DbError> {
    Ok(db
        .prepare_cached(&format!("SELECT ct.id, {SHOWN_NAME} FROM contacts own {SHOWN_FROM} WHERE own.id = ?1"))?
        .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}

fn create(site: &mut Site<'_>, at: i64) -> Result<ContactId, DbError> {
    let id = site.mint();
    site.db
        .prepare_cached("INSERT INTO contacts (id, workspace_id, created_at, changed_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![id, site.workspace, at.min(site.received_at), site.now])?;
    after::wake_strangers();
    Ok(id)
}

/// Of several contacts the oldest stays; it takes over the others' identities, conversations and messages.
fn merge(site: &mut Site<'_>, several: &[Contact]) -> Result<Contact, DbError> {
    site.told.forget_json();
    let mut ages = Vec::with_capacity(several.len());
    for Contact { id, .. } in several {
        let created: i64 = site
            .db
            .prepare_cached("SELECT created_at FROM contacts WHERE id = ?1")?
            .query_row([id], |row| row.get(0))?;
        ages.push((created, *id));
    }
    ages.sort();
    let kept = ages.remove(0).1;
    for (_, gone) in ages {
        for statement in [
            "UPDATE identities SET contact_id = ?1 WHERE contact_id = ?2",
            "UPDATE messages SET contact_id = ?1 WHERE contact_id = ?2 AND guest = 1",
            "UPDATE messages SET contact_id = ?1 WHERE contact_id = ?2 AND conversation_id IN (SELECT id FROM conversations WHERE contact_id = ?2)",
            "INSERT INTO holds (account_id, scope, key, until, reason) SELECT account_id, scope, CAST(?1 AS TEXT), until, reason FROM holds \
             WHERE scope = 'recipient' AND key = CAST(?2 AS TEXT) \
             ON CONFLICT (account_id, scope, key) DO UPDATE SET until = excluded.until WHERE excluded.until > holds.until",
            "DELETE FROM holds WHERE scope = 'recipient' AND key = CAST(?2 AS TEXT) AND ?1 <> ?2",
        ] {
            site.db.prepare_cached(statement)?.execute([kept, gone])?;
        }
        let mut moved = site.db.prepare_cached(
            "UPDATE conversations SET contact_id = ?1 WHERE contact_id = ?2 RETURNING id, merged_into IS NULL",
        )?;
        let rows =
            moved.query_map([kept, gone], |row| Ok((row.get::<_, ConversationId>(0)?, row.get::<_, bool>(1)?)))?;
        for row in rows {
            let (id, visible) = row?;
            if visible {
                site.told.conversation(id);
            }
        }
        site.db
            .prepare_cached(
                "UPDATE contacts SET name = coalesce((SELECT g.name FROM contacts g WHERE g.id = ?2 AND g.name IS NOT NULL \
                   AND (contacts.name IS NULL OR g.name_at > contacts.name_at)), name), \
                 name_at = (SELECT max(b.name_at) FROM contacts b WHERE b.id IN (?1, ?2)), \
                 avatar = coalesce(avatar, (SELECT g.avatar FROM contacts g WHERE g.id = ?2)), changed_at = ?3 WHERE id = ?1",
            )?
            .execute(params![kept, gone, site.now])?;
        for conversation in merging::join_groups(site.db, kept, gone, site.now)? {
            site.told.conversation(conversation);
        }
        site.db.prepare_cached("DELETE FROM contacts WHERE id = ?1")?.execute([gone])?;
    }
    let name =
        site.db.prepare_cached("SELECT name FROM contacts WHERE id = ?1")?.query_row([kept], |row| row.get(0))?;
    let shown = shown(site.db, kept)?;
    Ok(Contact { id: kept, name, shown, merged: true })
}

/// Takes over what the provider says about a person: the newest name by the provider's time, the first picture.
fn describe(site: &mut Site<'_>, contact: &mut Contact, person: &Person, at: i64) -> Result<(), DbError> {
    // The one place where a person's name enters the database, whichever plugin says it.
    let name = person.name.as_deref().and_then(clean::name);
    if let Some(name) = name.filter(|name| contact.name.as_deref() != Some(name.as_str())) {
        let changed = site
            .db
            .prepare_cached(
                "UPDATE contacts SET name = ?2, name_at = ?3, changed_at = ?4 WHERE id = ?1 AND name_at <= ?3",
            )?
            .execute(params![contact.id, name, at, site.now])?;
        if changed > 0 {
            contact.name = Some(name);
            if contact.shown.is_some() {
                contact.shown = shown(site.db, contact.id)?;
            }
            site.told.forget_json();
        }
    }
    if let Some(avatar) = &person.avatar {
        let wanted: bool = site
            .db
            .prepare_cached("SELECT avatar IS NULL FROM contacts WHERE id = ?1")?
            .query_row([contact.id], |row| row.get(0))?;
        if wanted && let Some(media) = crate::db::inbound::media::register(site, None, avatar)? {
            // Who has a name and a picture is no stranger: to ask the provider would tell nothing more, and may cost.
            site.db
                .prepare_cached(
                    "UPDATE contacts SET avatar = ?2, changed_at = ?3, \
                       looked_up_at = CASE WHEN name IS NULL THEN looked_up_at ELSE coalesce(looked_up_at, ?3) END \
                     WHERE id = ?1",
                )?
                .execute(params![contact.id, media, site.now])?;
        }
    }
    Ok(())
}

/// Marks identities that others of the same scheme and scope replace, because what is sent goes to the best one.
pub(super) fn supersede(site: &Site<'_>, old: &[Identity], new: &[Identity]) -> Result<(), DbError> {
    let like = |one: &Identity, other: &Identity| one.scheme == other.scheme && one.scope == other.scope;
    let replaced = old.iter().filter(|one| new.iter().any(|other| like(one, other) && one.value != other.value));
    let mark = serde_json::json!([["superseded", "true"]]).to_string();
    for (identity, extra) in replaced.map(|one| (one, Some(&mark))).chain(new.iter().map(|one| (one, None))) {
        site.db
            .prepare_cached(
                "UPDATE identities SET extra = ?5 WHERE workspace_id = ?1 AND scheme = ?2 AND scope = ?3 AND value = ?4",
            )?
            .execute(params![site.workspace, identity.scheme, identity.scope, identity.value, extra])?;
    }
    Ok(())
}

fn identities_of(db: &Connection, contact: ContactId) -> Result<Vec<Identity>, DbError> {
    let mut query = db.prepare_cached(
        "SELECT scheme, scope, value, extra FROM identities WHERE contact_id = ?1 ORDER BY scheme, scope, value",
    )?;
    let rows = query.query_map([contact], |row| {
        let extra: Option<String> = row.get(3)?;
        Ok(Identity {
            scheme: row.get(0)?,
            scope: row.get(1)?,
            value: row.get(2)?,
            extra: extra.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default(),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

impl Db {
    /// Contacts that a plugin may know more about and was not asked yet, with a connected channel of one of these plugins: whom a
    /// conversation is with, and others who wrote in one and have no name. At most `most` of each workspace, the newest first; none of
    /// the channels in `apart`.
    pub async fn strangers(
        &self,
        plugins: Vec<String>,
        apart: HashSet<String>,
        most: u32,
    ) -> Result<Vec<StrangerRow>, DbError> {
        self.read(move |db| {
            let (plugins, apart) = (serde_json::json!(plugins).to_string(), serde_json::json!(apart).to_string());
            let mut next = db.prepare_cached(
                "SELECT workspace_id FROM contacts INDEXED BY contacts_unknown \
                 WHERE looked_up_at IS NULL AND erased_at IS NULL AND workspace_id > ?1 ORDER BY workspace_id LIMIT 1",
            )?;
            let mut query = db.prepare_cached(
                "SELECT ct.id, c.id, v.thread_key, v.context FROM contacts ct INDEXED BY contacts_unknown CROSS JOIN conversations v ON v.id IN \
                   (SELECT id FROM conversations WHERE contact_id = ct.id \
                    UNION ALL SELECT conversation_id FROM messages WHERE contact_id = ct.id AND guest = 1 AND ct.name IS NULL) \
                 JOIN channels c ON c.account_id = v.account_id AND c.state = 'connected' \
                 WHERE ct.workspace_id = ?3 AND ct.looked_up_at IS NULL AND ct.erased_at IS NULL \
                   AND c.plugin_id IN (SELECT value FROM json_each(?1)) AND c.id NOT IN (SELECT value FROM json_each(?4)) \
                 ORDER BY ct.id DESC LIMIT ?2",
            )?;
            let mut found: Vec<StrangerRow> = Vec::new();
            let mut workspace = String::new();
            while let Some(this) = next.query_row([&workspace], |row| row.get::<_, String>(0)).optional()? {
                workspace = this;
                let mut rows = query.query(params![plugins, most, workspace, apart])?;
                while let Some(row) = rows.next()? {
                    let contact: ContactId = row.get(0)?;
                    if !found.iter().any(|other| other.contact == contact) {
                        let (channel, thread) = (row.get(1)?, Some((row.get(2)?, row.get(3)?)));
                        let identities = identities_of(db, contact)?;
                        found.push(StrangerRow { workspace: workspace.clone(), contact, channel, identities, thread });
                    }
                }
            }
            Ok(found)
        })
        .await
    }

    /// Takes over what the provider knows of a contact, or that it was asked in vain.
    pub async fn note_profile(
        &self,
        channel: &str,
        contact: ContactId,
        person: Option<Person>,
        now: i64,
    ) -> Result<(), DbError> {
        let channel = channel.to_owned();
        self.write(Priority::Routine, move |db| {
            let found = db
                .prepare_cached(
                    "SELECT workspace_id, (SELECT account_id FROM channels WHERE id = ?2), name FROM contacts \
                     WHERE id = ?1 AND erased_at IS NULL",
                )?
                .query_row(params![contact, channel], |row| {
                    let known = Contact::alone(contact, row.get(2)?);
                    Ok((row.get::<_, String>(0)?, row.get::<_, Option<i64>>(1)?, known))
                })
                .optional()?;
            let Some((workspace, account, mut known)) = found else { return Ok(()) };
            db.prepare_cached("UPDATE contacts SET looked_up_at = ?2 WHERE id = ?1")?.execute(params![contact, now])?;
            let (Some(account), Some(person)) = (account, person) else { return Ok(()) };
            let mut site = Site {
                request: None,
                db,
                workspace: &workspace,
                account,
                channel: Some(&channel),
                shown: None,
                rules: &[],
                received_at: now,
                now,
                replayed: false,
                told: Default::default(),
            };
            describe(&mut site, &mut known, &person, now)?;
            let mut shown = db.prepare_cached(
                "SELECT id FROM conversations WHERE merged_into IS NULL AND id IN \
                   (SELECT id FROM conversations WHERE contact_id = ?1 \
                    UNION ALL SELECT conversation_id FROM messages WHERE contact_id = ?1 AND guest = 1) ORDER BY id LIMIT 20",
            )?;
            for id in shown.query_map([contact], |row| row.get::<_, ConversationId>(0))? {
                site.told.conversation(id?);
            }
            site.tell()
        })
        .await
    }
}
