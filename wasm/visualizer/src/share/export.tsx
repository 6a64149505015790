/** The picture as a file. */
import interUrl from "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2?url";
import { renderToStaticMarkup } from "react-dom/server";
import type { Picture } from "../graph/layout";
import type { Palette } from "../graph/palette";
import { CardShape, EdgeShape, FrameShape, FrameTitle } from "../graph/shapes";

const MARGIN = 24;

export interface Drawing {
  svg: string;
  width: number;
  height: number;
}

/** The graph, whole, whatever part of it is on the screen. */
export async function drawGraph(picture: Picture, palette: Palette): Promise<Drawing> {
  const width = Math.ceil(picture.width + 2 * MARGIN);
  const height = Math.ceil(picture.height + 2 * MARGIN);
  const font = await interAsData();
  const svg = renderToStaticMarkup(
    <svg xmlns="http://www.w3.org/2000/svg" width={width} height={height} viewBox={`${-MARGIN} ${-MARGIN} ${width} ${height}`}>
      <style>{`@font-face{font-family:"Inter Variable";src:url(${font}) format("woff2");font-weight:100 900}`}</style>
      <rect x={-MARGIN} y={-MARGIN} width={width} height={height} fill={palette.ground} />
      {picture.frames.map((frame) => (
        <g key={frame.id} transform={`translate(${frame.x} ${frame.y})`}>
          <FrameShape frame={frame} palette={palette} emphasis="plain" />
        </g>
      ))}
      {picture.edges.map((placed) => (
        <EdgeShape key={placed.edge.id} placed={placed} palette={palette} emphasis="plain" />
      ))}
      {picture.frames.map((frame) => (
        <g key={frame.id} transform={`translate(${frame.x} ${frame.y})`}>
          <FrameTitle frame={frame} palette={palette} />
        </g>
      ))}
      {picture.parties.map(({ id, party, x, y, width: its, height: high }) => (
        <g key={id} transform={`translate(${x} ${y})`}>
          <CardShape party={party} width={its} height={high} palette={palette} emphasis="plain" />
        </g>
      ))}
    </svg>,
  );
  return { svg, width, height };
}

/** The font goes with the file: it looks the same wherever it is opened. */
export async function interAsData(): Promise<string> {
  const blob = await (await fetch(interUrl)).blob();
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result as string);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}

export function saveSvg({ svg }: Drawing): void {
  save(new Blob([svg], { type: "image/svg+xml" }), "netpolicy.svg");
}

/** Twice the size, for screens with small pixels; less where a canvas cannot be so large. */
export async function savePng({ svg, width, height }: Drawing): Promise<void> {
  const scale = Math.min(2, 8192 / Math.max(width, height));
  const image = new Image();
  image.src = URL.createObjectURL(new Blob([svg], { type: "image/svg+xml" }));
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
  canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("the browser could not draw the picture");
  save(blob, "netpolicy.png");
}

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
