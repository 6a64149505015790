/** Ranges of addresses in words. */
import type { AddressRange } from "netpolicy";

type Family = 4 | 6;
type Range = [first: bigint, last: bigint];

const BITS: Record<Family, bigint> = { 4: 32n, 6: 128n };

function parse(address: string): { family: Family; value: bigint } {
  if (!address.includes(":")) {
    const value = address.split(".").reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
    return { family: 4, value };
  }
  const [head = "", tail] = address.split("::");
  const groups = (text: string) => (text === "" ? [] : text.split(":"));
  const left = groups(head);
  const right = groups(tail ?? "");
  const zeros = Array<string>(8 - left.length - right.length).fill("0");
  const all = tail === undefined ? left : [...left, ...zeros, ...right];
  return { family: 6, value: all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n) };
}

function write(family: Family, value: bigint): string {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 255n).join(".");
  const groups = Array.from({ length: 8 }, (_, index) =>
    ((value >> BigInt(112 - index * 16)) & 0xffffn).toString(16),
  ).join(":");
  // The longest run of zeros is left out.
  const runs = groups.match(/(^|:)0(:0)+(?=:|$)/g) ?? [];
  const longest = runs.reduce((a, b) => (b.length > a.length ? b : a), "");
  return longest ? groups.replace(longest, "::").replace(/:{3,}/, "::") : groups;
}

/** The fewest blocks that make up a range. */
function blocks(family: Family, [first, last]: Range): string[] {
  const found: string[] = [];
  let at = first;
  while (at <= last) {
    let size = 0n;
    while (size < BITS[family]) {
      const next = size + 1n;
      const isAligned = (at & ((1n << next) - 1n)) === 0n;
      if (!isAligned || at + (1n << next) - 1n > last) break;
      size = next;
    }
    found.push(`${write(family, at)}/${BITS[family] - size}`);
    at += 1n << size;
  }
  return found;
}

function complement(family: Family, ranges: Range[]): Range[] {
  const gaps: Range[] = [];
  let next = 0n;
  for (const [first, last] of ranges) {
    if (first > next) gaps.push([next, first - 1n]);
    next = last + 1n;
  }
  const end = (1n << BITS[family]) - 1n;
  if (next <= end) gaps.push([next, end]);
  return gaps;
}

/** The smallest block around ranges. */
function cover(family: Family, ranges: Range[]): { block: string; range: Range } {
  const [first, last] = [ranges[0]![0], ranges.at(-1)![1]];
  let size = 0n;
  while (first >> size !== last >> size) size += 1n;
  const start = (first >> size) << size;
  return { block: `${write(family, start)}/${BITS[family] - size}`, range: [start, start + (1n << size) - 1n] };
}

/** The ranges of a family in words: as blocks, or as a block but for some smaller ones. */
function words(family: Family, ranges: Range[]): string {
  if (ranges.length === 0) return "";
  const inside = ranges.flatMap((range) => blocks(family, range));
  const { block, range: [start, end] } = cover(family, ranges);
  const gaps = complement(family, ranges)
    .map(([first, last]): Range => [first > start ? first : start, last < end ? last : end])
    .filter(([first, last]) => first <= last);
  const outside = gaps.flatMap((gap) => blocks(family, gap));
  const all = block.endsWith("/0") ? `all IPv${family}` : block;
  if (outside.length === 0) return all;
  return outside.length < inside.length ? `${all} but ${outside.join(", ")}` : inside.join(", ");
}

/** The private blocks, whose absence makes the rest "the public internet". */
const PRIVATE = ["10.0.0.0", "172.16.0.0", "192.168.0.0"];

export function describeRanges(ranges: AddressRange[]): { title: string; detail: string } {
  const of = (family: Family) =>
    ranges
      .map(({ first, last }) => [parse(first), parse(last)] as const)
      .filter(([first]) => first.family === family)
      .map(([first, last]): Range => [first.value, last.value]);
  const [v4, v6] = [of(4), of(6)];
  const [words4, words6] = [words(4, v4), words(6, v6)];
  const detail = [words4, words6].filter((text) => text !== "").join("; ");
  const isWhole = (text: string) => text === "all IPv4" || text === "all IPv6";
  if (isWhole(words4) && isWhole(words6)) {
    return { title: "Anywhere outside", detail: "any external address" };
  }
  if (isWhole(detail)) return { title: `Anywhere outside (${detail.slice(4)})`, detail };
  const has = (address: string) => ranges.some((range) => contains(range, address));
  if (has("1.1.1.1") && has("203.0.113.7") && PRIVATE.some((address) => !has(address))) {
    return { title: "The internet", detail };
  }
  const barred = [...complement(4, v4).flatMap((range) => blocks(4, range)), ...complement(6, v6).flatMap((range) => blocks(6, range))];
  if (v4.length > 0 && v6.length > 0 && barred.length <= 2) {
    return { title: `Anywhere but ${barred.map((block) => block.replace(/\/(32|128)$/, "")).join(", ")}`, detail };
  }
  if (detail.length <= 36) return { title: detail, detail: "external addresses" };
  return { title: `${(words4 || words6).split(", ")[0]}, …`, detail };
}

function contains(range: AddressRange, address: string): boolean {
  const { family, value } = parse(address);
  const [first, last] = [parse(range.first), parse(range.last)];
  return first.family === family && first.value <= value && value <= last.value;
}

/** An address to ask with: one that reads as somebody out there, if there is one. */
export function sampleAddress(ranges: AddressRange[]): string {
  const friendly = ["203.0.113.7", "198.51.100.7", "8.8.8.8", "2001:db8::7"];
  const found = friendly.find((address) => ranges.some((range) => contains(range, address)));
  return found ?? ranges[0]?.first ?? "203.0.113.7";
}
