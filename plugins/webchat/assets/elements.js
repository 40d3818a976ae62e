// Elements: how they are made, and the frame that all others stand in. What people wrote is only ever set as text.

const make = (tag, properties = {}, ...children) => {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
};

const SHAPES = {
  alert: "M10.7 4.9 3.4 17.6a1.5 1.5 0 0 0 1.3 2.3h14.6a1.5 1.5 0 0 0 1.3-2.3L13.3 4.9a1.5 1.5 0 0 0-2.6 0zM12 9.75v4M12 16.75h.01",
  attach: "m19.5 11.3-7.6 7.6a4.9 4.9 0 0 1-6.9-6.9l7.7-7.7a3.3 3.3 0 0 1 4.6 4.6l-7.7 7.7a1.65 1.65 0 0 1-2.3-2.3l7-7",
  chat: "M4.5 6.5a2 2 0 0 1 2-2h11a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H11l-4.5 4v-4a2 2 0 0 1-2-2z",
  check: "m5 12.5 4.5 4.5L19 7.5",
  checks: "m2.5 12.75 4 4 8.5-9M11 16.25l.5.5 9.5-9",
  clock: "M12 3.75a8.25 8.25 0 1 0 0 16.5 8.25 8.25 0 0 0 0-16.5zM12 7.25V12l3 2",
  close: "m6.5 6.5 11 11M17.5 6.5l-11 11",
  file: "M7 3.5h7l5 5V19a1.5 1.5 0 0 1-1.5 1.5H7A1.5 1.5 0 0 1 5.5 19V5A1.5 1.5 0 0 1 7 3.5zM13.5 3.5V9H19",
  send: "M12 19V5M5.5 11.5 12 5l6.5 6.5",
  smile: "M12 3.75a8.25 8.25 0 1 0 0 16.5 8.25 8.25 0 0 0 0-16.5zM8.5 14.25a4.2 4.2 0 0 0 7 0M9.25 9.75h.01M14.75 9.75h.01",
};

const icon = (name) => {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("class", `icon is-${name}`);
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
};

const button = (className, label, ...children) =>
  make("button", { className, type: "button", title: label, "aria-label": label }, ...children);

/** Only addresses of the web become links: a script's address never does. */
const safeLink = (address) => {
  try {
    const url = new URL(address);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
};

const badge = make("span", { className: "badge", hidden: true, "aria-hidden": "true" });
const launch = make("button", {
  className: "launcher", type: "button", "aria-expanded": "false", "aria-controls": "panel", "aria-label": words.open,
}, icon("chat"), icon("close"), badge);

const face = make("span", { className: "face", "aria-hidden": "true" });
const title = make("h2");
const subtitle = make("p");
const close = button("close", words.close, icon("close"));
const replyTime = make("p", { className: "reply-time", hidden: true });

const log = make("ol", { className: "log" });
const scroll = make("div", { className: "scroll", role: "log", "aria-live": "polite", "aria-label": words.log, tabIndex: 0 }, log);
const notice = make("p", { className: "status", role: "status", hidden: true });

const input = make("textarea", { rows: 1, maxLength: 4000, placeholder: words.write, "aria-label": words.write });
const attach = button("round", words.attach, icon("attach"));
const smile = button("round", words.emoji, icon("smile"));
const send = make("button", { className: "round is-send", type: "submit", title: words.send, "aria-label": words.send, disabled: true },
  icon("send"));
const picker = make("input", { type: "file", multiple: true, hidden: true });
const box = make("div", { className: "box" }, make("div", { className: "entry" }, attach, picker, input, smile, send));
const composer = make("form", { className: "composer" }, box);

const panel = make("section", { id: "panel", className: "panel", role: "dialog", tabIndex: -1, hidden: true },
  make("div", { className: "head" }, face, make("div", { className: "heading" }, title, subtitle), close),
  replyTime, scroll, notice, composer);
const peek = make("div", { className: "peek", hidden: true });
const root = make("div", { className: "chat", lang: language }, panel, peek, launch);
const host = make("div", { "data-sambung": channel });

const showNotice = (text) => {
  notice.replaceChildren(...(text ? [icon("alert"), text] : []));
  notice.hidden = !text;
};
