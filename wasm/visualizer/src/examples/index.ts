/** Manifests to begin with. */
import wordpressCluster from "../../../../examples/wordpress/cluster.yaml?raw";
import wordpressPolicies from "../../../../examples/wordpress/policies.yaml?raw";
import type { SourceFile } from "../engine/messages";
import defaultDeny from "./default-deny.yaml?raw";
import isolation from "./namespace-isolation.yaml?raw";
import threeTiers from "./three-tiers.yaml?raw";

export interface Example {
  title: string;
  about: string;
  files: SourceFile[];
}

export const examples: Example[] = [
  {
    title: "WordPress",
    about: "a front end, its database, and who may reach them",
    files: [
      { name: "policies.yaml", text: wordpressPolicies },
      { name: "cluster.yaml", text: wordpressCluster },
    ],
  },
  {
    title: "Default deny",
    about: "nothing passes but what is written down",
    files: [{ name: "default-deny.yaml", text: defaultDeny }],
  },
  {
    title: "Namespace isolation",
    about: "teams among themselves, and monitoring everywhere",
    files: [{ name: "namespace-isolation.yaml", text: isolation }],
  },
  {
    title: "Three tiers",
    about: "ClusterNetworkPolicy above and below NetworkPolicy",
    files: [{ name: "three-tiers.yaml", text: threeTiers }],
  },
];
