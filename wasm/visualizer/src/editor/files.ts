/** Files and folders that are dropped or chosen. */
import type { SourceFile } from "../engine/messages";

/** As for the command line: what else is in a folder is no manifest. */
const MANIFEST = /\.(ya?ml|json)$/i;

export async function readFiles(files: Iterable<File>): Promise<SourceFile[]> {
  const all = [...files];
  // What was chosen by name is taken whatever its name; of a folder, what can be a manifest.
  const manifests = all.filter(({ name, webkitRelativePath }) =>
    webkitRelativePath === "" || (MANIFEST.test(name) && !/(^|\/)\./.test(webkitRelativePath)));
  const read = manifests.map(async (file) => ({ name: file.webkitRelativePath || file.name, text: await file.text() }));
  return unique(await Promise.all(read));
}

export async function readDropped(transfer: DataTransfer): Promise<SourceFile[]> {
  // The entries are gone once this function has waited for anything.
  const entries = [...transfer.items].flatMap((item) => item.webkitGetAsEntry() ?? []);
  if (entries.length === 0) {
    if (transfer.files.length > 0) return readFiles(transfer.files);
    const text = transfer.getData("text/plain");
    return text === "" ? [] : [{ name: "dropped.yaml", text }];
  }
  entries.sort((a, b) => a.name.localeCompare(b.name));
  const found = await Promise.all(entries.map((entry) => walk(entry, true)));
  return unique(found.flat());
}

async function walk(entry: FileSystemEntry, isChosen: boolean): Promise<SourceFile[]> {
  if (entry.isDirectory) {
    const children = await childrenOf(entry as FileSystemDirectoryEntry);
    const visible = children.filter((child) => !child.name.startsWith("."));
    visible.sort((a, b) => a.name.localeCompare(b.name));
    return (await Promise.all(visible.map((child) => walk(child, false)))).flat();
  }
  if (!isChosen && !MANIFEST.test(entry.name)) return [];
  const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
  return [{ name: entry.fullPath.replace(/^\//, ""), text: await file.text() }];
}

async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    // Browsers hand out a hundred at a time.
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all;
    all.push(...some);
  }
}

/** Names tell files apart, in messages and in the list. */
function unique(files: SourceFile[]): SourceFile[] {
  const names = new Map<string, number>();
  return files.map((file) => {
    const count = (names.get(file.name) ?? 0) + 1;
    names.set(file.name, count);
    return count === 1 ? file : { ...file, name: `${file.name} (${count})` };
  });
}
