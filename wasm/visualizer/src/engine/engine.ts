/** The engine as the page sees it: questions go out, promises come back. */
import type { Request, Responses } from "./messages";

type Waiting = { resolve: (result: never) => void; reject: (error: Error) => void };

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
const waiting = new Map<number, Waiting>();
let lastId = 0;

worker.onmessage = ({ data }: MessageEvent<{ id: number; result?: never; error?: string }>) => {
  const asked = waiting.get(data.id);
  waiting.delete(data.id);
  if (data.error === undefined) asked?.resolve(data.result as never);
  else asked?.reject(new Error(data.error));
};

worker.onerror = (event) => {
  const error = new Error(event.message || "the engine could not be started");
  for (const asked of waiting.values()) asked.reject(error);
  waiting.clear();
};

export function ask<K extends Request["kind"]>(
  request: Extract<Request, { kind: K }>,
): Promise<Responses[K]> {
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve: resolve as Waiting["resolve"], reject });
    worker.postMessage({ id, request });
  });
}
