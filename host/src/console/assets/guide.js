// Marks the step of the instructions that explains the field that has the focus.

addEventListener("focusin", ({ target }) => {
  const link = target.closest(".field")?.querySelector("a[href^='#step-']");
  if (!link) return;
  for (const step of document.querySelectorAll(".guide-steps > [aria-current]")) step.removeAttribute("aria-current");
  document.getElementById(link.hash.slice(1))?.setAttribute("aria-current", "step");
});
