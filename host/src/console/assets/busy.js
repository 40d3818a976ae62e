// Shows that the server works on a form that takes longer than a moment, and sends the form once where its button is pressed twice.

const AFTER = 300;
/** After this long it may be sent again: the reader may have stopped the page from loading. */
const MOST = 10000;
const sent = new WeakSet();

addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (event.defaultPrevented || form.method !== "post" || submitter?.formTarget || form.target) return;
  if (sent.has(form)) return event.preventDefault();
  sent.add(form);
  const shown = setTimeout(() => submitter?.setAttribute("aria-busy", "true"), AFTER);
  const end = () => {
    clearTimeout(shown);
    submitter?.removeAttribute("aria-busy");
    sent.delete(form);
  };
  setTimeout(end, MOST);
  // The browser may bring the page back as it was left.
  addEventListener("pageshow", end, { once: true });
});
