/** What can be done with the whole. */
import { type RefObject, useRef } from "react";
import { readFiles } from "../editor/files";
import { examples } from "../examples";
import type { Picture } from "../graph/layout";
import { palettes } from "../graph/palette";
import { drawMatrix } from "../matrix/draw";
import type { Table } from "../matrix/table";
import { type Drawing, drawGraph, savePng, saveSvg } from "../share/export";
import { LINK_LIMIT, toFragment } from "../share/link";
import { notify, open, openRead, pin, setTheme, shared, useStore, viewOf } from "../state/store";
import { Menu } from "./Menu";

interface Props {
  filterField: RefObject<HTMLInputElement | null>;
  table: Table | null;
  picture: RefObject<Picture | null>;
}

export function Header({ filterField, table, picture }: Props) {
  const { filter, theme, pinned, nodes, notice } = useStore();
  const view = useStore(viewOf);
  const chooser = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const save = async (as: (drawing: Drawing) => unknown) => {
    if (!table && !picture.current) return notify("There is no picture to save yet.");
    await as(await (table ? drawMatrix(table, palettes[theme]) : drawGraph(picture.current!, palettes[theme])));
  };
  const share = async () => {
    const fragment = toFragment(shared());
    history.replaceState(null, "", fragment);
    const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
    const long = fragment.length > LINK_LIMIT ? " It is long: some programs will cut it." : "";
    notify((copied ? "The link is copied; it holds everything, and nothing was sent anywhere." : "The link is in the address bar.") + long);
  };
  const take = async (input: HTMLInputElement) => {
    const files = [...(input.files ?? [])];
    // The same files can be chosen again.
    input.value = "";
    if (files.length > 0) openRead(await readFiles(files));
  };

  return (
    <header className="header">
      <h1><img src="./icon.svg" alt="" width={22} height={22} /> netpolicy</h1>
      <Menu label="Examples">
        {examples.map(({ title, about, files }) => (
          <button key={title} role="menuitem" onClick={() => open(files)}><b>{title}</b><small>{about}</small></button>
        ))}
      </Menu>
      <Menu label="Open">
        <button role="menuitem" onClick={() => chooser.current!.click()}><b>Files…</b><small>YAML or JSON, also what kubectl get -o yaml prints</small></button>
        <button role="menuitem" onClick={() => folder.current!.click()}><b>A folder…</b><small>or drop files and folders anywhere</small></button>
        <button role="menuitem" onClick={() => open([{ name: "manifests.yaml", text: "" }])}><b>Nothing</b><small>start from an empty page, and paste</small></button>
      </Menu>
      <input ref={chooser} type="file" multiple hidden data-testid="files" onChange={(event) => void take(event.target)} />
      <input ref={folder} type="file" hidden onChange={(event) => void take(event.target)} {...{ webkitdirectory: "" }} />
      <input
        ref={filterField} className="filter" type="search" placeholder="Filter: name, ns:web, app=web, port:443" aria-label="Filter"
        value={filter} onChange={(event) => useStore.setState({ filter: event.target.value })}
      />
      <div className="segments" role="group" aria-label="View">
        <button aria-pressed={view === "graph"} onClick={() => useStore.setState({ view: "graph" })}>Graph</button>
        <button aria-pressed={view === "matrix"} onClick={() => useStore.setState({ view: "matrix" })}>Matrix</button>
      </div>
      <button className={pinned ? "pinned" : ""} aria-pressed={pinned !== null} onClick={() => void pin(pinned === null)} title="Keep the present state, and see what edits add and remove (p)">
        {pinned ? "Pinned" : "Pin"}
      </button>
      <Menu label="Share" align="right">
        <button role="menuitem" onClick={() => void share()}><b>Copy link</b><small>holds the whole state, in itself</small></button>
        <button role="menuitem" onClick={() => void save(saveSvg)}><b>Save SVG</b></button>
        <button role="menuitem" onClick={() => void save(savePng)}><b>Save PNG</b></button>
      </Menu>
      <Menu label="⋯" title="More" align="right">
        <button role="menuitemcheckbox" aria-checked={nodes} onClick={() => useStore.setState({ nodes: !nodes })}><b>{nodes ? "Hide nodes" : "Show nodes"}</b><small>the cluster’s machines, as ends of connections</small></button>
        <button role="menuitem" onClick={() => setTheme(theme === "dark" ? "light" : "dark")}><b>{theme === "dark" ? "Light" : "Dark"}</b></button>
        <p className="keys"><kbd>/</kbd> filter <kbd>a</kbd> ask <kbd>e</kbd> editor <kbd>g</kbd> graph <kbd>m</kbd> matrix <kbd>p</kbd> pin <kbd>t</kbd> light or dark <kbd>Esc</kbd> close</p>
      </Menu>
      {notice && <p className="notice" role="status">{notice}</p>}
    </header>
  );
}
