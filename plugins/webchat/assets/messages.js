// Messages on screen: bubbles with names, times and day lines, and what became of those that the visitor wrote.

/** The widget's settings, as the host says them. */
let config = {};
const shown = new Map(); // By message id: { from, at, state, line, bubble }.
const days = new Map(); // By day: its line.
let unread = 0;
let lastReceived = null;

/** Below this many milliseconds two messages of the same side are one group. */
const GROUP_MS = 5 * 60 * 1000;

const nameOf = () => config.title || config.name || "";

const portrait = (element) => {
  const logo = safeLink(config.logo ?? "");
  const letters = initials(nameOf());
  if (!logo?.startsWith("https:")) return element.replaceChildren(letters);
  const picture = make("img", { src: logo, alt: "", referrerPolicy: "no-referrer" });
  // The page's policy may forbid it, or the picture be gone.
  picture.addEventListener("error", () => element.replaceChildren(letters));
  element.replaceChildren(picture);
};

/** Text, and what in it is a link as one. A full stop after an address is the sentence's. */
const linked = (text) =>
  text.split(/(https?:\/\/[^\s<>"]*[^\s<>"'.,;:!?)\]}])/).map((part, at) => {
    const link = at % 2 ? safeLink(part) : null;
    return link ? make("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, part) : part;
  });

/** A file as a row with its name and size, or a picture. */
const file = ({ kind, url, name, bytes, caption }) => {
  const link = safeLink(url);
  const named = name || words.file;
  const away = { href: link, target: "_blank", rel: "noopener noreferrer" };
  if (link && kind === "image") {
    return make("a", { ...away, className: "picture" }, make("img", { src: link, alt: caption || named }));
  }
  const row = [icon("file"), make("span", {}, named), ...(bytes ? [make("small", {}, size(bytes))] : [])];
  return link ? make("a", { ...away, className: "file" }, ...row) : make("div", { className: "file" }, ...row);
};

const fill = (bubble, content) => {
  if (content.type !== "media") return bubble.replaceChildren(...linked(content.text ?? ""));
  bubble.replaceChildren(file(content), ...(content.caption ? [make("div", {}, ...linked(content.caption))] : []));
};

/** Day lines, groups, and the line with name, time and state below the last of each group. */
const arrange = () => {
  const all = [...log.children].map((line) => line.entry).filter(Boolean);
  const ownLast = all.findLast((entry) => entry.from === "visitor" && entry.state !== "failed");
  let before = null;
  all.forEach((entry, at) => {
    const next = all[at + 1];
    const isJoined =
      next?.from === entry.from && entry.state !== "failed" && dayOf(next.at ?? 0) === dayOf(entry.at ?? 0) &&
      (next.at ?? 0) - (entry.at ?? 0) < GROUP_MS && (next.state === "waiting") === (entry.state === "waiting");
    entry.line.classList.toggle("is-joined", isJoined);
    entry.portrait && (entry.portrait.hidden = isJoined);
    if (entry.at && dayOf(entry.at) !== before) {
      before = dayOf(entry.at);
      if (!days.has(before)) days.set(before, make("li", { className: "day" }));
      const line = days.get(before);
      line.textContent = day(entry.at);
      if (line.nextSibling !== entry.line) log.insertBefore(line, entry.line);
    }
    below(entry, entry === ownLast);
  });
};

const below = ({ from, at, state, under }, isLast) => {
  const parts = [];
  if (from === "agent" && at) parts.push(nameOf(), " · ");
  if (at) parts.push(make("time", { dateTime: new Date(at).toISOString(), title: new Date(at).toLocaleString(language) }, clock(at)));
  const mark = (name, text) => parts.push(" · ", icon(name), text);
  if (state === "waiting") mark("clock", navigator.onLine ? words.sending : words.waiting);
  else if (from === "visitor" && isLast) mark("check", words.sent);
  const text = parts.map((part) => part.textContent ?? part).join("");
  // What stands already is left alone, so that a screen reader does not read it again.
  if (under.textContent !== text) under.replaceChildren(...parts);
};

const showUnread = () => {
  badge.textContent = unread > 9 ? "9+" : String(unread);
  badge.hidden = unread === 0;
  const label = panel.hidden ? words.open : words.close;
  launch.setAttribute("aria-label", unread ? `${label}, ${words.unread(unread)}` : label);
};

/** Shows a message, or what became of one that is shown: `state` is "sent", "waiting" or "failed"; `more` says why. */
const show = ({ id, from, content, at }, state, ...more) => {
  const known = shown.get(id);
  const entry = known ?? { from, bubble: make("div"), under: make("p", { className: "under" }) };
  Object.assign(entry, { state, at: at ?? entry.at });
  entry.bubble.className = `bubble message${state === "waiting" ? " waiting" : ""}`;
  fill(entry.bubble, content);
  if (from === "visitor") entry.bubble.prepend(make("span", { className: "silent" }, `${words.you}: `));
  if (state === "failed" && !more.length) more.push(make("small", {}, words.failed));
  entry.bubble.append(...more);
  if (!known) {
    shown.set(id, entry);
    entry.line = make("li", {}, entry.bubble, entry.under);
    entry.line.entry = entry;
    if (from !== "visitor") {
      entry.portrait = make("span", { className: "face", "aria-hidden": "true" });
      portrait(entry.portrait);
      entry.line.prepend(entry.portrait);
    }
    // What waits stays last: the history comes after it was shown, where the page was loaded again meanwhile.
    const waiting = state === "waiting" ? null : log.querySelector(".is-waiting, .is-typing");
    log.insertBefore(entry.line, waiting);
  }
  entry.line.className = `line${from === "visitor" ? " is-mine" : ""}${state === "sent" ? "" : ` is-${state}`}`;
  arrange();
  if (!known) scroll.scrollTop = 0;
};

const forget = (id) => {
  shown.get(id)?.line.remove();
  shown.delete(id);
};

const markRead = (id) => {
  if (id) store.set("read", id);
  lastReceived = null;
  unread = 0;
  peek.hidden = true;
  showUnread();
};

/** An answer beside the launcher, while the chat is closed. */
const showPeek = (text) => {
  const picture = make("span", { className: "face", "aria-hidden": "true" });
  portrait(picture);
  const line = make("button", { className: "peek-line", type: "button" }, make("span", { className: "peek-name" }, nameOf()),
    make("span", { className: "peek-text" }, text));
  const away = button("close", words.hide, icon("close"));
  line.addEventListener("click", () => toggle(true));
  away.addEventListener("click", () => (peek.hidden = true));
  peek.replaceChildren(picture, line, away);
  peek.hidden = false;
};

const receive = (entry) => {
  if (entry.kind !== "message" || !entry.content) return;
  show(entry, "sent");
  if (entry.from === "visitor") {
    queue.remove(entry.id);
    return ask();
  }
  showTyping(0);
  // The history comes again after a reload: what was read before is not counted.
  unread = entry.id === store.get("read") ? 0 : unread + 1;
  if (!panel.hidden) return markRead(entry.id);
  lastReceived = entry.id;
  showUnread();
  if (unread) showPeek(entry.content.text || entry.content.caption || entry.content.name || words.file);
  else peek.hidden = true;
};

const dots = make("li", { className: "line is-typing" });
let stopsTyping;

/** Three dots for so many milliseconds. */
const showTyping = (milliseconds) => {
  clearTimeout(stopsTyping);
  if (!milliseconds) return dots.remove();
  const bubble = make("div", { className: "bubble" }, make("span", { className: "dots", "aria-hidden": "true" }, make("i"), make("i"), make("i")));
  dots.replaceChildren(bubble, make("p", { className: "under" }, `${nameOf()} ${words.typing}`));
  log.append(dots);
  stopsTyping = setTimeout(() => dots.remove(), milliseconds);
};
