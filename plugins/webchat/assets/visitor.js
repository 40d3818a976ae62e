// What the visitor does: opens and closes the chat, writes, sends.

const toggle = (isOpen) => {
  panel.hidden = !isOpen;
  root.classList.toggle("is-open", isOpen);
  launch.setAttribute("aria-expanded", String(isOpen));
  if (isOpen) {
    store.set("greeted", true);
    markRead(lastReceived);
    scroll.scrollTop = 0;
    // A keyboard on the screen would hide half of the chat before it was read.
    if (isTouch) panel.focus({ preventScroll: true });
    else (asked.hidden ? input : asked.querySelector("input")).focus({ preventScroll: true });
  } else {
    showEmojis(false);
    showUnread();
    launch.focus({ preventScroll: true });
  }
};

/** One line that grows to about five. Browsers that cannot by themselves are told the height. */
const grow = () => {
  send.disabled = !input.value.trim();
  if (CSS.supports("field-sizing", "content")) return;
  input.style.height = "auto";
  input.style.height = `${input.scrollHeight}px`;
};

let told = 0;

const submit = () => {
  const text = input.value.trim();
  if (!text) return;
  if (queue.all().length >= QUEUE_LIMIT) return showNotice(words.full);
  const message = written({ type: "text", text });
  if (!preview) queue.add(message);
  show(own(message), preview ? "sent" : "waiting");
  input.value = "";
  told = 0;
  grow();
  input.focus();
  flush();
};

/** Tells the team that the visitor types, as long as there is something to send. Nothing depends on it. */
const tellTyping = () => {
  if (!session || preview || !input.value.trim() || Date.now() - told < TELL_TYPING_MS) return;
  told = Date.now();
  call("typing", session.token).catch(() => {});
};

launch.addEventListener("click", () => toggle(panel.hidden));
close.addEventListener("click", () => toggle(false));
panel.addEventListener("keydown", (event) => event.key === "Escape" && toggle(false));
composer.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
input.addEventListener("input", () => {
  grow();
  tellTyping();
});
input.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});

/** The settings with a made-up question and answer, so that every colour is seen. */
const showPreview = () => {
  preview = JSON.parse(script.dataset.preview);
  config = preview.config;
  language = languageOf(config.language);
  words = TEXTS[language];
  words.sample.forEach((text, at) => {
    if (config.ask_first === true) return forget(`sample-${at}`);
    const content = { type: "text", text };
    show({ id: `sample-${at}`, from: at ? "agent" : "visitor", content, at: loaded - 6e4 * (2 - at) }, "sent");
  });
  dress(config);
};

const loaded = Date.now();

/** Shows the preview, opened, and again whenever its settings change. */
const mountPreview = () => {
  session = { limits: {} };
  showPreview();
  panel.hidden = false;
  root.classList.add("is-open");
  launch.setAttribute("aria-expanded", "true");
  showUnread();
  new MutationObserver(showPreview).observe(script, { attributes: true, attributeFilter: ["data-preview"] });
};

const mount = () => {
  const shadow = host.attachShadow({ mode: "closed" });
  const sheet = new CSSStyleSheet(); // Not an inline style, which a page's content policy may forbid.
  sheet.replaceSync(STYLE);
  shadow.adoptedStyleSheets = [sheet];
  shadow.append(root);
  host.hidden = true; // Until the settings are known.
  document.body.append(host);
  // Pages change their theme by an attribute of one of these.
  const watch = new MutationObserver(dressTheme);
  for (const element of [document.documentElement, document.body]) watch.observe(element, { attributes: true });
  if (preview) return mountPreview();
  if (session?.config) dress(session.config);
  for (const message of queue.all()) show({ at: Date.now(), ...message, from: "visitor" }, "waiting");
  start();
};
if (document.body) mount();
else addEventListener("DOMContentLoaded", mount);
