// Fastify and better-sqlite3: webhooks that wait at the same time share a commit. Its argument is the database's file.

import Database from "better-sqlite3";
import { serve } from "./webhooks.js";

const db = new Database(process.argv[2]);
db.pragma("journal_mode = WAL");
db.pragma("synchronous = FULL");
db.exec(`CREATE TABLE raw (id INTEGER PRIMARY KEY, body BLOB NOT NULL, at INTEGER NOT NULL) STRICT;
  CREATE TABLE messages (id TEXT PRIMARY KEY, sender TEXT NOT NULL, text TEXT, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;`);
const insertRaw = db.prepare("INSERT INTO raw (body, at) VALUES (?, ?)");
const insertMessage = db.prepare("INSERT INTO messages (id, sender, text, at) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING");

let waiting = [];
const commit = db.transaction((batch) => {
  for (const { raw, messages } of batch) {
    insertRaw.run(raw, Date.now());
    for (const { id, sender, text, at } of messages) insertMessage.run(id, sender, text, at);
  }
});

function flush() {
  const batch = waiting;
  waiting = [];
  try {
    commit.immediate(batch);
    for (const { resolve } of batch) resolve();
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}

const keep = (raw, messages) =>
  new Promise((resolve, reject) => {
    if (waiting.push({ raw, messages, resolve, reject }) === 1) setImmediate(flush);
  });
const count = (table) => db.prepare(`SELECT count(*) AS n FROM ${table}`).get().n;

await serve({ keep, counts: () => ({ raw: count("raw"), messages: count("messages") }) });
