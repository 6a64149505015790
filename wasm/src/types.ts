/** Manifests as text: YAML or JSON, any number of documents. */
export interface ManifestText {
  /** Names the text in messages and explanations. */
  file: string;
  text: string;
}

/** Manifests as objects: one, or many, or a `List` kind. */
export interface ManifestObjects {
  /** Names them in messages and explanations; `manifests[0]` and so on if left out. */
  file?: string;
  objects: object | readonly object[];
}

export type Manifest = ManifestText | ManifestObjects;

/** The choices that the APIs leave open; each has a default. */
export interface Options {
  /** What selection by a NetworkPolicy makes final. Default: `"perDirection"`. */
  isolation?: "perDirection" | "eitherDirection";
  /** Ingress from the pod's own node, in the NetworkPolicy tier. Default: `"allowed"`. */
  ownNodeIngress?: "allowed" | "evaluated";
  /** Egress to the pod's own node, in the NetworkPolicy tier. Default: `"evaluated"`. */
  ownNodeEgress?: "allowed" | "evaluated";
  /** Whether `ipBlock` matches the addresses of pods, too. Default: `true`. */
  ipBlockSelectsPods?: boolean;
  /** How many bytes the decision tables may take. Default: 64 MiB. */
  tableBudget?: number;
}

export type Severity = "error" | "warning";

/** What is wrong with what was read, and where. */
export interface Diagnostic {
  /** After an error the object or document is left out; a warned-of one counts. */
  severity: Severity;
  /** As the manifest was named; empty if it concerns none. */
  file: string;
  /** From 1; 0 if it concerns no line. */
  line: number;
  /** From 1; 0 if it concerns no column. */
  column: number;
  /** Kind, namespace and name, as far as they are known. */
  object: string;
  /** `spec.ingress[0].from[1].ipBlock.except[0]`; empty if it concerns the whole. */
  path: string;
  /** What is wrong, and how to mend it. */
  message: string;
}

/** A container port with a name. */
export interface NamedPort {
  name: string;
  /** Default: TCP. */
  protocol?: Protocol;
  number: number;
}

/** A pod that need not exist. */
export interface DescribedPod {
  namespace: string;
  labels?: Record<string, string>;
  ports?: readonly NamedPort[];
  addresses?: readonly string[];
  hostAddresses?: readonly string[];
  nodeName?: string;
}

/** An address, `namespace/name` of a pod or a workload, or a pod that need not exist. */
export type Endpoint = string | DescribedPod;

/** A name, or the IANA number of an IP protocol. */
export type Protocol = "TCP" | "UDP" | "SCTP" | "ICMP" | "ICMPv6" | (string & {}) | number;

/** May the first packet of this connection pass? */
export interface Question {
  from: Endpoint;
  to: Endpoint;
  /** Default: TCP. */
  protocol?: Protocol;
  /** The destination port; left out for protocols without ports. */
  port?: number;
}

export interface Verdict {
  /** `egress && ingress` */
  allowed: boolean;
  /** Whether the source may send; true where it is no pod. */
  egress: boolean;
  /** Whether the destination may receive; true where it is no pod. */
  ingress: boolean;
}

export type Direction = "egress" | "ingress";

export type Tier = "Admin" | "NetworkPolicy" | "Baseline";

/** Why a connection may pass, or may not. */
export interface Explanation {
  verdict: "allow" | "deny";
  /** As text, with the address. */
  source: string;
  destination: string;
  /** The same two as data. */
  ends: [source: End, destination: End];
  protocol: string;
  port: number | null;
  egress: DirectionExplanation;
  ingress: DirectionExplanation;
  /** All of it as a sentence. */
  text: string;
}

/** Who is at an end. */
export interface End {
  kind: "pod" | "node" | "external";
  namespace: string | null;
  name: string | null;
  address: string | null;
}

/** What decides a direction. */
export type Reason =
  /** The end whose direction it is is no pod, so no policy governs it: allowed. */
  | "notAPod"
  /** Source and destination are the same pod: allowed. */
  | "samePod"
  /** `rule` decides. */
  | "rule"
  /** The peer is the pod's own node: allowed in the NetworkPolicy tier. */
  | "ownNode"
  /** NetworkPolicies isolate the pod, and none of their rules matches: denied. */
  | "isolated"
  /** Isolated in the other direction only, which is final by option: allowed. */
  | "isolatedElsewhere"
  /** `rule` of the Admin tier passes, and nothing behind it decides: allowed. */
  | "passed"
  /** Policies with rules for this direction select the pod, none decides: allowed. */
  | "noRuleMatches"
  /** No policy governs this direction of the pod: allowed. */
  | "noPolicySelects";

/** Why a connection may pass in one direction, or may not. */
export interface DirectionExplanation {
  verdict: "allow" | "deny";
  /** The tier that decides; `null` where no policy does. */
  tier: Tier | null;
  reason: Reason;
  /** The rule that decides, where one does. */
  rule: RuleRef | null;
  /** Every policy that was consulted, in the order of decision. */
  policies: ConsultedPolicy[];
  /** What was not known, and what was taken to be the case instead. */
  assumptions: Assumption[];
  /** As a sentence. */
  text: string;
}

export interface Assumption {
  kind: "namespaceWithoutLabels" | "noAddress" | "ownNodeUnknown" | "heldByAnother";
  /** The namespace that it is about. */
  namespace: string | null;
  /** As a sentence. */
  text: string;
}

/** What a policy that was consulted had to say: `match` or `miss`. */
export interface ConsultedPolicy {
  policy: PolicyRef;
  /** The rule that matched. */
  match?: RuleRef;
  /** How near it came. */
  miss?: NearestMiss;
}

export interface NearestMiss {
  kind: "noRules" | "port" | "peer" | "neither" | "failsClosed";
  /** The nearest rule, where there is one. */
  rule: RuleRef | null;
  text: string;
}

export interface PolicyRef {
  kind: string;
  /** `null` for the cluster-scoped kinds. */
  namespace: string | null;
  name: string;
  tier: Tier;
  priority: number | null;
  file: string | null;
  /** The line it begins on, from 1. */
  line: number | null;
}

export interface RuleRef {
  policy: PolicyRef;
  /** The list it stands in. */
  direction: Direction;
  /** Its index in that list, from 0. */
  index: number;
  name: string | null;
  action: "allow" | "deny" | "pass";
  /** It has a peer that is not known here, so it allows nothing, or denies everything. */
  failsClosed: boolean;
  /** The line it begins on, from 1; 0 if unknown. */
  line: number;
}

export interface WorkloadInfo {
  kind: string;
  name: string;
}

/** A pod of a cluster. */
export interface Pod {
  namespace: string;
  name: string;
  /** What runs it, or what it stands in for. */
  workload: WorkloadInfo | null;
  labels: Record<string, string>;
  addresses: string[];
  /** Those that have a name. */
  ports: { name: string; protocol: string; number: number }[];
  /** Empty if it is not scheduled. */
  nodeName: string;
  hostNetwork: boolean;
}

/** Whether strangers, of whom no policy speaks, may be at the other end, only because no
 * rule decides: neither a policy's denial nor its leave. */
export interface Openness {
  /** Pods without labels, in namespaces without labels. */
  toPods: boolean;
  /** External addresses. */
  toOutside: boolean;
  fromPods: boolean;
  fromOutside: boolean;
}

/** A pod of an image. */
export interface PodInfo {
  namespace: string;
  name: string;
  /** What runs it, or what it stands in for. */
  workload: WorkloadInfo | null;
  addresses: string[];
  open: Openness;
}

export interface PolicyInfo extends PolicyRef {
  /** How many pods of the image it selects. */
  selectedPods: number;
}

/** Ports of one protocol, both ends included; `"other"`: all protocols without ports. */
export interface PortRange {
  protocol: "TCP" | "UDP" | "SCTP" | "other";
  first?: number;
  last?: number;
}

/** Protocols and ports. */
export interface PortSet {
  /** `TCP 80,443; UDP`, `everything` or `nothing`. */
  text: string;
  ranges: PortRange[];
}

/** Addresses of one family, both ends included. */
export interface AddressRange {
  first: string;
  last: string;
}

/** The pods that one controller runs, or one pod that none runs. */
export interface WorkloadPeer {
  type: "workload";
  namespace: string;
  /** Deployment, StatefulSet, ...; `Pod` for a pod by itself. */
  kind: string;
  name: string;
  /** Whether all its pods use the network of their nodes, so that no policy governs them. */
  hostNetwork: boolean;
  pods: number;
  /** The ports of its pods that some rule calls by name. */
  namedPorts: { name: string; protocol: string; number: number }[];
  /** Left out for all its pods; otherwise policies tell them apart, and these are meant. */
  part?: { name: string; address?: string }[];
}

/** Nodes; `ownNode`: the one that the pod at the other end runs on. */
export interface NodePeer {
  type: "nodes" | "ownNode";
  names: string[];
  /** Empty for all their addresses. */
  ranges: AddressRange[];
}

/** Addresses that are no pod's and no node's. */
export interface ExternalPeer {
  type: "external";
  ranges: AddressRange[];
}

export type Peer = WorkloadPeer | NodePeer | ExternalPeer;

/** Every connection that may pass: row `i` says that `peers[sources[i]]` may open
 * connections to `peers[destinations[i]]`, to exactly `portSets[ports[i]]`. No two rows
 * speak of the same pair of ends. */
export interface Reachability {
  peers: Peer[];
  portSets: PortSet[];
  sources: Uint32Array;
  destinations: Uint32Array;
  ports: Uint32Array;
}

/** Connections between two ends that one of two images lets through. */
export interface Change {
  source: Peer;
  destination: Peer;
  before: PortSet;
  after: PortSet;
  /** What passes afterwards only. */
  added: PortSet;
  /** What passes before only. */
  removed: PortSet;
}

export interface WorkloadName {
  namespace: string;
  kind: string;
  name: string;
}

/** What two images answer differently. */
export interface Difference {
  /** None: a proof that no connection differs. */
  changes: Change[];
  addedWorkloads: WorkloadName[];
  removedWorkloads: WorkloadName[];
}
