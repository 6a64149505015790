/** Ports in few words, for edges and cells. */
import type { PortRange, PortSet } from "netpolicy";

const PROTOCOLS = ["TCP", "UDP", "SCTP"] as const;
const FIRST = 1;
const LAST = 65535;

type Range = [first: number, last: number];

function rangesOf(set: PortSet, protocol: string): Range[] {
  return set.ranges
    .filter((range) => range.protocol === protocol)
    .map(({ first, last }) => [Math.max(first ?? FIRST, FIRST), last ?? LAST]);
}

function complement(ranges: Range[]): Range[] {
  const gaps: Range[] = [];
  let next = FIRST;
  for (const [first, last] of ranges) {
    if (first > next) gaps.push([next, first - 1]);
    next = last + 1;
  }
  if (next <= LAST) gaps.push([next, LAST]);
  return gaps;
}

const write = (ranges: Range[]) =>
  ranges.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(", ");

/** Protocols with the same ports are told together: `TCP+UDP 53`. */
function together(parts: { protocol: string; ports: string }[]): string {
  const byPorts = new Map<string, string[]>();
  for (const { protocol, ports } of parts) {
    byPorts.set(ports, [...(byPorts.get(ports) ?? []), protocol]);
  }
  return [...byPorts].map(([ports, names]) => `${names.join("+")}${ports && ` ${ports}`}`).join("; ");
}

const hasOther = (set: PortSet) => set.ranges.some((range: PortRange) => range.protocol === "other");

/** `TCP 80, 443`, `all ports`, `all but TCP 80`. */
export function portLabel(set: PortSet): string {
  if (isEverything(set)) return "all ports";
  if (set.ranges.length === 0) return "nothing";
  const inside: { protocol: string; ports: string }[] = [];
  const outside: { protocol: string; ports: string }[] = [];
  for (const protocol of PROTOCOLS) {
    const ranges = rangesOf(set, protocol);
    const gaps = complement(ranges);
    if (ranges.length > 0) inside.push({ protocol, ports: gaps.length === 0 ? "" : gaps.length < ranges.length ? `but ${write(gaps)}` : write(ranges) });
    if (gaps.length > 0) outside.push({ protocol, ports: ranges.length === 0 ? "" : write(gaps) });
  }
  if (hasOther(set)) inside.push({ protocol: "other protocols", ports: "" });
  else outside.push({ protocol: "other protocols", ports: "" });
  const [kept, left] = [together(inside), together(outside)];
  return left.length + 8 < kept.length ? `all but ${left}` : kept;
}

const isEverything = (set: PortSet) =>
  hasOther(set) && PROTOCOLS.every((protocol) => complement(rangesOf(set, protocol)).length === 0);

/** What is in both of two sets, or in the first only. */
export function combine(a: PortSet, b: PortSet, keep: "both" | "first"): PortSet {
  const isKept = (inB: boolean) => inB === (keep === "both");
  const ranges: PortRange[] = [];
  for (const protocol of PROTOCOLS) {
    const others = rangesOf(b, protocol);
    const wanted = keep === "both" ? others : complement(others);
    for (const [first, last] of rangesOf(a, protocol)) {
      for (const [from, to] of wanted) {
        if (Math.max(first, from) <= Math.min(last, to)) ranges.push({ protocol, first: Math.max(first, from), last: Math.min(last, to) });
      }
    }
  }
  if (hasOther(a) && isKept(hasOther(b))) ranges.push({ protocol: "other" });
  const set = { ranges, text: "" };
  return { ...set, text: portLabel(set) };
}

/** What several sets are called together. */
export function portLabels(sets: PortSet[]): string {
  return [...new Set(sets.map(portLabel))].join(" / ");
}

export function hasPort(set: PortSet, port: number, protocol?: string): boolean {
  return set.ranges.some(
    (range) =>
      (protocol === undefined || range.protocol === protocol) &&
      range.first !== undefined &&
      range.first <= port &&
      port <= range.last!,
  );
}

/** A protocol and port of a set to ask with: one that the destination declares, if any. */
export function samplePort(
  set: PortSet,
  declared: { protocol: string; number: number }[],
): { protocol: string; port?: number } {
  const known = declared.find(({ protocol, number }) => hasPort(set, number, protocol));
  if (known) return { protocol: known.protocol, port: known.number };
  const familiar = [443, 80].find((port) => hasPort(set, port, "TCP"));
  if (familiar) return { protocol: "TCP", port: familiar };
  const [first] = set.ranges;
  if (!first || first.protocol === "other") return { protocol: "ICMP" };
  return { protocol: first.protocol, port: Math.max(first.first ?? FIRST, FIRST) };
}
