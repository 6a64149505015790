// The package in Node: the module lies beside this file, and needs no fetching.
import { readFile } from "node:fs/promises";
import initialise from "./netpolicy.js";

export * from "./netpolicy.js";

export default async function init(module = readFile(new URL("./netpolicy_bg.wasm", import.meta.url))) {
  return initialise({ module_or_path: await module });
}
