// A small panel of emoji, plain characters that the visitor's own fonts draw.

const EMOJI = "😀 😄 😂 😊 😍 😘 😎 🤔 😅 😢 😭 😡 👍 👎 🙏 👏 🙌 💪 👋 🤝 ❤️ 💚 🎉 🔥 ⭐ ✅ ❌ ❓ 📦 🚚 ☕️ 🍽️ 🎁 💰 📷 📍".split(" ");

const emojis = make("div", { className: "emojis", role: "group", "aria-label": words.emoji, hidden: true });
for (const one of EMOJI) {
  const choice = make("button", { type: "button" }, one);
  choice.addEventListener("click", () => {
    input.setRangeText(one, input.selectionStart, input.selectionEnd, "end");
    input.dispatchEvent(new Event("input"));
    showEmojis(false);
    input.focus();
  });
  emojis.append(choice);
}

const showEmojis = (isOpen) => {
  emojis.hidden = !isOpen;
  smile.setAttribute("aria-expanded", String(isOpen));
  if (isOpen) emojis.firstChild.focus();
};

smile.setAttribute("aria-expanded", "false");
smile.addEventListener("click", () => showEmojis(emojis.hidden));
emojis.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 9, ArrowUp: -9 }[event.key];
  if (event.key === "Escape") {
    event.stopPropagation();
    showEmojis(false);
    smile.focus();
  } else if (step) {
    event.preventDefault();
    const all = [...emojis.children];
    all[all.indexOf(event.target) + step]?.focus();
  }
});
composer.prepend(emojis);
