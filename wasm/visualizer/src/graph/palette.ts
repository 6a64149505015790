/** The colours of the picture; the page's are in styles.css, and are the same. */
import type { Theme } from "../state/store";

export interface Palette {
  ground: string;
  card: string;
  cardLine: string;
  frame: string;
  frameLine: string;
  ink: string;
  muted: string;
  edge: string;
  label: string;
  accent: string;
  added: string;
  removed: string;
  open: string;
  outside: string;
}

export const palettes: Record<Theme, Palette> = {
  light: {
    ground: "#fbfbfa",
    card: "#ffffff",
    cardLine: "#d9dce3",
    frame: "#f2f4f8",
    frameLine: "#dfe3ea",
    ink: "#1b2030",
    muted: "#69718a",
    edge: "#8b94ab",
    label: "#ffffff",
    accent: "#2f4bd6",
    added: "#0d8a53",
    removed: "#c21a7c",
    open: "#a86300",
    outside: "#eef0fb",
  },
  dark: {
    ground: "#12151d",
    card: "#1f2431",
    cardLine: "#363d50",
    frame: "#181c27",
    frameLine: "#2a3040",
    ink: "#e8ebf4",
    muted: "#98a1b8",
    edge: "#6d7791",
    label: "#1f2431",
    accent: "#8ea2ff",
    added: "#3ecf8e",
    removed: "#ff6ec0",
    open: "#f0b24b",
    outside: "#1c2238",
  },
};
