/** The open files. */
import { useStore } from "../state/store";

/** More than this do not fit as tabs. */
const TABS = 3;

export function FileBar() {
  const files = useStore((state) => state.files);
  const current = useStore((state) => state.current);
  const diagnostics = useStore((state) => state.model?.diagnostics);
  const show = (index: number) => useStore.setState({ current: index, jump: null });
  const mark = (name: string) =>
    diagnostics?.some((diagnostic) => diagnostic.file === name && diagnostic.severity === "error") ? " ●" : "";
  if (files.length > TABS) {
    return (
      <div className="files">
        <select aria-label="File" value={current} onChange={(event) => show(Number(event.target.value))}>
          {files.map(({ name }, index) => <option key={name} value={index}>{name}{mark(name)}</option>)}
        </select>
        <span>{current + 1} of {files.length}</span>
      </div>
    );
  }
  return (
    <div className="files" role="tablist" aria-label="Files">
      {files.map(({ name }, index) => (
        <button key={name} role="tab" aria-selected={index === current} onClick={() => show(index)}>
          {name}<i>{mark(name)}</i>
        </button>
      ))}
    </div>
  );
}
