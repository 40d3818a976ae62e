// Signs the reader in again in place where their session has ended, so that nothing that they typed is lost: a form is sent only
// after the server has said that there is a session.

const main = document.getElementById("main");
const PATIENCE = 5000;
let dialog; // While it is open.
let declined = false; // The reader closed it: only what they send opens it again.

/** Whether the reader is signed in; they count as such where the server cannot be asked in time. Where another person is signed in by
 *  now, it goes to their pages and does not return: nothing of this page is done in their name. */
async function signedIn() {
  const asked = { headers: { accept: "application/json" }, signal: AbortSignal.timeout(PATIENCE) };
  const answer = await fetch("/v1/me", asked).catch(() => undefined);
  if (answer?.status === 401) return false;
  if (!answer?.ok || (await answer.json()).user === main.dataset.reader) return true;
  location.assign("/");
  return new Promise(() => {});
}

/** Gives what came names that the page has not taken yet. */
function own(part) {
  for (const name of ["id", "for", "aria-describedby"]) {
    for (const one of part.querySelectorAll(`[${name}]`)) one.setAttribute(name, `again-${one.getAttribute(name)}`);
  }
  return part;
}

/** Shows the sign-in page's own form, until the reader has signed in or closed it; whether they have. */
function ask() {
  dialog ??= new Promise((resolve) => {
    fetch("/sign-in", { signal: AbortSignal.timeout(PATIENCE) })
      .then((answer) => answer.text())
      .then((text) => {
        const card = own(new DOMParser().parseFromString(text, "text/html").querySelector(".front-card"));
        const shown = Object.assign(document.createElement("dialog"), { className: "card sign-in-again" });
        shown.setAttribute("aria-label", card.querySelector("h1").textContent);
        const note = Object.assign(document.createElement("p"), { className: "note", textContent: main.dataset.ended });
        card.querySelector(".brand").remove();
        card.querySelector("h1").after(note);
        shown.append(...card.childNodes);
        shown.addEventListener("submit", (event) => send(event, shown));
        shown.addEventListener("close", () => {
          dialog = undefined;
          declined = shown.returnValue !== "in";
          resolve(!declined);
          shown.remove();
        });
        document.body.append(shown);
        shown.showModal();
      })
      .catch(() => {
        // Without a connection it is as without this script: what was pressed is sent, and the browser says what is wrong.
        dialog = undefined;
        resolve(true);
      });
  });
  return dialog;
}

async function send(event, shown) {
  event.preventDefault();
  const form = event.target;
  const note = shown.querySelector(".note");
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (answer.redirected && (await signedIn())) return shown.close("in");
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("form");
    if (!fresh) return;
    form.replaceChildren(...own(fresh).childNodes);
    form.querySelector("[aria-invalid=true], [type=password]")?.focus();
    note.textContent = main.dataset.ended;
  } catch {
    note.textContent = main.dataset.unreachable;
  }
}

const asking = new WeakSet();
const checked = new WeakSet();

addEventListener(
  "submit",
  async (event) => {
    const { target: form, submitter } = event;
    if (form.method !== "post" || form.matches(".sign-in-again form, [action='/sign-out']") || checked.delete(form)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (asking.has(form)) return;
    asking.add(form);
    const slow = setTimeout(() => submitter?.setAttribute("aria-busy", "true"), 300);
    const goesOn = (await signedIn()) || (await ask());
    clearTimeout(slow);
    submitter?.removeAttribute("aria-busy");
    asking.delete(form);
    if (!goesOn) return;
    checked.add(form);
    form.requestSubmit(submitter);
  },
  true,
);
addEventListener("session:check", async () => {
  if (declined || (await signedIn())) return;
  if (await ask()) dispatchEvent(new Event("inbox:refresh"));
});
