/** The whole state in the fragment of a link, which no server ever sees. */
import { deflateSync, inflateSync, strFromU8, strToU8 } from "fflate";
import type { Asked, Shared } from "../state/store";

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
    current: Number.isInteger(state.current) ? state.current! : 0,
    selection: isSelection(state.selection) ? state.selection : null,
    files: state.files,
    pinned: areFiles(state.pinned) ? state.pinned : null,
    view: state.view === "matrix" ? "matrix" : "graph",
    filter: typeof state.filter === "string" ? state.filter : "",
    unrestricted: state.unrestricted === true,
    nodes: state.nodes === true,
    asked: isAsked(state.asked) ? state.asked : null,
  };
}

function isAsked(value: Partial<Asked> | null | undefined): value is Asked {
  return [value?.from, value?.to, value?.protocol, value?.port].every((part) => typeof part === "string");
}

function isSelection(value: Shared["selection"] | undefined): value is NonNullable<Shared["selection"]> {
  if (value?.kind === "party") return typeof value.id === "string";
  return value?.kind === "edge" && Array.isArray(value.connections) && value.connections[value.at] !== undefined;
}

function areFiles(value: unknown): value is Shared["files"] {
  return (
    Array.isArray(value) &&
    value.every((file) => typeof file?.name === "string" && typeof file?.text === "string")
  );
}
