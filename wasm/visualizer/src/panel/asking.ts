/** From what is selected to a question. */
import type { Model, Party } from "../engine/messages";
import { samplePort } from "../engine/ports";
import type { Asked, Selected } from "../state/store";

/** How a party is called in a question: by one of its pods, or by an address. */
export function nameOf(party: Party, pod?: string): string {
  return party.type === "workload" ? `${party.namespace}/${pod ?? party.pods[0] ?? party.name}` : party.sample;
}

/** A question about a connection: of what is allowed if something is, else of a port
 * that the destination declares. */
export function askedOf(model: Model, { source, destination, ports: meant }: Selected): Asked | null {
  const party = (id: string) => model.parties.find((other) => other.id === id);
  const [from, to] = [party(source), party(destination)];
  if (!from || !to) return null;
  const connection = model.connections.find((other) => other.source === source && other.destination === destination);
  const change = model.changes?.find((other) => other.source === source && other.destination === destination);
  const allowed = connection?.allowed[0];
  const declared = to.type === "workload" ? to.ports : [];
  const differing = change && (change.added.ranges.length > 0 ? change.added : change.removed);
  const ports = meant ?? differing ?? allowed?.ports;
  const { protocol, port } = ports ? samplePort(ports, declared) : (declared[0] && { protocol: declared[0].protocol, port: declared[0].number }) ?? { protocol: "TCP", port: 80 };
  // Two pods of one workload: the second, or the connection would be a pod's with itself.
  const second = from === to && to.type === "workload" ? to.pods[1] : undefined;
  return {
    from: nameOf(from, allowed?.sourcePod),
    to: nameOf(to, allowed?.destinationPod ?? second),
    protocol,
    port: port === undefined ? "" : String(port),
  };
}
