// Files: picked, dropped or pasted, and sent as they come.

const written = (content) => ({ id: uuid(), page: location.href.split("#")[0], ...store.get("about"), content });
const own = (message) => ({ ...message, from: "visitor", at: Date.now() });

/** Sends a file's bytes and, once the host has them, the message that shows it. What fails can be tried again here; a
 *  browser cannot keep a file for later, as it keeps a text. */
const upload = (file, message) => {
  const refuse = (reason, ...more) => show(message, "failed", make("small", {}, reason), ...more);
  const tooLarge = () => refuse(words.tooLarge(size(session?.limits?.file_bytes ?? 0)));
  const fail = () => {
    const again = make("button", { type: "button", "aria-label": `${words.again}: ${file.name}` }, words.again);
    again.addEventListener("click", () => upload(file, message));
    refuse(words.lost, again);
  };
  if (!session) return fail();
  if (file.size > (session.limits?.file_bytes ?? Infinity)) return tooLarge();
  const bar = make("progress", { max: 1, value: 0, "aria-label": words.uploading(file.name) });
  show(message, "waiting", bar);
  const address = new URL("media", base);
  address.searchParams.set("name", file.name);
  const request = new XMLHttpRequest(); // It tells how far a file has come, which fetch does not.
  request.open("POST", address);
  request.setRequestHeader("authorization", `Bearer ${session.token}`);
  request.setRequestHeader("content-type", file.type || "application/octet-stream");
  request.upload.onprogress = (event) => event.lengthComputable && (bar.value = event.loaded / event.total);
  request.onerror = fail;
  request.onload = () => {
    if (request.status === 401) later(start);
    if (request.status === 413) return tooLarge();
    if (request.status !== 201) return fail();
    const { media_id, name, bytes } = JSON.parse(request.responseText);
    const { from, at, ...rest } = message;
    const whole = { ...rest, content: { type: "media", media_id, name, bytes } };
    queue.add(whole);
    show(own(whole), "waiting");
    flush();
  };
  request.send(file);
};

const sendFiles = (files) => {
  for (const file of files) {
    if (queue.all().length >= QUEUE_LIMIT) return showNotice(words.full);
    const message = own(written({ type: "media", name: file.name, bytes: file.size }));
    if (preview) show(message, "sent");
    else upload(file, message);
  }
};

attach.addEventListener("click", () => picker.click());
picker.addEventListener("change", () => {
  sendFiles([...picker.files]);
  picker.value = ""; // The same file may be picked again.
  input.focus();
});
input.addEventListener("paste", (event) => {
  const files = [...event.clipboardData.files];
  if (!files.length) return;
  event.preventDefault();
  sendFiles(files);
});

const dropped = make("p", { className: "drop", hidden: true, "aria-hidden": "true" });
const hasFiles = (event) => !composer.hidden && [...(event.dataTransfer?.types ?? [])].includes("Files");
panel.addEventListener("dragover", (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  dropped.textContent = words.drop;
  dropped.hidden = false;
});
panel.addEventListener("dragleave", (event) => (dropped.hidden = panel.contains(event.relatedTarget)));
panel.addEventListener("drop", (event) => {
  dropped.hidden = true;
  if (!hasFiles(event)) return;
  event.preventDefault();
  sendFiles([...event.dataTransfer.files]);
});
panel.append(dropped);
