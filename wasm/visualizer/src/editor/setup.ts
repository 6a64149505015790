/** The editor: YAML, and what an editor is expected to do. */
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { HighlightStyle, bracketMatching, foldGutter, foldKeymap, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { type Diagnostic as Mark, lintGutter, setDiagnostics } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import { EditorState, type Extension, type Text } from "@codemirror/state";
import { EditorView, drawSelection, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import type { Diagnostic } from "netpolicy";
import { litLines } from "./lit";

const colours = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--code-key)" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--code-string)" },
  { tag: [tags.number, tags.bool, tags.null, tags.keyword, tags.atom], color: "var(--code-number)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
  { tag: [tags.meta, tags.punctuation, tags.separator, tags.bracket], color: "var(--code-mark)" },
]);

export function extensions(onChange: (text: string) => void): Extension {
  return [
    lineNumbers(),
    foldGutter({ openText: "⌄", closedText: "›" }),
    lintGutter(),
    highlightSpecialChars(),
    history(),
    drawSelection(),
    indentOnInput(),
    bracketMatching(),
    highlightActiveLine(),
    highlightActiveLineGutter(),
    highlightSelectionMatches(),
    search({ top: true }),
    yaml(),
    syntaxHighlighting(colours),
    litLines,
    // Tab leaves the editor after Escape, as CodeMirror does by itself.
    keymap.of([...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, indentWithTab]),
    // Files that are dropped are opened by the page, not written between the lines.
    EditorView.domEventHandlers({ drop: (event) => event.dataTransfer?.types.includes("Files") ?? false }),
    EditorState.tabSize.of(2),
    EditorView.contentAttributes.of({ "aria-label": "Manifests" }),
    EditorView.updateListener.of((update) => {
      if (update.docChanged) onChange(update.state.doc.toString());
    }),
  ];
}

/** Marks of what is wrong, where it is. */
export function showDiagnostics(view: EditorView, diagnostics: Diagnostic[]): void {
  const { doc } = view.state;
  const marks = diagnostics.map((diagnostic): Mark => {
    const { severity, object, path, message } = diagnostic;
    const subject = [object, path].filter((part) => part !== "").join(": ");
    return { ...rangeOf(doc, diagnostic), severity, message: subject ? `${subject}: ${message}` : message };
  });
  view.dispatch(setDiagnostics(view.state, marks));
}

/** From the place that is told to the end of the word, or of the line. */
function rangeOf(doc: Text, { line, column }: Diagnostic): { from: number; to: number } {
  const { from, to, text } = doc.line(Math.min(Math.max(line, 1), doc.lines));
  const start = column > 0 ? Math.min(column - 1, text.length) : text.length - text.trimStart().length;
  const word = /^[^\s,:\]}]+/.exec(text.slice(start))?.[0].length ?? 0;
  return { from: from + start, to: column > 0 && word > 0 ? from + start + word : to };
}
