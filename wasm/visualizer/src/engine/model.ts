/** From the engine's answers to what the picture shows. */
import type { Change, Cluster, Image, Openness, Peer, Pod, PodInfo, PortSet, Reachability } from "netpolicy";
import type { Connection, ConnectionChange, Model, OutsideParty, Party, WorkloadParty } from "./messages";
import { describeRanges, sampleAddress } from "./ranges";

export const workloadId = (namespace: string, kind: string, name: string) =>
  `${namespace}/${kind}/${name}`;

export function buildModel(cluster: Cluster, pods: Pod[], image: Image, pinned: Image | null, imagined: boolean): Model {
  const parties = new Map<string, Party>();
  for (const workload of workloads(pods, image.pods())) {
    parties.set(workload.id, { ...workload, imagined });
  }
  const connections = connectionsOf(image.reachability(), parties);
  const difference = pinned?.difference(image);
  const changes = difference?.changes.flatMap((change) => changeOf(change, parties)) ?? null;
  return {
    parties: [...parties.values()],
    connections,
    policies: image.policies(),
    diagnostics: [...cluster.diagnostics, ...image.check()],
    imagined,
    crowded: isCrowded(parties, connections),
    objects: cluster.objects,
    skipped: cluster.skipped,
    changes,
  };
}

const WAYS = ["toPods", "toOutside", "fromPods", "fromOutside"] as const;
const CLOSED: Openness = { toPods: false, toOutside: false, fromPods: false, fromOutside: false };

/** Up to so many workloads, and connections that policies leave between them, a graph is
 * easier to read than a matrix. */
const GRAPH_LIMITS = { workloads: 50, connections: 80 };

function isCrowded(parties: Map<string, Party>, connections: Connection[]): boolean {
  const workloads = [...parties.values()].filter(({ type }) => type === "workload").length;
  const drawn = connections.filter(({ unrestricted }) => !unrestricted).length;
  return workloads > GRAPH_LIMITS.workloads || drawn > GRAPH_LIMITS.connections;
}

/** The workloads of the pods; a pod that nothing runs is one by itself. */
function workloads(pods: Pod[], infos: PodInfo[]): WorkloadParty[] {
  const openness = new Map(infos.map((info) => [`${info.namespace}/${info.name}`, info.open] as const));
  const found = new Map<string, WorkloadParty>();
  for (const pod of pods) {
    const { kind, name } = pod.workload ?? { kind: "Pod", name: pod.name };
    const id = workloadId(pod.namespace, kind, name);
    const its = openness.get(`${pod.namespace}/${pod.name}`) ?? CLOSED;
    const known = found.get(id);
    if (!known) {
      const { namespace, labels, ports, hostNetwork } = pod;
      found.set(id, {
        type: "workload", id, namespace, kind, name, labels: { ...labels }, ports, hostNetwork, imagined: false,
        pods: [pod.name], addresses: [...pod.addresses], open: { ...its },
      });
      continue;
    }
    known.pods.push(pod.name);
    known.addresses.push(...pod.addresses);
    // A workload is as open as the most open of its pods.
    for (const way of WAYS) known.open[way] ||= its[way];
    known.hostNetwork &&= pod.hostNetwork;
    for (const [key, value] of Object.entries(known.labels)) {
      if (pod.labels[key] !== value) delete known.labels[key];
    }
  }
  return [...found.values()];
}

/** The party that a peer is; an outside one that is new is added. */
function partyOf(peer: Peer, parties: Map<string, Party>): string | null {
  if (peer.type === "workload") {
    const id = workloadId(peer.namespace, peer.kind, peer.name);
    if (!parties.has(id)) {
      // It is only in what is pinned.
      parties.set(id, {
        type: "workload", id, namespace: peer.namespace, kind: peer.kind, name: peer.name,
        pods: [], labels: {}, ports: [], addresses: [], hostNetwork: peer.hostNetwork, imagined: false,
        open: CLOSED,
      });
    }
    return id;
  }
  // A pod's own node may always reach it; drawing that for each pod says nothing.
  if (peer.type === "ownNode") return null;
  const outside = outsideParty(peer);
  if (!parties.has(outside.id)) parties.set(outside.id, outside);
  return outside.id;
}

function outsideParty(peer: Exclude<Peer, { type: "workload" }>): OutsideParty {
  const key = peer.ranges.map(({ first, last }) => `${first}-${last}`).join(",");
  const sample = sampleAddress(peer.ranges);
  if (peer.type === "external") {
    return { type: "external", id: `external:${key}`, sample, ...describeRanges(peer.ranges) };
  }
  const names = peer.names.join(", ");
  const title = peer.ranges.length === 0 ? "Nodes" : peer.names.length === 1 ? `Node ${names}` : "Some nodes";
  return { type: "nodes", id: `nodes:${key}`, title, detail: names || "the cluster's nodes", sample };
}

function connectionsOf(reach: Reachability, parties: Map<string, Party>): Connection[] {
  const ids = reach.peers.map((peer) => partyOf(peer, parties));
  const pods = reach.peers.map((peer) => (peer.type === "workload" ? peer.part?.[0]?.name : undefined));
  // Most connections are of whole workloads, and share what they allow: there can be
  // hundreds of thousands.
  const whole = reach.portSets.map((ports) => [{ ports }]);
  const found = new Map<string, Connection>();
  reach.sources.forEach((from, row) => {
    const to = reach.destinations[row]!;
    const set = reach.ports[row]!;
    const [source, destination] = [ids[from], ids[to]];
    const ports = reach.portSets[set]!;
    if (!source || !destination) return;
    const [sourcePod, destinationPod] = [pods[from], pods[to]];
    const allowed = sourcePod || destinationPod ? [{ ports, sourcePod, destinationPod }] : whole[set]!;
    const key = `${source} ${destination}`;
    const known = found.get(key);
    if (known) known.allowed = [...known.allowed, ...allowed];
    else {
      const unrestricted = isUnrestricted(ports, parties.get(source), parties.get(destination));
      found.set(key, { source, destination, allowed, unrestricted });
    }
  });
  return [...found.values()];
}

/** Whether everything is allowed, and that only because nothing restricts it. */
function isUnrestricted(ports: PortSet, source: Party | undefined, destination: Party | undefined): boolean {
  if (ports.text !== "everything" || !source || !destination) return false;
  const mayLeave = source.type !== "workload" || source.open[destination.type === "workload" ? "toPods" : "toOutside"];
  const mayArrive = destination.type !== "workload" || destination.open[source.type === "workload" ? "fromPods" : "fromOutside"];
  return mayLeave && mayArrive;
}

function changeOf(change: Change, parties: Map<string, Party>): ConnectionChange[] {
  const source = partyOf(change.source, parties);
  const destination = partyOf(change.destination, parties);
  if (!source || !destination) return [];
  return [{ source, destination, added: change.added, removed: change.removed }];
}
