// Packs what `check-gpu.sh` needs on a machine that has a driver, python3 and perhaps torch, and no Node, npm or network:
// `npm run bundle:gpu -- OUT [--data DIR] [--vulkan FILE]`. Then there: `sh OUT/check-gpu.sh --help`.
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, linkSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { carriedFiles } from './gpu/carried.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Bytes of each file that is carried, and of what is packed into a piece of the data: pictures shrink by a quarter. */
const LIMIT = 60_000_000;
const PIECE = 65_000_000;
const VULKAN = ['/usr/lib/x86_64-linux-gnu/libvulkan.so.1', '/usr/lib64/libvulkan.so.1', '/usr/lib/libvulkan.so.1'];

/** A file of a folder is that of another one, or a copy where the two are on different disks. */
function place(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/** Lays out the bundle as it lies on the other machine once it is unpacked. */
export function layOut(folder: string, vulkan: string | undefined = VULKAN.find((path) => existsSync(path))): void {
  if (!existsSync(join(ROOT, 'dist/cli/main.js'))) throw new Error('dist is not built: npm run build');
  for (const path of carriedFiles(ROOT)) place(join(ROOT, path), join(folder, 'ampc', path));
  place(realpathSync(process.execPath), join(folder, 'bin/node'));
  mkdirSync(join(folder, 'lib'), { recursive: true });
  if (vulkan === undefined) console.error('libvulkan.so.1 is not here: webgpu needs it there (--vulkan FILE)');
  else place(realpathSync(vulkan), join(folder, 'lib/libvulkan.so.1'));
}

function pack(to: string, folder: string, ...what: readonly string[]): void {
  execFileSync('sh', ['-c', 'tar -c -C "$1" --sort=name --owner=0 --group=0 -- $3 | xz -T0 -6 >"$2"', 'sh', folder, to, what.join(' ')]);
  const bytes = statSync(to).size;
  console.log(`${to}: ${(bytes / 1e6).toFixed(1)} MB`);
  if (bytes > LIMIT) throw new Error(`that is more than ${LIMIT / 1e6} MB`);
}

/** Files that are packed together, in order: at most `most` bytes, or one file. */
export function piecesOf(files: readonly { readonly name: string; readonly bytes: number }[], most: number): string[][] {
  const pieces: { readonly names: string[]; bytes: number }[] = [];
  for (const { name, bytes } of files) {
    const last = pieces.at(-1);
    if (last === undefined || last.bytes + bytes > most) pieces.push({ names: [name], bytes });
    else {
      last.names.push(name);
      last.bytes += bytes;
    }
  }
  return pieces.map(({ names }) => names);
}

/** CIFAR-10 in pieces of their own, each of which can be carried as the bundle can: check-gpu.sh unpacks those beside it. */
export function packData(out: string, data: string): void {
  const folder = 'cifar-10-batches-bin';
  const names = readdirSync(join(data, folder)).sort();
  const files = names.map((name) => ({ name: `${folder}/${name}`, bytes: statSync(join(data, folder, name)).size }));
  const pieces = piecesOf(files, PIECE);
  for (const [i, piece] of pieces.entries()) pack(join(out, `cifar10-${i + 1}-of-${pieces.length}.tar.xz`), data, ...piece);
}

function bundle(out: string, data: string | undefined, vulkan: string | undefined): void {
  mkdirSync(out, { recursive: true });
  const folder = mkdtempSync(join(tmpdir(), 'ampc-bundle-'));
  try {
    layOut(folder, vulkan);
    pack(join(out, 'ampc-gpu.tar.xz'), folder, 'ampc', 'bin', 'lib');
  } finally {
    rmSync(folder, { recursive: true });
  }
  copyFileSync(join(ROOT, 'scripts/gpu/check-gpu.sh'), join(out, 'check-gpu.sh'));
  if (data === undefined) console.log('without CIFAR-10: --data names the folder that holds cifar-10-batches-bin');
  else packData(out, data);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const text = { type: 'string' } as const;
  const { values, positionals } = parseArgs({ options: { data: text, vulkan: text }, allowPositionals: true });
  const [out] = positionals;
  if (out === undefined) {
    console.error('usage: npm run bundle:gpu -- OUT [--data DIR] [--vulkan FILE]');
    process.exitCode = 2;
  } else bundle(out, values.data, values.vulkan);
}
