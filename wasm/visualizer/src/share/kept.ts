/** Edits survive that the page is loaded again: kept in this tab, and nowhere else. */
import { shared } from "../state/store";
import { toFragment } from "./link";

const KEY = "state";

export function keep(): void {
  try {
    sessionStorage.setItem(KEY, toFragment(shared()));
  } catch {
    // It is too large, or may not be kept: then it is lost, as everywhere else.
    sessionStorage.removeItem(KEY);
  }
}

/** What the page held before it was loaded again, once; a new visit begins anew. */
export function takeKept(): string | null {
  const [navigation] = performance.getEntriesByType("navigation") as PerformanceNavigationTiming[];
  const kept = sessionStorage.getItem(KEY);
  sessionStorage.removeItem(KEY);
  return navigation?.type === "reload" ? kept : null;
}
