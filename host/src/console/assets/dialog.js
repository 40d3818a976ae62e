// Keeps the keyboard in the dialog that came with the page, and leads from it to the first field that is wrong.

const dialog = document.querySelector("dialog.dialog-layer[open]");
dialog.close();
dialog.showModal();
dialog.addEventListener("close", () => document.querySelector("[aria-invalid=true]")?.focus());
