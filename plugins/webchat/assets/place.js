// Where the widget stands: its script tag, its channel, the page around it.

const script = document.currentScript;
const base = new URL(".", script.src);
const channel = base.pathname.split("/").filter(Boolean).pop();
if (window.__sambung?.has(channel)) return; // The page carries the tag twice.
(window.__sambung ??= new Set()).add(channel);

/** What a page of the host's own shows instead of a chat: { config, language } of settings that are not saved yet. On any other
 *  page the attribute does nothing. */
let preview = base.origin === location.origin && script.dataset.preview ? JSON.parse(script.dataset.preview) : null;

const QUEUE_LIMIT = 100;
const RETRY_MS = { first: 1000, most: 30000 };
/** For how long an agent counts as typing after the host said so. */
const TYPING_MS = 6000;
/** Least time between two times that the host is told that the visitor types. */
const TELL_TYPING_MS = 3000;
const isTouch = matchMedia("(pointer: coarse)").matches;

const memory = new Map(); // Stands in where the page may not use localStorage.

/** What this browser keeps for this site and channel. */
const store = {
  get(name, of = channel) {
    const key = `sambung:${of}:${name}`;
    if (preview) return memory.get(key) ?? null;
    try {
      return JSON.parse(localStorage.getItem(key)) ?? memory.get(key) ?? null;
    } catch {
      return memory.get(key) ?? null;
    }
  },
  set(name, value, of = channel) {
    const key = `sambung:${of}:${name}`;
    if (preview) return void memory.set(key, value);
    try {
      localStorage.setItem(key, JSON.stringify(value));
    } catch {
      memory.set(key, value);
    }
  },
};

/** The messages that the host does not have yet, oldest first. */
const queue = {
  all: () => store.get("queue") ?? [],
  add: (message) => store.set("queue", [...queue.all(), message]),
  remove: (id) => store.set("queue", queue.all().filter((message) => message.id !== id)),
};

const uuid = () => {
  if (crypto.randomUUID) return crypto.randomUUID(); // Secure contexts only.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
};
