//! What the database does for each statement in the code: none reads a whole table that grows with what customers and providers
//! do, so that nothing becomes slower because there is much of it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

const SCHEMA: &str = include_str!("../src/db/migrations/0001_initial.sql");

/// The tables that grow.
const GROWING: &[&str] = &[
    "journal",
    "journal_items",
    "raw_requests",
    "dedupe",
    "contacts",
    "identities",
    "conversations",
    "thread_keys",
    "messages",
    "provider_ids",
    "facts",
    "parts",
    "attempts",
    "media",
    "feed",
    "deliveries",
    "visitors",
    "visitor_entries",
    "audit",
    "idempotency",
    "accounts",
    "channels",
    "routes",
    "secrets",
    "findings",
];

/// Statements that read a whole table all the same, by how they begin, with the reason.
const ALLOWED: &[(&str, &str)] = &[
    (
        "SELECT count(*) FROM channels",
        "channels are thousands, and this counts them once in half a minute or for a person",
    ),
    ("SELECT EXISTS (SELECT 1 FROM channels WHERE app_id", "a person removes a registration"),
    ("DELETE FROM apps WHERE id", "a person removes a registration"),
    ("INSERT INTO accounts", "SQLite looks for orphans of a new row only while a foreign key is violated"),
    ("SELECT s.owner, s.name FROM channels c JOIN secrets", "a plugin was replaced"),
    ("SELECT DISTINCT message_id FROM parts WHERE state IN ('queued', 'sending')", "once after a restore"),
    (
        "DELETE FROM feed WHERE id IN (SELECT id FROM (SELECT id, at FROM feed ORDER BY id",
        "its limit is on what it reads",
    ),
    ("UPDATE parts SET state = 'unknown', due_at", "once after a restore"),
];

/// The texts of a source, as the compiler reads them.
fn texts(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source.chars().peekable();
    while let Some(one) = rest.next() {
        match one {
            '/' if rest.peek() == Some(&'/') => while rest.next().is_some_and(|one| one != '\n') {},
            '\'' if rest.peek() == Some(&'"') => {
                rest.next();
            }
            '"' => {
                let mut text = String::new();
                while let Some(one) = rest.next() {
                    match one {
                        '"' => break,
                        '\\' => match rest.next() {
                            Some('\n') => while rest.next_if(|one| one.is_whitespace()).is_some() {},
                            Some(other) => text.push(other),
                            None => break,
                        },
                        other => text.push(other),
                    }
                }
                found.push(text);
            }
            _ => {}
        }
    }
    found
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found
}

/// Every statement that stands in the code as one text. Those that are put together from parts are not seen.
fn statements() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/db");
    let mut found = Vec::new();
    for source in sources(&folder) {
        let source = fs::read_to_string(source).unwrap();
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        found.extend(texts(code).into_iter().filter(|text| {
            let verb = text.split_whitespace().next().unwrap_or_default();
            matches!(verb, "SELECT" | "UPDATE" | "DELETE" | "INSERT") && !text.contains('{')
        }));
    }
    found
}

/// The table that each name in a statement stands for.
fn names(statement: &str) -> HashMap<&str, &str> {
    let words: Vec<&str> =
        statement.split(|one: char| !(one.is_alphanumeric() || one == '_')).filter(|word| !word.is_empty()).collect();
    let mut names = HashMap::new();
    for at in words.windows(3).filter(|at| matches!(at[0], "FROM" | "JOIN" | "UPDATE")) {
        names.insert(at[1], at[1]);
        names.insert(at[2], at[1]);
    }
    if let [.., "FROM" | "JOIN" | "UPDATE", last] = words.as_slice() {
        names.insert(last, last);
    }
    names
}

#[test]
fn no_statement_reads_a_whole_table_that_grows() {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(SCHEMA).unwrap();
    let partial: Vec<String> = db
        .prepare("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '%) WHERE %'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let (mut looked_at, mut whole) = (0, Vec::new());
    for statement in statements() {
        // What names a table of its own making cannot be asked here.
        let Ok(mut explain) = db.prepare(&format!("EXPLAIN QUERY PLAN {statement}")) else { continue };
        looked_at += 1;
        let unset = vec![rusqlite::types::Null; explain.parameter_count()];
        let steps: Vec<String> = explain
            .query_map(rusqlite::params_from_iter(unset), |row| row.get(3))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        let names = names(&statement);
        for step in steps {
            let Some(scan) = step.strip_prefix("SCAN ") else { continue };
            let words: Vec<&str> = scan.split(' ').collect();
            let table = names.get(words[0]).copied().unwrap_or(words[0]);
            let few = words.last().is_some_and(|index| partial.iter().any(|one| one == index));
            let allowed = ALLOWED.iter().any(|(begin, _)| statement.starts_with(begin));
            if GROWING.contains(&table) && !few && !allowed {
                whole.push(format!("{step}: {statement}"));
            }
        }
    }
    assert!(looked_at > 200, "the statements are found: {looked_at}");
    assert!(whole.is_empty(), "these read a whole table:\n{}", whole.join("\n"));
}

#[test]
fn an_exception_names_a_statement_that_there_is() {
    let statements = statements();
    for (begin, _) in ALLOWED {
        assert!(statements.iter().any(|statement| statement.starts_with(begin)), "no statement begins with {begin:?}");
    }
}

/// Indexes whose query is put together from parts, so that it is not seen here, each with where it is.
const USED_ELSEWHERE: &[(&str, &str)] = &[("contacts_of_workspace", "a page of contacts, `db/inbox/contacts.rs`")];

/// An index that no statement uses costs each write and gives nothing. Unique ones hold a rule and count as used.
#[test]
fn every_index_is_used_by_a_statement() {
    let db = Connection::open_in_memory().unwrap();
    db.execute_batch(SCHEMA).unwrap();
    let names = |sql: &str| -> Vec<String> {
        let mut query = db.prepare(sql).unwrap();
        query.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let indexes = names("SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE INDEX%'");
    assert!(indexes.len() > 30, "{indexes:?}");
    let mut used = std::collections::HashSet::new();
    for statement in statements() {
        let Ok(mut explain) = db.prepare(&format!("EXPLAIN QUERY PLAN {statement}")) else { continue };
        let unset = vec![rusqlite::types::Null; explain.parameter_count()];
        let steps = explain.query_map(rusqlite::params_from_iter(unset), |row| row.get::<_, String>(3)).unwrap();
        for step in steps {
            used.extend(step.unwrap().split(' ').map(str::to_owned));
        }
    }
    let elsewhere = |index: &str| USED_ELSEWHERE.iter().any(|(name, _)| *name == index);
    let idle: Vec<_> = indexes.iter().filter(|index| !used.contains(*index) && !elsewhere(index)).collect();
    assert!(idle.is_empty(), "no statement uses {idle:?}");
    let not_needed: Vec<_> = USED_ELSEWHERE.iter().filter(|(index, _)| used.contains(*index)).collect();
    assert!(not_needed.is_empty(), "these are seen: {not_needed:?}");
}
