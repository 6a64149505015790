/** Everything that is drawn, as SVG: on the page and in what is exported alike. */
import type { Party } from "../engine/messages";
import type { Edge } from "./bundle";
import { type PlacedEdge, type PlacedFrame, caption, openness, titleOf, withinText } from "./layout";
import { LABEL_FONT, SANS, truncated, widthOf } from "./measure";
import type { Palette } from "./palette";

export type Emphasis = "plain" | "lit" | "dim";

const opacity = (emphasis: Emphasis) => (emphasis === "dim" ? 0.22 : 1);

export function CardShape({ party, width, height, palette, emphasis }: {
  party: Party;
  width: number;
  height: number;
  palette: Palette;
  emphasis: Emphasis;
}) {
  const isOutside = party.type !== "workload";
  const mark = openness(party);
  const text = caption(party);
  return (
    <g fontFamily={SANS} opacity={opacity(emphasis)}>
      <rect
        x={0.75} y={0.75} width={width - 1.5} height={height - 1.5} rx={isOutside ? height / 2 : 9}
        fill={isOutside ? palette.outside : palette.card}
        stroke={emphasis === "lit" ? palette.accent : isExposed(party) ? palette.open : palette.cardLine}
        strokeWidth={emphasis === "lit" ? 2 : 1.2}
        strokeDasharray={mark === "unprotected" && emphasis !== "lit" ? "5 3.5" : undefined}
      />
      <Glyph party={party} palette={palette} />
      <text x={36} y={22} fontSize={13} fontWeight={600} fill={palette.ink}>
        {truncated(titleOf(party), 40)}
      </text>
      <text x={36} y={38.5} fontSize={11} fontWeight={450} fill={palette.muted}>{text}</text>
      {mark && (
        <text x={width - 13} y={38.5} fontSize={11} fontWeight={isExposed(party) ? 600 : 450} textAnchor="end" fill={isExposed(party) ? palette.open : palette.muted}>
          {mark}
        </text>
      )}
    </g>
  );
}

/** Whether strangers may connect to it; that it may connect to them is less of a worry. */
function isExposed(party: Party): boolean {
  const mark = openness(party);
  return mark !== null && mark !== "egress open";
}

/** A small sign of what it is: a box for workloads, a globe for what is outside. */
function Glyph({ party, palette }: { party: Party; palette: Palette }) {
  if (party.type === "workload") {
    const isOpen = isExposed(party);
    return (
      <g fill="none" stroke={isOpen ? palette.open : palette.accent} strokeWidth={1.5} strokeLinejoin="round" strokeLinecap="round">
        <path d="M21 12.5 27 15v5.5c0 3.7-2.6 5.8-6 7-3.4-1.2-6-3.3-6-7V15Z" />
        {isOpen ? <path d="M16 27.5 26.500 13.500" /> : <path d="m18.400 20 1.900 1.900 3.400-3.700" />}
      </g>
    );
  }
  return (
    <g fill="none" stroke={palette.muted} strokeWidth={1.4}>
      <circle cx={22} cy={20} r={7} />
      <path d="M15 20h14M22 13c4.700 4.200 4.700 9.800 0 14M22 13c-4.700 4.200-4.700 9.800 0 14" />
    </g>
  );
}

export function FrameShape({ frame, palette, emphasis }: {
  frame: PlacedFrame;
  palette: Palette;
  emphasis: Emphasis;
}) {
  const { width, height, within } = frame;
  return (
    <g fontFamily={SANS} opacity={emphasis === "dim" ? 0.5 : 1}>
      <rect x={0.5} y={0.5} width={width - 1} height={height - 1} rx={14} fill={palette.frame} stroke={palette.frameLine} />
      {within && <WithinMark edge={within} x={width - 16} palette={palette} />}
    </g>
  );
}

/** The name of a namespace, legible where edges cross it. */
export function FrameTitle({ frame, palette }: { frame: PlacedFrame; palette: Palette }) {
  return (
    <text
      x={20} y={26} fontFamily={SANS} fontSize={13} fontWeight={600} fill={palette.ink}
      stroke={palette.frame} strokeWidth={6} strokeLinejoin="round" paintOrder="stroke"
    >
      {frame.namespace}
    </text>
  );
}

/** "all to all", at the right of a frame's head. */
export function WithinMark({ edge, x, palette }: { edge: Edge; x: number; palette: Palette }) {
  const text = withinText(edge);
  const width = widthOf(text, LABEL_FONT) + 16;
  const colour = edgeColour(edge, palette, "plain");
  return (
    <g>
      <rect x={x - width} y={12} width={width} height={19} rx={9.5} fill={palette.label} stroke={colour} strokeWidth={0.8} />
      <text x={x - width / 2} y={25} fontSize={10.5} fontWeight={500} textAnchor="middle" fill={edge.change === "same" ? palette.muted : colour}>
        {text}
      </text>
    </g>
  );
}

export function edgeColour(edge: Edge, palette: Palette, emphasis: Emphasis): string {
  if (edge.change === "added") return palette.added;
  if (edge.change === "removed") return palette.removed;
  return emphasis === "lit" ? palette.accent : palette.edge;
}

export function EdgeShape({ placed, palette, emphasis }: {
  placed: PlacedEdge;
  palette: Palette;
  emphasis: Emphasis;
}) {
  const { edge, label, text } = placed;
  const colour = edgeColour(edge, palette, emphasis);
  const isChanged = edge.change !== "same";
  return (
    <g fontFamily={SANS} opacity={emphasis === "dim" ? 0.12 : 1}>
      <path
        d={pathOf(placed)} fill="none" stroke={colour}
        strokeWidth={emphasis === "lit" || isChanged ? 2 : 1.3}
        strokeDasharray={edge.change === "removed" ? "6 4" : undefined}
        strokeLinejoin="round"
      />
      <path d={arrowOf(placed)} fill={colour} />
      {label && (
        <g>
          <rect
            x={label.x} y={label.y} width={label.width} height={label.height} rx={label.height / 2}
            fill={palette.label} stroke={colour} strokeWidth={emphasis === "lit" || isChanged ? 1.2 : 0.7}
          />
          <text
            x={label.x + label.width / 2} y={label.y + 12.8} fontSize={10.5} fontWeight={500} textAnchor="middle"
            fill={isChanged || emphasis === "lit" ? colour : palette.muted}
          >
            {text}
          </text>
        </g>
      )}
    </g>
  );
}

const ARROW = 7;
const CORNER = 8;

/** The way with rounded corners; it ends where the arrow begins. */
export function pathOf({ points }: PlacedEdge): string {
  if (points.length < 2) return "";
  const way = [...points.slice(0, -1), towards(points.at(-1)!, points.at(-2)!, ARROW - 1)];
  const [start, ...rest] = way;
  let path = `M${start!.x} ${start!.y}`;
  rest.forEach((point, index) => {
    const before = way[index]!;
    const after = way[index + 2];
    if (!after) {
      path += `L${point.x} ${point.y}`;
      return;
    }
    const room = Math.min(CORNER, distance(before, point) / 2, distance(point, after) / 2);
    const [from, to] = [towards(point, before, room), towards(point, after, room)];
    path += `L${from.x} ${from.y}Q${point.x} ${point.y} ${to.x} ${to.y}`;
  });
  return path;
}

interface Point {
  x: number;
  y: number;
}

const distance = (a: Point, b: Point) => Math.hypot(a.x - b.x, a.y - b.y);

function towards(from: Point, to: Point, length: number): Point {
  const whole = distance(from, to) || 1;
  return { x: from.x + ((to.x - from.x) * length) / whole, y: from.y + ((to.y - from.y) * length) / whole };
}

function arrowOf({ points }: PlacedEdge): string {
  const [tip, before] = [points.at(-1), points.at(-2)];
  if (!tip || !before) return "";
  const back = towards(tip, before, ARROW);
  const [dx, dy] = [(tip.y - back.y) * 0.55, (back.x - tip.x) * 0.55];
  return `M${tip.x} ${tip.y}L${back.x + dx} ${back.y + dy}L${back.x - dx} ${back.y - dy}Z`;
}
