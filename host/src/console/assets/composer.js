// Sends a reply without leaving the page: Enter sends and Shift and Enter breaks the line, or as the reader chose. Files by choice,
// paste and drop. A draft is kept until it is sent.

const box = document.getElementById("composer");
const key = () => `draft:${document.getElementById("main").dataset.reader}:${document.getElementById("thread").dataset.id}`;
const chosen = () => box.querySelector("input[type=file]");
const sizes = { bytes: (text) => new TextEncoder().encode(text).length, "code-points": (text) => [...text].length };

function restore() {
  const text = box.querySelector("textarea");
  if (text && !text.value) text.value = sessionStorage.getItem(key()) ?? "";
  if (text && matchMedia("(pointer: fine)").matches) text.focus();
  count();
  list();
  showEnter();
}

/** Whether the reader chose that Enter breaks the line; Control and Enter sends then. */
const enterBreaks = () => localStorage.getItem("enter") === "breaks";

function showEnter() {
  const button = document.getElementById("enter-does");
  if (!button) return;
  button.hidden = false;
  for (const words of button.children) words.hidden = (words.dataset.enter === "breaks") !== enterBreaks();
}

/** Shows how much of the channel's limit the text takes, once it is more than half of it. */
function count() {
  const [text, counter] = [box.querySelector("textarea"), document.getElementById("counter")];
  const most = Number(text?.dataset.max ?? 0);
  if (!counter || !most) return;
  const length = (sizes[text.dataset.unit] ?? ((one) => one.length))(text.value);
  counter.hidden = length * 2 < most;
  counter.textContent = `${length} / ${most}`;
  counter.classList.toggle("is-over", length > most);
}

/** Shows the files that go with the message. */
function list() {
  const place = document.getElementById("composer-files");
  if (!place) return;
  const files = [...(chosen()?.files ?? [])];
  place.hidden = files.length === 0;
  place.replaceChildren(...files.map((file) => Object.assign(document.createElement("li"), { textContent: file.name })));
}

/** Adds files that were pasted or dropped to those that were chosen. */
function add(files) {
  const input = chosen();
  if (!input || !files?.length) return false;
  const all = new DataTransfer();
  for (const file of [...input.files, ...files]) all.items.add(file);
  input.files = all.files;
  list();
  return true;
}

async function send(form) {
  const [text, button] = [form.querySelector("textarea"), form.querySelector("button.is-primary")];
  if ((!text?.value.trim() && !chosen()?.files.length && !form.elements.template) || button.disabled) return;
  button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("composer");
    // Another page takes over; the draft waits in the session's storage.
    if (!fresh) return form.submit();
    if (answer.ok) sessionStorage.removeItem(key());
    // After the answer the address no longer quotes anything.
    if (answer.ok) history.replaceState(null, "", location.pathname + location.search.replace(/[?&]quote=[^&]*/, ""));
    box.replaceChildren(...fresh.childNodes);
    if (answer.ok) dispatchEvent(new Event("inbox:refresh"));
  } finally {
    button.disabled = false;
    restore();
  }
}

box.addEventListener("submit", (event) => {
  event.preventDefault();
  send(event.target);
});
box.addEventListener("input", (event) => {
  if (event.target.matches("textarea")) sessionStorage.setItem(key(), event.target.value);
  count();
});
box.addEventListener("change", list);
box.addEventListener("paste", (event) => add(event.clipboardData?.files) && event.preventDefault());
document.getElementById("thread").addEventListener("dragover", (event) => chosen() && event.preventDefault());
document.getElementById("thread").addEventListener("drop", (event) => add(event.dataTransfer?.files) && event.preventDefault());
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.target.tagName !== "TEXTAREA") return;
  if (enterBreaks() && !event.ctrlKey && !event.metaKey) return;
  event.preventDefault();
  event.target.form.requestSubmit();
});
box.addEventListener("click", (event) => {
  if (!event.target.closest("#enter-does")) return;
  localStorage.setItem("enter", enterBreaks() ? "sends" : "breaks");
  showEnter();
});
restore();
