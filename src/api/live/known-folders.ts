import { readdir, stat } from '../../platform/files.js';
import { type FolderReader, foldersAmong } from '../run-folders.js';

/** A folder that was changed so shortly before it was read may change again within one tick of its file system's clock. */
const SETTLED_MS = 2000;

interface Listing {
  readonly mtimeMs: number;
  readonly names: readonly string[];
  readonly isSettled: boolean;
  folders: readonly string[] | undefined;
}

/** What folders hold, read again only where their time of change says that they hold something else. */
export class KnownFolders implements FolderReader {
  private readonly known = new Map<string, Listing>();
  /** How often a folder was read. */
  reads = 0;

  private async listing(dir: string): Promise<Listing> {
    const { mtimeMs } = await stat(dir);
    const before = this.known.get(dir);
    if (before?.isSettled === true && before.mtimeMs === mtimeMs) return before;
    this.reads += 1;
    const isSettled = Date.now() - mtimeMs > SETTLED_MS;
    const listing: Listing = { mtimeMs, names: await readdir(dir), isSettled, folders: undefined };
    this.known.set(dir, listing);
    return listing;
  }

  async names(dir: string): Promise<readonly string[]> {
    return (await this.listing(dir)).names;
  }

  async folders(dir: string): Promise<readonly string[]> {
    const listing = await this.listing(dir);
    listing.folders ??= await foldersAmong(dir, listing.names);
    return listing.folders;
  }
}
