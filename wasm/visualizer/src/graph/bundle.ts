/**
 * Edges told together: what goes to (or comes from) every workload of a namespace is
 * one edge of its frame. Without this, a policy such as "DNS for all" hides the rest.
 */
import type { PortSet } from "netpolicy";
import type { Party } from "../engine/messages";
import { combine, portLabel } from "../engine/ports";

/** How an edge stands to what is pinned. */
export type Change = "same" | "added" | "removed";

export interface Link {
  source: string;
  destination: string;
  label: string;
  change: Change;
  /** What is allowed; left out where it differs between pods of a workload. */
  ports?: PortSet;
}

export interface Edge extends Link {
  id: string;
  /** The connections that it stands for. */
  links: Link[];
}

export const frameId = (namespace: string) => `frame:${namespace}`;

interface Bundles {
  edges: Edge[];
  /** What all workloads of a namespace may open to one another. */
  within: Map<string, Edge>;
}

export function bundle(links: Link[], parties: Map<string, Party>): Bundles {
  const members = new Map<string, string[]>();
  for (const party of parties.values()) {
    if (party.type === "workload") {
      members.set(party.namespace, [...(members.get(party.namespace) ?? []), party.id]);
    }
  }
  const namespaceOf = (id: string) => {
    const party = parties.get(id);
    return party?.type === "workload" ? party.namespace : null;
  };

  const within = new Map<string, Edge>();
  const sizes = new Map([...members].map(([namespace, ids]) => [namespace, ids.length]));
  let edges = factor(links, namespaceOf, sizes).map((link): Edge => ({ ...link, id: "", links: [link] }));
  edges = edges.filter((edge) => edge.source !== edge.destination);

  // Everybody with everybody in a namespace.
  const inside = groups(edges, (edge) => {
    const namespace = namespaceOf(edge.source);
    return namespace !== null && namespace === namespaceOf(edge.destination)
      ? [namespace, edge.label, edge.change]
      : null;
  });
  for (const { key: [namespace], edges: some } of inside) {
    const count = members.get(namespace!)!.length;
    if (count < 2 || some.length < count * (count - 1) || within.has(namespace!)) continue;
    const frame = frameId(namespace!);
    within.set(namespace!, join(some, frame, frame));
    edges = without(edges, some);
  }

  const fold = (own: "source" | "destination") => {
    const other = own === "source" ? "destination" : "source";
    const folded = groups(edges, (edge) => {
      const namespace = namespaceOf(edge[own]);
      return namespace !== null && edge[other] !== frameId(namespace) ? [namespace, edge[other], edge.label, edge.change] : null;
    });
    for (const { key: [namespace, end], edges: some } of folded) {
      // Of its own namespace, a workload can only be connected with the others.
      const isInside = namespaceOf(end!) === namespace;
      const all = members.get(namespace!)!.length - (isInside ? 1 : 0);
      if (some.length < (isInside ? LEAST : 2) || some.length < all) continue;
      const frame = frameId(namespace!);
      const joined = own === "source" ? join(some, frame, end!) : join(some, end!, frame);
      edges = [...without(edges, some), joined];
    }
  };
  fold("destination");
  fold("source");

  const name = (edge: Edge) => `${edge.source} > ${edge.destination} : ${edge.label} ${edge.change}`;
  for (const edge of [...edges, ...within.values()]) edge.id = name(edge);
  return { edges, within };
}

/** Of links to one destination from everybody in a namespace, the part that they have in
 * common is told apart, so that it can be one edge. */
function factor(links: Link[], namespaceOf: (id: string) => string | null, sizes: Map<string, number>): Link[] {
  const factored: Link[] = [];
  const byEnd = Map.groupBy(links, ({ source, destination, change, ports }) =>
    change === "same" && ports ? `${namespaceOf(source)}\0${destination}` : "");
  for (const [key, some] of byEnd) {
    const [namespace, destination] = key.split("\0");
    const others = (sizes.get(namespace!) ?? 0) - (namespaceOf(destination ?? "") === namespace ? 1 : 0);
    const from = some.filter(({ source }) => source !== destination);
    if (key === "" || others < LEAST || from.length < others) {
      factored.push(...some);
      continue;
    }
    const common = from.map(({ ports }) => ports!).reduce((a, b) => combine(a, b, "both"));
    const rests = from.map((link) => ({ ...link, ports: combine(link.ports!, common, "first") }));
    const left = rests.filter(({ ports }) => ports.ranges.length > 0);
    // Worth it only if it makes fewer edges.
    if (common.ranges.length === 0 || left.length === 0 || left.length > from.length - 2) {
      factored.push(...some);
      continue;
    }
    factored.push(...some.filter(({ source }) => source === destination));
    factored.push(...from.map((link) => ({ ...link, ports: common, label: portLabel(common) })));
    factored.push(...left.map((link) => ({ ...link, label: `also ${portLabel(link.ports)}` })));
  }
  return factored;
}

/** Fewer than this are drawn one by one. */
const LEAST = 3;

function groups(edges: Edge[], keyOf: (edge: Edge) => string[] | null) {
  const found = new Map<string, { key: string[]; edges: Edge[] }>();
  for (const edge of edges) {
    const key = keyOf(edge);
    if (!key) continue;
    const text = key.join("\0");
    const known = found.get(text);
    if (known) known.edges.push(edge);
    else found.set(text, { key, edges: [edge] });
  }
  return found.values();
}

function without(edges: Edge[], gone: Edge[]): Edge[] {
  const set = new Set(gone);
  return edges.filter((edge) => !set.has(edge));
}

function join(edges: Edge[], source: string, destination: string): Edge {
  const { label, change } = edges[0]!;
  return { id: "", source, destination, label, change, links: edges.flatMap((edge) => edge.links) };
}
