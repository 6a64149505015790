/** Drawing the matrix: only what is on the screen, so that a thousand rows are as quick as ten. */
import { SANS, truncated } from "../graph/measure";
import type { Palette } from "../graph/palette";
import { type Item, type Table, paintOf } from "./table";

/** The room for the names of rows, and of columns. */
export const LEFT = 190;
export const HEAD = 150;

const LARGEST = 30;
const SMALLEST = 14;

export interface Spot {
  /** -1 in the names of columns. */
  row: number;
  /** -1 in the names of rows. */
  column: number;
}

interface Size {
  width: number;
  height: number;
}

/** As large as fits, within what can be read. */
export function cellSize(table: Table, size: Size): number {
  const fitting = Math.min(
    (size.width - LEFT - 40) / Math.max(1, table.destinations.length),
    (size.height - HEAD - 40) / Math.max(1, table.sources.length),
  );
  return Math.floor(Math.min(LARGEST, Math.max(SMALLEST, fitting)));
}

export function spotAt(
  table: Table,
  cell: number,
  { x, y, scrollLeft, scrollTop }: { x: number; y: number; scrollLeft: number; scrollTop: number },
): Spot | null {
  const column = x < LEFT ? -1 : Math.floor((x - LEFT + scrollLeft) / cell);
  const row = y < HEAD ? -1 : Math.floor((y - HEAD + scrollTop) / cell);
  const isOutside = row >= table.sources.length || column >= table.destinations.length || (row < 0 && column < 0);
  return isOutside ? null : { row, column };
}

interface View {
  table: Table;
  cell: number;
  size: Size;
  scrollLeft: number;
  scrollTop: number;
  palette: Palette;
  marked: Spot | null;
  /** The selected cell. */
  chosen: string | null;
}

export function paint(canvas: HTMLCanvasElement, view: View): void {
  const { size } = view;
  const scale = devicePixelRatio;
  const [width, height] = [Math.round(size.width * scale), Math.round(size.height * scale)];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  canvas.style.width = `${size.width}px`;
  canvas.style.height = `${size.height}px`;
  const context = canvas.getContext("2d")!;
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, size.width, size.height);
  paintCells(context, view);
  paintNames(context, view);
}

function paintCells(context: CanvasRenderingContext2D, view: View): void {
  const { table, cell, size, scrollLeft, scrollTop, palette, marked, chosen } = view;
  context.save();
  context.beginPath();
  context.rect(LEFT, HEAD, size.width - LEFT, size.height - HEAD);
  context.clip();
  const x = (column: number) => LEFT + column * cell - scrollLeft;
  const y = (row: number) => HEAD + row * cell - scrollTop;
  const rows = visible(scrollTop, size.height - HEAD, cell, table.sources.length);
  const columns = visible(scrollLeft, size.width - LEFT, cell, table.destinations.length);
  const [right, bottom] = [x(table.destinations.length), y(table.sources.length)];
  if (marked) {
    context.fillStyle = palette.frame;
    if (marked.row >= 0) context.fillRect(LEFT, y(marked.row), right - LEFT, cell);
    if (marked.column >= 0) context.fillRect(x(marked.column), HEAD, cell, bottom - HEAD);
  }
  for (let row = rows.first; row < rows.end; row += 1) {
    for (let column = columns.first; column < columns.end; column += 1) {
      const [source, destination] = [table.sources[row]!, table.destinations[column]!];
      const its = table.cell(source, destination);
      const colour = paintOf(its, palette);
      context.globalAlpha = colour?.alpha ?? 1;
      context.fillStyle = colour?.colour ?? palette.frameLine;
      if (its.pairs === 0) {
        context.globalAlpha = 0.9;
        context.beginPath();
        context.arc(x(column) + cell / 2, y(row) + cell / 2, 1.5, 0, 7);
        context.fill();
      } else {
        if (!colour) context.globalAlpha = 0.28;
        context.beginPath();
        context.roundRect(x(column) + 1, y(row) + 1, cell - 2, cell - 2, Math.min(5, cell / 4));
        context.fill();
        if (its.added && its.removed) {
          context.save();
          context.clip();
          context.fillStyle = palette.removed;
          context.beginPath();
          context.moveTo(x(column) + cell, y(row));
          context.lineTo(x(column) + cell, y(row) + cell);
          context.lineTo(x(column), y(row) + cell);
          context.fill();
          context.restore();
        }
      }
      context.globalAlpha = 1;
      if (`cell:${source.id} ${destination.id}` === chosen) {
        context.strokeStyle = palette.ink;
        context.lineWidth = 2;
        context.strokeRect(x(column) + 1, y(row) + 1, cell - 2, cell - 2);
      }
    }
  }
  if (marked && marked.row >= 0 && marked.column >= 0) {
    context.strokeStyle = palette.accent;
    context.lineWidth = 2;
    context.strokeRect(x(marked.column), y(marked.row), cell, cell);
  }
  context.strokeStyle = palette.frameLine;
  context.lineWidth = 1;
  for (let row = Math.max(1, rows.first); row < rows.end; row += 1) {
    if (table.sources[row]!.namespace !== table.sources[row - 1]!.namespace) line(context, LEFT, y(row), right, y(row));
  }
  for (let column = Math.max(1, columns.first); column < columns.end; column += 1) {
    if (table.destinations[column]!.namespace !== table.destinations[column - 1]!.namespace) line(context, x(column), HEAD, x(column), bottom);
  }
  context.restore();
}

function paintNames(context: CanvasRenderingContext2D, view: View): void {
  const { table, cell, size, scrollLeft, scrollTop, palette, marked } = view;
  const name = (item: Item, previous: Item | undefined, isMarked: boolean, room: number, length: number) => {
    const isFirst = previous?.namespace !== item.namespace;
    context.fillStyle = isMarked ? palette.accent : palette.ink;
    context.font = `${isMarked || item.isFolded ? 600 : 450} ${cell < 17 ? 10 : 11.5}px ${SANS}`;
    const title = item.isFolded ? `▸ ${item.title}` : item.title;
    context.fillText(truncated(title, room), 0, 0);
    if (isFirst && !item.isFolded && item.namespace && cell >= 11) {
      const width = context.measureText(truncated(title, room)).width;
      context.fillStyle = palette.muted;
      context.font = `450 10px ${SANS}`;
      const label = truncated(item.namespace, Math.max(0, Math.floor((length - width) / 6)));
      if (label.length > 2) context.fillText(label, context.textAlign === "right" ? -width - 8 : width + 8, 0);
    }
  };
  context.textBaseline = "middle";
  context.save();
  context.beginPath();
  context.rect(0, HEAD, LEFT, size.height - HEAD);
  context.clip();
  context.textAlign = "right";
  const rows = visible(scrollTop, size.height - HEAD, cell, table.sources.length);
  for (let row = rows.first; row < rows.end; row += 1) {
    context.save();
    context.translate(LEFT - 8, HEAD + (row + 0.5) * cell - scrollTop);
    name(table.sources[row]!, table.sources[row - 1], marked?.row === row, 27, LEFT - 16);
    context.restore();
  }
  context.restore();

  context.save();
  context.beginPath();
  context.rect(LEFT - 4, 0, size.width, HEAD);
  context.clip();
  context.textAlign = "left";
  const columns = visible(scrollLeft, size.width - LEFT, cell, table.destinations.length);
  for (let column = columns.first; column < columns.end; column += 1) {
    context.save();
    context.translate(LEFT + (column + 0.5) * cell - scrollLeft, HEAD - 8);
    context.rotate(-Math.PI / 2.6);
    name(table.destinations[column]!, table.destinations[column - 1], marked?.column === column, 24, HEAD - 8);
    context.restore();
  }
  context.restore();
}

function visible(scroll: number, room: number, cell: number, count: number): { first: number; end: number } {
  return { first: Math.max(0, Math.floor(scroll / cell)), end: Math.min(count, Math.ceil((scroll + room) / cell) + 1) };
}

function line(context: CanvasRenderingContext2D, x1: number, y1: number, x2: number, y2: number): void {
  context.beginPath();
  context.moveTo(x1, y1 + 0.5);
  context.lineTo(x2, y2 + 0.5);
  context.stroke();
}
