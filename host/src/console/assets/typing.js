// Shows who types in the open conversation until they send or stop, and tells the others while the reader types.

const thread = document.getElementById("thread");
const line = document.getElementById("typing");
const SHOWN = 7000;
const EVERY = 3000;

let who;
let end;
let told = 0;

function hide() {
  clearTimeout(end);
  who = undefined;
  line.hidden = true;
}

/** Shows the newest who types; the reader knows about themselves. */
function show({ conversation_id, from }) {
  if (conversation_id !== thread.dataset.id || from.id === line.dataset.you) return;
  who = from.id;
  const name = from.type === "contact" ? line.dataset.contact : (from.name ?? line.dataset.program);
  line.querySelector("[data-words]").textContent = line.dataset.words.replace("{name}", () => name);
  line.hidden = false;
  clearTimeout(end);
  end = setTimeout(hide, SHOWN);
}

addEventListener("inbox:typing", (event) => show(event.detail));
addEventListener("inbox:message", ({ detail }) => detail.conversation_id === thread.dataset.id && detail.from?.id === who && hide());

document.getElementById("composer").addEventListener("input", (event) => {
  if (!event.target.matches("textarea") || !event.target.value.trim() || Date.now() - told < EVERY) return;
  told = Date.now();
  // Nothing depends on it: without a connection it is left out.
  fetch(`/v1/conversations/${thread.dataset.id}/typing`, { method: "POST" }).catch(() => {});
});
