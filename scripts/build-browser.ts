import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { bundle } from './bundle.js';

/** What the package is in a browser: dist/browser. */
const outdir = fileURLToPath(new URL('../dist/browser', import.meta.url));
rmSync(outdir, { recursive: true, force: true });
await bundle({ ampc: fileURLToPath(new URL('../src/browser.ts', import.meta.url)) }, { outdir, write: true });
