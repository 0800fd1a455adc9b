import { fileURLToPath } from 'node:url';
import { isFolder } from '../files/is-folder.js';
import { readSource } from '../files/source.js';
import { openRun } from '../training/run-folder.js';
import { builtFile, builtPage, serveLoopback } from './loopback.js';

/** What `npm run build:playground` writes. */
const BUILT = fileURLToPath(new URL('../../dist/playground', import.meta.url));

export interface PlaygroundOptions {
  /** Default: one that is free. */
  readonly port?: number | undefined;
  /** The folder with the page; default: that of the package. */
  readonly folder?: string | undefined;
}

export interface Playground {
  readonly url: string;
  close(): Promise<void>;
}

/** The program to begin with: of a file, or of a run. */
async function programOf(target: string): Promise<string> {
  return (await isFolder(target)) ? (await openRun(target)).source.text : (await readSource(target)).text;
}

const FIRST_PLAN = /(<div id="plan">)[\s\S]*(<\/div><!-- plan -->)/;

/** The page with the picture of the plan that it opens with. Throws an Error where the page has no place for it. */
export function withFirstPlan(page: string, picture: string): string {
  if (!FIRST_PLAN.test(page)) throw new Error('the page of the playground has no place for a plan');
  return page.replace(FIRST_PLAN, (_, begin: string, end: string) => `${begin}${picture}${end}`);
}

/** The page with another program in it, in the form of JSON that no text can leave. */
function pageWith(page: string, text: string): string {
  return withFirstPlan(page, '').replace(
    'id="given"></script>',
    () => `id="given">${JSON.stringify(text).replaceAll('<', '\\u003c')}</script>`,
  );
}

/**
 * Serves the playground on this machine alone: its files, which a browser runs; nothing is computed here, and nothing comes back. Throws
 * UserError: AMP6062 where the page was not built, AMP6063 where the port cannot be had, and as `readSource`.
 */
export async function servePlayground(target: string | undefined, options: PlaygroundOptions = {}): Promise<Playground> {
  const { folder = BUILT, port = 0 } = options;
  const page = await builtPage(folder, 'the playground');
  const text = target === undefined ? undefined : await programOf(target);
  const index = text === undefined ? page : pageWith(page, text);
  const { port: taken, close } = await serveLoopback((path) => {
    const name = path.slice(1);
    return name === '' || name === 'index.html' ? { status: 200, body: index, name: 'index.html' } : builtFile(folder, name);
  }, port);
  return { url: `http://127.0.0.1:${taken}/`, close };
}
