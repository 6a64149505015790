/** The adjacency matrix: sources down, destinations across. */
import { type KeyboardEvent, type MouseEvent, useEffect, useLayoutEffect, useRef, useState } from "react";
import { select, useStore } from "../state/store";
import { palettes } from "../graph/palette";
import { HEAD, LEFT, type Spot, cellSize, paint, spotAt } from "./paint";
import type { Cell, Item, Table } from "./table";

/** Of a folded cell, as many connections as the panel can list. */
const LISTED = 200;

export function Matrix({ table, onToggle, onToggleAll }: {
  table: Table;
  onToggle: (namespace: string) => void;
  onToggleAll: () => void;
}) {
  const theme = useStore((state) => state.theme);
  const selection = useStore((state) => state.selection);
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [hover, setHover] = useState<Spot | null>(null);
  const [cursor, setCursor] = useState<Spot | null>(null);
  const [size, setSize] = useState({ width: 800, height: 600 });

  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry!.contentRect;
      setSize({ width, height });
    });
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);

  const cell = cellSize(table, size);
  const width = LEFT + table.destinations.length * cell + 24;
  const height = HEAD + table.sources.length * cell + 24;
  const chosen = selection?.kind === "edge" ? selection.id : null;

  const draw = () => {
    const element = canvas.current;
    const { scrollLeft, scrollTop } = box.current!;
    if (element) paint(element, { table, cell, size, scrollLeft, scrollTop, palette: palettes[theme], marked: cursor ?? hover, chosen });
  };
  useLayoutEffect(draw);

  const at = (event: MouseEvent): Spot | null => {
    const frame = box.current!.getBoundingClientRect();
    const { scrollLeft, scrollTop } = box.current!;
    return spotAt(table, cell, { x: event.clientX - frame.left, y: event.clientY - frame.top, scrollLeft, scrollTop });
  };
  const choose = (spot: Spot) => {
    const [source, destination] = [table.sources[spot.row], table.destinations[spot.column]];
    if (source && destination) chooseCell(source, destination);
  };
  const onClick = (event: MouseEvent) => {
    const spot = at(event);
    if (!spot) return;
    setCursor(null);
    const header = spot.column < 0 ? table.sources[spot.row] : spot.row < 0 ? table.destinations[spot.column] : null;
    if (!header) choose(spot);
    else if (header.isFolded || event.altKey) header.namespace && onToggle(header.namespace);
    else select({ kind: "party", id: header.members[0]!.id });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, [number, number]> = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (step) {
      event.preventDefault();
      const from = cursor ?? { row: 0, column: 0 };
      const next = cursor
        ? {
            row: Math.min(table.sources.length - 1, Math.max(0, from.row + step[0])),
            column: Math.min(table.destinations.length - 1, Math.max(0, from.column + step[1])),
          }
        : from;
      setCursor(next);
      reveal(box.current!, next, cell, size);
    } else if (event.key === "f" && cursor) {
      const namespace = table.sources[cursor.row]?.namespace;
      if (namespace) onToggle(namespace);
    } else if ((event.key === "Enter" || event.key === " ") && cursor) {
      event.preventDefault();
      choose(cursor);
    }
  };

  const marked = cursor ?? hover;
  return (
    <div className="matrix">
      <div
        ref={box} className="matrix-box" tabIndex={0} role="grid" aria-label="Who may connect to whom"
        aria-rowcount={table.sources.length} aria-colcount={table.destinations.length}
        onScroll={draw} onClick={onClick} onKeyDown={onKeyDown}
        onMouseMove={(event) => {
          const spot = at(event);
          if (spot?.row !== hover?.row || spot?.column !== hover?.column) setHover(spot);
          if (cursor) setCursor(null);
        }}
        onMouseLeave={() => setHover(null)}
      >
        <div style={{ width, height }}>
          <canvas ref={canvas} className="matrix-canvas" data-rows={table.sources.length} />
        </div>
      </div>
      <Legend table={table} marked={marked} onToggleAll={onToggleAll} />
    </div>
  );
}

/** What the marked cell says, or what the colours mean. */
function Legend({ table, marked, onToggleAll }: { table: Table; marked: Spot | null; onToggleAll: () => void }) {
  const source = marked && table.sources[marked.row];
  const destination = marked && table.destinations[marked.column];
  const fold = table.namespaces.length > 0 && (
    <button className="fold" onClick={onToggleAll} title="Click the name of a folded namespace to unfold it, and Alt-click a workload to fold its namespace (f)">
      {table.sources.some(({ isFolded }) => isFolded) ? "Unfold namespaces" : "Fold namespaces"}
    </button>
  );
  if (source && destination) {
    const cell: Cell = table.cell(source, destination);
    return (
      <p className="matrix-legend" aria-live="polite">
        <b>{nameOf(source)}</b> → <b>{nameOf(destination)}</b> <span>{cell.label()}</span> {fold}
      </p>
    );
  }
  return (
    <p className="matrix-legend">
      <i className="swatch all" /> all ports <i className="swatch some" /> some ports
      <i className="swatch open" /> no policy restricts it <i className="swatch none" /> denied
      <span>Rows open connections to columns.</span>
      {fold}
    </p>
  );
}

const nameOf = ({ namespace, title, isFolded }: Item) => (namespace && !isFolded ? `${namespace}/${title}` : title);

function chooseCell(source: Item, destination: Item): void {
  const connections = [];
  for (const from of source.members) {
    for (const to of destination.members) {
      if (connections.length < LISTED) connections.push({ source: from.id, destination: to.id });
    }
  }
  select({ kind: "edge", id: `cell:${source.id} ${destination.id}`, connections, at: 0 });
}

/** Scrolls so that a cell can be seen. */
function reveal(box: HTMLElement, { row, column }: Spot, cell: number, size: { width: number; height: number }): void {
  const [x, y] = [column * cell, row * cell];
  const [room, tall] = [size.width - LEFT - cell, size.height - HEAD - cell];
  if (x < box.scrollLeft) box.scrollLeft = x;
  if (x > box.scrollLeft + room) box.scrollLeft = x - room;
  if (y < box.scrollTop) box.scrollTop = y;
  if (y > box.scrollTop + tall) box.scrollTop = y - tall;
}
