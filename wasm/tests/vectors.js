/** Runs conformance vectors through the package: the same code in Node, in a page and in a Worker. */

/**
 * Every probe through all ways to ask: by name, by address in one batch, and explained.
 * @param {typeof import("netpolicy")} netpolicy
 * @param {{ name: string, manifests: object[], probes: [string, string, string | number, number | null, "allow" | "deny"][] }} vector
 * @returns {{ passed: number, failures: string[] }}
 */
export function runVector(netpolicy, { name, manifests, probes }) {
  const { Cluster, Image } = netpolicy;
  const cluster = Cluster.load([{ file: name, objects: manifests }]);
  const failures = cluster.diagnostics.map((diagnostic) => `${name}: ${diagnostic.object}: ${diagnostic.message}`);
  const compiled = cluster.compile();
  // An image that went through bytes answers as the one that was compiled.
  const image = Image.open(compiled.bytes());
  const batch = new Batch(netpolicy, image);
  let passed = 0;
  for (const probe of probes) {
    const found = check(image, batch, probe);
    if (found === null) passed += 1;
    else failures.push(`${name}: ${JSON.stringify(probe)}: ${found}`);
  }
  failures.push(...batch.run(name));
  for (const object of [cluster, compiled, image]) object.free();
  return { passed, failures };
}

/** What is wrong with the answers to a probe; `null` if nothing is. */
function check(image, batch, [from, to, protocol, port, expect]) {
  const question = { from, to, protocol, ...(port === null ? {} : { port }) };
  const pairs = batch.add(question, expect);
  // Where two pods share no family there is no pair, and nothing to hold.
  if (pairs === 0) return null;
  const verdict = image.verdict(question);
  if (verdict.allowed !== (expect === "allow")) return `verdict ${JSON.stringify(verdict)}`;
  const wrong = image.explain(question).find((explanation) => explanation.verdict !== expect);
  return wrong ? wrong.text : null;
}

/** The probes by address, answered with typed arrays. */
class Batch {
  constructor({ packAddresses }, image) {
    this.packAddresses = packAddresses;
    this.image = image;
    this.addresses = new Map(image.pods().map((pod) => [`${pod.namespace}/${pod.name}`, pod.addresses]));
    this.rows = [];
  }

  add({ from, to, protocol, port }, expect) {
    const isV6 = (address) => address.includes(":");
    const [sources, destinations] = [from, to].map((end) => this.addresses.get(end) ?? [end]);
    let pairs = 0;
    for (const source of sources) {
      for (const destination of destinations) {
        if (isV6(source) !== isV6(destination)) continue;
        pairs += 1;
        this.rows.push({ source, destination, protocol: numberOf(protocol), port: port ?? 0, expect });
      }
    }
    return pairs;
  }

  run(name) {
    const { rows } = this;
    const verdicts = this.image.verdicts(
      this.packAddresses(rows.map((row) => row.source)),
      this.packAddresses(rows.map((row) => row.destination)),
      Uint8Array.from(rows, (row) => row.protocol),
      Uint16Array.from(rows, (row) => row.port),
    );
    return rows
      .filter((row, index) => (verdicts[index] === 3) !== (row.expect === "allow"))
      .map((row) => `${name}: in a batch: ${JSON.stringify(row)}`);
  }
}

const NUMBERS = { TCP: 6, UDP: 17, SCTP: 132, ICMP: 1, ICMPV6: 58 };

const numberOf = (protocol) => (typeof protocol === "number" ? protocol : NUMBERS[protocol.toUpperCase()]);
