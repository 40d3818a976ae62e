// Sends a reply without leaving the page: Enter sends, Shift and Enter breaks the line. A draft is kept until it is sent.

const box = document.getElementById("composer");
const key = () => `draft:${document.getElementById("thread").dataset.id}`;

function restore() {
  const text = box.querySelector("textarea");
  if (text && !text.value) text.value = sessionStorage.getItem(key()) ?? "";
  text?.focus();
}

async function send(form) {
  const [text, button] = [form.querySelector("textarea"), form.querySelector("button[type=submit]")];
  if (!text.value.trim() || button.disabled) return;
  button.disabled = true;
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (answer.ok && new URL(answer.url).pathname.startsWith("/inbox/")) {
      text.value = "";
      sessionStorage.removeItem(key());
      form.querySelector(".notice")?.remove();
      dispatchEvent(new Event("inbox:refresh"));
    } else {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("composer");
      // Another page, the sign-in for instance, takes over; the draft waits in the session's storage.
      if (fresh) box.replaceChildren(...fresh.childNodes);
      else form.submit();
    }
  } finally {
    button.disabled = false;
    text.focus();
  }
}

box.addEventListener("submit", (event) => {
  event.preventDefault();
  send(event.target);
});
box.addEventListener("input", (event) => sessionStorage.setItem(key(), event.target.value));
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.target.tagName !== "TEXTAREA") return;
  event.preventDefault();
  send(event.target.form);
});
restore();
