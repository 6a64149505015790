/**
 * Pods to stand for what policies select, where policies are all that was given: a
 * policy by itself can be drawn and tried, too.
 */
import { parseAllDocuments } from "yaml";
import type { SourceFile } from "./messages";

type Json = Record<string, unknown>;

/** Port numbers that go by these names more often than not. */
const NUMBERS: Record<string, number> = { http: 80, https: 443, dns: 53, web: 8080, metrics: 9090 };

/** Namespaces and pods, as objects; none if there is no policy to imagine them for. */
export function imagine(files: SourceFile[]): object[] {
  const world = new World();
  const objects = files.flatMap(({ text }) => objectsOf(text));
  for (const object of objects) {
    if (object.kind === "Namespace") world.given(named(object), labelsOf(object));
  }
  const policies = objects.filter(({ kind }) => kind === "NetworkPolicy");
  // Who is described best comes first: others that are selected with fewer labels may be
  // the same.
  const subjects = policies.map((policy) => ({ namespace: namespaceOf(policy), selector: field(field(policy, "spec"), "podSelector") }));
  subjects.sort((a, b) => Object.keys(matching(b.selector)).length - Object.keys(matching(a.selector)).length);
  for (const { namespace, selector } of subjects) world.pod(namespace, selector);
  for (const policy of policies) networkPolicy(world, policy);
  for (const object of objects) {
    if (/^(Cluster|Admin|BaselineAdmin)NetworkPolicy$/.test(String(object.kind))) clusterPolicy(world, object);
  }
  return world.objects();
}

const namespaceOf = (object: Json) => String(field(object, "metadata").namespace ?? "default");

function objectsOf(text: string): Json[] {
  const values = parseAllDocuments(text, { logLevel: "silent" }).map((document) => {
    try {
      return document.toJS() as unknown;
    } catch {
      // What is wrong with it, the engine tells.
      return null;
    }
  });
  return values.flat().flatMap((value) => {
    if (!isObject(value)) return [];
    return Array.isArray(value.items) ? value.items.filter(isObject) : [value];
  });
}

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const field = (value: unknown, name: string): Json => (isObject(value) && isObject(value[name]) ? value[name] : {});
const list = (value: unknown, name: string): unknown[] => (isObject(value) && Array.isArray(value[name]) ? value[name] : []);
const named = (object: Json) => String(field(object, "metadata").name ?? "");
const labelsOf = (object: Json) => field(field(object, "metadata"), "labels") as Record<string, string>;

function networkPolicy(world: World, policy: Json): void {
  const namespace = namespaceOf(policy);
  const spec = field(policy, "spec");
  const subject = world.pod(namespace, field(spec, "podSelector"));
  for (const [rules, peers] of [["ingress", "from"], ["egress", "to"]] as const) {
    for (const rule of list(spec, rules)) {
      const ends = list(rule, peers).flatMap((peer) => {
        if (!isObject(peer) || isObject(peer.ipBlock)) return [];
        const its = isObject(peer.namespaceSelector) ? world.namespaceFor(peer.namespaceSelector) : namespace;
        return [world.pod(its, field(peer, "podSelector"))];
      });
      const destinations = rules === "ingress" ? [subject] : ends;
      for (const port of list(rule, "ports")) {
        if (isObject(port) && typeof port.port === "string") destinations.forEach((pod) => pod.port(port.port as string, String(port.protocol ?? "TCP")));
      }
    }
  }
}

function clusterPolicy(world: World, policy: Json): void {
  const spec = field(policy, "spec");
  const stand = (end: unknown) => {
    if (!isObject(end)) return;
    if (isObject(end.namespaces)) world.pod(world.namespaceFor(end.namespaces), {});
    if (isObject(end.pods)) world.pod(world.namespaceFor(field(end.pods, "namespaceSelector")), field(end.pods, "podSelector"));
  };
  stand(spec.subject);
  for (const rule of list(spec, "ingress")) list(rule, "from").forEach(stand);
  for (const rule of list(spec, "egress")) list(rule, "to").forEach(stand);
}

/** Labels that a selector matches. */
function matching(selector: Json): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const [key, value] of Object.entries(field(selector, "matchLabels"))) labels[key] = String(value);
  for (const expression of list(selector, "matchExpressions")) {
    if (!isObject(expression)) continue;
    const { key, operator, values } = expression;
    if (operator === "In" && Array.isArray(values)) labels[String(key)] ??= String(values[0] ?? "");
    if (operator === "Exists") labels[String(key)] ??= "any";
  }
  return labels;
}

/** What people would call something with these labels. */
function nameFor(labels: Record<string, string>, otherwise: string): string {
  const telling = ["app.kubernetes.io/name", "app", "k8s-app", "name", "component", "role", "tier"];
  const key = telling.find((other) => labels[other]) ?? Object.keys(labels)[0];
  if (!key) return otherwise;
  const value = labels[key] === "any" ? key.replace(/^.*\//, "") : labels[key];
  return clean(value ?? "") || otherwise;
}

/** As names of objects may be written. */
const clean = (text: string) => text.toLowerCase().replace(/[^a-z0-9-]+/g, "-");

class ImaginedPod {
  readonly ports = new Map<string, { name: string; containerPort: number; protocol: string }>();

  constructor(
    readonly namespace: string,
    readonly name: string,
    readonly labels: Record<string, string>,
  ) {}

  port(name: string, protocol: string): void {
    this.ports.set(name, { name, protocol, containerPort: NUMBERS[name] ?? 8000 + this.ports.size });
  }

  object(): object {
    const { namespace, name, labels, ports } = this;
    const containers = [{ name: "imagined", ports: [...ports.values()] }];
    return { apiVersion: "v1", kind: "Pod", metadata: { namespace, name, labels }, spec: { containers } };
  }
}

class World {
  private readonly namespaces = new Map<string, Record<string, string>>();
  private readonly pods: ImaginedPod[] = [];
  private readonly known = new Set<string>();

  /** A namespace that needs no imagining. */
  given(name: string, labels: Record<string, string>): void {
    this.known.add(name);
    this.namespace(name, labels);
  }

  namespace(name: string, labels: Record<string, string>): void {
    this.namespaces.set(name, { ...this.namespaces.get(name), ...labels });
  }

  /** A namespace that a selector matches: one that there is, or a new one. */
  namespaceFor(selector: Json): string {
    const labels = matching(selector);
    const own = labels["kubernetes.io/metadata.name"];
    const known = [...this.namespaces].find(([, its]) => Object.entries(labels).every(([key, value]) => its[key] === value));
    if (own === undefined && known && Object.keys(labels).length > 0) return known[0];
    const name = own ?? nameFor(labels, "any-namespace");
    this.namespace(name, labels);
    return name;
  }

  /** A pod that a selector matches: one that there is, or a new one. */
  pod(namespace: string, selector: Json): ImaginedPod {
    this.namespace(namespace, {});
    const labels = matching(selector);
    const entries = Object.entries(labels);
    const others = this.pods.filter((pod) => pod.namespace === namespace);
    const known = others.find((pod) =>
      entries.length === 0 ? Object.keys(pod.labels).length === 0 : entries.every(([key, value]) => pod.labels[key] === value),
    );
    if (known) return known;
    const name = nameFor(labels, "any-pod");
    const isTaken = (other: string) => others.some((pod) => pod.name === other);
    // What tells it from its namesakes makes the better name.
    const more = entries.map(([, value]) => clean(value)).filter((value) => value !== "any" && !name.includes(value));
    let free = isTaken(name) ? [name, ...more].join("-") : name;
    for (let number = 2; isTaken(free); number += 1) free = `${name}-${number}`;
    const pod = new ImaginedPod(namespace, free, labels);
    this.pods.push(pod);
    return pod;
  }

  objects(): object[] {
    if (this.pods.length === 0) return [];
    const namespaces = [...this.namespaces].filter(([name]) => !this.known.has(name)).map(([name, labels]) => {
      const { "kubernetes.io/metadata.name": _, ...rest } = labels;
      return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: rest } };
    });
    return [...namespaces, ...this.pods.map((pod) => pod.object())];
  }
}
