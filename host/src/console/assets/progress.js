// Keeps a channel's page current while something is left to do: looks every few seconds, and has the provider asked where only that
// tells whether it was done.

const EVERY = 2500;
const MOST = 240;
const MOST_CHECKS = 30;
const PANES = ["state", "left", "health"];

/** What is no longer among the findings was done: it stays on the page, ticked. */
function keepDone(old, now) {
  const ticked = document.getElementById("ticked");
  const open = new Set([...now.querySelectorAll("[data-code]")].map((one) => one.dataset.code));
  const list = now.querySelector(".check-list");
  if (!ticked || !list) return;
  for (const one of old.querySelectorAll("[data-code]")) {
    if (open.has(one.dataset.code)) continue;
    const done = ticked.content.cloneNode(true).firstElementChild;
    done.dataset.code = one.dataset.code;
    done.querySelector("h3").prepend(one.querySelector("h3").dataset.words ?? one.querySelector("h3").textContent);
    list.prepend(done);
  }
}

/** Takes what changed out of a fresh copy of this page; what a person is using stays. */
function take(fresh) {
  const connected = fresh.querySelector("[data-connected]");
  if (connected && !document.querySelector("[data-connected]")) {
    location.assign(connected.dataset.connected);
    return false;
  }
  const [before, after] = [document, fresh].map((one) => one.querySelector("[data-waits]")?.dataset.waits);
  if (before && before !== after) {
    location.reload();
    return false;
  }
  for (const id of PANES) {
    const [old, now] = [document.getElementById(id), fresh.getElementById(id)];
    if (!old || !now || old.contains(document.activeElement)) continue;
    if (id === "left") keepDone(old, now);
    old.replaceWith(now);
  }
  return true;
}

let looks = 0;
let checks = 0;

async function look() {
  if (document.visibilityState === "visible") {
    const check = document.querySelector("[data-check]")?.dataset.check;
    try {
      if (check && looks % 4 === 0 && checks < MOST_CHECKS) {
        checks += 1;
        await fetch(check, { method: "POST", redirect: "manual", body: new URLSearchParams({ itself: "true" }) });
      }
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      // A channel that was given up has no page any more.
      if (answer.redirected || answer.status === 404) return location.assign("/integrations");
      if (answer.ok && !take(new DOMParser().parseFromString(await answer.text(), "text/html"))) return;
    } catch {
      // The connection is lost for now: the next look tells.
    }
  }
  looks += 1;
  if (looks < MOST) setTimeout(look, EVERY);
}

if (document.querySelector("[data-waits]")) setTimeout(look, EVERY);
