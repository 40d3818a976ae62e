// Shows every change of the settings in the preview at once: sends the form as its button does, and hands the widget in the frame
// what the answer says, so that it stays open.

const button = document.getElementById("show-preview");
const { form } = button;
const frame = document.querySelector("iframe[name=preview]");
let waits;
let asked = 0;

async function show() {
  const own = ++asked;
  const answer = await fetch(button.formAction, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (!answer.ok || answer.redirected || own !== asked) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const inside = frame.contentDocument;
  const script = inside?.querySelector("script[data-preview]");
  if (!script) return;
  const { lang, dataset } = fresh.documentElement;
  Object.assign(inside.documentElement, { lang }).dataset.theme = dataset.theme;
  script.dataset.preview = fresh.querySelector("script[data-preview]").dataset.preview;
}

function later() {
  clearTimeout(waits);
  waits = setTimeout(show, 150);
}

for (const part of [form, document.getElementById("preview")]) part.addEventListener("input", later);
button.hidden = true;
// What a failed save or the browser's memory left in the form.
if (frame.contentDocument?.readyState === "complete" && frame.contentDocument.querySelector("script")) show();
else frame.addEventListener("load", show, { once: true });
