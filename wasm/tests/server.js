/** Serves wasm/ on this machine, for the browser: the page as built, the package, the vectors' runner. */
import { createReadStream, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const TYPES = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".woff2": "font/woff2",
};

const server = createServer(({ url }, response) => {
  const path = join(ROOT, normalize(decodeURIComponent(new URL(url, "http://localhost").pathname)));
  const file = path.endsWith("/") ? join(path, "index.html") : path;
  try {
    if (!file.startsWith(ROOT) || !statSync(file).isFile()) throw new Error("no file");
  } catch {
    response.writeHead(404).end();
    return;
  }
  response.setHeader("content-type", TYPES[extname(file)] ?? "application/octet-stream");
  createReadStream(file).pipe(response);
});

const port = Number(process.argv[2]);
server.listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/`));
