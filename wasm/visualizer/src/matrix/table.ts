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
  label: string;
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
  const { filter } = choices;
  const connections = connectionsOf(model);
  const changes = new Map((model.changes ?? []).map((change) => [`${change.source} ${change.destination}`, change]));
  const items = itemsOf(model, choices);
  const used = { source: new Set<string>(), destination: new Set<string>() };
  for (const ends of [connections, changes]) {
    for (const { source, destination } of ends.values()) {
      used.source.add(source);
      used.destination.add(destination);
    }
  }
  const side = (ends: Set<string>) =>
    items.filter(({ members: [first] }) => first!.type === "workload" || ends.has(first!.id));
  const cells = new Map<string, Cell>();
  return {
    sources: side(used.source),
    destinations: side(used.destination),
    cell: (source, destination) => {
      const key = `${source.id} ${destination.id}`;
      let cell = cells.get(key);
      if (!cell) {
        cell = cellOf(source, destination, filter, connections, changes);
        cells.set(key, cell);
      }
      return cell;
    },
  };
}

const known = new WeakMap<Model, Map<string, Connection>>();

/** The connections by their ends; found once for each model. */
function connectionsOf(model: Model): Map<string, Connection> {
  let connections = known.get(model);
  if (!connections) {
    connections = new Map(model.connections.map((connection) => [`${connection.source} ${connection.destination}`, connection]));
    known.set(model, connections);
  }
  return connections;
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

function cellOf(
  source: Item,
  destination: Item,
  filter: Filter,
  connections: Map<string, Connection>,
  changes: Map<string, ConnectionChange>,
): Cell {
  const cell: Cell = { allowed: 0, pairs: 0, whole: 0, unrestricted: 0, added: false, removed: false, label: "" };
  const labels = new Set<string>();
  for (const from of source.members) {
    for (const to of destination.members) {
      if (from.id === to.id && from.type === "workload" && from.pods.length < 2) continue;
      cell.pairs += 1;
      const key = `${from.id} ${to.id}`;
      const connection = connections.get(key);
      const change = changes.get(key);
      if (connection && filter.passes(connection)) {
        cell.allowed += 1;
        if (connection.allowed.some(({ ports }) => ports.text === "everything")) cell.whole += 1;
        if (connection.unrestricted) cell.unrestricted += 1;
        if (labels.size < 4) labels.add(portLabels(connection.allowed.map(({ ports }) => ports)));
      }
      if (change && change.added.ranges.length > 0) {
        cell.added = true;
        labels.add(`+ ${portLabel(change.added)}`);
      }
      if (change && change.removed.ranges.length > 0) {
        cell.removed = true;
        labels.add(`− ${portLabel(change.removed)}`);
      }
    }
  }
  const few = [...labels].slice(0, 4).join(" / ");
  const count = cell.pairs > 1 ? `${cell.allowed} of ${cell.pairs} pairs${few && ": "}` : "";
  cell.label = cell.pairs === 0 ? "itself" : `${count}${few}` || "nothing";
  return cell;
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
