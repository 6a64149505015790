/** Runs vectors in a Worker. */
import * as netpolicy from "../pkg/netpolicy.js";
import { runVector } from "./vectors.js";

self.onmessage = async ({ data }) => {
  await netpolicy.default();
  self.postMessage(data.map((vector) => runVector(netpolicy, vector)));
};
