// Shows a picture of the conversation large, over the page. Without a script it opens in a tab of its own.

const shown = document.getElementById("picture");

addEventListener("click", (event) => {
  const link = event.target.closest?.("a.opens-large");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const small = link.querySelector("img");
  shown.querySelector("img").replaceWith(Object.assign(new Image(), { src: link.href, alt: small.alt }));
  shown.querySelector("a").href = link.href;
  shown.showModal();
});
// Beside the picture is outside.
shown.addEventListener("click", (event) => event.target.closest("a, button") || shown.close());
