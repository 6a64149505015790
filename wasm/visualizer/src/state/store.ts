/** The state of the page, and what changes it. */
import type { Explanation, PortSet, Question } from "netpolicy";
import { create } from "zustand";
import { litBy } from "../editor/deciding";
import { ask } from "../engine/engine";
import type { Model, SourceFile } from "../engine/messages";
import { unpack } from "../engine/packing";
import { examples } from "../examples";

export type View = "graph" | "matrix";
export type Theme = "light" | "dark";

/** A connection, and which of its ports are meant. */
export interface Selected {
  source: string;
  destination: string;
  ports?: PortSet | undefined;
}

/** What the panel tells about. */
export type Selection =
  | { kind: "party"; id: string }
  /** An edge: its connections, and which of them the panel is about. */
  | { kind: "edge"; id: string; connections: Selected[]; at: number }
  | null;

/** What is asked in the form. */
export interface Asked {
  from: string;
  to: string;
  protocol: string;
  port: string;
}

/** What a link holds. */
export interface Shared {
  files: SourceFile[];
  pinned: SourceFile[] | null;
  view: View;
  filter: string;
  unrestricted: boolean;
  nodes: boolean;
  asked: Asked | null;
  /** The index of the file in the editor, and what is selected. */
  current: number;
  selection: Selection;
}

interface State {
  files: SourceFile[];
  /** The index of the file in the editor. */
  current: number;
  pinned: SourceFile[] | null;
  /** `null` until chosen: how much there is decides. */
  view: View | null;
  filter: string;
  /** Whether connections that no policy governs are drawn. */
  unrestricted: boolean;
  nodes: boolean;
  theme: Theme;
  model: Model | null;
  /** What stopped the engine. */
  fault: string | null;
  selection: Selection;
  asked: Asked | null;
  explanations: Explanation[] | null;
  /** Why there is no explanation. */
  refusal: string | null;
  /** The engine has been at it for longer than one waits without a word. */
  busy: boolean;
  /** What was done, or why it was not; it goes by itself. */
  notice: string | null;
  /** Where the editor should go. */
  jump: { file: string; line: number; column: number } | null;
}

export const NOTHING_ASKED: Asked = { from: "", to: "", protocol: "TCP", port: "" };

export const useStore = create<State>(() => ({
  files: examples[0]!.files,
  current: 0,
  pinned: null,
  view: null,
  filter: "",
  unrestricted: false,
  nodes: false,
  theme: initialTheme(),
  model: null,
  fault: null,
  selection: null,
  asked: null,
  explanations: null,
  refusal: null,
  busy: false,
  notice: null,
  jump: null,
}));

const { getState: get, setState: set } = useStore;

function initialTheme(): Theme {
  const kept = localStorage.getItem("theme");
  if (kept === "light" || kept === "dark") return kept;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export function viewOf({ view, model }: Pick<State, "view" | "model">): View {
  return view ?? (model?.crowded ? "matrix" : "graph");
}

let pending: ReturnType<typeof setTimeout> | undefined;
let newest = 0;
let loading: Promise<void> | null = null;

/** Recomputes everything from the files as they are. While the engine is at it, further
 * edits wait and are taken together: it never works on what is out of date already. */
export async function recompute(): Promise<void> {
  const number = ++newest;
  while (loading) await loading;
  if (number !== newest) return;
  const slow = setTimeout(() => set({ busy: true }), 600);
  loading = load(number).finally(() => {
    clearTimeout(slow);
    loading = null;
    set({ busy: false });
  });
  await loading;
}

async function load(number: number): Promise<void> {
  try {
    const packed = await ask<"load">({ kind: "load", files: get().files });
    if (number !== newest) return;
    const connections = unpack(packed.connections, packed.parties);
    set({ model: { ...packed, connections }, fault: null });
    await explain();
  } catch (error) {
    if (number === newest) set({ fault: message(error), model: null });
  }
}

const message = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Opens other files in place of those that are open. */
export function open(files: SourceFile[]): void {
  set({
    files, current: 0, pinned: null, view: null, filter: "", selection: null,
    asked: null, explanations: null, refusal: null,
  });
  void ask<"pin">({ kind: "pin", files: null });
  void recompute();
}

/** Opens what was read; where it holds no manifests, what is open stays. */
export function openRead(files: SourceFile[]): void {
  if (files.length > 0) open(files);
  else notify("There are no manifests in it: files that end in .yaml, .yml or .json.");
}

let fading: ReturnType<typeof setTimeout> | undefined;

export function notify(notice: string): void {
  set({ notice });
  clearTimeout(fading);
  fading = setTimeout(() => set({ notice: null }), 5000);
}

/** Takes an edit; what it means is computed when the keys rest for a moment. */
export function edit(text: string): void {
  const { files, current } = get();
  if (files[current]?.text === text) return;
  set({ files: files.map((file, index) => (index === current ? { ...file, text } : file)) });
  clearTimeout(pending);
  pending = setTimeout(() => void recompute(), 60);
}

/** Keeps the present state to compare edits with, or lets go of it. */
export async function pin(on: boolean): Promise<void> {
  const pinned = on ? get().files : null;
  set({ pinned });
  await ask<"pin">({ kind: "pin", files: pinned });
  await recompute();
}

/** Asks why, and shows the lines that decide; the answer is kept up to date with every
 * edit. */
export async function askWhy(asked: Asked): Promise<void> {
  set({ asked });
  await explain();
  const { explanations, files, current } = get();
  const lit = litBy(explanations ?? []);
  const first = lit.find(({ file }) => file === files[current]?.name) ?? lit[0];
  if (first) jumpTo(first.file, first.line);
}

async function explain(): Promise<void> {
  const { asked } = get();
  if (!asked || asked.from === "" || asked.to === "") {
    set({ explanations: null, refusal: null });
    return;
  }
  try {
    const explanations = await ask<"explain">({ kind: "explain", question: question(asked) });
    if (get().asked === asked) set({ explanations, refusal: null });
  } catch (error) {
    if (get().asked === asked) set({ explanations: null, refusal: message(error) });
  }
}

function question({ from, to, protocol, port }: Asked): Question {
  const number = port.trim() === "" ? undefined : Number(port);
  return { from: from.trim(), to: to.trim(), protocol, ...(number === undefined ? {} : { port: number }) };
}

export function select(selection: Selection): void {
  set({ selection });
}

export function clear(): void {
  set({ selection: null, asked: null, explanations: null, refusal: null });
}

export function jumpTo(file: string, line: number, column = 1): void {
  const index = get().files.findIndex(({ name }) => name === file);
  if (index >= 0 && line > 0) set({ current: index, jump: { file, line, column } });
}

export function setTheme(theme: Theme): void {
  localStorage.setItem("theme", theme);
  set({ theme });
}

export function shared(): Shared {
  const { files, pinned, view, filter, unrestricted, nodes, asked, model, current, selection } = get();
  return { files, pinned, view: viewOf({ view, model }), filter, unrestricted, nodes, asked, current, selection };
}

export async function restore(state: Shared): Promise<void> {
  set({ ...state, current: state.files[state.current] ? state.current : 0, explanations: null, refusal: null });
  await ask<"pin">({ kind: "pin", files: state.pinned });
  await recompute();
  // The lines that decide are shown, as they were when it was asked.
  if (state.asked && !state.selection) await askWhy(state.asked);
}
