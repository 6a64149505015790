/** The engine, in a Worker: the page stays responsive whatever it is given. */
import init, { Cluster, type Image } from "netpolicy";
import { imagine } from "./imagine";
import type { Request, SourceFile } from "./messages";
import { buildModel } from "./model";
import { pack } from "./packing";

const ready = init();

/** The image that questions are asked of, and the one it is compared with. */
let image: Image | null = null;
let pinned: Image | null = null;

interface Compiled {
  cluster: Cluster;
  image: Image;
  /** Whether pods had to be imagined, since none were given. */
  imagined: boolean;
}

function compile(files: SourceFile[]): Compiled {
  const manifests = files.map(({ name, text }) => ({ file: name, text }));
  const cluster = Cluster.load(manifests);
  if (cluster.pods().length === 0) {
    const objects = imagine(files);
    if (objects.length > 0) {
      cluster.free();
      const imagined = Cluster.load([{ file: "", objects }, ...manifests]);
      return { cluster: imagined, image: imagined.compile(), imagined: true };
    }
  }
  return { cluster, image: cluster.compile(), imagined: false };
}

function answer(request: Request): unknown {
  switch (request.kind) {
    case "load": {
      const compiled = compile(request.files);
      image?.free();
      image = compiled.image;
      const model = buildModel(compiled.cluster, image, pinned, compiled.imagined);
      compiled.cluster.free();
      return { ...model, connections: pack(model.connections, model.parties) };
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
