/** The lines that decide, lit in the editor. */
import { type Extension, RangeSetBuilder, StateEffect, StateField, type Text } from "@codemirror/state";
import { Decoration, type DecorationSet, EditorView } from "@codemirror/view";
import { headOf, itemAt } from "./blocks";
import type { Lit, Tone } from "./deciding";

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
