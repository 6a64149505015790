/** The shared vectors in Node. */
import assert from "node:assert/strict";
import { test } from "node:test";
import * as netpolicy from "netpolicy";
import { PROBES, folders, readVectors } from "./read-vectors.js";
import { runVector } from "./vectors.js";

await netpolicy.default();

test("no folder is left out", () => {
  assert.deepEqual(folders(), Object.keys(PROBES));
});

for (const [folder, probes] of Object.entries(PROBES)) {
  test(folder, () => {
    const results = readVectors(folder).map((vector) => runVector(netpolicy, vector));
    assert.deepEqual(results.flatMap((result) => result.failures), []);
    assert.equal(results.reduce((sum, result) => sum + result.passed, 0), probes);
  });
}

test("a wrong expectation fails", () => {
  const [vector] = readVectors("kubernetes-e2e");
  const [from, to, protocol, port, expect] = vector.probes[0];
  const wrong = [from, to, protocol, port, expect === "allow" ? "deny" : "allow"];
  // By name, and in the batch for each pair of addresses.
  assert.ok(runVector(netpolicy, { ...vector, probes: [wrong] }).failures.length >= 2);
});
