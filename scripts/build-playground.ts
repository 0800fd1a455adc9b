import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.js';

const WEB = fileURLToPath(new URL('../web', import.meta.url));

/** Writes the playground to a folder that any web host serves. */
export async function buildPlayground(outdir: string): Promise<void> {
  rmSync(outdir, { recursive: true, force: true });
  const names = ['main', 'language-worker', 'train-worker'];
  await bundle(Object.fromEntries(names.map((name) => [name, join(WEB, `${name}.ts`)])), { outdir, write: true });
  for (const name of ['index.html', 'style.css']) cpSync(join(WEB, name), join(outdir, name));
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await buildPlayground(fileURLToPath(new URL('../dist/playground', import.meta.url)));
