// Fastify and PostgreSQL: each webhook is a statement, and so a commit, of its own. Its argument is the folder of the server's socket.

import pg from "pg";
import { serve } from "./webhooks.js";

const pool = new pg.Pool({ host: process.argv[2], user: "peer", database: "postgres", max: 32 });
await pool.query(`CREATE TABLE raw (id bigserial PRIMARY KEY, body bytea NOT NULL, at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE messages (id text PRIMARY KEY, sender text NOT NULL, text text, at bigint NOT NULL)`);

const INSERT = {
  name: "keep",
  text: `WITH kept AS (INSERT INTO raw (body) VALUES ($1))
    INSERT INTO messages (id, sender, text, at) SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::bigint[])
    ON CONFLICT (id) DO NOTHING`,
};
const keep = (raw, messages) => {
  const column = (name) => messages.map((message) => message[name]);
  return pool.query({ ...INSERT, values: [raw, column("id"), column("sender"), column("text"), column("at")] });
};
const count = async (table) => Number((await pool.query(`SELECT count(*) AS n FROM ${table}`)).rows[0].n);

await serve({ keep, counts: async () => ({ raw: await count("raw"), messages: await count("messages") }) });
