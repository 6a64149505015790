/** The engine, in a Worker: the page stays responsive whatever it is given. */
import init, { Cluster, type Image, type Pod } from "netpolicy";
import { imagine } from "./imagine";
import type { Request, SourceFile } from "./messages";
import { buildModel } from "./model";
import { pack } from "./packing";

const ready = init();

/** The image that questions are asked of, and the one it is compared with. */
let image: Image | null = null;
let pinned: Image | null = null;

/** Every workload may be connected with every other: their square has to fit into memory. */
const DRAWN = 4000;

interface Compiled {
  cluster: Cluster;
  pods: Pod[];
  image: Image;
  /** Whether pods had to be imagined, since none were given. */
  imagined: boolean;
}

function compile(files: SourceFile[]): Compiled {
  const manifests = files.map(({ name, text }) => ({ file: name, text }));
  const cluster = Cluster.load(manifests);
  const pods = cluster.pods();
  if (pods.length === 0) {
    const objects = imagine(files);
    if (objects.length > 0) {
      cluster.free();
      const imagined = Cluster.load([{ file: "", objects }, ...manifests]);
      return { cluster: imagined, pods: imagined.pods(), image: imagined.compile(), imagined: true };
    }
  }
  return { cluster, pods, image: cluster.compile(), imagined: false };
}

const countWorkloads = (pods: Pod[]) =>
  new Set(pods.map(({ namespace, name, workload }) => `${namespace} ${workload?.kind} ${workload?.name ?? name}`)).size;

function answer(request: Request): unknown {
  switch (request.kind) {
    case "load": {
      const compiled = compile(request.files);
      image?.free();
      image = compiled.image;
      const workloads = countWorkloads(compiled.pods);
      if (workloads > DRAWN) {
        compiled.cluster.free();
        throw new Error(`${workloads} workloads are more than a page can show, which is ${DRAWN}; questions in the form are answered all the same, and the command “netpolicy list” lists every connection`);
      }
      const model = buildModel(compiled.cluster, compiled.pods, image, pinned, compiled.imagined);
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
