/** The lines that decide, lit in the editor. */
import { type Extension, RangeSetBuilder, StateEffect, StateField, type Text } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView } from "@codemirror/view";
import type { DirectionExplanation, Explanation, PolicyRef, RuleRef } from "netpolicy";
import { headOf, itemAt } from "./blocks";

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

export const setLit = StateEffect.define<Lit[]>();

export const litLines: Extension = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update(marks, transaction) {
    let next = marks.map(transaction.changes);
    for (const effect of transaction.effects) {
      if (effect.is(setLit)) next = decorate(transaction.state.doc, effect.value);
    }
    return next;
  },
  provide: (field) => EditorView.decorations.from(field),
});

function decorate(doc: Text, all: Lit[]): DecorationSet {
  const tones = new Map<number, Tone>();
  for (const { line, tone, what } of all) {
    if (line > doc.lines) continue;
    const blocks = what === "rule" ? [itemAt(doc, line)] : headOf(doc, line);
    for (const { from, to } of blocks) {
      for (let lit = from; lit <= to; lit += 1) tones.set(lit, tone);
    }
  }
  const builder = new RangeSetBuilder<Decoration>();
  for (const line of [...tones.keys()].sort((a, b) => a - b)) {
    const { from } = doc.line(line);
    builder.add(from, from, Decoration.line({ class: `lit lit-${tones.get(line)}` }));
  }
  return builder.finish();
}
