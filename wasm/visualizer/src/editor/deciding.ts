/** Which rules and policies decide what is explained. */
import type { DirectionExplanation, Explanation, PolicyRef, RuleRef } from "netpolicy";

export type Tone = "allow" | "deny" | "pass";

/** A rule, or the head of a policy. */
export interface Lit {
  file: string;
  line: number;
  tone: Tone;
  what: "rule" | "policy";
}

/** What decides: rules that match, and where nothing does, the policies that isolate. */
export function litBy(explanations: Explanation[]): Lit[] {
  return explanations.slice(0, 1).flatMap(({ egress, ingress }) => [...ofDirection(egress), ...ofDirection(ingress)]);
}

function ofDirection(side: DirectionExplanation): Lit[] {
  const lit: Lit[] = [];
  for (const { policy, match } of side.policies) {
    if (match) lit.push(...rule(match));
    else if (side.reason === "isolated" && policy.tier === "NetworkPolicy") lit.push(...head(policy));
  }
  return lit;
}

function rule({ policy, line, action, failsClosed }: RuleRef): Lit[] {
  if (policy.file === null || line === 0) return [];
  const tone = failsClosed ? "deny" : action;
  return [{ file: policy.file, line, tone, what: "rule" }];
}

const head = ({ file, line }: PolicyRef): Lit[] =>
  file === null || line === null ? [] : [{ file, line, tone: "deny", what: "policy" }];
