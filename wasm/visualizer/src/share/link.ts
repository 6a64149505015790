/** The whole state in the fragment of a link, which no server ever sees. */
import { deflateSync, inflateSync, strFromU8, strToU8 } from "fflate";
import type { Shared } from "../state/store";

const KEY = "#s=";

/** Browsers and chat programs cut longer links. */
export const LINK_LIMIT = 100_000;

export function toFragment(state: Shared): string {
  const bytes = deflateSync(strToU8(JSON.stringify(state)), { level: 9 });
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return KEY + btoa(binary).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The state of a fragment; `null` if it has none, an error if it cannot be read. */
export function fromFragment(fragment: string): Shared | null {
  if (!fragment.startsWith(KEY)) return null;
  const binary = atob(fragment.slice(KEY.length).replaceAll("-", "+").replaceAll("_", "/"));
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  const state = JSON.parse(strFromU8(inflateSync(bytes))) as Partial<Shared>;
  if (!areFiles(state.files)) throw new Error("the link holds no manifests");
  return {
    files: state.files,
    pinned: areFiles(state.pinned) ? state.pinned : null,
    view: state.view === "matrix" ? "matrix" : "graph",
    filter: typeof state.filter === "string" ? state.filter : "",
    unrestricted: state.unrestricted === true,
    nodes: state.nodes === true,
    asked: state.asked ?? null,
  };
}

function areFiles(value: unknown): value is Shared["files"] {
  return (
    Array.isArray(value) &&
    value.every((file) => typeof file?.name === "string" && typeof file?.text === "string")
  );
}
