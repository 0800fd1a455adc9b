import { randomBytes, timingSafeEqual } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { UserError, userError } from '../../diagnostics/diagnostic.js';
import { isFolder } from '../../files/is-folder.js';
import { fileReason, isSystemError } from '../../files/reason.js';
import { basename, dirname, join, resolve } from '../../platform/path.js';
import { type Answer, builtFile, builtPage, NOT_FOUND, serveLoopback } from '../loopback.js';
import { holdsRun } from '../run-folders.js';
import { LiveRuns, liveEvents, liveFacts } from './live-runs.js';

/** What `npm run build:playground` writes. */
const BUILT = fileURLToPath(new URL('../../../dist/live', import.meta.url));

/** A page that asked within so many milliseconds is still there. */
const PRESENT_MS = 3000;

export interface LivePageOptions {
  /** Default: one that is free. */
  readonly port?: number | undefined;
  /** The folder with the page; default: that of the package. */
  readonly folder?: string | undefined;
}

export interface LivePage {
  /** Only who knows this address is answered: it holds a number that was drawn for it. */
  readonly url: string;
  /** Shows the runs in another folder, or those beside a run. Throws UserError AMP6204 where there is no such folder. */
  show(target: string): Promise<void>;
  /** Ends it, once a page that is open has heard of the end of the runs, or after 3 s. */
  close(): Promise<void>;
}

const json = (value: unknown): Answer => ({ status: 200, body: JSON.stringify(value), name: '.json' });

function sameSecret(given: string, secret: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(secret)];
  return a.length === b.length && timingSafeEqual(a, b);
}

interface Place {
  readonly dir: string;
  /** The run in it that is shown first; empty: none before others. */
  readonly first: string;
}

/** A folder that holds runs, or that around a run. */
async function placeOf(target: string): Promise<Place> {
  if (!(await isFolder(target)))
    throw userError('AMP6204', `there is no folder ${target}`, undefined, 'name a run, or the folder that holds the runs');
  const dir = resolve(target);
  return (await holdsRun(dir)) ? { dir: dirname(dir), first: basename(dir) } : { dir, first: '' };
}

/**
 * Serves a page on this machine alone that shows the runs in a folder, or those beside a run, also while they are trained: from their
 * files, as a report does. Without `target` none are shown until `show` names them. Nothing is written, and something is done only while
 * a page asks. Throws UserError: AMP6062 where the page was not built, AMP6063 where the port cannot be had, AMP6204 where there is no
 * such folder.
 */
export async function serveRuns(target?: string, options: LivePageOptions = {}): Promise<LivePage> {
  const { folder = BUILT, port = 0 } = options;
  let place = target === undefined ? undefined : await placeOf(target);
  const page = await builtPage(folder, 'the live page');
  const secret = randomBytes(16).toString('hex');
  const live = new LiveRuns();
  let asked = 0;
  let hasHeardAll = true;

  const ofRun = async (name: string, answer: (run: string) => Promise<unknown>): Promise<Answer> => {
    const isBelow = name !== '' && !name.split('/').some((part) => part === '' || part.startsWith('.')) && !name.includes('\\');
    if (!isBelow || place === undefined) return NOT_FOUND;
    const run = join(place.dir, name);
    try {
      if (!(await holdsRun(run, live.known))) return NOT_FOUND;
      return json(await answer(run));
    } catch (error) {
      if (error instanceof UserError) return { status: 404, body: `${error.message}\n` };
      if (isSystemError(error)) return { status: 404, body: `${fileReason(error)}\n` };
      throw error;
    }
  };

  const { port: taken, close } = await serveLoopback(async (path, query) => {
    const [, given = '', name, ...more] = path.split('/');
    if (!sameSecret(given, secret) || name === undefined || more.length > 0) return NOT_FOUND;
    asked = Date.now();
    const run = query.get('run') ?? '';
    switch (name) {
      case 'runs':
        return json(place === undefined ? { dir: '', first: '', runs: [] } : { ...place, runs: await live.in(place.dir) });
      case 'facts':
        return ofRun(run, liveFacts);
      case 'events': {
        const from = Number(query.get('from') ?? 0);
        if (!Number.isSafeInteger(from) || from < 0) return { status: 400, body: 'from which byte?\n' };
        return ofRun(run, async (folderOfRun) => {
          const events = await liveEvents(folderOfRun, from, query.get('file') ?? '');
          hasHeardAll = !events.isHeld && !events.isMore;
          return events;
        });
      }
      case '':
        return { status: 200, body: page, name: 'index.html' };
      default:
        return builtFile(folder, name);
    }
  }, port);
  return {
    url: `http://127.0.0.1:${taken}/${secret}/`,
    show: async (other) => {
      place = await placeOf(other);
    },
    close: async () => {
      const end = Date.now() + PRESENT_MS;
      hasHeardAll = false;
      while (Date.now() < end && asked > Date.now() - PRESENT_MS && !hasHeardAll) await new Promise((resolve) => setTimeout(resolve, 100));
      await close();
    },
  };
}
