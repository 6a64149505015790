/** The whole matrix as SVG, to export. */
import { renderToStaticMarkup } from "react-dom/server";
import { SANS } from "../graph/measure";
import type { Palette } from "../graph/palette";
import { type Drawing, interAsData } from "../share/export";
import { HEAD, LEFT } from "./paint";
import { type Table, paintOf } from "./table";

const CELL = 20;

export async function drawMatrix(table: Table, palette: Palette): Promise<Drawing> {
  const width = LEFT + table.destinations.length * CELL + 80;
  const height = HEAD + table.sources.length * CELL + 24;
  const font = await interAsData();
  const svg = renderToStaticMarkup(
    <svg xmlns="http://www.w3.org/2000/svg" width={width} height={height} viewBox={`0 0 ${width} ${height}`}>
      <style>{`@font-face{font-family:"Inter Variable";src:url(${font}) format("woff2");font-weight:100 900}`}</style>
      <rect width={width} height={height} fill={palette.ground} />
      <g fontFamily={SANS} fontSize={11.5} fill={palette.ink}>
        {table.sources.map((item, row) => (
          <text key={item.id} x={LEFT - 8} y={HEAD + row * CELL + 14} textAnchor="end">{fullName(item)}</text>
        ))}
        {table.destinations.map((item, column) => (
          <text key={item.id} transform={`translate(${LEFT + column * CELL + 12} ${HEAD - 8}) rotate(-62)`}>{fullName(item)}</text>
        ))}
      </g>
      {table.sources.map((source, row) =>
        table.destinations.map((destination, column) => {
          const cell = table.cell(source, destination);
          const colour = paintOf(cell, palette);
          return (
            <rect
              key={destination.id} x={LEFT + column * CELL + 1} y={HEAD + row * CELL + 1} width={CELL - 2} height={CELL - 2} rx={4}
              fill={colour?.colour ?? palette.frameLine} fillOpacity={colour?.alpha ?? (cell.pairs === 0 ? 0 : 0.28)}
            >
              <title>{`${source.title} → ${destination.title}: ${cell.label()}`}</title>
            </rect>
          );
        }),
      )}
    </svg>,
  );
  return { svg, width, height };
}

const fullName = ({ namespace, title, isFolded }: { namespace: string | null; title: string; isFolded: boolean }) =>
  (namespace && !isFolded ? `${namespace}/${title}` : title).slice(0, 30);
