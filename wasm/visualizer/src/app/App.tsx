import { type DragEvent, useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from "react";
import { Editor } from "../editor/Editor";
import { readDropped } from "../editor/files";
import { Graph } from "../graph/Graph";
import { parseFilter } from "../graph/filter";
import type { Picture } from "../graph/layout";
import { type Scene, buildScene } from "../graph/scene";
import { Matrix } from "../matrix/Matrix";
import { buildTable } from "../matrix/table";
import { Drawer } from "../panel/Drawer";
import { openRead, useStore, viewOf } from "../state/store";
import { FileBar } from "./FileBar";
import { Header } from "./Header";
import { Problems } from "./Problems";
import { useShortcuts } from "./shortcuts";

export function App() {
  const { model, fault, busy, filter, unrestricted, nodes, theme } = useStore();
  const view = useStore(viewOf);
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const [isDropping, setDropping] = useState(false);
  const [side, setSide] = useState<"editor" | "picture">("picture");
  const picture = useRef<Picture | null>(null);
  const filterField = useRef<HTMLInputElement>(null);
  useShortcuts(filterField);

  useEffect(() => {
    document.documentElement.dataset.theme = theme;
  }, [theme]);

  const words = useDeferredValue(filter);
  const scene = useMemo(
    () => (model && view === "graph" ? buildScene(model, { filter: parseFilter(words), unrestricted, nodes }) : null),
    [model, view, words, unrestricted, nodes],
  );
  const table = useMemo(
    () => (model && view === "matrix" ? buildTable(model, { filter: parseFilter(words), nodes, toggled }) : null),
    [model, view, words, nodes, toggled],
  );
  const onPicture = useCallback((placed: Picture) => {
    picture.current = placed;
  }, []);
  const toggle = (namespace: string) =>
    setToggled((before) => {
      const after = new Set(before);
      if (!after.delete(namespace)) after.add(namespace);
      return after;
    });

  return (
    <div
      className={`app show-${side}${isDropping ? " dropping" : ""}`}
      onDragOver={(event) => {
        if (!isForPage(event)) return;
        event.preventDefault();
        setDropping(true);
      }}
      onDragLeave={(event) => event.currentTarget.contains(event.relatedTarget as Node) || setDropping(false)}
      onDrop={async (event) => {
        setDropping(false);
        if (!isForPage(event)) return;
        event.preventDefault();
        openRead(await readDropped(event.dataTransfer));
      }}
    >
      <Header {...{ filterField, table, picture }} />
      <nav className="switch" aria-label="What is shown">
        <button aria-pressed={side === "editor"} onClick={() => setSide("editor")}>Manifests</button>
        <button aria-pressed={side === "picture"} onClick={() => setSide("picture")}>Picture</button>
      </nav>
      <main>
        <section className="left" aria-label="Manifests">
          <FileBar />
          <Editor />
          <Problems />
        </section>
        <section className="right" aria-label="What is allowed">
          <div className="canvas" data-testid="canvas">
            {fault && <p className="canvas-note fault" role="alert">Nothing can be drawn: {fault}.</p>}
            {!model && !fault && <p className="canvas-note" role="status">{busy ? "Reading the manifests…" : "Starting the engine…"}</p>}
            {busy && <div className="busy" role="progressbar" aria-label="Reading the manifests" />}
            {scene && <Graph scene={scene} onPicture={onPicture} />}
            {table && <Matrix table={table} onToggle={toggle} onToggleAll={() => setToggled((before) => (before.size > 0 ? new Set() : new Set(table.namespaces)))} />}
            <div className="notes">
              {scene && <Hidden scene={scene} />}
              {model?.imagined && <p role="status">No pods were given: these stand for those that the policies select.</p>}
            </div>
            {(scene?.parties.size === 0 || table?.sources.length === 0) && filter !== "" && <p className="canvas-note">Nothing matches “{filter}”.</p>}
            {model && model.parties.length === 0 && (
              <p className="canvas-note">No pods or workloads yet. Add some to the manifests, drop files here, or choose an example.</p>
            )}
          </div>
          <Drawer />
        </section>
      </main>
    </div>
  );
}

/** Text that is moved within the editor stays the editor's; files are the page's wherever they fall. */
function isForPage({ dataTransfer, target }: DragEvent): boolean {
  return dataTransfer.types.includes("Files") || !(target as Element).closest(".editor");
}

/** What is left out of the graph, and how to see it. */
function Hidden({ scene }: { scene: Scene }) {
  const unrestricted = useStore((state) => state.unrestricted);
  if (scene.hidden === 0 && !unrestricted) return null;
  return (
    <label>
      <input type="checkbox" checked={unrestricted} onChange={(event) => useStore.setState({ unrestricted: event.target.checked })} />
      {unrestricted ? "With connections that no policy restricts" : `Draw ${scene.hidden} connections that no policy restricts`}
    </label>
  );
}
