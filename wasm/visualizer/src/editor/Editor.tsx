/** The manifests: one file at a time. */
import { EditorState } from "@codemirror/state";
import { EditorView } from "@codemirror/view";
import { useEffect, useRef } from "react";
import type { SourceFile } from "../engine/messages";
import { edit, useStore } from "../state/store";
import { litBy } from "./deciding";
import { setLit } from "./lit";
import { extensions, showDiagnostics } from "./setup";

export function Editor() {
  const host = useRef<HTMLDivElement>(null);
  const editor = useRef<EditorView>(null);
  /** The texts as the editor last had them, to tell its own edits from others'. */
  const seen = useRef<{ name: string; text: string } | null>(null);
  const states = useRef(new Map<string, EditorState>());

  const file = useStore(({ files, current }) => files[current]);
  const diagnostics = useStore(({ model }) => model?.diagnostics);
  const explanations = useStore((state) => state.explanations);
  const jump = useStore((state) => state.jump);

  useEffect(() => {
    const view = new EditorView({ parent: host.current! });
    editor.current = view;
    return () => view.destroy();
  }, []);

  useEffect(() => {
    const view = editor.current;
    if (!view || !file || (seen.current?.name === file.name && seen.current.text === file.text)) return;
    if (seen.current) states.current.set(seen.current.name, view.state);
    const kept = states.current.get(file.name);
    seen.current = file;
    view.setState(kept?.doc.toString() === file.text ? kept : stateOf(file, seen));
    view.scrollDOM.scrollTop = 0;
  }, [file]);

  useEffect(() => {
    if (editor.current && diagnostics) {
      showDiagnostics(editor.current, diagnostics.filter((diagnostic) => diagnostic.file === file?.name));
    }
  }, [diagnostics, file?.name]);

  useEffect(() => {
    const lit = litBy(explanations ?? []).filter((one) => one.file === file?.name);
    editor.current?.dispatch({ effects: setLit.of(lit) });
  }, [explanations, file?.name]);

  useEffect(() => {
    const view = editor.current;
    if (!view || !jump || jump.file !== file?.name) return;
    const line = view.state.doc.line(Math.min(jump.line, view.state.doc.lines));
    const at = Math.min(line.from + Math.max(jump.column - 1, 0), line.to);
    view.dispatch({ selection: { anchor: at }, effects: EditorView.scrollIntoView(at, { y: "center" }) });
  }, [jump, file?.name]);

  return <div className="editor" ref={host} data-testid="editor" />;
}

function stateOf(file: SourceFile, seen: { current: { name: string; text: string } | null }): EditorState {
  const onChange = (text: string) => {
    seen.current = { name: seen.current?.name ?? file.name, text };
    edit(text);
  };
  return EditorState.create({ doc: file.text, extensions: extensions(onChange) });
}
