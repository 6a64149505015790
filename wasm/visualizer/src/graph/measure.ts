/** How wide text is, before it is drawn. */

export const SANS = "'Inter Variable', Inter, system-ui, sans-serif";
export const NAME_FONT = `600 13px ${SANS}`;
export const CAPTION_FONT = `450 11px ${SANS}`;
export const LABEL_FONT = `500 10.5px ${SANS}`;

const context = document.createElement("canvas").getContext("2d")!;
const known = new Map<string, number>();

export function widthOf(text: string, font: string): number {
  const key = `${font}\0${text}`;
  let width = known.get(key);
  if (width === undefined) {
    context.font = font;
    width = context.measureText(text).width;
    known.set(key, width);
  }
  return width;
}

export function truncated(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1)}…`;
}
