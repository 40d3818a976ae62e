// Leads from a dialog that was closed to the first field of the page that is wrong.

document.querySelector("dialog[open]")?.addEventListener("close", () => {
  document.querySelector("[aria-invalid=true]")?.focus();
});
