//! Makes a small database large: every row of what its messages made, again and again, with ids and times of its own.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

/// Over how long the copies reach back: less than anything is kept.
const REACH_MS: i64 = 5 * 86_400_000;

/// How a column of a copy differs from the original's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// Milliseconds, earlier by the copy's distance.
    Time,
    /// An id of the provider's, which no other copy has.
    Foreign,
    /// A key of the host's, which holds the time of its making, earlier by the copy's distance.
    Key,
}

/// What a message makes, in an order in which each row's parents come first, with the columns that differ.
const TABLES: &[(&str, &[(&str, How)])] = &[
    ("journal", &[("id", How::Key), ("received_at", How::Time), ("settled_at", How::Time)]),
    ("raw_requests", &[("journal_id", How::Key)]),
    ("dedupe", &[("event_id", How::Foreign), ("at", How::Time)]),
    (
        "contacts",
        &[
            ("id", How::Key),
            ("name_at", How::Time),
            ("looked_up_at", How::Time),
            ("created_at", How::Time),
            ("changed_at", How::Time),
        ],
    ),
    ("identities", &[("value", How::Foreign), ("contact_id", How::Key)]),
    (
        "conversations",
        &[
            ("id", How::Key),
            ("contact_id", How::Key),
            ("last_message_id", How::Key),
            ("thread_key", How::Foreign),
            ("context_at", How::Time),
            ("created_at", How::Time),
            ("last_message_at", How::Time),
            ("last_inbound_at", How::Time),
        ],
    ),
    ("thread_keys", &[("key", How::Foreign), ("conversation_id", How::Key)]),
    (
        "messages",
        &[
            ("id", How::Key),
            ("conversation_id", How::Key),
            ("contact_id", How::Key),
            ("reply_to", How::Key),
            ("journal_id", How::Key),
            ("at", How::Time),
            ("received_at", How::Time),
        ],
    ),
    ("provider_ids", &[("provider_id", How::Foreign), ("message_id", How::Key)]),
    ("feed", &[("id", How::Key), ("at", How::Time)]),
];

/// Where the milliseconds begin in a key of the host's.
const KEY_TIME: u32 = 22;

/// Copies everything until there are so many messages, the originals last: how many there are then. No server may run.
pub fn to(file: &Path, messages: usize) -> usize {
    let db = Connection::open(file).expect("the database opens");
    for (pragma, value) in
        [("journal_mode", "OFF"), ("synchronous", "OFF"), ("foreign_keys", "OFF"), ("cache_size", "-1000000")]
    {
        db.pragma_update(None, pragma, value).expect("a pragma");
    }
    let tables: Vec<Table> = TABLES.iter().map(|(name, different)| Table::read(&db, name, different)).collect();
    let own = tables.iter().find(|table| table.name == "messages").map_or(0, |table| table.rows.len());
    let copies = messages.div_ceil(own);
    db.execute_batch("BEGIN").expect("a transaction");
    for table in tables.iter().rev() {
        db.execute(&format!("DELETE FROM {}", table.name), []).expect("the originals go, to come last");
    }
    for copy in (0..copies).rev() {
        let distance = Distance { copy, ms: REACH_MS / copies as i64 * copy as i64, order: copies - copy };
        for table in &tables {
            table.write(&db, &distance);
        }
    }
    db.execute_batch("COMMIT").expect("a transaction");
    db.pragma_update(None, "journal_mode", "WAL").expect("a pragma");
    own * copies
}

/// How far a copy is from the originals.
struct Distance {
    /// 0: the originals themselves.
    copy: usize,
    ms: i64,
    /// Grows with time.
    order: usize,
}

struct Table {
    name: &'static str,
    columns: Vec<(String, Option<How>)>,
    rows: Vec<Vec<Value>>,
}

impl Table {
    fn read(db: &Connection, name: &'static str, different: &[(&str, How)]) -> Self {
        let different: HashMap<&str, How> = different.iter().copied().collect();
        let mut query = db.prepare(&format!("SELECT * FROM {name}")).expect("a table");
        let columns: Vec<(String, Option<How>)> = query
            .column_names()
            .into_iter()
            .map(|column| (column.to_owned(), different.get(column).copied()))
            .collect();
        for column in different.keys() {
            assert!(columns.iter().any(|(name, _)| name == column), "{name} has no {column}");
        }
        let rows = query
            .query_map([], |row| (0..columns.len()).map(|index| row.get(index)).collect())
            .expect("rows")
            .collect::<Result<_, _>>()
            .expect("rows");
        drop(query);
        Self { name, columns, rows }
    }

    fn write(&self, db: &Connection, distance: &Distance) {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
        let places = vec!["?"; names.len()].join(", ");
        let mut insert = db
            .prepare_cached(&format!("INSERT INTO {} ({}) VALUES ({places})", self.name, names.join(", ")))
            .expect("a statement");
        for row in &self.rows {
            let values = self.columns.iter().zip(row).map(|((_, how), value)| distance.apply(value, *how));
            insert.execute(params_from_iter(values)).unwrap_or_else(|error| panic!("{}: {error}", self.name));
        }
    }
}

impl Distance {
    fn apply(&self, value: &Value, how: Option<How>) -> Value {
        match (value, how) {
            _ if self.copy == 0 => value.clone(),
            (Value::Integer(at), Some(How::Time)) => Value::Integer(at - self.ms),
            (Value::Text(text), Some(How::Foreign)) => Value::Text(format!("{:05}{text}", self.order)),
            (Value::Integer(key), Some(How::Key)) => Value::Integer(key - (self.ms << KEY_TIME)),
            _ => value.clone(),
        }
    }
}
