// Keeps the inbox current: follows the event feed, and takes the panes that changed out of a fresh copy of this page.

const PANES = ["tabs", "messages", "thread-acts", "composer"];
const EVENTS = ["message.created", "message.updated", "conversation.updated", "channel.updated", "reset"];

// Which conversation an event is of, by its name.
const CONVERSATION = { "message.created": "conversation_id", "message.updated": "conversation_id", "conversation.updated": "id" };
// What other modules follow, by the name that they know it by.
const OWN = { "conversation.typing": "inbox:typing", "message.created": "inbox:message" };

let waits = false;
let again = false;

/** Takes each pane out of a fresh copy. The composer stays while something is written in it. */
async function refresh() {
  if (waits) {
    again = true;
    return;
  }
  waits = true;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.redirected) return dispatchEvent(new Event("session:check"));
    if (answer.status === 404) dispatchEvent(new Event("session:check"));
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    // Another person signed in meanwhile: this page is not theirs.
    if (fresh.getElementById("main")?.dataset.reader !== document.getElementById("main").dataset.reader) return location.assign("/");
    for (const id of PANES) {
      const [old, now] = [document.getElementById(id), fresh.getElementById(id)];
      const text = old?.querySelector("textarea");
      // What the reader is using stays: an open menu, a form that has the focus.
      const used = id !== "messages" && (old?.querySelector("details[open]") || old?.contains(document.activeElement));
      if (!old || !now || used || (text && now.querySelector("textarea"))) continue;
      if (id === "messages") renew(old, now);
      else old.replaceChildren(...now.childNodes);
    }
    dispatchEvent(new CustomEvent("inbox:fresh", { detail: fresh }));
    const [thread, now] = [document.getElementById("thread"), fresh.getElementById("thread")];
    if (thread && now) thread.dataset.unread = now.dataset.unread;
    markRead();
  } catch {
    // The connection is lost for now: a copy is asked for again.
    setTimeout(refresh, 2000);
  } finally {
    // Many messages at a time make one fresh copy, not one for each.
    await new Promise((resume) => setTimeout(resume, 250));
    waits = false;
    if (again) {
      again = false;
      refresh();
    }
  }
}

const markup = (message) => message.outerHTML.replaceAll(' open=""', "");

/** Shows the fresh messages and leaves those alone that did not change: a voice goes on playing, an opened quotation stays open, and
 *  the keyboard stays where it is. */
function renew(old, now) {
  const before = new Map([...old.children].map((message) => [markup(message), message]));
  const all = [...now.children].map((message) => before.get(markup(message)) ?? message);
  for (const message of [...old.children]) if (!all.includes(message)) message.remove();
  all.forEach((message, at) => old.children[at] !== message && old.insertBefore(message, old.children[at] ?? null));
}

/** What is open in a window that somebody looks at was read. */
function markRead() {
  const thread = document.getElementById("thread");
  if (thread?.dataset.unread !== "true" || document.visibilityState !== "visible") return;
  thread.dataset.unread = "false";
  fetch(`/inbox/${thread.dataset.id}/read`, { method: "POST", redirect: "manual" }).catch(() => (thread.dataset.unread = "true"));
}

const chip = document.getElementById("reconnecting");
let lost;

/** Says that the connection is lost: at once where the device knows it, else when that lasts two seconds. */
function lose(after) {
  lost ??= setTimeout(() => (chip.hidden = false), after);
}

function found() {
  if (lost) refresh();
  clearTimeout(lost);
  lost = undefined;
  chip.hidden = true;
}

function follow() {
  const source = new EventSource("/v1/events");
  source.addEventListener("open", found);
  source.addEventListener("error", () => {
    lose(2000);
    // The browser comes back by itself, unless the server refused.
    if (source.readyState !== EventSource.CLOSED) return;
    dispatchEvent(new Event("session:check"));
    setTimeout(follow, 3000);
  });
  for (const name of EVENTS) source.addEventListener(name, refresh);
  for (const [name, key] of Object.entries(CONVERSATION)) {
    source.addEventListener(name, ({ data }) => dispatchEvent(new CustomEvent("inbox:conversation", { detail: JSON.parse(data)[key] })));
  }
  for (const [name, own] of Object.entries(OWN)) {
    source.addEventListener(name, (event) => dispatchEvent(new CustomEvent(own, { detail: JSON.parse(event.data) })));
  }
}

addEventListener("offline", () => lose(0));
addEventListener("online", found);
document.addEventListener("visibilitychange", markRead);
addEventListener("inbox:refresh", refresh);
markRead();
follow();
