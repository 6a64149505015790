/** Keys that work wherever nothing is being typed. */
import { type RefObject, useEffect } from "react";
import { clear, pin, setTheme, useStore } from "../state/store";

export function useShortcuts(filter: RefObject<HTMLInputElement | null>): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const isTyping = target.closest("input, select, textarea, [contenteditable=true]") !== null;
      if (event.key === "Escape") {
        if (isTyping) target.blur();
        else clear();
        return;
      }
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
      const action = actions[event.key];
      if (!action) return;
      event.preventDefault();
      action(filter.current);
    };
    document.addEventListener("keydown", onKeyDown);
    return () => document.removeEventListener("keydown", onKeyDown);
  }, [filter]);
}

const actions: Record<string, (filter: HTMLInputElement | null) => void> = {
  "/": (filter) => filter?.focus(),
  a: () => document.getElementById("ask-from")?.focus(),
  e: () => document.querySelector<HTMLElement>(".cm-content")?.focus(),
  g: () => useStore.setState({ view: "graph" }),
  m: () => useStore.setState({ view: "matrix" }),
  p: () => void pin(useStore.getState().pinned === null),
  t: () => setTheme(useStore.getState().theme === "dark" ? "light" : "dark"),
};
