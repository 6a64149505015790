/** Places for what is drawn, by ELK, in its own Worker. */
import ELK, { type ElkExtendedEdge, type ElkNode } from "elkjs/lib/elk-api.js";
import elkWorker from "elkjs/lib/elk-worker.min.js?url";
import type { Party } from "../engine/messages";
import { type Edge, frameId } from "./bundle";
import { CAPTION_FONT, LABEL_FONT, NAME_FONT, truncated, widthOf } from "./measure";
import type { Scene } from "./scene";

const elk = new ELK({ workerUrl: elkWorker });

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PlacedParty extends Box {
  id: string;
  party: Party;
}

export interface PlacedFrame extends Box {
  id: string;
  namespace: string;
  within: Edge | null;
}

export interface PlacedEdge {
  edge: Edge;
  points: { x: number; y: number }[];
  label: Box | null;
  /** The label as it is written, cut if it is long. */
  text: string;
}

export interface Picture {
  frames: PlacedFrame[];
  parties: PlacedParty[];
  edges: PlacedEdge[];
  width: number;
  height: number;
}

const CARD_HEIGHT = 52;
const FRAME_HEAD = 38;
const LABEL_HEIGHT = 18;
const LABEL_LENGTH = 34;

/** With more edges than this, labels would take more room than they are worth: a click on
 * an edge tells the ports. */
const LABELLED = 60;

const OPTIONS = {
  "elk.algorithm": "layered",
  "elk.hierarchyHandling": "INCLUDE_CHILDREN",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.json.shapeCoords": "ROOT",
  "elk.json.edgeCoords": "ROOT",
  "elk.spacing.nodeNode": "26",
  "elk.spacing.edgeNode": "18",
  "elk.spacing.edgeEdge": "12",
  "elk.spacing.edgeLabel": "4",
  "elk.spacing.componentComponent": "44",
  "elk.layered.spacing.nodeNodeBetweenLayers": "56",
  "elk.layered.spacing.edgeNodeBetweenLayers": "20",
  "elk.layered.spacing.edgeEdgeBetweenLayers": "14",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.layered.considerModelOrder.strategy": "PREFER_NODES",
  "elk.layered.crossingMinimization.forceNodeModelOrder": "false",
  "elk.layered.edgeLabels.sideSelection": "ALWAYS_UP",
  "elk.aspectRatio": "1.5",
};

/** Up to here both directions are tried, and the one that fits the window better is taken. */
const TRIED = 30;

/** Places a scene in a window of this shape: its width divided by its height. */
export async function place(scene: Scene, aspect: number): Promise<Picture> {
  const directions = scene.parties.size <= TRIED ? ["RIGHT", "DOWN"] : ["RIGHT"];
  const pictures = await Promise.all(directions.map((direction) => placeTowards(scene, direction)));
  const scale = ({ width, height }: Picture) => Math.min(aspect / width, 1 / height);
  return pictures.reduce((best, other) => (scale(other) > scale(best) * 1.1 ? other : best));
}

async function placeTowards(scene: Scene, direction: string): Promise<Picture> {
  const { graph, roles } = describe(scene);
  const layoutOptions = { ...OPTIONS, "elk.direction": direction };
  return picture(await elk.layout({ ...graph, layoutOptions }), scene, roles);
}

/** External parties stand left as sources and right as destinations. */
interface Role {
  id: string;
  party: Party;
}

function describe(scene: Scene): { graph: ElkNode; roles: Map<string, Role> } {
  const roles = new Map<string, Role>();
  const end = (id: string, role: "source" | "destination") => {
    const party = scene.parties.get(id);
    if (!party || party.type === "workload") return id;
    const key = `${role}:${id}`;
    roles.set(key, { id: key, party });
    return key;
  };
  const isCrowded = scene.edges.length > LABELLED;
  const edges = scene.edges.map((edge): ElkExtendedEdge => {
    const text = truncated(edge.label, LABEL_LENGTH);
    const ends = { id: edge.id, sources: [end(edge.source, "source")], targets: [end(edge.destination, "destination")] };
    if (isCrowded) return ends;
    return {
      ...ends,
      labels: [{
        id: `label:${edge.id}`,
        text,
        width: widthOf(text, LABEL_FONT) + 14,
        height: LABEL_HEIGHT,
        layoutOptions: { "elk.edgeLabels.inline": "true", "elk.edgeLabels.placement": "CENTER" },
      }],
    };
  });
  const card = (party: Party, id = party.id): ElkNode => ({
    id,
    width: cardWidth(party),
    height: CARD_HEIGHT,
    ...(id.startsWith("source:") ? { layoutOptions: { "elk.layered.layering.layerConstraint": "FIRST" } } : {}),
    ...(id.startsWith("destination:") ? { layoutOptions: { "elk.layered.layering.layerConstraint": "LAST" } } : {}),
  });
  const frames = scene.namespaces.map((namespace): ElkNode => {
    const its = [...scene.parties.values()].filter(
      (party) => party.type === "workload" && party.namespace === namespace,
    );
    const head = widthOf(namespace, NAME_FONT) + withinWidth(scene.within.get(namespace)) + 44;
    return {
      id: frameId(namespace),
      children: its.map((party) => card(party)),
      layoutOptions: {
        "elk.padding": `[top=${FRAME_HEAD + 10},left=20,bottom=20,right=20]`,
        "elk.nodeSize.constraints": "MINIMUM_SIZE",
        "elk.nodeSize.minimum": `(${Math.ceil(head)},${FRAME_HEAD + 30})`,
      },
    };
  });
  const outside = [...roles.values()].map(({ id, party }) => card(party, id));
  return { graph: { id: "root", children: [...frames, ...outside], edges }, roles };
}

const withinWidth = (edge: Edge | undefined) =>
  edge ? widthOf(withinText(edge), LABEL_FONT) + 34 : 0;

/** What a frame says about its workloads among themselves. */
export const withinText = (edge: Edge) => `all to all: ${truncated(edge.label, 24)}`;

/** What stands below a name. */
export function caption(party: Party): string {
  if (party.type !== "workload") return truncated(party.detail, 32);
  const pods = party.pods.length > 1 ? ` · ${party.pods.length} pods` : "";
  return `${party.kind}${pods}${party.hostNetwork ? " · host network" : ""}`;
}

export type Openness = "unprotected" | "ingress open" | "open to outside" | "egress open";

/** In which directions no policy protects a workload. */
export function openness(party: Party): Openness | null {
  if (party.type !== "workload" || party.hostNetwork || party.imagined) return null;
  const { toPods, toOutside, fromPods, fromOutside } = party.open;
  const [egress, ingress] = [toPods && toOutside, fromPods && fromOutside];
  if (ingress && egress) return "unprotected";
  if (ingress) return "ingress open";
  // No rule of the cluster's tiers can match what comes from outside.
  if (fromOutside) return "open to outside";
  if (egress) return "egress open";
  return null;
}

export const titleOf = (party: Party) => (party.type === "workload" ? party.name : party.title);

function cardWidth(party: Party): number {
  const mark = openness(party);
  const below = widthOf(caption(party), CAPTION_FONT) + (mark ? widthOf(mark, CAPTION_FONT) + 26 : 0);
  return Math.ceil(Math.max(120, widthOf(truncated(titleOf(party), 40), NAME_FONT), below) + 44);
}

function picture(root: ElkNode, scene: Scene, roles: Map<string, Role>): Picture {
  const box = ({ x = 0, y = 0, width = 0, height = 0 }: ElkNode): Box => ({ x, y, width, height });
  const frames: PlacedFrame[] = [];
  const parties: PlacedParty[] = [];
  for (const node of root.children ?? []) {
    const role = roles.get(node.id);
    if (role) {
      parties.push({ ...box(node), id: node.id, party: role.party });
      continue;
    }
    const namespace = node.id.slice(frameId("").length);
    frames.push({ ...box(node), id: node.id, namespace, within: scene.within.get(namespace) ?? null });
    for (const child of node.children ?? []) {
      parties.push({ ...box(child), id: child.id, party: scene.parties.get(child.id)! });
    }
  }
  const byId = new Map(scene.edges.map((edge) => [edge.id, edge]));
  const edges = (root.edges ?? []).map((placed): PlacedEdge => {
    const edge = byId.get(placed.id)!;
    const points = (placed.sections ?? []).flatMap(({ startPoint, bendPoints, endPoint }) => [
      startPoint, ...(bendPoints ?? []), endPoint,
    ]);
    const label = placed.labels?.[0];
    return { edge, points, label: label ? box(label as ElkNode) : null, text: label?.text ?? "" };
  });
  return { frames, parties, edges, width: root.width ?? 0, height: root.height ?? 0 };
}
