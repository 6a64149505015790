/** The filter: `web`, `ns:shop`, `app=web`, `port:443`, in any combination. */
import type { Connection, Party } from "../engine/messages";
import { hasPort } from "../engine/ports";

export interface Filter {
  isEmpty: boolean;
  /** Whether a workload is one of those that are looked for. */
  matches: (party: Party) => boolean;
  /** Whether a connection has one of the ports that are looked for. */
  passes: (connection: Connection) => boolean;
}

export function parseFilter(text: string): Filter {
  const words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const ports = words.filter((word) => word.startsWith("port:")).map((word) => Number(word.slice(5)));
  const tests = words.filter((word) => !word.startsWith("port:")).map(testOf);
  return {
    isEmpty: words.length === 0,
    matches: (party) => tests.every((test) => test(party)),
    passes: ({ allowed }) =>
      ports.length === 0 || allowed.some((part) => ports.some((port) => hasPort(part.ports, port))),
  };
}

function testOf(word: string): (party: Party) => boolean {
  if (word.startsWith("ns:")) {
    const namespace = word.slice(3);
    return (party) => party.type === "workload" && party.namespace.toLowerCase().startsWith(namespace);
  }
  if (word.includes("=")) {
    const [key, value] = word.split("=", 2);
    return (party) =>
      party.type === "workload" &&
      Object.entries(party.labels).some(
        ([name, its]) => name.toLowerCase().endsWith(key!) && its.toLowerCase().startsWith(value!),
      );
  }
  return (party) =>
    party.type === "workload"
      ? `${party.namespace}/${party.name}`.toLowerCase().includes(word)
      : `${party.title} ${party.detail}`.toLowerCase().includes(word);
}
