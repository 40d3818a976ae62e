// Saved replies by keyboard: / in the empty field opens the menu, typing narrows it, Enter or a click puts the reply where the cursor is.

const box = document.getElementById("composer");
const menu = () => document.getElementById("quick");
const field = () => box.querySelector("textarea");
const shown = () => [...menu().querySelectorAll("button[name=reply]")].filter((one) => !one.hidden);

function open() {
  menu().open = true;
  menu().querySelector("input").focus();
}

/** Asks for the page with this reply in its field, because the server knows the values of its variables. */
async function put(id) {
  const answer = await fetch(`${location.pathname}?reply=${id}`, { headers: { accept: "text/html" } });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const text = page.querySelector("#composer textarea");
  // The sign-in page has no such field.
  if (!text) return dispatchEvent(new Event("session:check"));
  menu().open = false;
  const own = field();
  own.focus();
  own.setRangeText(text.value, own.selectionStart, own.selectionEnd, "end");
  own.dispatchEvent(new Event("input", { bubbles: true }));
}

function narrow(text) {
  const wanted = text.trim().toLowerCase();
  for (const one of menu().querySelectorAll("button[name=reply]")) {
    one.hidden = !one.querySelector("strong").textContent.toLowerCase().includes(wanted);
  }
}

box.addEventListener("input", (event) => event.target.name === "find" && narrow(event.target.value));
box.addEventListener("keydown", (event) => {
  if (event.target === field() && event.key === "/" && !field().value && !event.isComposing && menu()) {
    event.preventDefault();
    open();
    return;
  }
  if (!menu()?.contains(event.target)) return;
  const all = shown();
  const now = all.indexOf(event.target);
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, now + (event.key === "ArrowDown" ? 1 : -1)))]?.focus();
  } else if (event.key === "Enter" && event.target.name === "find") {
    event.preventDefault();
    if (all[0]) put(all[0].value);
  }
});
document.getElementById("quick-form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (event.submitter?.name === "reply") put(event.submitter.value);
});
