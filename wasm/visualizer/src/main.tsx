import "@fontsource-variable/inter";
import "@fontsource-variable/jetbrains-mono";
import "@xyflow/react/dist/style.css";
import "./styles.css";
import { createRoot } from "react-dom/client";
import { App } from "./app/App";
import { LABEL_FONT, NAME_FONT } from "./graph/measure";
import { keep, takeKept } from "./share/kept";
import { fromFragment } from "./share/link";
import { notify, recompute, restore } from "./state/store";

async function start(): Promise<void> {
  try {
    const state = fromFragment(takeKept() ?? location.hash);
    await (state ? restore(state) : recompute());
  } catch (error) {
    await recompute();
    notify(`The link cannot be read: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

// Cards are as wide as their text, so the font has to be there first.
await Promise.all([NAME_FONT, LABEL_FONT].map((font) => document.fonts.load(font)));
createRoot(document.getElementById("root")!).render(<App />);
void start();
addEventListener("pagehide", keep);
addEventListener("hashchange", () => void start());
