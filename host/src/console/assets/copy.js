// Shows the button beside each text that is there to be copied, and copies it.

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text.textContent);
  // Without https there is no clipboard; a selection can be copied all the same.
  getSelection().selectAllChildren(text);
  document.execCommand("copy");
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copied]");
  if (!button) return;
  const word = button.textContent;
  try {
    await copy(button.parentElement.querySelector("code"));
  } catch {
    return;
  }
  button.textContent = button.dataset.copied;
  setTimeout(() => (button.textContent = word), 2000);
});

const show = (within) => within.querySelectorAll("[data-copied][hidden]").forEach((button) => (button.hidden = false));
show(document);
new MutationObserver(() => show(document)).observe(document.body, { childList: true, subtree: true });
