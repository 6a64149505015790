/** What the page and the Worker with the engine say to each other. */
import type { Diagnostic, Explanation, Openness, PolicyInfo, PortSet, Question } from "netpolicy";
import type { PackedConnections } from "./packing";

export interface SourceFile {
  name: string;
  text: string;
}

/** Somebody who can be an end of a connection, as the picture has it. */
export type Party = WorkloadParty | OutsideParty;

export interface WorkloadParty {
  type: "workload";
  id: string;
  namespace: string;
  kind: string;
  name: string;
  /** The names of its pods. */
  pods: string[];
  /** Labels that all its pods have. */
  labels: Record<string, string>;
  ports: { name: string; protocol: string; number: number }[];
  addresses: string[];
  hostNetwork: boolean;
  /** It stands for what a policy selects. */
  imagined: boolean;
  /** What is open to strangers at any of its pods. */
  open: Openness;
}

/** External addresses, or nodes. */
export interface OutsideParty {
  type: "external" | "nodes";
  id: string;
  /** A few words. */
  title: string;
  /** All of it. */
  detail: string;
  /** An address of it to ask with. */
  sample: string;
}

export interface Allowed {
  ports: PortSet;
  /** The pods that are meant, by one of them, where it is not all of the workload. */
  sourcePod?: string | undefined;
  destinationPod?: string | undefined;
}

/** What a source may open to a destination. */
export interface Connection {
  source: string;
  destination: string;
  /** Where policies tell the pods of a workload apart, there are several. */
  allowed: Allowed[];
  /** All of it is allowed, and only because no policy restricts it at either end. */
  unrestricted: boolean;
}

/** What the edit adds to and removes from a connection. */
export interface ConnectionChange {
  source: string;
  destination: string;
  added: PortSet;
  removed: PortSet;
}

export interface Model {
  /** There is more than a graph can show: a matrix is easier to read. */
  crowded: boolean;
  /** The pods are none that were given: they stand for what policies select. */
  imagined: boolean;
  parties: Party[];
  connections: Connection[];
  policies: PolicyInfo[];
  diagnostics: Diagnostic[];
  objects: number;
  skipped: Record<string, number>;
  /** Beside what is pinned; `null` if nothing is. */
  changes: ConnectionChange[] | null;
}

export type PackedModel = Omit<Model, "connections"> & { connections: PackedConnections };

export type Request =
  | { kind: "load"; files: SourceFile[] }
  | { kind: "pin"; files: SourceFile[] | null }
  | { kind: "explain"; question: Question };

export interface Responses {
  load: PackedModel;
  pin: null;
  explain: Explanation[];
}
