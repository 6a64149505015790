/** The shared vectors inside the browser, in the page and in a Worker, through the same package as in Node. */
import { expect, test } from "@playwright/test";
// @ts-expect-error plain JavaScript, shared with the tests in Node
import { PROBES, readVectors } from "../../tests/read-vectors.js";

interface Result {
  passed: number;
  failures: string[];
}

test.beforeEach(async ({ page }) => {
  await page.goto("/tests/blank.html");
});

for (const [folder, probes] of Object.entries<number>(PROBES)) {
  test(`${folder} in the page`, async ({ page }) => {
    const results: Result[] = await page.evaluate(async (vectors) => {
      const [netpolicy, { runVector }] = await Promise.all([import("/pkg/netpolicy.js" as string), import("/tests/vectors.js" as string)]);
      await netpolicy.default();
      return vectors.map((vector: unknown) => runVector(netpolicy, vector));
    }, readVectors(folder));
    expect(results.flatMap((result) => result.failures)).toEqual([]);
    expect(results.reduce((sum, result) => sum + result.passed, 0)).toBe(probes);
  });
}

test("kubernetes-e2e in a Worker", async ({ page }) => {
  const results: Result[] = await page.evaluate(async (vectors) => {
    const worker = new Worker("/tests/vectors-worker.js", { type: "module" });
    return new Promise<Result[]>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(vectors);
    });
  }, readVectors("kubernetes-e2e"));
  expect(results.flatMap((result) => result.failures)).toEqual([]);
  expect(results.reduce((sum, result) => sum + result.passed, 0)).toBe(PROBES["kubernetes-e2e"]);
});
