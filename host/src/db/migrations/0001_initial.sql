-- Times are milliseconds since 1970, UTC. Ids of messages, conversations, contacts, files, deliveries,
-- requests, events, lines of the audit log and entries are keys of `keys.rs`. Every row of a workspace carries its id; tables of the whole host are: system, plugins,
-- generations, refused_files, and journal rows of an address that several workspaces share.

CREATE TABLE system (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

-- ---- who ------------------------------------------------------------------------------------------------------------------
CREATE TABLE workspaces (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_at INTEGER NOT NULL) STRICT;

CREATE TABLE users (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id), email TEXT NOT NULL UNIQUE COLLATE NOCASE, name TEXT NOT NULL,
  role TEXT NOT NULL, password_hash TEXT, created_at INTEGER NOT NULL, disabled_at INTEGER) STRICT;
CREATE INDEX users_of_workspace ON users(workspace_id, id);

-- API tokens, sessions, set-up links and links by which a person sets a password are one mechanism: a random value whose hash stands
-- here.
CREATE TABLE tokens (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id), user_id TEXT REFERENCES users(id), kind TEXT NOT NULL,
  name TEXT NOT NULL, role TEXT NOT NULL, hash BLOB NOT NULL UNIQUE, created_at INTEGER NOT NULL, last_used_at INTEGER, expires_at INTEGER,
  revoked_at INTEGER,
  client BLOB                         -- of a session: a hash of the client address where it began
  ) STRICT;
CREATE INDEX tokens_of_client ON tokens(user_id, client) WHERE client IS NOT NULL;
CREATE INDEX tokens_of_links ON tokens(user_id) WHERE kind = 'password';
CREATE INDEX tokens_of_workspace ON tokens(workspace_id, kind, id);

CREATE TABLE audit (
  id INTEGER PRIMARY KEY, workspace_id TEXT, at INTEGER NOT NULL, actor TEXT NOT NULL, role TEXT NOT NULL, action TEXT NOT NULL,
  subject TEXT NOT NULL, detail TEXT NOT NULL) STRICT;
CREATE INDEX audit_of_workspace ON audit(workspace_id, id);
CREATE INDEX audit_age ON audit(at);

CREATE TABLE idempotency (
  workspace_id TEXT NOT NULL, actor TEXT NOT NULL, key TEXT NOT NULL, request_hash BLOB NOT NULL, status INTEGER, headers TEXT, body BLOB, created_at INTEGER NOT NULL,
  content_hash BLOB,                  -- of an upload, which is not in request_hash
  made TEXT,                          -- what the request has begun to make, in more than one act
  interrupted INTEGER NOT NULL DEFAULT 0,
  holder INTEGER NOT NULL,            -- the opening of the database that does the request
  PRIMARY KEY (workspace_id, actor, key)) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_age ON idempotency(created_at);
CREATE INDEX idempotency_open ON idempotency(created_at) WHERE status IS NULL;

-- ---- plugins --------------------------------------------------------------------------------------------------------------
CREATE TABLE plugins (
  id TEXT PRIMARY KEY, state TEXT NOT NULL, generation INTEGER, installed_at INTEGER NOT NULL, changed_at INTEGER NOT NULL) STRICT;
CREATE TABLE generations (
  id INTEGER PRIMARY KEY AUTOINCREMENT, plugin_id TEXT NOT NULL REFERENCES plugins(id), digest TEXT NOT NULL, version TEXT NOT NULL, source TEXT NOT NULL,
  state TEXT NOT NULL, installed_at INTEGER NOT NULL, retired_at INTEGER, UNIQUE (plugin_id, digest)) STRICT;
-- Contents that run only once an operator approved them; needs is a list of {kind, words}.
CREATE TABLE held_files (
  digest TEXT PRIMARY KEY, plugin_id TEXT NOT NULL, version TEXT NOT NULL, needs TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- Contents that an operator asked for, until they are installed; approved: with all that they need.
CREATE TABLE ordered_files (digest TEXT PRIMARY KEY, approved INTEGER NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
-- Plugins that an operator took out of use beside the running server, which does it.
CREATE TABLE ordered_removals (plugin_id TEXT PRIMARY KEY, actor TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE refused_files (file TEXT PRIMARY KEY, reason TEXT NOT NULL, digest TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- Registrations with a provider; workspace_id NULL: the operator's, shared.
CREATE TABLE apps (
  id TEXT PRIMARY KEY, workspace_id TEXT REFERENCES workspaces(id), plugin_id TEXT NOT NULL REFERENCES plugins(id), name TEXT NOT NULL, settings TEXT NOT NULL,
  generated TEXT NOT NULL, is_default INTEGER NOT NULL DEFAULT 0, instructions TEXT NOT NULL DEFAULT '[]',
  findings TEXT NOT NULL DEFAULT '[]', checked_at INTEGER, created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX apps_default ON apps(plugin_id) WHERE is_default = 1;

-- ---- channels -------------------------------------------------------------------------------------------------------------
-- What stays of a channel that was disconnected: no settings, no secrets; its conversations keep pointing here and attach again.
CREATE TABLE accounts (
  id INTEGER PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id), plugin_id TEXT NOT NULL, account TEXT NOT NULL, name TEXT NOT NULL,
  created_at INTEGER NOT NULL, UNIQUE (workspace_id, plugin_id, account)) STRICT;

CREATE TABLE channels (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id), plugin_id TEXT NOT NULL REFERENCES plugins(id), name TEXT NOT NULL,
  state TEXT NOT NULL,                -- connecting | connected | needs_attention
  paused INTEGER NOT NULL DEFAULT 0, step TEXT, account TEXT, account_id INTEGER REFERENCES accounts(id), app_id TEXT REFERENCES apps(id),
  settings TEXT NOT NULL, generated TEXT NOT NULL DEFAULT '[]', features TEXT NOT NULL DEFAULT '{}', credential_version INTEGER NOT NULL DEFAULT 0,
  cursor TEXT,                        -- where the next poll begins
  claim TEXT,                         -- the account that it has, or that it is being connected with: nobody else connects it meanwhile
  created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL) STRICT;
CREATE UNIQUE INDEX channels_account ON channels(plugin_id, account) WHERE account IS NOT NULL;
CREATE UNIQUE INDEX channels_claim ON channels(plugin_id, claim) WHERE claim IS NOT NULL;
CREATE UNIQUE INDEX channels_account_id ON channels(account_id) WHERE account_id IS NOT NULL;
CREATE INDEX channels_of_workspace ON channels(workspace_id, id);

-- The addresses that the host made for channels to receive mail at: what stands before `+` and `@`.
CREATE TABLE mail_addresses (local TEXT PRIMARY KEY, channel_id TEXT NOT NULL REFERENCES channels(id) ON DELETE CASCADE) STRICT, WITHOUT ROWID;
CREATE INDEX mail_addresses_of_channel ON mail_addresses(channel_id);

-- New settings and secrets of a channel, sealed, until its provider has accepted them: `step` is theirs until then. `account`: they
-- proved to be this account's, and `register` has not come to its end yet.
CREATE TABLE pending_changes (
  channel_id TEXT PRIMARY KEY REFERENCES channels(id) ON DELETE CASCADE, envelope BLOB NOT NULL, account TEXT, features TEXT) STRICT, WITHOUT ROWID;

-- Sign-ins with a provider that somebody has begun, one for a channel. Values that a browser presents stand here as hashes; `state` is
-- what the provider gives back, once. `session`: only this session goes on with it; NULL: it was begun by a program.
CREATE TABLE sign_ins (
  channel_id TEXT PRIMARY KEY REFERENCES channels(id) ON DELETE CASCADE, ticket BLOB NOT NULL UNIQUE, envelope BLOB NOT NULL, session TEXT,
  actor TEXT NOT NULL, role TEXT NOT NULL, return_to TEXT, state BLOB UNIQUE, browser BLOB, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX sign_ins_age ON sign_ins(expires_at);

CREATE TABLE routes (plugin_id TEXT NOT NULL, route TEXT NOT NULL, channel_id TEXT NOT NULL REFERENCES channels(id) ON DELETE CASCADE,
  PRIMARY KEY (plugin_id, route, channel_id)) STRICT, WITHOUT ROWID;
CREATE INDEX routes_of_channel ON routes(channel_id, route);

CREATE TABLE findings (
  channel_id TEXT NOT NULL REFERENCES channels(id) ON DELETE CASCADE, code TEXT NOT NULL, level TEXT NOT NULL, words TEXT NOT NULL, fix TEXT,
  source TEXT NOT NULL,               -- check | notice | credential | call:FUNCTION | refused:FUNCTION
  count INTEGER NOT NULL DEFAULT 1, at INTEGER NOT NULL, PRIMARY KEY (channel_id, source, code)) STRICT, WITHOUT ROWID;

-- owner: a channel's or an app's id.
CREATE TABLE secrets (
  owner TEXT NOT NULL, name TEXT NOT NULL, workspace_id TEXT, envelope BLOB NOT NULL, bound_to TEXT, expires_at INTEGER, version INTEGER NOT NULL DEFAULT 1,
  changed_at INTEGER NOT NULL, PRIMARY KEY (owner, name)) STRICT, WITHOUT ROWID;
CREATE INDEX secrets_ending ON secrets(expires_at) WHERE expires_at IS NOT NULL;
-- Renewals of a channel's token that were begun at the provider and have not ended.
CREATE TABLE renewals (channel_id TEXT PRIMARY KEY REFERENCES channels(id) ON DELETE CASCADE, holder INTEGER NOT NULL, began_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE kv (channel_id TEXT NOT NULL REFERENCES channels(id) ON DELETE CASCADE, key TEXT NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY (channel_id, key)) STRICT, WITHOUT ROWID;

-- ---- inbound --------------------------------------------------------------------------------------------------------------
CREATE TABLE journal (
  id INTEGER PRIMARY KEY, plugin_id TEXT NOT NULL, address TEXT NOT NULL, workspace_id TEXT, channel_id TEXT, app_id TEXT,
  recipe TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL, received_at INTEGER NOT NULL,
  state TEXT NOT NULL,                -- pending | waiting (for its channel to be connected) | settled | parked
  reason TEXT, stored INTEGER NOT NULL DEFAULT 0, replays INTEGER NOT NULL DEFAULT 0, settled_at INTEGER,
  raw INTEGER NOT NULL DEFAULT 1,     -- whether raw_requests has it
  erased BLOB) STRICT;                -- sealed: who was erased while it waited, and is not brought back by it
-- Rows of an address are stored in the order of their ids.
CREATE INDEX journal_pending ON journal(plugin_id, address, id) WHERE state = 'pending';
CREATE INDEX journal_waiting ON journal(channel_id) WHERE state = 'waiting';
CREATE INDEX journal_parked ON journal(id) WHERE state = 'parked';
CREATE INDEX journal_settled ON journal(settled_at) WHERE settled_at IS NOT NULL AND raw = 1;
CREATE INDEX journal_emptied ON journal(settled_at) WHERE raw = 0 AND state <> 'pending';
-- The requests themselves, apart from what becomes of them, because a row that changes is written whole.
CREATE TABLE raw_requests (journal_id INTEGER PRIMARY KEY, query TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL) STRICT;

-- Items that were not simply stored. channel_id NULL: for no channel, kept for the operator.
CREATE TABLE journal_items (
  journal_id INTEGER NOT NULL REFERENCES journal(id) ON DELETE CASCADE, idx INTEGER NOT NULL, workspace_id TEXT, channel_id TEXT, outcome TEXT NOT NULL,
  reason TEXT NOT NULL, pointer TEXT, at INTEGER NOT NULL, PRIMARY KEY (journal_id, idx)) STRICT, WITHOUT ROWID;
-- Parked items of a shared address that no channel was connected for, by what they name: they wait for a channel that is connecting.
CREATE TABLE unrouted (plugin_id TEXT NOT NULL, route TEXT NOT NULL,
  journal_id INTEGER NOT NULL REFERENCES journal(id) ON DELETE CASCADE,
  PRIMARY KEY (plugin_id, route, journal_id)) STRICT, WITHOUT ROWID;
CREATE INDEX unrouted_of_journal ON unrouted(journal_id);

CREATE TABLE dedupe (account_id INTEGER NOT NULL, event_id TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (account_id, event_id)) STRICT, WITHOUT ROWID;
CREATE INDEX dedupe_age ON dedupe(at);

CREATE TABLE contacts (
  id INTEGER PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id), name TEXT, name_at INTEGER NOT NULL DEFAULT 0, avatar INTEGER, looked_up_at INTEGER,
  created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, erased_at INTEGER,
  merged_into INTEGER, merged_at INTEGER) STRICT;   -- by a user: the contact that is shown in its place, which is merged into none itself
CREATE INDEX contacts_of_workspace ON contacts(workspace_id, id);
CREATE INDEX contacts_merged ON contacts(merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX contacts_unknown ON contacts(workspace_id) WHERE looked_up_at IS NULL AND erased_at IS NULL;
CREATE TABLE identities (
  workspace_id TEXT NOT NULL, scheme TEXT NOT NULL, scope TEXT NOT NULL, value TEXT NOT NULL, contact_id INTEGER NOT NULL REFERENCES contacts(id),
  extra TEXT, PRIMARY KEY (workspace_id, scheme, scope, value)) STRICT, WITHOUT ROWID;
CREATE INDEX identities_of_contact ON identities(contact_id);

CREATE TABLE conversations (
  id INTEGER PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id), account_id INTEGER NOT NULL REFERENCES accounts(id), contact_id INTEGER REFERENCES contacts(id),
  thread_key TEXT NOT NULL, context TEXT, context_at INTEGER, assigned_to TEXT, merged_into INTEGER, created_at INTEGER NOT NULL,
  last_message_at INTEGER NOT NULL, last_message_id INTEGER, last_inbound_at INTEGER, read_at INTEGER,
  inbound INTEGER NOT NULL DEFAULT 0, -- messages of the customer
  seen INTEGER NOT NULL DEFAULT 0,    -- how many of them a user has read
  status TEXT NOT NULL DEFAULT 'open', -- open | done
  status_at INTEGER, status_by TEXT,
  openings TEXT) STRICT;              -- JSON: what opened its windows
CREATE INDEX conversations_inbox ON conversations(workspace_id, status, last_message_at DESC, id DESC) WHERE merged_into IS NULL;
-- How many messages of the customer each user has read. A user without a row has read what the team has.
CREATE TABLE reads (conversation_id INTEGER NOT NULL REFERENCES conversations(id), user_id TEXT NOT NULL, seen INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, user_id)) STRICT, WITHOUT ROWID;
CREATE INDEX conversations_of_contact ON conversations(contact_id);
CREATE INDEX conversations_merged ON conversations(merged_into) WHERE merged_into IS NOT NULL;
CREATE TABLE thread_keys (account_id INTEGER NOT NULL, key TEXT NOT NULL, conversation_id INTEGER NOT NULL REFERENCES conversations(id),
  PRIMARY KEY (account_id, key)) STRICT, WITHOUT ROWID;
CREATE INDEX thread_keys_of_conversation ON thread_keys(conversation_id);

-- Openings (in the conversation's row) and closings are facts; whether a window is open is computed from them.
CREATE TABLE closings (conversation_id INTEGER NOT NULL REFERENCES conversations(id), rule TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, rule)) STRICT, WITHOUT ROWID;

CREATE TABLE messages (
  id INTEGER PRIMARY KEY, workspace_id TEXT NOT NULL, account_id INTEGER NOT NULL, conversation_id INTEGER NOT NULL REFERENCES conversations(id),
  direction TEXT NOT NULL, contact_id INTEGER,
  guest INTEGER NOT NULL DEFAULT 0,   -- contact_id may be another than the conversation's
  content TEXT NOT NULL, reply_to INTEGER, context TEXT, group_key TEXT, at INTEGER NOT NULL, received_at INTEGER,
  status TEXT, error TEXT, created_by TEXT, human INTEGER NOT NULL DEFAULT 0, echo INTEGER NOT NULL DEFAULT 0,
  edited_at INTEGER, deleted_at INTEGER, reactions TEXT, media_pending INTEGER NOT NULL DEFAULT 0,
  provider_id TEXT,                   -- the provider's id, of a message that came with one; those of a message of the host's stand in provider_ids
  journal_id INTEGER) STRICT;         -- the request that brought it
-- Ends with id, as each index does.
CREATE INDEX messages_of_conversation ON messages(conversation_id, at);
CREATE INDEX messages_of_guest ON messages(contact_id) WHERE guest = 1;

-- The provider's ids of messages, both directions. part NULL: the whole message. attempt_key: the attempt that the provider gave it to.
CREATE TABLE provider_ids (account_id INTEGER NOT NULL, provider_id TEXT NOT NULL,
  message_id INTEGER NOT NULL, part INTEGER, attempt_key TEXT, PRIMARY KEY (account_id, provider_id)) STRICT, WITHOUT ROWID;
CREATE INDEX provider_ids_of_message ON provider_ids(message_id) WHERE attempt_key IS NOT NULL;

-- What was said about messages that the business sent. message_id NULL: the message is not there yet. attempt_key: the attempt that it
-- was said of.
CREATE TABLE facts (
  id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, provider_id TEXT, correlation TEXT, message_id INTEGER, part INTEGER, attempt_key TEXT, state TEXT NOT NULL, at INTEGER NOT NULL,
  received_at INTEGER NOT NULL, who TEXT, detail TEXT) STRICT;
CREATE INDEX facts_of_message ON facts(message_id) WHERE message_id IS NOT NULL;
CREATE INDEX facts_waiting ON facts(account_id, provider_id) WHERE message_id IS NULL;
-- Edits, deletions, reactions, read marks and quotes whose message is not there yet. With due_at: an echo that becomes a
-- message of its own then.
CREATE TABLE waiting_events (
  id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, provider_id TEXT NOT NULL, event TEXT NOT NULL, at INTEGER NOT NULL, received_at INTEGER NOT NULL,
  due_at INTEGER) STRICT;
CREATE INDEX waiting_events_target ON waiting_events(account_id, provider_id);
CREATE INDEX waiting_events_due ON waiting_events(due_at) WHERE due_at IS NOT NULL;
-- Until when what was sent in a conversation is 'delivered' or 'read'.
CREATE TABLE watermarks (
  conversation_id INTEGER NOT NULL REFERENCES conversations(id), state TEXT NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (conversation_id, state)) STRICT, WITHOUT ROWID;

-- Messages of an account by the hour (since 1970) in which the host had them, for charts of a day. A line of the host's own is no
-- message.
CREATE TABLE traffic (account_id INTEGER NOT NULL, hour INTEGER NOT NULL, received INTEGER NOT NULL DEFAULT 0, sent INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (account_id, hour)) STRICT, WITHOUT ROWID;

-- ---- outbound -------------------------------------------------------------------------------------------------------------
CREATE TABLE parts (
  message_id INTEGER NOT NULL REFERENCES messages(id), idx INTEGER NOT NULL, account_id INTEGER NOT NULL, conversation_id INTEGER NOT NULL, content TEXT NOT NULL,
  state TEXT NOT NULL,                -- queued | sending | sent | failed | unknown
  attempt_key TEXT NOT NULL,          -- of the attempt that counts: what is said of another does not
  tries INTEGER NOT NULL DEFAULT 0,
  due_at INTEGER NOT NULL,            -- queued: when it may be sent; unknown: when the provider is asked again
  lane_until INTEGER NOT NULL DEFAULT 0,   -- unknown: until when later messages of the conversation wait for it
  maybe_sent INTEGER NOT NULL DEFAULT 0,   -- an attempt with this key may have arrived: only the same is sent again, under the same rule
  first_sent_at INTEGER, error TEXT, excluded_rules TEXT NOT NULL DEFAULT '[]',
  PRIMARY KEY (message_id, idx)) STRICT, WITHOUT ROWID;
CREATE INDEX parts_due ON parts(account_id, due_at) WHERE state = 'queued';
CREATE INDEX parts_unknown ON parts(account_id, due_at) WHERE state = 'unknown';
CREATE INDEX parts_lane ON parts(conversation_id, message_id, idx) WHERE state IN ('queued', 'sending', 'unknown');
CREATE UNIQUE INDEX parts_key ON parts(attempt_key);
CREATE INDEX parts_of_conversation ON parts(conversation_id);
CREATE TABLE attempts (
  id INTEGER PRIMARY KEY, message_id INTEGER NOT NULL, part INTEGER NOT NULL, attempt_key TEXT NOT NULL, account_id INTEGER NOT NULL, started_at INTEGER NOT NULL,
  ended_at INTEGER, rule TEXT, token TEXT, outcome TEXT, dispatched INTEGER NOT NULL DEFAULT 0, error TEXT) STRICT;
CREATE INDEX attempts_of_message ON attempts(message_id, part);
CREATE INDEX attempts_open ON attempts(started_at) WHERE ended_at IS NULL;
CREATE INDEX attempts_key ON attempts(account_id, attempt_key);
-- What an error's scope names is held back until then.
CREATE TABLE holds (account_id INTEGER NOT NULL, scope TEXT NOT NULL, key TEXT NOT NULL, until INTEGER NOT NULL, reason TEXT NOT NULL,
  PRIMARY KEY (account_id, scope, key)) STRICT, WITHOUT ROWID;

CREATE TABLE templates (
  account_id INTEGER NOT NULL, name TEXT NOT NULL, language TEXT NOT NULL, workspace_id TEXT NOT NULL, status TEXT NOT NULL, body TEXT NOT NULL,
  enabled INTEGER NOT NULL DEFAULT 1,   -- an admin's switch; the provider knows nothing of it
  synced_at INTEGER NOT NULL,
  PRIMARY KEY (account_id, name, language)) STRICT, WITHOUT ROWID;

-- When an account's templates were read last, and when they are to be read again.
CREATE TABLE template_syncs (
  account_id INTEGER PRIMARY KEY, workspace_id TEXT NOT NULL, due_at INTEGER NOT NULL, synced_at INTEGER, error TEXT,
  stale_at INTEGER) STRICT;   -- when the provider last told of a change, or a send missed one

-- Texts that users put into replies, with variables.
CREATE TABLE replies (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id), name TEXT NOT NULL, text TEXT NOT NULL,
  created_at INTEGER NOT NULL, changed_at INTEGER NOT NULL) STRICT;
CREATE INDEX replies_of_workspace ON replies(workspace_id, name COLLATE NOCASE, id);

-- ---- media ----------------------------------------------------------------------------------------------------------------
CREATE TABLE media (
  id INTEGER PRIMARY KEY, workspace_id TEXT NOT NULL, account_id INTEGER, message_id INTEGER, state TEXT NOT NULL,   -- pending | stored | failed | deleted | unwanted
  reason TEXT, kind TEXT NOT NULL, mime TEXT, name TEXT, bytes INTEGER, width INTEGER, height INTEGER, duration_ms INTEGER, digest TEXT, source TEXT,
  tries INTEGER NOT NULL DEFAULT 0, due_at INTEGER, claimed INTEGER NOT NULL DEFAULT 0,   -- the opening of the database that fetches it now; due_at is when it comes again if that does not say
  created_at INTEGER NOT NULL, used INTEGER NOT NULL DEFAULT 0) STRICT;   -- used: a message that was sent, or a contact, has it
CREATE INDEX media_unused ON media(created_at) WHERE state = 'stored' AND message_id IS NULL AND used = 0;
CREATE INDEX media_due ON media(account_id, due_at) WHERE state = 'pending' AND due_at IS NOT NULL;
CREATE INDEX media_of_message ON media(message_id) WHERE message_id IS NOT NULL;
CREATE INDEX media_digest ON media(digest) WHERE digest IS NOT NULL;
CREATE INDEX media_age ON media(state, created_at);
-- Bytes of files that are kept, for the bounds: in all, and by workspace, account and web visitor. Counted where a file's row changes.
CREATE TABLE media_usage (scope TEXT NOT NULL, key TEXT NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (scope, key)) STRICT, WITHOUT ROWID;
CREATE TRIGGER media_kept AFTER INSERT ON media WHEN NEW.digest IS NOT NULL BEGIN
  INSERT INTO media_usage SELECT * FROM (SELECT 'total', '', coalesce(NEW.bytes, 0) UNION ALL SELECT 'workspace', NEW.workspace_id, coalesce(NEW.bytes, 0)
    UNION ALL SELECT 'account', CAST(NEW.account_id AS TEXT), coalesce(NEW.bytes, 0) WHERE NEW.account_id IS NOT NULL
    UNION ALL SELECT 'visitor', NEW.source, coalesce(NEW.bytes, 0) WHERE NEW.source LIKE 'visitor:%') WHERE true
    ON CONFLICT (scope, key) DO UPDATE SET bytes = bytes + excluded.bytes;
END;
CREATE TRIGGER media_changed AFTER UPDATE OF digest, bytes, workspace_id, account_id, source ON media WHEN OLD.digest IS NOT NULL OR NEW.digest IS NOT NULL BEGIN
  INSERT INTO media_usage SELECT * FROM (SELECT 'total', '', -coalesce(OLD.bytes, 0) UNION ALL SELECT 'workspace', OLD.workspace_id, -coalesce(OLD.bytes, 0)
    UNION ALL SELECT 'account', CAST(OLD.account_id AS TEXT), -coalesce(OLD.bytes, 0) WHERE OLD.account_id IS NOT NULL
    UNION ALL SELECT 'visitor', OLD.source, -coalesce(OLD.bytes, 0) WHERE OLD.source LIKE 'visitor:%') WHERE OLD.digest IS NOT NULL
    ON CONFLICT (scope, key) DO UPDATE SET bytes = bytes + excluded.bytes;
  INSERT INTO media_usage SELECT * FROM (SELECT 'total', '', coalesce(NEW.bytes, 0) UNION ALL SELECT 'workspace', NEW.workspace_id, coalesce(NEW.bytes, 0)
    UNION ALL SELECT 'account', CAST(NEW.account_id AS TEXT), coalesce(NEW.bytes, 0) WHERE NEW.account_id IS NOT NULL
    UNION ALL SELECT 'visitor', NEW.source, coalesce(NEW.bytes, 0) WHERE NEW.source LIKE 'visitor:%') WHERE NEW.digest IS NOT NULL
    ON CONFLICT (scope, key) DO UPDATE SET bytes = bytes + excluded.bytes;
  DELETE FROM media_usage WHERE scope = 'visitor' AND key = OLD.source AND bytes <= 0;
END;
CREATE TRIGGER media_gone AFTER DELETE ON media WHEN OLD.digest IS NOT NULL BEGIN
  INSERT INTO media_usage SELECT * FROM (SELECT 'total', '', -coalesce(OLD.bytes, 0) UNION ALL SELECT 'workspace', OLD.workspace_id, -coalesce(OLD.bytes, 0)
    UNION ALL SELECT 'account', CAST(OLD.account_id AS TEXT), -coalesce(OLD.bytes, 0) WHERE OLD.account_id IS NOT NULL
    UNION ALL SELECT 'visitor', OLD.source, -coalesce(OLD.bytes, 0) WHERE OLD.source LIKE 'visitor:%') WHERE true
    ON CONFLICT (scope, key) DO UPDATE SET bytes = bytes + excluded.bytes;
  DELETE FROM media_usage WHERE scope = 'visitor' AND key = OLD.source AND bytes <= 0;
END;
CREATE TABLE published (token TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, media_id INTEGER NOT NULL REFERENCES media(id), expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;

-- ---- web visitors ---------------------------------------------------------------------------------------------------------
CREATE TABLE visitors (id TEXT PRIMARY KEY, account_id INTEGER NOT NULL, workspace_id TEXT NOT NULL, token_hash BLOB NOT NULL UNIQUE, site TEXT, created_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL, wrote INTEGER NOT NULL DEFAULT 0) STRICT, WITHOUT ROWID;   -- wrote: a message, ever
-- The site whose page loaded a channel's widget last: one row for each channel, however many pages load it.
CREATE TABLE widget_loads (channel_id TEXT PRIMARY KEY REFERENCES channels(id) ON DELETE CASCADE, site TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX visitors_age ON visitors(wrote, seen_at);
CREATE TABLE visitor_entries (id INTEGER PRIMARY KEY, account_id INTEGER NOT NULL, visitor TEXT NOT NULL, entry_id TEXT NOT NULL, entry TEXT NOT NULL, at INTEGER NOT NULL,
  UNIQUE (account_id, visitor, entry_id)) STRICT;
CREATE INDEX visitor_stream ON visitor_entries(account_id, visitor, id);

-- ---- feed -----------------------------------------------------------------------------------------------------------------
CREATE TABLE feed (id INTEGER PRIMARY KEY, workspace_id TEXT NOT NULL, type TEXT NOT NULL, data TEXT NOT NULL, at INTEGER NOT NULL) STRICT;
CREATE INDEX feed_of_workspace ON feed(workspace_id, id);
CREATE TABLE endpoints (
  id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL REFERENCES workspaces(id), url TEXT NOT NULL, types TEXT NOT NULL, enabled INTEGER NOT NULL DEFAULT 1, disabled_reason TEXT,
  secret BLOB NOT NULL, previous_secret BLOB, previous_until INTEGER, cursor INTEGER NOT NULL, failing_since INTEGER, created_at INTEGER NOT NULL) STRICT;
CREATE INDEX endpoints_of_workspace ON endpoints(workspace_id, id);
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY, endpoint_id TEXT NOT NULL REFERENCES endpoints(id) ON DELETE CASCADE, workspace_id TEXT NOT NULL, feed_id INTEGER NOT NULL, type TEXT NOT NULL, body TEXT NOT NULL,
  state TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, due_at INTEGER, status INTEGER, error TEXT, created_at INTEGER NOT NULL, delivered_at INTEGER,
  UNIQUE (endpoint_id, feed_id)) STRICT;
CREATE INDEX deliveries_waiting ON deliveries(endpoint_id, due_at) WHERE state = 'pending';
CREATE INDEX deliveries_ended ON deliveries(created_at) WHERE state <> 'pending';
