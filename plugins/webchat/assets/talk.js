// Talking with the host: the session, the stream of answers, and the queue of what the visitor wrote.

let session = store.get("session"); // { token, visitor, config, limits }
let stream = null;
let sending = false;
let delay = RETRY_MS.first;

const call = (path, token, body) =>
  fetch(new URL(path, base), {
    method: "POST",
    mode: "cors",
    credentials: "omit",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  });

/** Takes the notice away once the stream is there again, or where it outlived that the browser was offline. */
const connected = () => {
  if (stream?.readyState !== EventSource.OPEN) return showNotice(stream ? words.waiting : null);
  host.dataset.state = "online";
  showNotice(null);
  arrange();
};

const disconnected = () => {
  host.dataset.state = "offline";
  showNotice(navigator.onLine ? words.waiting : words.offline);
  arrange();
};

const later = (run, milliseconds = delay) => {
  delay = Math.min(delay * 2, RETRY_MS.most);
  setTimeout(run, milliseconds);
};

/** One tab at a time, so that two tabs opened together share a session. */
const alone = (run) => (navigator.locks ? navigator.locks.request(`sambung:${channel}`, run) : run());

const open = async (token) => {
  const answer = await call("sessions", token, {});
  if (!answer.ok) throw new Error(`sessions: ${answer.status}`);
  return answer.json();
};

/** Begins a session, or goes on with the one this browser has, be it from the web chat that this one goes on with; the host
 *  answers with the present settings. */
const begin = () =>
  alone(async () => {
    session = store.get("session") ?? session;
    let begun = await open(session?.token);
    const { earlier } = begun.config;
    const known = earlier && !session && store.get("session", earlier);
    if (known) begun = await open(known.token);
    session = { ...session, ...begun };
    store.set("session", session);
    if (earlier) store.set("session", session, earlier);
  });

/** Whether the server is there and refuses this very site. The browser hides that from the page, as a lost connection. */
const isRefused = async () => {
  if (base.origin === location.origin) return false;
  try {
    await fetch(new URL("widget.js", base), { mode: "no-cors", credentials: "omit" });
    return true;
  } catch {
    return false;
  }
};

const listen = () => {
  stream?.close();
  const address = new URL("stream", base);
  address.searchParams.set("token", session.token);
  stream = new EventSource(address);
  stream.onopen = () => {
    delay = RETRY_MS.first;
    connected();
    flush();
  };
  stream.onmessage = (event) => {
    try {
      receive(JSON.parse(event.data));
    } catch (error) {
      console.warn("sambung: an entry could not be read", error);
    }
  };
  stream.addEventListener("typing", () => showTyping(TYPING_MS));
  stream.onerror = () => {
    disconnected();
    // The browser tries again by itself, unless the host refused: then the session may have ended.
    if (stream.readyState === EventSource.CLOSED) later(start);
  };
};

/** Sends what waits, in order. Every message has its own id, so sending one twice does not double it. */
const flush = async () => {
  if (sending || !session || preview) return;
  sending = true;
  try {
    for (let message; (message = queue.all()[0]); ) {
      const answer = await call("messages", session.token, message);
      if (answer.status === 401) return later(start);
      if (answer.status === 429 || answer.status >= 500) {
        const seconds = Number(answer.headers.get("retry-after"));
        return later(flush, seconds ? seconds * 1000 : undefined);
      }
      queue.remove(message.id);
      show({ ...message, from: "visitor" }, answer.ok ? "sent" : "failed");
    }
    delay = RETRY_MS.first;
    connected();
  } catch {
    disconnected();
    later(flush);
  } finally {
    sending = false;
  }
};

const start = async () => {
  try {
    await begin();
  } catch (error) {
    if (error instanceof TypeError && navigator.onLine && (await isRefused())) {
      console.error(`sambung: ${words.notAllowed(location.origin)}`);
      host.hidden = true;
      host.dataset.state = "refused";
      return;
    }
    console.warn("sambung:", error);
    disconnected();
    return later(start);
  }
  dress(session.config ?? {});
  if (session.config?.enabled !== false) listen();
};

addEventListener("online", () => {
  if (preview) return;
  if (!session) return start();
  connected();
  flush();
});
addEventListener("offline", disconnected);
