/** What is drawn, before anything has a place. */
import type { Connection, ConnectionChange, Model, Party } from "../engine/messages";
import { combine, portLabel, portLabels } from "../engine/ports";
import { type Edge, type Link, bundle } from "./bundle";
import { type Filter } from "./filter";

export interface Scene {
  parties: Map<string, Party>;
  namespaces: string[];
  edges: Edge[];
  /** What all workloads of a namespace may open to one another. */
  within: Map<string, Edge>;
  /** Connections that are left out because no policy governs them. */
  hidden: number;
}

export interface Choices {
  filter: Filter;
  unrestricted: boolean;
  nodes: boolean;
}

export function buildScene(model: Model, choices: Choices): Scene {
  const all = new Map(model.parties.map((party) => [party.id, party]));
  const changes = new Map(
    (model.changes ?? []).map((change) => [`${change.source} ${change.destination}`, change]),
  );
  const { filter } = choices;
  const isFound = (id: string) => filter.matches(all.get(id)!);
  const isShown = (connection: Connection) =>
    filter.passes(connection) &&
    (filter.isEmpty || isFound(connection.source) || isFound(connection.destination)) &&
    (choices.nodes || ![connection.source, connection.destination].some((id) => all.get(id)!.type === "nodes"));

  const links: Link[] = [];
  let hidden = 0;
  for (const connection of model.connections) {
    if (!isShown(connection)) continue;
    const key = `${connection.source} ${connection.destination}`;
    const isChanged = changes.has(key);
    if (connection.unrestricted && !choices.unrestricted && !isChanged) {
      hidden += 1;
      continue;
    }
    const link = linkOf(connection, changes.get(key));
    if (link) links.push(link);
  }
  for (const change of changes.values()) links.push(...changeLinks(change, filter.isEmpty ? null : isFound));

  const ends = new Set(links.flatMap((link) => [link.source, link.destination]));
  const parties = new Map(
    model.parties
      .filter((party) => {
        if (ends.has(party.id)) return true;
        return party.type === "workload" && (filter.isEmpty || (filter.matches(party) && !onlyPorts(filter, party)));
      })
      .map((party) => [party.id, party]),
  );
  const namespaces = [...new Set([...parties.values()].flatMap((party) => (party.type === "workload" ? [party.namespace] : [])))];
  return { parties, namespaces: namespaces.sort(), hidden, ...bundle(links, parties) };
}

/** A filter of ports alone matches every workload, and should show none by itself. */
const onlyPorts = (filter: Filter, party: Party) =>
  filter.matches({ ...party, id: "", name: "", namespace: "", labels: {} } as Party);

/** What stays of a connection as it was pinned. */
function linkOf(connection: Connection, change: ConnectionChange | undefined): Link | null {
  const { source, destination, allowed } = connection;
  const label = portLabels(allowed.map(({ ports }) => ports));
  if (!change) {
    const [only, ...more] = allowed;
    return { source, destination, label, change: "same", ...(more.length === 0 ? { ports: only!.ports } : {}) };
  }
  // What was added is drawn by itself; only what was there before is drawn here.
  const before = allowed.map(({ ports }) => combine(ports, change.added, "first")).filter(({ ranges }) => ranges.length > 0);
  return before.length === 0 ? null : { source, destination, label: portLabels(before), change: "same" };
}

function changeLinks(change: ConnectionChange, isFound: ((id: string) => boolean) | null): Link[] {
  const { source, destination, added, removed } = change;
  if (isFound && !isFound(source) && !isFound(destination)) return [];
  const links: Link[] = [];
  if (added.ranges.length > 0) links.push({ source, destination, label: `+ ${portLabel(added)}`, change: "added", ports: added });
  if (removed.ranges.length > 0) links.push({ source, destination, label: `− ${portLabel(removed)}`, change: "removed", ports: removed });
  return links;
}
