/** Which lines belong to a rule or to what makes a policy select its pods. */
import type { Text } from "@codemirror/state";

export interface Lines {
  from: number;
  to: number;
}

const indentOf = (text: string) => text.length - text.trimStart().length;
const isBlank = (text: string) => /^\s*(#.*)?$/.test(text);

/** The item of a list that begins on a line: down to where something else begins. */
export function itemAt(doc: Text, line: number): Lines {
  const first = doc.line(line).text;
  const indent = indentOf(first);
  let to = line;
  let open = depth(first);
  for (let next = line + 1; next <= doc.lines; next += 1) {
    const { text } = doc.line(next);
    if (isBlank(text)) continue;
    // In JSON and flow style brackets say where it ends.
    if (open > 0) {
      open += depth(text);
      to = next;
      continue;
    }
    const isInside = indentOf(text) > indent && !/^(---|\.\.\.)/.test(text);
    if (!isInside) break;
    to = next;
  }
  return { from: line, to };
}

const depth = (text: string) =>
  (text.match(/[[{]/g)?.length ?? 0) - (text.match(/[\]}]/g)?.length ?? 0);

/** Of the policy that begins on a line: its name, and what says which pods it isolates. */
export function headOf(doc: Text, line: number): Lines[] {
  const found: Lines[] = [{ from: line, to: line }];
  let hasName = false;
  // In JSON, its fields stand deeper than the bracket that it begins with.
  const isJson = doc.line(line).text.trim() === "{" && line < doc.lines;
  const indent = isJson ? indentOf(doc.line(line + 1).text) : indentOf(doc.line(line).text.replace(/^(\s*)- /, "$1  "));
  for (let next = line + 1; next <= doc.lines; next += 1) {
    const { text } = doc.line(next);
    if (/^---/.test(text)) break;
    if (isBlank(text)) continue;
    const its = indentOf(text);
    if (its < indent || (its === indent && /^\s*- /.test(text))) break;
    const isTop = its === indent && /^\s*"?(kind|metadata|spec)"?:/.test(text);
    const isBelow = its <= indent + 4 && /^\s*"?(podSelector|policyTypes|subject)"?:/.test(text);
    const isName: boolean = its <= indent + 4 && /^\s*"?name"?:/.test(text) && !hasName;
    if (!isTop && !isBelow && !isName) continue;
    hasName ||= isName;
    const block = isBelow ? policyField(doc, next) : { from: next, to: next };
    if (!/^"?spec/.test(text.trim())) found.push(block);
    next = block.to;
  }
  return found;
}

/** A field with its value; a list may stand at the indentation of its key. */
function policyField(doc: Text, line: number): Lines {
  const indent = indentOf(doc.line(line).text);
  const lines = itemAt(doc, line);
  while (lines.to < doc.lines) {
    const { text } = doc.line(lines.to + 1);
    if (indentOf(text) !== indent || !/^\s*- /.test(text)) break;
    lines.to += 1;
  }
  return lines;
}
