// @ts-check
/** The package as its users write it; `tsc` checks the types of all of it. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import init, { Cluster, Image, packAddresses } from "netpolicy";

await init();

/** @param {string} file */
const example = (file) => ({
  file,
  text: readFileSync(new URL(`../../examples/wordpress/${file}`, import.meta.url), "utf8"),
});
const wordpress = () => Cluster.load([example("cluster.yaml"), example("policies.yaml")]);

test("text: verdicts and reasons", () => {
  const cluster = wordpress();
  assert.deepEqual(cluster.diagnostics, []);
  const image = cluster.compile();
  /** @type {import("netpolicy").Question} */
  const question = { from: "default/wordpress", to: "default/mysql", port: 3306 };
  assert.deepEqual(image.verdict(question), { allowed: true, egress: true, ingress: true });
  assert.deepEqual(image.verdict({ ...question, from: "203.0.113.7" }), { allowed: false, egress: true, ingress: false });
  const [explanation] = image.explain({ ...question, from: "203.0.113.7" });
  assert.equal(explanation?.verdict, "deny");
  assert.equal(explanation.ingress.reason, "isolated");
  assert.deepEqual(explanation.ingress.policies.map(({ policy, miss }) => [policy.name, miss?.kind, policy.file, typeof policy.line]), [
    ["database", "peer", "policies.yaml", "number"],
    ["default-deny", "noRules", "policies.yaml", "number"],
  ]);
});

test("objects, and a pod that does not exist", () => {
  const policy = {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name: "web", namespace: "shop" },
    spec: { podSelector: { matchLabels: { app: "web" } }, ingress: [{ ports: [{ port: "http" }] }] },
  };
  const image = Cluster.load([{ objects: [policy] }]).compile();
  const to = { namespace: "shop", labels: { app: "web" }, ports: [{ name: "http", number: 8080 }] };
  assert.equal(image.verdict({ from: "192.0.2.1", to, port: 8080 }).allowed, true);
  assert.equal(image.verdict({ from: "192.0.2.1", to, port: 8081 }).allowed, false);
  assert.equal(image.verdict({ from: "192.0.2.1", to, protocol: "ICMP" }).allowed, false);
});

test("errors have line and column, and lose nothing else", () => {
  const broken = { file: "broken.yaml", text: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: x}\nspec:\n  podSelektor: {}\n" };
  const cluster = Cluster.load([broken, example("cluster.yaml")]);
  const diagnostics = cluster.diagnostics;
  assert.deepEqual(diagnostics, [{
    severity: "error", file: "broken.yaml", line: 5, column: 16,
    object: "NetworkPolicy default/x", path: "spec.podSelektor",
    message: "unknown field: did you mean podSelector?",
  }]);
  assert.equal(cluster.pods().length, 4);
});

test("syntax errors have a place, too", () => {
  const { diagnostics } = Cluster.load([{ file: "x.yaml", text: "a: [1\nb: 2\n" }]);
  assert.equal(diagnostics.length, 1);
  assert.ok(diagnostics[0].line > 0 && diagnostics[0].severity === "error");
});

test("what cannot be answered is an Error that says why", () => {
  const image = wordpress().compile();
  assert.throws(() => image.verdict({ from: "default/nobody", to: "10.0.0.1", port: 80 }), /no pod or workload default\/nobody/);
  assert.throws(() => image.verdict({ from: "nonsense", to: "10.0.0.1", port: 80 }), /"nonsense" is no endpoint/);
  assert.throws(() => image.verdict({ from: "10.0.0.2", to: "10.0.0.1" }), /TCP needs a port/);
  assert.throws(() => image.verdict(/** @type {never} */ ({ from: "10.0.0.2", to: "10.0.0.1", prot: "TCP" })), /unknown field/);
  assert.throws(() => Cluster.load([/** @type {never} */ ({ file: "x" })]), /manifests\[0\]: needs text/);
  assert.throws(() => wordpress().compile(/** @type {never} */ ({ isolation: "both" })), /options/);
  assert.throws(() => packAddresses(["10.0.0.1", "10.0.0"]), /addresses\[1\]/);
  assert.throws(() => image.verdicts(new Uint8Array(15), new Uint8Array(16), new Uint8Array(1), new Uint16Array(1)), /16 bytes/);
});

test("an image goes through bytes, and damaged bytes are refused", () => {
  const bytes = wordpress().compile().bytes();
  const image = Image.open(bytes);
  assert.equal(image.verdict({ from: "default/wordpress", to: "default/mysql", port: 3306 }).allowed, true);
  assert.deepEqual(image.policies().map(({ name }) => name).sort(), ["database", "default-deny", "dns", "frontend", "wordpress-together"]);
  assert.throws(() => Image.open(bytes.slice(0, 100)), Error);
});

test("batches", () => {
  const image = wordpress().compile();
  const verdicts = image.verdicts(
    packAddresses(["10.244.1.10", "10.244.1.12", "fd00:244:1::10"]),
    packAddresses(["10.244.1.11", "10.244.1.11", "fd00:244:1::11"]),
    new Uint8Array([6, 6, 6]),
    new Uint16Array([3306, 3306, 3307]),
  );
  assert.deepEqual([...verdicts], [3, 0, 1]);
});

test("reachability says what verdicts say", () => {
  const image = wordpress().compile();
  const { peers, portSets, sources, destinations, ports } = image.reachability();
  /** @param {number} index */
  const name = (index) => {
    const peer = peers[index];
    return peer.type === "workload" ? `${peer.namespace}/${peer.name}` : peer.type;
  };
  const rows = Array.from(sources, (source, row) => `${name(source)} ${name(destinations[row])} ${portSets[ports[row]].text}`);
  assert.ok(rows.includes("default/wordpress default/mysql TCP 3306"), rows.join("\n"));
  assert.ok(!rows.some((row) => row.startsWith("default/batch default/mysql")));
});

test("what an edit changes", () => {
  const before = wordpress().compile();
  const policies = example("policies.yaml");
  const edited = { ...policies, text: policies.text.replace("port: 3306", "port: 3307") };
  const after = Cluster.load([example("cluster.yaml"), edited]).compile();
  assert.deepEqual(before.difference(before).changes, []);
  const { changes } = before.difference(after);
  assert.deepEqual(changes.map(({ added, removed }) => [added.text, removed.text]), [["TCP 3307", "TCP 3306"]]);
});
