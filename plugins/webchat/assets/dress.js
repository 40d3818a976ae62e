// What the settings change: names, colours, theme, side, language, greeting.

const luminance = (color) => {
  const [red, green, blue] = color.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};

/** White or near black, whichever is easier to read on a colour. */
const readable = (color) => {
  const own = luminance([1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16)));
  return 1.05 / (own + 0.05) >= (own + 0.05) / 0.058 ? "#fff" : "#14181c";
};

const system = matchMedia("(prefers-color-scheme: dark)");

/** Whether the page is dark: by its colour scheme, else by its background. A page without either is white. */
const isPageDark = () => {
  const scheme = getComputedStyle(document.documentElement).colorScheme.replace("only", "").trim();
  if (scheme === "dark" || scheme === "light") return scheme === "dark";
  if (/dark/.test(scheme)) return system.matches;
  for (const element of [document.body, document.documentElement]) {
    const { backgroundColor, backgroundImage } = getComputedStyle(element);
    const [red, green, blue, alpha = 1] = (backgroundColor.match(/^rgba?\((.*)\)$/)?.[1] ?? "").split(/[\s,/]+/).map(Number);
    if (alpha > 0.5) return luminance([red, green, blue]) < 0.18;
    if (backgroundImage !== "none") return system.matches;
  }
  return false;
};

const dressTheme = () => {
  const { theme } = config;
  root.dataset.theme = theme === "light" || theme === "dark" ? theme : isPageDark() ? "dark" : "light";
};
system.addEventListener("change", dressTheme);

const dressWords = () => {
  language = languageOf(config.language);
  words = TEXTS[language];
  root.lang = language;
  const named = [[close, words.close], [attach, words.attach], [smile, words.emoji], [send, words.send]];
  for (const [element, label] of named) {
    element.title = label;
    element.setAttribute("aria-label", label);
  }
  input.placeholder = words.write;
  input.setAttribute("aria-label", words.write);
  scroll.setAttribute("aria-label", words.log);
  emojis.setAttribute("aria-label", words.emoji);
  showUnread();
};

const dress = (settings) => {
  config = settings;
  dressWords();
  dressTheme();
  host.hidden = config.enabled === false;
  title.textContent = nameOf();
  subtitle.textContent = config.subtitle ?? "";
  subtitle.hidden = !config.subtitle;
  replyTime.replaceChildren(...(config.reply_time ? [icon("clock"), config.reply_time] : []));
  replyTime.hidden = !config.reply_time;
  panel.setAttribute("aria-label", words.chat(nameOf()));
  root.classList.toggle("is-left", config.position === "left");
  portrait(face);
  for (const entry of shown.values()) if (entry.portrait) portrait(entry.portrait);
  if (/^#[0-9a-f]{6}$/i.test(config.color ?? "")) {
    root.style.setProperty("--brand", config.color);
    root.style.setProperty("--on-brand", readable(config.color));
  }
  showGreeting();
  arrange();
  greet();
  ask();
};

/** The greeting stands above everything else, without a time. */
const showGreeting = () => {
  const { greeting } = config;
  if (greeting) show({ id: "greeting", from: "agent", content: { type: "text", text: greeting } }, "sent");
  const line = shown.get("greeting")?.line;
  if (!greeting && line) forget("greeting");
  else if (line && log.firstChild !== line) log.prepend(line);
};

let greets;

/** Opens the greeting by itself after a while, unless the visitor closed it once or has the chat open. */
const greet = () => {
  clearTimeout(greets);
  const seconds = Number(config.greet_after);
  if (!seconds || !config.greeting || store.get("greeted") || preview) return;
  greets = setTimeout(() => {
    if (!panel.hidden || store.get("greeted")) return;
    store.set("greeted", true);
    showPeek(config.greeting);
  }, seconds * 1000);
};
