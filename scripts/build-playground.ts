import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withFirstPlan } from '../src/api/playground.js';
import { PAGE_STYLE } from '../src/figures/style.js';
import { FIRST_PROGRAM } from '../web/first-program.js';
import { pictureRegion } from '../web/plan-pictures.js';
import { Planner } from '../web/planner.js';
import { bundle } from './bundle.js';

const WEB = fileURLToPath(new URL('../web', import.meta.url));

interface PageFiles {
  /** The page and its style, in web/. */
  readonly html: string;
  readonly css: string;
  /** Modules that are bundled together: what they share is a file. */
  readonly bundles: readonly (readonly string[])[];
}

/** Writes a page to a folder, with the style of reports. */
async function buildPage(outdir: string, { html, css, bundles }: PageFiles, change = (page: string): string => page): Promise<void> {
  rmSync(outdir, { recursive: true, force: true });
  for (const names of bundles)
    await bundle(Object.fromEntries(names.map((name) => [name, join(WEB, `${name}.ts`)])), { outdir, write: true });
  const read = (name: string): string => readFileSync(join(WEB, name), 'utf8');
  writeFileSync(join(outdir, 'index.html'), change(read(html)));
  writeFileSync(join(outdir, css), `${PAGE_STYLE}\n${read(css)}`);
}

/** Writes the playground to a folder that any web host serves, with the picture of the plan that it opens with. */
export async function buildPlayground(outdir: string): Promise<void> {
  const { picture } = await new Planner().plan(FIRST_PROGRAM, {});
  if (picture === undefined) throw new Error('the program that the playground opens with has no plan');
  // The page shares next to nothing with its workers: apart, each has few files to ask for, one after the other.
  const bundles = [['start', 'main'], ['language-worker'], ['train-worker']];
  await buildPage(outdir, { html: 'index.html', css: 'style.css', bundles }, (page) =>
    withFirstPlan(page, pictureRegion('layers', picture).markup),
  );
}

/** Writes the page of `ampc runs --ui` and `ampc train --ui`. */
export async function buildLivePage(outdir: string): Promise<void> {
  await buildPage(outdir, { html: 'live.html', css: 'live.css', bundles: [['live']] });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await buildPlayground(fileURLToPath(new URL('../dist/playground', import.meta.url)));
  await buildLivePage(fileURLToPath(new URL('../dist/live', import.meta.url)));
}
