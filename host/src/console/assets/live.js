// Keeps the inbox current: follows the event feed, and takes the panes that changed out of a fresh copy of this page.

const PANES = ["tabs", "messages", "thread-acts", "composer"];
const EVENTS = ["message.created", "message.updated", "conversation.updated", "channel.updated", "reset"];

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
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const id of PANES) {
      const [old, now] = [document.getElementById(id), fresh.getElementById(id)];
      const text = old?.querySelector("textarea");
      // What the reader is using stays: an open menu, a form that has the focus.
      const used = id !== "messages" && (old?.querySelector("details[open]") || old?.contains(document.activeElement));
      if (!old || !now || used || (text && now.querySelector("textarea"))) continue;
      old.replaceChildren(...(id === "messages" ? kept(old, now) : now.childNodes));
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

const closed = (message) => {
  const copy = message.cloneNode(true);
  for (const details of copy.querySelectorAll("details")) details.open = false;
  return copy;
};

/** The fresh messages, with those that did not change as they are: a voice goes on playing, an opened quotation stays open. */
function kept(old, now) {
  return [...now.children].map((fresh) => {
    const before = fresh.id && old.querySelector(`:scope > [id="${fresh.id}"]`);
    return before && closed(before).isEqualNode(closed(fresh)) ? before : fresh;
  });
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
