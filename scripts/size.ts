import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { bundle } from './bundle.js';

/** Parts of the browser's bundle, as pages that need no more load them, and how many kB (1000 bytes) each may have when packed. */
const PARTS = {
  'parse, check, format': { entry: 'scripts/size/parse.ts', most: 155 },
  '+ plan and WGSL': { entry: 'scripts/size/plan.ts', most: 215 },
  everything: { entry: 'src/browser.ts', most: 350 },
} as const;

const SHOWN = 14;

/** What a module of the bundle belongs to: a folder of src, or a package. */
function ownerOf(path: string): string {
  const [, name] = /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path) ?? /src\/([^/]+)/.exec(path) ?? [];
  return name ?? path;
}

const kB = (bytes: number): string => (bytes / 1000).toFixed(0);

let isOver = false;
for (const [name, { entry, most }] of Object.entries(PARTS)) {
  const path = fileURLToPath(new URL(`../${entry}`, import.meta.url));
  const { files, meta } = await bundle({ part: path }, { splitting: false });
  const [file] = files;
  const packed = gzipSync(file!.bytes, { level: 9 }).length;
  const owners = new Map<string, number>();
  for (const { inputs } of Object.values(meta.outputs))
    for (const [module, { bytesInOutput }] of Object.entries(inputs))
      owners.set(ownerOf(module), (owners.get(ownerOf(module)) ?? 0) + bytesInOutput);
  const largest = [...owners].sort(([, a], [, b]) => b - a).slice(0, SHOWN);
  isOver ||= packed > 1000 * most;
  console.log(
    `${name}: ${kB(file!.bytes.length)} kB, ${kB(packed)} packed with gzip (at most ${most})${packed > 1000 * most ? '  TOO LARGE' : ''}`,
  );
  console.log(`  ${largest.map(([owner, bytes]) => `${owner} ${kB(bytes)}`).join(', ')}`);
}
process.exitCode = isOver ? 1 : 0;
