// The inbox by keyboard: j and k between conversations, / searches, r writes, a assigns, e marks as done, ? shows this.

const help = document.getElementById("keys");

function step(by) {
  const all = [...document.querySelectorAll("#conversations a.conversation")];
  const now = all.findIndex((one) => one.getAttribute("aria-current") === "page");
  const next = all[now < 0 ? 0 : now + by];
  if (next) location.assign(next.href);
}

const acts = {
  j: () => step(1),
  k: () => step(-1),
  "/": () => document.getElementById("search")?.focus(),
  r: () => document.querySelector("#composer textarea")?.focus(),
  e: () => document.getElementById("mark-done")?.click(),
  a: () => {
    const summary = document.getElementById("assign");
    if (!summary) return;
    summary.parentElement.open = true;
    summary.parentElement.querySelector("button")?.focus();
  },
  "?": () => (help?.open ? help.close() : help?.showModal()),
};

addEventListener("keydown", (event) => {
  if (document.querySelector("dialog:modal")) return; // What is behind a dialog is out of reach.
  if (event.key === "Escape") {
    if (event.target.matches("textarea, input")) event.target.blur();
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.matches("input, textarea, select, [contenteditable]")) return;
  const act = acts[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

// A menu closes when something beside it is clicked.
addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
