import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.js';

const WEB = fileURLToPath(new URL('../web', import.meta.url));

/** Writes the modules behind `names`, and these files as what the second name says, to a folder. */
async function buildPage(outdir: string, names: readonly string[], files: Readonly<Record<string, string>>): Promise<void> {
  rmSync(outdir, { recursive: true, force: true });
  await bundle(Object.fromEntries(names.map((name) => [name, join(WEB, `${name}.ts`)])), { outdir, write: true });
  for (const [from, to] of Object.entries(files)) cpSync(join(WEB, from), join(outdir, to));
}

/** Writes the playground to a folder that any web host serves. */
export async function buildPlayground(outdir: string): Promise<void> {
  await buildPage(outdir, ['start', 'main', 'language-worker', 'train-worker'], { 'index.html': 'index.html', 'style.css': 'style.css' });
}

/** Writes the page of `ampc runs --ui` and `ampc train --ui`. */
export async function buildLivePage(outdir: string): Promise<void> {
  await buildPage(outdir, ['live'], { 'live.html': 'index.html', 'live.css': 'live.css' });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildPlayground(fileURLToPath(new URL('../dist/playground', import.meta.url)));
  await buildLivePage(fileURLToPath(new URL('../dist/live', import.meta.url)));
}
