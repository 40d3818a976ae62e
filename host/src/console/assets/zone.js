// Tells the server the device's time zone, so that times are the reader's own. The page is read again where it had another.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
const known = document.documentElement.dataset.zone;
const key = `zone:${zone}`;

// Once in a session: a browser that keeps no cookie would read the page again and again.
if (zone && zone !== known && !sessionStorage.getItem(key)) {
  sessionStorage.setItem(key, "told");
  const answer = await fetch("/preferences", { method: "POST", body: new URLSearchParams({ zone }), redirect: "manual" });
  if (answer.type === "opaqueredirect" && document.querySelector("time")) location.reload();
}
