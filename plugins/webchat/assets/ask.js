// The form before the chat, where the settings want one: name and e-mail address.

const asked = make("form", { className: "ask", hidden: true });

/** Shows the form in the place of the composer until it was filled in once, or something was written before. */
const ask = () => {
  const wrote = [...shown.values()].some((entry) => entry.from === "visitor");
  const asks = config.ask_first === true && !store.get("about") && !wrote;
  composer.hidden = asks;
  if (asked.hidden === !asks && !preview) return;
  asked.hidden = !asks;
  if (!asks) return;
  const name = make("input", { id: "ask-name", required: true, maxLength: 100, autocomplete: "name" });
  const email = make("input", { id: "ask-email", type: "email", required: true, maxLength: 254, autocomplete: "email" });
  asked.replaceChildren(
    make("h3", {}, words.askTitle), make("p", {}, words.askNote),
    make("label", { htmlFor: "ask-name" }, words.askName), name,
    make("label", { htmlFor: "ask-email" }, words.askEmail), email,
    make("button", { type: "submit" }, words.askButton));
  asked.onsubmit = (event) => {
    event.preventDefault();
    if (!name.value.trim()) return name.focus();
    store.set("about", { name: name.value.trim(), email: email.value.trim().toLowerCase() });
    ask();
    input.focus();
  };
};
composer.before(asked);
