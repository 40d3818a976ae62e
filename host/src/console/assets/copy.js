// Copies a text by its button, which says so for a moment. Where the browser does not let it, the text is selected instead.

for (const button of document.querySelectorAll("button[data-copy]")) {
  const said = button.textContent;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = button.dataset.copy;
      setTimeout(() => (button.textContent = said), 2000);
    } catch {
      getSelection().selectAllChildren(code);
    }
  });
}
