/** The shared vectors, from disk. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../../shared/vectors/", import.meta.url));

/** How many probes each folder has: fewer would pass unseen. */
export const PROBES = {
  "admin-network-policy": 313,
  "cluster-network-policy": 325,
  cyclonus: 47_856,
  "kubernetes-e2e": 506,
};

export function readVectors(folder) {
  const files = readdirSync(join(FOLDER, folder)).filter((file) => file.endsWith(".json"));
  return files.sort().map((file) => JSON.parse(readFileSync(join(FOLDER, folder, file), "utf8")));
}

export const folders = () =>
  readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort();
