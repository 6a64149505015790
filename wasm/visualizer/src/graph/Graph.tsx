/** The graph: frames, workloads and edges where ELK has put them. */
import { Background, BackgroundVariant, Controls, type Edge as FlowEdge, type EdgeProps, Handle, type Node as FlowNode, type NodeProps, Position, ReactFlow, ReactFlowProvider, getViewportForBounds, useReactFlow, useStore as useStoreOfFlow } from "@xyflow/react";
import { createContext, memo, useContext, useEffect, useMemo, useRef, useState } from "react";
import { select, useStore } from "../state/store";
import type { Edge } from "./bundle";
import { type Picture, type PlacedEdge, type PlacedFrame, type PlacedParty, place, titleOf } from "./layout";
import { type Palette, palettes } from "./palette";
import type { Scene } from "./scene";
import { CardShape, EdgeShape, type Emphasis, FrameShape, FrameTitle, pathOf } from "./shapes";

type PartyNode = FlowNode<{ placed: PlacedParty; emphasis: Emphasis }, "party">;
type FrameNode = FlowNode<{ frame: PlacedFrame; emphasis: Emphasis }, "frame">;
type TitleNode = FlowNode<{ frame: PlacedFrame }, "title">;
type LinkEdge = FlowEdge<{ placed: PlacedEdge; emphasis: Emphasis }, "link">;

/** Room around the picture; below it stands what is left out. */
const ROOM = { top: "20px", right: "20px", bottom: "58px", left: "20px" } as const;
const [MIN_ZOOM, MAX_ZOOM, FIT_ZOOM] = [0.1, 2.5, 1.15];

const PaletteContext = createContext<Palette>(palettes.light);

/** Edges are drawn only between nodes that have handles, though ELK says where they go. */
const Handles = () => (
  <>
    <Handle type="target" position={Position.Left} isConnectable={false} />
    <Handle type="source" position={Position.Right} isConnectable={false} />
  </>
);

const PartyView = memo(({ data: { placed, emphasis } }: NodeProps<PartyNode>) => {
  const palette = useContext(PaletteContext);
  const { width, height, party } = placed;
  return (
    <>
      <Handles />
      <svg width={width} height={height} className="shape">
        <CardShape {...{ party, width, height, palette, emphasis }} />
      </svg>
    </>
  );
});

const FrameView = memo(({ data: { frame, emphasis } }: NodeProps<FrameNode>) => {
  const palette = useContext(PaletteContext);
  return (
    <>
      <Handles />
      <svg width={frame.width} height={frame.height} className="shape">
        <FrameShape {...{ frame, palette, emphasis }} />
      </svg>
    </>
  );
});

const TitleView = memo(({ data: { frame } }: NodeProps<TitleNode>) => (
  <svg width={frame.width} height={38} className="shape">
    <FrameTitle frame={frame} palette={useContext(PaletteContext)} />
  </svg>
));

const LinkView = memo(({ data }: EdgeProps<LinkEdge>) => {
  const palette = useContext(PaletteContext);
  if (!data) return null;
  const { placed, emphasis } = data;
  return (
    <>
      <path d={pathOf(placed)} className="edge-target" />
      <EdgeShape {...{ placed, palette, emphasis }} />
    </>
  );
});

const nodeTypes = { party: PartyView, frame: FrameView, title: TitleView };
const edgeTypes = { link: LinkView };

export function selectEdge(edge: Edge): void {
  const connections = edge.links.map(({ source, destination, ports }) => ({ source, destination, ports }));
  select({ kind: "edge", id: edge.id, connections, at: 0 });
}

export function Graph({ scene, onPicture }: { scene: Scene; onPicture: (picture: Picture) => void }) {
  const [picture, setPicture] = useState<Picture | null>(null);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let isCurrent = true;
    const { clientWidth, clientHeight } = box.current!;
    void place(scene, clientWidth / clientHeight).then((placed) => {
      if (!isCurrent) return;
      setPicture(placed);
      onPicture(placed);
    });
    return () => {
      isCurrent = false;
    };
  }, [scene, onPicture]);
  const theme = useStore((state) => state.theme);
  return (
    <div className="graph" ref={box}>
      {picture ? (
        <PaletteContext value={palettes[theme]}>
          <ReactFlowProvider>
            <Flow picture={picture} palette={palettes[theme]} />
          </ReactFlowProvider>
        </PaletteContext>
      ) : (
        <p className="canvas-note" role="status">Drawing…</p>
      )}
    </div>
  );
}

function Flow({ picture, palette }: { picture: Picture; palette: Palette }) {
  const selection = useStore((state) => state.selection);
  const theme = useStore((state) => state.theme);
  const { setViewport } = useReactFlow();
  const width = useStoreOfFlow((flow) => flow.width);
  const height = useStoreOfFlow((flow) => flow.height);
  // A picture or a window of another size gets a view of its own.
  const size = [picture.width, picture.height].map((length) => Math.round(length / 60)).join("x");
  useEffect(() => {
    if (width === 0 || height === 0) return;
    const bounds = { x: 0, y: 0, width: picture.width, height: picture.height };
    void setViewport(getViewportForBounds(bounds, width, height, MIN_ZOOM, FIT_ZOOM, ROOM));
  }, [size, width, height, setViewport]);

  const lit = useMemo(() => litBy(picture, selection), [picture, selection]);
  const emphasis = (id: string): Emphasis => (lit ? (lit.has(id) ? "lit" : "dim") : "plain");
  const nodes = useMemo(() => {
    const frames = picture.frames.map((frame): FrameNode => ({
      id: frame.id, type: "frame", position: frame, width: frame.width, height: frame.height, zIndex: 0,
      data: { frame, emphasis: "plain" },
      focusable: frame.within !== null, selectable: frame.within !== null,
      ariaLabel: `namespace ${frame.namespace}`,
      style: { pointerEvents: frame.within ? "all" : "none" },
    }));
    const parties = picture.parties.map((placed): PartyNode => ({
      id: placed.id, type: "party", position: placed, width: placed.width, height: placed.height, zIndex: 2,
      data: { placed, emphasis: emphasis(placed.id) },
      ariaLabel: titleOf(placed.party), className: "party",
    }));
    // Above the edges, so that they can be read where one crosses them.
    const titles = picture.frames.map((frame): TitleNode => ({
      id: `title:${frame.id}`, type: "title", position: frame, width: frame.width, height: 38, zIndex: 2,
      data: { frame }, focusable: false, selectable: false, style: { pointerEvents: "none" },
    }));
    return [...frames, ...parties, ...titles];
  }, [picture, lit]);
  const edges = useMemo(
    () =>
      picture.edges.map((placed): LinkEdge => ({
        id: placed.edge.id, type: "link", source: nodeOf(placed.edge.source, picture, "source"),
        target: nodeOf(placed.edge.destination, picture, "destination"),
        zIndex: emphasis(placed.edge.id) === "lit" ? 3 : 1,
        data: { placed, emphasis: emphasis(placed.edge.id) },
        ariaLabel: edgeName(placed.edge, picture),
      })),
    [picture, lit],
  );
  return (
    <ReactFlow
      nodes={nodes} edges={edges} nodeTypes={nodeTypes} edgeTypes={edgeTypes} colorMode={theme}
      nodesDraggable={false} nodesConnectable={false} elementsSelectable nodesFocusable edgesFocusable
      minZoom={MIN_ZOOM} maxZoom={MAX_ZOOM}
      proOptions={{ hideAttribution: true }} zIndexMode="manual" onlyRenderVisibleElements={false}
      onNodesChange={(changes) => {
        // Enter on a node that has the focus selects it as a click does.
        for (const change of changes) {
          if (change.type === "select" && change.selected) chooseNode(change.id, picture);
        }
      }}
      onEdgesChange={(changes) => {
        for (const change of changes) {
          const placed = change.type === "select" && change.selected && picture.edges.find(({ edge }) => edge.id === change.id);
          if (placed) selectEdge(placed.edge);
        }
      }}
      onPaneClick={() => select(null)}
    >
      <Background variant={BackgroundVariant.Dots} gap={22} size={1} color={palette.frameLine} />
      <Controls showInteractive={false} position="bottom-right" />
    </ReactFlow>
  );
}

function chooseNode(id: string, picture: Picture): void {
  const frame = picture.frames.find((other) => other.id === id);
  if (frame?.within) selectEdge(frame.within);
  const placed = picture.parties.find((other) => other.id === id);
  if (placed) select({ kind: "party", id: placed.party.id });
}

/** The node that an end of an edge is, which for what is outside depends on its side. */
function nodeOf(id: string, picture: Picture, side: "source" | "destination"): string {
  return picture.parties.some((placed) => placed.id === id) || id.startsWith("frame:") ? id : `${side}:${id}`;
}

function edgeName(edge: Edge, picture: Picture): string {
  const name = (id: string) => {
    const placed = picture.parties.find(({ party }) => party.id === id);
    return placed ? titleOf(placed.party) : `all of ${id.replace("frame:", "")}`;
  };
  return `${name(edge.source)} to ${name(edge.destination)}: ${edge.label}`;
}

/** What belongs to the selection; `null` if nothing is selected. */
function litBy(picture: Picture, selection: ReturnType<typeof useStore.getState>["selection"]): Set<string> | null {
  if (!selection) return null;
  const lit = new Set<string>();
  const party = (id: string) => {
    for (const placed of picture.parties) if (placed.party.id === id) lit.add(placed.id);
  };
  for (const { edge } of picture.edges) {
    const isLit =
      selection.kind === "edge"
        ? edge.id === selection.id
        : edge.links.some(({ source, destination }) => source === selection.id || destination === selection.id);
    if (!isLit) continue;
    lit.add(edge.id);
    for (const { source, destination } of edge.links) {
      // An edge of a frame stands for others, too.
      if (selection.kind === "party" && source !== selection.id && destination !== selection.id) continue;
      party(source);
      party(destination);
    }
  }
  if (selection.kind === "party") party(selection.id);
  else for (const { source, destination } of selection.connections) [source, destination].forEach(party);
  return lit.size > 0 ? lit : null;
}
