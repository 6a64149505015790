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
  /** Those that can be folded and unfolded. */
  namespaces: string[];
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
  const { filter } = choices;
  const found = new Set(model.parties.filter((party) => filter.matches(party)).map(({ id }) => id));
  // As in the graph, one end has to be what is looked for.
  const isShown = ({ source, destination }: { source: string; destination: string }) => found.has(source) || found.has(destination);
  const shown = model.connections.filter((connection) => filter.passes(connection) && isShown(connection));
  const changes = (model.changes ?? []).filter(isShown);
  const side = (end: "source" | "destination") => {
    const used = new Set([...shown, ...changes].map((ends) => ends[end]));
    return itemsOf(model, choices, ({ id, type }) => used.has(id) || (type === "workload" && found.has(id)));
  };
  const [sources, destinations] = [side("source"), side("destination")];
  const tallies = tally(shown, changes, sources, destinations);
  const isFound = ({ members }: Item) => members.some(({ id }) => found.has(id));
  return {
    sources, destinations, namespaces: namespacesOf([...sources, ...destinations]),
    cell: (source, destination) =>
      isFound(source) || isFound(destination) ? cellOf(source, destination, tallies.get(source)?.get(destination)) : UNSEEN,
  };
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

function tally(shown: Connection[], changes: ConnectionChange[], sources: Item[], destinations: Item[]): Map<Item, Map<Item, Tally>> {
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
  for (const connection of shown) {
    const cell = of(connection);
    if (!cell) continue;
    cell.allowed += 1;
    cell.sets.add(connection.allowed);
    if (connection.allowed.some(({ ports }) => ports.text === "everything")) cell.whole += 1;
    if (connection.unrestricted) cell.unrestricted += 1;
  }
  for (const change of changes) of(change)?.changes.push(change);
  return tallies;
}

function itemsOf(model: Model, { nodes, toggled }: Choices, isShown: (party: Party) => boolean): Item[] {
  const workloads = model.parties.filter((party) => party.type === "workload");
  const isFoldedByDefault = workloads.length > FOLD_LIMIT;
  const byNamespace = new Map<string, Party[]>();
  for (const party of workloads) {
    if (!isShown(party)) continue;
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
    if (party.type === "workload" || (party.type === "nodes" && !nodes) || !isShown(party)) continue;
    found.push({ id: party.id, title: party.title, namespace: null, isFolded: false, members: [party] });
  }
  return found;
}

/** Those of which there is more than one workload. */
function namespacesOf(items: Item[]): string[] {
  const sizes = new Map<string, Set<string>>();
  for (const { namespace, members } of items) {
    if (namespace === null) continue;
    const known = sizes.get(namespace) ?? new Set();
    for (const { id } of members) known.add(id);
    sizes.set(namespace, known);
  }
  return [...sizes].filter(([, members]) => members.size > 1).map(([namespace]) => namespace);
}

/** Of two that are not looked for. */
const UNSEEN: Cell = {
  allowed: 0, pairs: 0, whole: 0, unrestricted: 0, added: false, removed: false,
  label: () => "not in the filter",
};

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
  const share = Math.min(1, cell.allowed / Math.max(1, cell.pairs));
  if (cell.unrestricted === cell.allowed) return { colour: palette.open, alpha: 0.16 + 0.3 * share };
  const strength = cell.whole === cell.allowed ? 0.95 : 0.55;
  return { colour: palette.accent, alpha: 0.15 + (strength - 0.15) * share };
}
