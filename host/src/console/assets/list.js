// The list of conversations: goes on as it is scrolled, and keeps its place when events arrive and when a conversation is opened.

const list = document.getElementById("conversations");
const chip = document.getElementById("new-at-top");
const place = "inbox:place";
/** Pages that are loaded again to come back to a place. */
const MOST_PAGES = 10;

const rows = (of = list) => [...of.querySelectorAll(":scope > [data-id]")];
const more = (of = list) => of.querySelector(":scope > .pane-more");
const open = () => document.getElementById("thread")?.dataset.id;
const mark = (row) => row.dataset.id === open() && row.querySelector("a").setAttribute("aria-current", "page");

let loads = false;
let waiting; // The newest first page, which is not shown yet because the reader looks further down.

/** Adds the next page; whether there was one. */
async function load() {
  const link = more()?.querySelector("a");
  if (!link || loads) return false;
  loads = true;
  try {
    const answer = await fetch(link.href);
    if (!answer.ok || answer.redirected) return false;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("conversations");
    const known = new Set(rows().map((row) => row.dataset.id));
    const fresh = rows(page).filter((row) => !known.has(row.dataset.id));
    fresh.forEach(mark);
    for (const row of fresh) row.dataset.page = link.href;
    more().remove();
    list.append(...fresh, ...[more(page)].filter(Boolean));
    watch();
    return true;
  } catch {
    return false; // The link stays, and can be followed.
  } finally {
    loads = false;
  }
}

const watcher = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && load(), {
  root: list,
  rootMargin: "0px 0px 600px 0px",
});

function watch() {
  watcher.disconnect();
  if (more()) watcher.observe(more());
}

/** Puts the newest first page above what was loaded below it. */
function show(page) {
  const focused = document.activeElement?.closest("#conversations > [data-id]")?.dataset.id;
  const first = rows(page);
  const last = first.at(-1)?.dataset;
  const ids = new Set(first.map((row) => row.dataset.id));
  // What was loaded below goes on only where the fresh page still ends among it; else there is a gap between them.
  const joins = more(page) && rows().some(({ dataset }) => dataset.id === last?.id && dataset.at === last.at);
  const below = joins ? rows().filter(({ dataset }) => !ids.has(dataset.id) && Number(dataset.at) <= Number(last.at)) : [];
  const end = below.length ? more() : more(page);
  const rest = [...page.children].filter((one) => !one.dataset.id && one !== more(page)); // What says that there is none.
  list.replaceChildren(...first, ...rest, ...below, ...(end ? [end] : []));
  waiting = undefined;
  chip.hidden = true;
  if (focused) rows().find((row) => row.dataset.id === focused)?.querySelector("a").focus({ preventScroll: true });
  watch();
}

/** Takes a first page that came: at the top at once, further down without moving what the reader looks at. */
function take(page) {
  if (list.scrollTop < 8) return show(page);
  waiting = page;
  const old = rows();
  const fresh = rows(page);
  for (const row of fresh) {
    const shown = old.find((one) => one.dataset.id === row.dataset.id);
    const isFocused = shown?.contains(document.activeElement);
    shown?.replaceChildren(...row.cloneNode(true).childNodes);
    if (isFocused) shown.querySelector("a").focus({ preventScroll: true });
  }
  const ids = old.map((row) => row.dataset.id).filter((id) => fresh.some((row) => row.dataset.id === id));
  chip.hidden = fresh.every((row, at) => row.dataset.id === ids[at]);
}

const changed = new Set(); // Pages below the first in which a conversation changed.
let renews;

/** Looks again at the pages below the first in which something changed. A row that is on its page no more is gone, unless it waits at
 *  the top. */
async function renew() {
  const pages = [...changed];
  changed.clear();
  for (const href of pages) {
    const answer = await fetch(href).catch(() => undefined);
    if (!answer?.ok || answer.redirected) continue;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("conversations");
    const fresh = new Map(rows(page).map((row) => [row.dataset.id, row]));
    for (const row of rows().filter((row) => row.dataset.page === href && !row.contains(document.activeElement))) {
      const now = fresh.get(row.dataset.id);
      const waits = () => waiting && rows(waiting).some((one) => one.dataset.id === row.dataset.id);
      if (!now) waits() || row.remove();
      else if (now.innerHTML !== row.innerHTML) {
        row.replaceChildren(...now.childNodes);
        mark(row);
      }
    }
  }
  renews = undefined;
}
addEventListener("inbox:conversation", ({ detail }) => {
  const page = rows().find((row) => row.dataset.id === detail)?.dataset.page;
  if (!page) return;
  changed.add(page);
  renews ??= setTimeout(renew, 300);
});

list.addEventListener("scroll", () => waiting && list.scrollTop < 8 && show(waiting), { passive: true });
chip.addEventListener("click", () => {
  if (waiting) show(waiting);
  list.scrollTop = 0;
});
addEventListener("inbox:fresh", ({ detail }) => take(detail.getElementById("conversations")));

// Opening a conversation loads a page: the list comes back to where it was.
addEventListener("pagehide", () => {
  const kept = { of: list.dataset.of, top: list.scrollTop, rows: rows().length };
  sessionStorage.setItem(place, JSON.stringify(kept));
});
async function comeBack() {
  const kept = JSON.parse(sessionStorage.getItem(place) ?? "{}");
  if (kept.of !== list.dataset.of || !kept.top) return;
  for (let page = 0; page < MOST_PAGES && rows().length < kept.rows && (await load()); page++);
  list.scrollTop = kept.top;
}
await comeBack();
watch();
