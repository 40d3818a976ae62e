// Keeps a list current: plugins that are installed and channels that change meanwhile appear without a reload.

const pane = document.getElementById("fresh");
const EVENTS = ["plugin.updated", "channel.updated", "reset"];
let waits;

async function look() {
  waits = undefined;
  const answer = await fetch(location.href, { headers: { accept: "text/html" } }).catch(() => undefined);
  if (!answer?.ok || answer.redirected) return;
  const now = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("fresh");
  // What the reader is using stays.
  if (!now || now.innerHTML === pane.innerHTML || pane.querySelector("details[open]")) return;
  const at = document.activeElement?.closest("#fresh a")?.getAttribute("href");
  pane.replaceChildren(...now.childNodes);
  if (at) [...pane.querySelectorAll("a")].find((one) => one.getAttribute("href") === at)?.focus({ preventScroll: true });
}

let source;

/** Follows the feed while the page is seen: a hidden one holds no connection, of which a browser has few. */
function follow() {
  if (document.visibilityState !== "visible") return source?.close();
  source = new EventSource("/v1/events");
  for (const name of EVENTS) source.addEventListener(name, () => (waits ??= setTimeout(look, 300)));
}

document.addEventListener("visibilitychange", () => {
  follow();
  if (document.visibilityState === "visible") look();
});
follow();
