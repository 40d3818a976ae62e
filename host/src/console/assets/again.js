// Signs the reader in again in place where their session has ended, so that nothing that they typed is lost: a form is sent only
// after the server has said that there is a session.

const main = document.getElementById("main");
let dialog; // While it is open.
let declined = false; // The reader closed it: only what they send opens it again.

/** Whether the reader is signed in; nothing where the server cannot be asked. Another person than the page's reads their own pages. */
async function signedIn() {
  const answer = await fetch("/v1/me", { headers: { accept: "application/json" } }).catch(() => undefined);
  if (answer?.status === 401) return false;
  if (answer?.ok && (await answer.json()).user !== main.dataset.reader) location.assign("/");
  return true;
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
    fetch("/sign-in")
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
        dialog = undefined;
        resolve(false);
      });
  });
  return dialog;
}

async function send(event, shown) {
  event.preventDefault();
  const form = event.target;
  const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
  if (answer.redirected && (await signedIn())) return shown.close("in");
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("form");
  if (fresh) form.replaceChildren(...own(fresh).childNodes);
}

const checked = new WeakSet();

addEventListener(
  "submit",
  async (event) => {
    const { target: form, submitter } = event;
    if (form.method !== "post" || form.matches(".sign-in-again form, [action='/sign-out']") || checked.delete(form)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (!(await signedIn()) && !(await ask())) return;
    checked.add(form);
    form.requestSubmit(submitter);
  },
  true,
);
addEventListener("session:check", async () => {
  if (declined || (await signedIn())) return;
  if (await ask()) dispatchEvent(new Event("inbox:refresh"));
});
