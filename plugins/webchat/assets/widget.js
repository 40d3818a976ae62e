/* The web chat widget: one file, no dependencies, one script tag on any page:
 *   <script async src="https://HOST/widget/CHANNEL/widget.js"></script>
 * Everything lives in a closed shadow root. What people wrote is only ever set as text, never parsed as HTML. */
(() => {
  "use strict";

  const base = new URL(".", document.currentScript.src);
  const channel = base.pathname.split("/").filter(Boolean).pop();
  if (window.__sambung?.has(channel)) return; // The page carries the tag twice.
  (window.__sambung ??= new Set()).add(channel);

  const QUEUE_LIMIT = 100;
  const RETRY_MS = { first: 1000, most: 30000 };
  const TEXTS = {
    en: {
      open: "Open chat", close: "Close chat", write: "Write a message", send: "Send",
      waiting: "Waiting for a connection", offline: "You are offline. Messages are sent when you are back.",
      failed: "Not sent", full: "Too many messages are waiting to be sent.", file: "File",
      unread: (count) => `${count} unread`, you: "You", log: "Messages",
      attach: "Attach a file", sending: (name) => `Sending ${name}`, again: "Try again",
      tooLarge: (most) => `Not sent: the file is larger than ${most}.`,
      lost: "Not sent: the file did not arrive.",
    },
    id: {
      open: "Buka obrolan", close: "Tutup obrolan", write: "Tulis pesan", send: "Kirim",
      waiting: "Menunggu sambungan", offline: "Anda sedang luring. Pesan dikirim setelah tersambung lagi.",
      failed: "Tidak terkirim", full: "Terlalu banyak pesan yang menunggu dikirim.", file: "Berkas",
      unread: (count) => `${count} belum dibaca`, you: "Anda", log: "Pesan",
      attach: "Lampirkan berkas", sending: (name) => `Mengirim ${name}`, again: "Coba lagi",
      tooLarge: (most) => `Tidak terkirim: berkas lebih besar dari ${most}.`,
      lost: "Tidak terkirim: berkas tidak sampai.",
    },
  };
  const language = /^(id|in)\b/i.test(navigator.language || "") ? "id" : "en";
  const words = TEXTS[language];

  // -- What this browser keeps for this site and channel ----------------------------------------------------------------

  const memory = new Map(); // Stands in where the page may not use localStorage.
  const store = {
    get(name, of = channel) {
      const key = `sambung:${of}:${name}`;
      try {
        return JSON.parse(localStorage.getItem(key)) ?? memory.get(key) ?? null;
      } catch {
        return memory.get(key) ?? null;
      }
    },
    set(name, value, of = channel) {
      const key = `sambung:${of}:${name}`;
      try {
        localStorage.setItem(key, JSON.stringify(value));
      } catch {
        memory.set(key, value);
      }
    },
  };
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

  // -- What it looks like -----------------------------------------------------------------------------------------------

  const CSS = `
    :host { all: initial; color-scheme: light dark; }
    :host([hidden]) { display: none; }
    * { box-sizing: border-box; font: inherit; }
    .root { --accent: #1f6feb; --on-accent: #fff; position: fixed; right: 20px; bottom: 20px; z-index: 2147483000;
      font: 15px/1.4 system-ui, sans-serif; color: #1b1f24; }
    button { cursor: pointer; border: 0; color: inherit; background: none; }
    :focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
    .launch { width: 56px; height: 56px; border-radius: 50%; background: var(--accent); color: var(--on-accent);
      box-shadow: 0 4px 16px rgb(0 0 0 / .25); position: relative; float: right; }
    .launch svg { width: 28px; height: 28px; fill: currentColor; display: block; margin: auto; }
    .badge { position: absolute; top: -4px; right: -4px; min-width: 22px; padding: 1px 6px; border-radius: 11px;
      background: #c62828; color: #fff; font-size: 12px; }
    .panel { width: min(360px, calc(100vw - 40px)); height: min(520px, calc(100vh - 120px)); margin-bottom: 12px;
      display: flex; flex-direction: column; background: #fff; border-radius: 12px; overflow: hidden;
      box-shadow: 0 8px 32px rgb(0 0 0 / .25); }
    [hidden] { display: none !important; }
    header { display: flex; align-items: center; padding: 12px 16px; background: var(--accent); color: var(--on-accent); }
    header h2 { flex: 1; margin: 0; font-size: 16px; font-weight: 600; overflow: hidden; text-overflow: ellipsis; }
    header button { font-size: 20px; line-height: 1; padding: 4px 8px; }
    header button:focus-visible { outline-color: currentColor; }
    .log { flex: 1; overflow-y: auto; padding: 16px; display: flex; flex-direction: column; gap: 8px; background: #f6f7f9; }
    .message { max-width: 85%; padding: 8px 12px; border-radius: 12px; overflow-wrap: anywhere; white-space: pre-wrap; }
    .agent { align-self: flex-start; background: #fff; border: 1px solid #d9dee3; }
    .visitor { align-self: flex-end; background: var(--accent); color: var(--on-accent); }
    .waiting { opacity: .65; }
    .message small { display: block; font-size: 12px; }
    .message progress { display: block; width: 100%; margin-top: 6px; accent-color: currentColor; }
    .message button { display: block; padding: 4px 0; text-decoration: underline; font-size: 13px; }
    .message img { max-width: 100%; border-radius: 8px; display: block; }
    .message a { color: inherit; }
    .status { padding: 6px 16px; font-size: 13px; background: #fff4d6; }
    form { display: flex; gap: 8px; padding: 12px; border-top: 1px solid #d9dee3; }
    textarea { flex: 1; resize: none; border: 1px solid #8c959f; border-radius: 8px; padding: 8px; color: inherit;
      background: #fff; }
    form button { padding: 8px 14px; border-radius: 8px; background: var(--accent); color: var(--on-accent); }
    form .attach { padding: 8px; background: none; color: inherit; }
    .attach svg { width: 22px; height: 22px; fill: none; stroke: currentColor; stroke-width: 2; display: block; }
    .silent { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
    @media (prefers-color-scheme: dark) {
      .root { color: #e6edf3; }
      .panel, textarea, .agent { background: #161b22; }
      .log { background: #0d1117; }
      .agent, form { border-color: #30363d; }
      .status { background: #4d3800; }
    }`;

  const make = (tag, properties = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(properties)) {
      if (name in node) node[name] = value;
      else node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  };

  const icon = (shape) => {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    path.setAttribute("d", shape);
    svg.append(path);
    return svg;
  };
  const BUBBLE = "M4 3h16a2 2 0 0 1 2 2v10a2 2 0 0 1-2 2H9l-5 4v-4a2 2 0 0 1-2-2V5a2 2 0 0 1 2-2z";
  const CLIP = "M21 11l-9 9a6 6 0 0 1-8.5-8.5l9-9a4 4 0 0 1 5.7 5.7l-9 9a2 2 0 0 1-2.8-2.8l8.3-8.3";

  const badge = make("span", { className: "badge", hidden: true });
  const launch = make("button", {
    className: "launch", type: "button", "aria-expanded": "false", "aria-controls": "panel", "aria-label": words.open,
  }, icon(BUBBLE), badge);
  const title = make("h2");
  const close = make("button", { type: "button", "aria-label": words.close }, "×");
  const log = make("div", { className: "log", role: "log", "aria-live": "polite", "aria-label": words.log, tabIndex: 0 });
  const status = make("div", { className: "status", role: "status", hidden: true });
  const input = make("textarea", { id: "text", rows: 2, maxLength: 4000, placeholder: words.write });
  const attach = make("button", { className: "attach", type: "button", title: words.attach, "aria-label": words.attach },
    icon(CLIP));
  const picker = make("input", { type: "file", hidden: true });
  const form = make("form", {}, attach, picker,
    make("label", { className: "silent", htmlFor: "text" }, words.write), input,
    make("button", { type: "submit" }, words.send));
  const panel = make("section", { id: "panel", className: "panel", role: "dialog", hidden: true },
    make("header", {}, title, close), log, status, form);
  const root = make("div", { className: "root", lang: language }, panel, launch);
  const host = make("div", { "data-sambung": channel });

  const showStatus = (text) => {
    status.textContent = text ?? "";
    status.hidden = !text;
  };

  // -- Messages on screen -----------------------------------------------------------------------------------------------

  const shown = new Map(); // By message id: its element.
  let unread = 0;

  const showUnread = () => {
    badge.textContent = String(unread);
    badge.hidden = unread === 0;
    const label = panel.hidden ? words.open : words.close;
    launch.setAttribute("aria-label", unread ? `${label}, ${words.unread(unread)}` : label);
  };

  const safeLink = (address) => {
    try {
      const url = new URL(address);
      return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
    } catch {
      return null;
    }
  };

  /** Text, and what in it is a link as one. A full stop after an address is the sentence's. */
  const linked = (text) =>
    text.split(/(https?:\/\/[^\s<>"]*[^\s<>"'.,;:!?)\]}])/).map((part, at) => {
      const link = at % 2 ? safeLink(part) : null;
      return link ? make("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, part) : part;
    });

  const fill = (element, content) => {
    const nodes = [];
    if (content.type === "media") {
      const link = safeLink(content.url);
      const name = content.name || words.file;
      if (link && content.kind === "image") nodes.push(make("img", { src: link, alt: content.caption || name }));
      else if (link) nodes.push(make("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, name));
      else nodes.push(name);
      if (content.caption) nodes.push(make("div", {}, content.caption));
    } else {
      nodes.push(...linked(content.text ?? ""));
    }
    element.replaceChildren(...nodes);
  };

  /** Shows a message, or what became of one that is shown: `state` is "sent", "waiting" or "failed"; `below` says more. */
  const show = ({ id, from, content, at }, state, ...below) => {
    const known = shown.get(id);
    const element = known ?? make("div");
    element.className = `message ${from === "visitor" ? "visitor" : "agent"}${state === "waiting" ? " waiting" : ""}`;
    fill(element, content);
    if (from === "visitor") element.prepend(make("span", { className: "silent" }, `${words.you}: `));
    if (state === "failed" && !below.length) below.push(make("small", {}, words.failed));
    element.append(...below);
    if (at) element.title = new Date(at).toLocaleString(language);
    if (known) return;
    shown.set(id, element);
    // What waits stays last: the history comes after it was shown, where the page was loaded again meanwhile.
    log.insertBefore(element, state === "waiting" ? null : log.querySelector(".waiting"));
    log.scrollTop = log.scrollHeight;
  };

  const receive = (entry) => {
    if (entry.kind !== "message" || !entry.content) return;
    show(entry, "sent");
    if (entry.from === "visitor") return queue.remove(entry.id);
    // The history comes again after a reload: what was read before is not counted.
    unread = entry.id === store.get("read") ? 0 : unread + 1;
    if (!panel.hidden) markRead(entry.id);
    else lastReceived = entry.id;
    showUnread();
  };

  let lastReceived = null;
  const markRead = (id) => {
    if (id) store.set("read", id);
    lastReceived = null;
    unread = 0;
    showUnread();
  };

  // -- The host ---------------------------------------------------------------------------------------------------------

  let session = store.get("session"); // { token, visitor, config }
  let stream = null;
  let sending = false;
  let delay = RETRY_MS.first;

  const call = (path, token, body) =>
    fetch(new URL(path, base), {
      method: "POST",
      mode: "cors",
      credentials: "omit",
      headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
      body: JSON.stringify(body),
    });

  /** Takes the notice away once the stream is there again, or where it outlived that the browser was offline. */
  const connected = () => {
    if (stream?.readyState !== EventSource.OPEN) return showStatus(stream ? words.waiting : null);
    host.dataset.state = "online";
    showStatus(null);
  };

  const later = (run, milliseconds = delay) => {
    delay = Math.min(delay * 2, RETRY_MS.most);
    setTimeout(run, milliseconds);
  };

  /** One tab at a time, so that two tabs opened together share a session. */
  const alone = (run) => (navigator.locks ? navigator.locks.request(`sambung:${channel}`, run) : run());

  const open = async (token) => {
    const answer = await call("sessions", token, {});
    if (!answer.ok) throw new Error(`sessions: ${answer.status}`);
    return answer.json();
  };

  /** Begins a session, or goes on with the one this browser has, be it from the web chat that this one goes on with; the host
   * answers with the present settings. */
  const begin = () =>
    alone(async () => {
      session = store.get("session") ?? session;
      let begun = await open(session?.token);
      const { earlier } = begun.config;
      const known = earlier && !session && store.get("session", earlier);
      if (known) begun = await open(known.token);
      session = { ...session, ...begun };
      store.set("session", session);
      if (earlier) store.set("session", session, earlier);
    });

  const listen = () => {
    stream?.close();
    const address = new URL("stream", base);
    address.searchParams.set("token", session.token);
    stream = new EventSource(address);
    stream.onopen = () => {
      delay = RETRY_MS.first;
      connected();
      flush();
    };
    stream.onmessage = (event) => {
      try {
        receive(JSON.parse(event.data));
      } catch (error) {
        console.warn("sambung: an entry could not be read", error);
      }
    };
    stream.onerror = () => {
      host.dataset.state = "offline";
      showStatus(navigator.onLine ? words.waiting : words.offline);
      // The browser tries again by itself, unless the host refused: then the session may have ended.
      if (stream.readyState === EventSource.CLOSED) later(start);
    };
  };

  /** Sends what waits, in order. Every message has its own id, so sending one twice does not double it. */
  const flush = async () => {
    if (sending || !session) return;
    sending = true;
    try {
      for (let message; (message = queue.all()[0]); ) {
        const answer = await call("messages", session.token, message);
        if (answer.status === 401) return later(start);
        if (answer.status === 429 || answer.status >= 500) {
          const seconds = Number(answer.headers.get("retry-after"));
          return later(flush, seconds ? seconds * 1000 : undefined);
        }
        queue.remove(message.id);
        show({ ...message, from: "visitor" }, answer.ok ? "sent" : "failed");
      }
      delay = RETRY_MS.first;
      connected();
    } catch {
      showStatus(navigator.onLine ? words.waiting : words.offline);
      later(flush);
    } finally {
      sending = false;
    }
  };

  const size = (bytes) => {
    const [amount, unit] = bytes >= 1 << 20 ? [bytes / (1 << 20), "MB"] : [bytes / 1024, "KB"];
    return `${amount.toLocaleString(language, { maximumFractionDigits: 1 })} ${unit}`;
  };

  /** Sends a file's bytes and, once the host has them, the message that shows it. What fails can be tried again here; a
   *  browser cannot keep a file for later, as it keeps a text. */
  const upload = (file, message) => {
    const refuse = (reason, ...more) => show(message, "failed", make("small", {}, reason), ...more);
    const tooLarge = () => refuse(words.tooLarge(size(session?.limits?.file_bytes ?? 0)));
    const fail = () => {
      const again = make("button", { type: "button", "aria-label": `${words.again}: ${file.name}` }, words.again);
      again.addEventListener("click", () => upload(file, message));
      refuse(words.lost, again);
    };
    if (!session) return fail();
    if (file.size > (session.limits?.file_bytes ?? Infinity)) return tooLarge();
    const bar = make("progress", { max: 1, value: 0, "aria-label": words.sending(file.name) });
    show(message, "waiting", bar);
    const address = new URL("media", base);
    address.searchParams.set("name", file.name);
    const request = new XMLHttpRequest(); // It tells how far a file has come, which fetch does not.
    request.open("POST", address);
    request.setRequestHeader("authorization", `Bearer ${session.token}`);
    request.setRequestHeader("content-type", file.type || "application/octet-stream");
    request.upload.onprogress = (event) => event.lengthComputable && (bar.value = event.loaded / event.total);
    request.onerror = fail;
    request.onload = () => {
      if (request.status === 401) later(start);
      if (request.status === 413) return tooLarge();
      if (request.status !== 201) return fail();
      const { media_id, name } = JSON.parse(request.responseText);
      const whole = { id: message.id, page: message.page, content: { type: "media", media_id, name } };
      queue.add(whole);
      show(own(whole), "waiting");
      flush();
    };
    request.send(file);
  };

  const readable = (color) => {
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
    return 0.299 * red + 0.587 * green + 0.114 * blue > 150 ? "#1b1f24" : "#fff";
  };

  const dress = ({ name, color, greeting, enabled }) => {
    host.hidden = enabled === false;
    title.textContent = name ?? "";
    panel.setAttribute("aria-label", name ?? words.open);
    if (/^#[0-9a-f]{6}$/i.test(color ?? "")) {
      root.style.setProperty("--accent", color);
      root.style.setProperty("--on-accent", readable(color));
    }
    if (greeting && !shown.has("greeting")) {
      show({ id: "greeting", from: "agent", content: { type: "text", text: greeting } }, "sent");
    }
  };

  const start = async () => {
    try {
      await begin();
    } catch (error) {
      console.warn("sambung:", error);
      host.dataset.state = "offline";
      showStatus(navigator.onLine ? words.waiting : words.offline);
      return later(start);
    }
    dress(session.config ?? {});
    if (session.config?.enabled !== false) listen();
  };

  // -- The visitor ------------------------------------------------------------------------------------------------------

  const toggle = (open) => {
    panel.hidden = !open;
    launch.setAttribute("aria-expanded", String(open));
    if (open) {
      markRead(lastReceived);
      log.scrollTop = log.scrollHeight;
      input.focus();
    } else {
      showUnread();
      launch.focus();
    }
  };

  const written = (content) => ({ id: uuid(), page: location.href.split("#")[0], content });
  const own = (message) => ({ ...message, from: "visitor", at: Date.now() });

  const submit = () => {
    const text = input.value.trim();
    if (!text) return;
    if (queue.all().length >= QUEUE_LIMIT) return showStatus(words.full);
    const message = written({ type: "text", text });
    queue.add(message);
    show(own(message), "waiting");
    input.value = "";
    flush();
  };

  const pick = () => {
    const [file] = picker.files;
    if (!file) return;
    if (queue.all().length >= QUEUE_LIMIT) return showStatus(words.full);
    upload(file, own(written({ type: "media", name: file.name })));
    picker.value = ""; // The same file may be picked again.
    input.focus();
  };

  launch.addEventListener("click", () => toggle(panel.hidden));
  close.addEventListener("click", () => toggle(false));
  panel.addEventListener("keydown", (event) => event.key === "Escape" && toggle(false));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  attach.addEventListener("click", () => picker.click());
  picker.addEventListener("change", pick);
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  addEventListener("online", () => {
    if (!session) return start();
    connected();
    flush();
  });
  addEventListener("offline", () => showStatus(words.offline));

  const mount = () => {
    const shadow = host.attachShadow({ mode: "closed" });
    const style = new CSSStyleSheet(); // Not an inline style, which a page's content policy may forbid.
    style.replaceSync(CSS);
    shadow.adoptedStyleSheets = [style];
    shadow.append(root);
    host.hidden = true; // Until the settings are known.
    document.body.append(host);
    if (session?.config) dress(session.config);
    for (const message of queue.all()) show({ ...message, from: "visitor" }, "waiting");
    start();
  };
  if (document.body) mount();
  else addEventListener("DOMContentLoaded", mount);
})();
