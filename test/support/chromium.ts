import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCompiler } from '../../src/runtime/cpu/compiler.js';

/** The browser as one calls it; undefined where there is none. */
export function findChromium(): string | undefined {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome'])
    try {
      return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
    } catch {
      // The next one.
    }
  return undefined;
}

/** Its program: what is called may be a script beside which it does not lie. */
function programOf(chromium: string): string | undefined {
  const places = [realpathSync(chromium), '/usr/lib/chromium/chromium', '/usr/lib/chromium-browser/chromium-browser'];
  return places.find((path) => existsSync(path) && existsSync(join(dirname(path), 'libvk_swiftshader.so')));
}

const DRIVERS = ['/usr/share/vulkan/icd.d', '/usr/local/share/vulkan/icd.d', '/etc/vulkan/icd.d'];

/** Mesa's driver for processors. */
function softwareDriver(): string | undefined {
  for (const folder of DRIVERS)
    for (const name of existsSync(folder) ? readdirSync(folder) : [])
      if (name.startsWith('lvp_icd'))
        return (JSON.parse(readFileSync(join(folder, name), 'utf8')) as { ICD: { library_path: string } }).ICD.library_path;
  return undefined;
}

const SHIM = fileURLToPath(new URL('vulkan-by-another-name.c', import.meta.url));

/** Makes a browser in `folder` whose WebGPU computes in f16, in software; resolves to its program, or to why there can be none. */
export async function chromiumWithF16(chromium: string, folder: string): Promise<{ readonly program: string } | { readonly why: string }> {
  const program = programOf(chromium);
  if (program === undefined) return { why: `the program of ${chromium} is not found, with the libraries beside it` };
  const driver = softwareDriver();
  if (driver === undefined) return { why: 'no lavapipe, whose WebGPU has f16: install mesa-vulkan-drivers' };
  const compiler = await findCompiler().catch(() => undefined);
  if (compiler === undefined) return { why: 'there is no C compiler' };
  const own = dirname(program);
  mkdirSync(folder);
  const changed = ['libvk_swiftshader.so', 'vk_swiftshader_icd.json'];
  for (const name of readdirSync(own))
    if (join(own, name) !== program && !changed.includes(name)) symlinkSync(join(own, name), join(folder, name));
  const copy = join(folder, 'chromium');
  try {
    // It looks for its files beside itself, and follows links of names.
    linkSync(program, copy);
  } catch {
    copyFileSync(program, copy);
  }
  const define = `-DDRIVER="${driver}"`;
  execFileSync(compiler.command[0]!, [
    ...compiler.command.slice(1),
    '-shared',
    '-fPIC',
    define,
    SHIM,
    '-o',
    join(folder, changed[0]!),
    '-ldl',
  ]);
  // What draws the page keeps the library that it has.
  const list = readFileSync(join(own, changed[1]!), 'utf8').replace(/"\.\/libvk_swiftshader\.so"/, JSON.stringify(join(own, changed[0]!)));
  writeFileSync(join(folder, changed[1]!), list);
  return { program: copy };
}
