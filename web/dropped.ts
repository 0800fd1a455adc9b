/** Files that a visitor drops or chooses. */

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

async function filesIn(entry: FileSystemEntry): Promise<readonly File[]> {
  if (entry.isFile) return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  const inside = await entriesOf(entry as FileSystemDirectoryEntry);
  return (await Promise.all(inside.map(filesIn))).flat();
}

/** Has `take` called with the files that are dropped anywhere on the page, those in folders too, or chosen in `input`. */
export function onFiles(input: HTMLInputElement, take: (files: readonly File[]) => Promise<void>): void {
  input.addEventListener('change', () => void take([...(input.files ?? [])]));
  document.addEventListener('dragover', (event) => {
    if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
  });
  document.addEventListener('drop', (event) => {
    const entries = [...(event.dataTransfer?.items ?? [])].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
    if (entries.length === 0) return;
    event.preventDefault();
    void Promise.all(entries.map(filesIn)).then((files) => take(files.flat()));
  });
}
