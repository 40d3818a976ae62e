// Takes signed webhooks: verifies, parses, hands what it found to a store, and answers once the store says that it is on disk.

import { createHmac, timingSafeEqual } from "node:crypto";
import Fastify from "fastify";

/** What the simulated provider signs with. */
const SECRET = "8c570fa6dd201bb328f1c1eac23a96d8";

function isGood(body, given) {
  const signature = createHmac("sha256", SECRET).update(body).digest();
  const theirs = Buffer.from(given ?? "", "base64");
  return theirs.length === signature.length && timingSafeEqual(theirs, signature);
}

/** `keep(raw, messages)` resolves once both are on disk; `counts()` says how many rows there are. */
export async function serve({ keep, counts }) {
  const app = Fastify({ bodyLimit: 1 << 20 });
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (_, body, done) => done(null, body));
  app.post("/hooks/line", async (request, reply) => {
    if (!isGood(request.body, request.headers["x-line-signature"])) return reply.code(401).send();
    const { events } = JSON.parse(request.body);
    const messages = events
      .filter(({ type }) => type === "message")
      .map(({ message, source, timestamp }) => ({ id: message.id, sender: source.userId, text: message.text ?? null, at: timestamp }));
    await keep(request.body, messages);
    return reply.code(200).send();
  });
  app.get("/counts", () => counts());
  await app.listen({ host: "127.0.0.1", port: 0 });
  const { address, port } = app.server.address();
  console.log(`${address}:${port}`);
}
