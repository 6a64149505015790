/** The rows and cells of the matrix. */
import type { Connection, ConnectionChange, Model, Party } from "../engine/messages";
import { portLabel, portLabels } from "../engine/ports";
import type { Filter } from "../graph/filter";
import { titleOf } from "../graph/layout";
import type { Palette } from "../graph/palette";

/** A row or column: one party, or all workloads of a namespace that is folded. */
export interface Item {
  id: string;
  title: string;
  namespace: string | null;
  isFolded: boolean;
  members: Party[];
}

export interface Cell {
  /** Connections that are allowed, of how many pairs. */
  allowed: number;
  pairs: number;
  /** How many of them for all ports, and how many by no policy's leave. */
  whole: number;
  unrestricted: number;
  added: boolean;
  removed: boolean;
  label: () => string;
}

export interface Table {
  sources: Item[];
  destinations: Item[];
  cell: (source: Item, destination: Item) => Cell;
}

/** Beyond this many workloads, namespaces are folded until they are opened. */
export const FOLD_LIMIT = 120;

interface Choices {
  filter: Filter;
  nodes: boolean;
  /** Namespaces that are not as they are by default. */
  toggled: ReadonlySet<string>;
}

export function buildTable(model: Model, choices: Choices): Table {
  const changes = model.changes ?? [];
  const items = itemsOf(model, choices);
  const side = (end: "source" | "destination") => {
    const used = new Set([...model.connections, ...changes].map((ends) => ends[end]));
    return items.filter(({ members: [first] }) => first!.type === "workload" || used.has(first!.id));
  };
  const [sources, destinations] = [side("source"), side("destination")];
  const tallies = tally(model, choices.filter, sources, destinations);
  return { sources, destinations, cell: (source, destination) => cellOf(source, destination, tallies.get(source)?.get(destination)) };
}

/** What is known of a cell, gathered from the connections: there are fewer of them than
 * of pairs. */
interface Tally {
  allowed: number;
  whole: number;
  unrestricted: number;
  sets: Set<Connection["allowed"]>;
  changes: ConnectionChange[];
}

function tally(model: Model, filter: Filter, sources: Item[], destinations: Item[]): Map<Item, Map<Item, Tally>> {
  const byParty = (items: Item[]) => new Map(items.flatMap((item) => item.members.map(({ id }) => [id, item] as const)));
  const [from, to] = [byParty(sources), byParty(destinations)];
  const tallies = new Map(sources.map((item) => [item, new Map<Item, Tally>()]));
  const of = (ends: { source: string; destination: string }): Tally | null => {
    const [source, destination] = [from.get(ends.source), to.get(ends.destination)];
    if (!source || !destination) return null;
    const row = tallies.get(source)!;
    let cell = row.get(destination);
    if (!cell) {
      cell = { allowed: 0, whole: 0, unrestricted: 0, sets: new Set(), changes: [] };
      row.set(destination, cell);
    }
    return cell;
  };
  for (const connection of model.connections) {
    const cell = filter.passes(connection) ? of(connection) : null;
    if (!cell) continue;
    cell.allowed += 1;
    cell.sets.add(connection.allowed);
    if (connection.allowed.some(({ ports }) => ports.text === "everything")) cell.whole += 1;
    if (connection.unrestricted) cell.unrestricted += 1;
  }
  for (const change of model.changes ?? []) of(change)?.changes.push(change);
  return tallies;
}

function itemsOf(model: Model, { filter, nodes, toggled }: Choices): Item[] {
  const workloads = model.parties.filter((party) => party.type === "workload");
  const isFoldedByDefault = workloads.length > FOLD_LIMIT;
  const byNamespace = new Map<string, Party[]>();
  for (const party of workloads) {
    if (!filter.matches(party)) continue;
    byNamespace.set(party.namespace, [...(byNamespace.get(party.namespace) ?? []), party]);
  }
  const found: Item[] = [];
  const isFew = [...byNamespace.values()].flat().length <= FOLD_LIMIT / 2;
  for (const namespace of [...byNamespace.keys()].sort()) {
    const members = byNamespace.get(namespace)!.sort((a, b) => titleOf(a).localeCompare(titleOf(b)));
    const isFolded = members.length > 1 && (isFoldedByDefault && !isFew) !== toggled.has(namespace);
    if (isFolded) {
      found.push({ id: `ns:${namespace}`, title: `${namespace} (${members.length})`, namespace, isFolded, members });
    } else {
      for (const party of members) found.push({ id: party.id, title: titleOf(party), namespace, isFolded, members: [party] });
    }
  }
  for (const party of model.parties) {
    if (party.type === "workload" || (party.type === "nodes" && !nodes)) continue;
    found.push({ id: party.id, title: party.title, namespace: null, isFolded: false, members: [party] });
  }
  return found;
}

function cellOf(source: Item, destination: Item, tally: Tally | undefined): Cell {
  const isSelf = (party: Party) => party.type === "workload" && party.pods.length < 2 && destination.members.includes(party);
  const selves = source.namespace === destination.namespace ? source.members.filter(isSelf).length : 0;
  const pairs = source.members.length * destination.members.length - selves;
  const { allowed = 0, whole = 0, unrestricted = 0, changes = [] } = tally ?? {};
  return {
    allowed, pairs, whole, unrestricted,
    added: changes.some(({ added }) => added.ranges.length > 0),
    removed: changes.some(({ removed }) => removed.ranges.length > 0),
    label: () => labelOf(pairs, tally),
  };
}

const LABELS = 4;

function labelOf(pairs: number, tally: Tally | undefined): string {
  if (pairs === 0) return "itself";
  if (!tally) return "nothing";
  const labels = new Set([...tally.sets].map((allowed) => portLabels(allowed.map(({ ports }) => ports))));
  for (const { added, removed } of tally.changes) {
    if (added.ranges.length > 0) labels.add(`+ ${portLabel(added)}`);
    if (removed.ranges.length > 0) labels.add(`− ${portLabel(removed)}`);
  }
  const some = [...labels].slice(0, LABELS).join(" / ") + (labels.size > LABELS ? " / …" : "");
  return pairs > 1 ? `${tally.allowed} of ${pairs} pairs: ${some}` : some;
}

/** The colour of a cell and how strong it is; `null` for an empty one. */
export function paintOf(cell: Cell, palette: Palette): { colour: string; alpha: number } | null {
  if (cell.added) return { colour: palette.added, alpha: 1 };
  if (cell.removed) return { colour: palette.removed, alpha: 1 };
  if (cell.allowed === 0) return null;
  const share = cell.allowed / cell.pairs;
  if (cell.unrestricted === cell.allowed) return { colour: palette.open, alpha: 0.16 + 0.3 * share };
  const strength = cell.whole === cell.allowed ? 0.95 : 0.55;
  return { colour: palette.accent, alpha: 0.15 + (strength - 0.15) * share };
}
