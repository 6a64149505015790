/** The whole matrix as SVG, to export. */
import { renderToStaticMarkup } from "react-dom/server";
import { SANS, widthOf } from "../graph/measure";
import type { Palette } from "../graph/palette";
import { type Drawing, interAsData } from "../share/export";
import { type Item, type Table, paintOf } from "./table";

const CELL = 20;
const MARGIN = 24;
const NAME = `450 11.5px ${SANS}`;
/** How steep the names of columns are, in degrees. */
const SLOPE = 62;

export async function drawMatrix(table: Table, palette: Palette): Promise<Drawing> {
  // Names are written out, and take the room that they need.
  const longest = (items: Item[]) => Math.max(60, ...items.map((item) => widthOf(fullName(item), NAME)));
  const slope = (SLOPE * Math.PI) / 180;
  const left = Math.ceil(MARGIN + longest(table.sources) + 8);
  const across = longest(table.destinations);
  const head = Math.ceil(MARGIN + across * Math.sin(slope) + 20);
  const right = Math.ceil(MARGIN + across * Math.cos(slope));
  const keys = legend(table, palette);
  const bottom = head + table.sources.length * CELL;
  const width = Math.max(left + table.destinations.length * CELL + right, left + keys.width + MARGIN);
  const height = bottom + 56;
  const font = await interAsData();
  const svg = renderToStaticMarkup(
    <svg xmlns="http://www.w3.org/2000/svg" width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
      <style>{`@font-face{font-family:"Inter Variable";src:url(${font}) format("woff2");font-weight:100 900}`}</style>
      <rect width={width} height={height} fill={palette.ground} />
      <g fontFamily={SANS} fontSize={11.5} fontWeight={450} fill={palette.ink}>
        {table.sources.map((item, row) => (
          <text key={item.id} x={left - 8} y={head + row * CELL + 14} textAnchor="end">{fullName(item)}</text>
        ))}
        {table.destinations.map((item, column) => (
          <text key={item.id} transform={`translate(${left + column * CELL + 12} ${head - 8}) rotate(${-SLOPE})`}>{fullName(item)}</text>
        ))}
        {keys.items.map(({ text, fill, opacity, x }) => (
          <g key={text} transform={`translate(${left + x} ${bottom + 22})`}>
            <rect width={12} height={12} rx={3} fill={fill} fillOpacity={opacity} />
            <text x={18} y={10} fill={palette.muted}>{text}</text>
          </g>
        ))}
      </g>
      {table.sources.map((source, row) =>
        table.destinations.map((destination, column) => {
          const cell = table.cell(source, destination);
          const colour = paintOf(cell, palette);
          const [x, y] = [left + column * CELL + 1, head + row * CELL + 1];
          if (cell.pairs === 0) return <circle key={destination.id} cx={x + 9} cy={y + 9} r={1.5} fill={colour?.colour ?? palette.frameLine} />;
          return (
            <g key={destination.id}>
              <title>{`${fullName(source)} → ${fullName(destination)}: ${cell.label()}`}</title>
              <rect {...{ x, y }} width={CELL - 2} height={CELL - 2} rx={4} fill={colour?.colour ?? palette.frameLine} fillOpacity={colour?.alpha ?? 0.28} />
              {cell.added && cell.removed && <path d={`M${x + 18} ${y}v18h-18z`} fill={palette.removed} />}
            </g>
          );
        }),
      )}
    </svg>,
  );
  return { svg, width, height };
}

/** What the colours mean, one beside the other. */
function legend(table: Table, palette: Palette) {
  const hasChanges = table.sources.some((source) => table.destinations.some((destination) => {
    const { added, removed } = table.cell(source, destination);
    return added || removed;
  }));
  const meanings = [
    { text: "all ports", fill: palette.accent, opacity: 0.95 },
    { text: "some ports", fill: palette.accent, opacity: 0.55 },
    { text: "no policy restricts it", fill: palette.open, opacity: 0.46 },
    { text: "denied", fill: palette.frameLine, opacity: 0.6 },
    ...(hasChanges ? [{ text: "added", fill: palette.added, opacity: 1 }, { text: "removed", fill: palette.removed, opacity: 1 }] : []),
    { text: "Rows open connections to columns.", fill: "none", opacity: 0 },
  ];
  let width = 0;
  const items = meanings.map((meaning) => {
    const x = width;
    width += 18 + widthOf(meaning.text, NAME) + 18;
    return { ...meaning, x };
  });
  return { items, width };
}

const fullName = ({ namespace, title, isFolded }: Item) => (namespace && !isFolded ? `${namespace}/${title}` : title);
