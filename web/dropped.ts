/** Files that a visitor drops, chooses or pastes. */
import type { GivenFile } from './kept-data.js';

const chosen = (files: Iterable<File>): readonly GivenFile[] =>
  [...files].map((file) => ({ path: file.webkitRelativePath || file.name, file }));

function entriesOf(folder: FileSystemDirectoryEntry): Promise<readonly FileSystemEntry[]> {
  const reader = folder.createReader();
  const found: FileSystemEntry[] = [];
  return new Promise((resolve, reject) => {
    // It gives a hundred at a time, and none at the end.
    const next = (): void =>
      reader.readEntries((entries) => {
        found.push(...entries);
        if (entries.length === 0) resolve(found);
        else next();
      }, reject);
    next();
  });
}

async function filesIn(entry: FileSystemEntry): Promise<readonly GivenFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ path: entry.fullPath.slice(1), file }];
  }
  const inside = await entriesOf(entry as FileSystemDirectoryEntry);
  return (await Promise.all(inside.map(filesIn))).flat();
}

/** Has `take` called with the files that are chosen in `input`. */
export function onChosen(input: HTMLInputElement, take: (files: readonly GivenFile[]) => Promise<void>): void {
  input.addEventListener('change', () => {
    void take(chosen(input.files ?? []));
    // The same files may be chosen again.
    input.value = '';
  });
}

/** Has `take` called with the files that are dropped anywhere on the page, those in folders too, or pasted. */
export function onDropped(take: (files: readonly GivenFile[]) => Promise<void>): void {
  document.addEventListener('dragover', (event) => {
    if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
  });
  document.addEventListener('drop', (event) => {
    const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
    if (entries.length === 0) return;
    event.preventDefault();
    void Promise.all(entries.map(filesIn)).then((files) => take(files.flat()));
  });
  document.addEventListener('paste', (event) => {
    const files = chosen(event.clipboardData?.files ?? []);
    if (files.length === 0) return;
    event.preventDefault();
    void take(files);
  });
}
