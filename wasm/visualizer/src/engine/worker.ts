/** The engine, in a Worker: the page stays responsive whatever it is given. */
import init, { Cluster, type Image } from "netpolicy";
import type { Request, SourceFile } from "./messages";
import { buildModel } from "./model";

const ready = init();

/** The image that questions are asked of, and the one it is compared with. */
let image: Image | null = null;
let pinned: Image | null = null;

function compile(files: SourceFile[]): { cluster: Cluster; image: Image } {
  const cluster = Cluster.load(files.map(({ name, text }) => ({ file: name, text })));
  return { cluster, image: cluster.compile() };
}

function answer(request: Request): unknown {
  switch (request.kind) {
    case "load": {
      const compiled = compile(request.files);
      image?.free();
      image = compiled.image;
      const model = buildModel(compiled.cluster, image, pinned);
      compiled.cluster.free();
      return model;
    }
    case "pin": {
      pinned?.free();
      pinned = null;
      if (request.files) {
        const compiled = compile(request.files);
        compiled.cluster.free();
        pinned = compiled.image;
      }
      return null;
    }
    case "explain":
      return image?.explain(request.question) ?? [];
  }
}

self.onmessage = async ({ data }: MessageEvent<{ id: number; request: Request }>) => {
  try {
    await ready;
    self.postMessage({ id: data.id, result: answer(data.request) });
  } catch (error) {
    self.postMessage({ id: data.id, error: error instanceof Error ? error.message : String(error) });
  }
};
