/** Connections on their way from the Worker: as columns, since there can be hundreds of
 * thousands, and the page should not be busy with copying objects. */
import type { Allowed, Connection, Party } from "./messages";

export interface PackedConnections {
  /** Numbers among the parties. */
  sources: Uint32Array<ArrayBuffer>;
  destinations: Uint32Array<ArrayBuffer>;
  /** Numbers among `sets`. */
  allowed: Uint32Array<ArrayBuffer>;
  sets: Allowed[][];
  unrestricted: Uint8Array<ArrayBuffer>;
}

export function pack(connections: Connection[], parties: Party[]): PackedConnections {
  const numbers = new Map(parties.map(({ id }, index) => [id, index]));
  const known = new Map<Allowed[], number>();
  const setOf = (allowed: Allowed[]) => {
    const number = known.get(allowed) ?? known.size;
    known.set(allowed, number);
    return number;
  };
  return {
    sources: Uint32Array.from(connections, ({ source }) => numbers.get(source)!),
    destinations: Uint32Array.from(connections, ({ destination }) => numbers.get(destination)!),
    allowed: Uint32Array.from(connections, ({ allowed }) => setOf(allowed)),
    unrestricted: Uint8Array.from(connections, ({ unrestricted }) => Number(unrestricted)),
    sets: [...known.keys()],
  };
}

export function unpack(packed: PackedConnections, parties: Party[]): Connection[] {
  return Array.from(packed.sources, (source, index) => ({
    source: parties[source]!.id,
    destination: parties[packed.destinations[index]!]!.id,
    allowed: packed.sets[packed.allowed[index]!]!,
    unrestricted: packed.unrestricted[index] === 1,
  }));
}
