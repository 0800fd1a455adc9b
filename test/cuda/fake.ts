import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { COMPILER, needCompiler } from './emulated.js';

const run = promisify(execFile);

const NVCC = fileURLToPath(new URL('fake/nvcc.mjs', import.meta.url));
const DRIVER = fileURLToPath(new URL('fake/driver.cpp', import.meta.url));

/** A driver and a compiler that stand for those of NVIDIA, and how a process finds them. */
export interface Fake {
  readonly folder: string;
  readonly library: string;
  readonly env: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

/** Builds the driver. `flags`: of its compilation. */
export async function buildDriver(folder: string, name: string, ...flags: readonly string[]): Promise<string> {
  const library = join(folder, `${name}.so`);
  await run(COMPILER, ['-std=c++17', '-O1', '-Wall', '-Werror', '-shared', '-fPIC', ...flags, DRIVER, '-o', library]);
  return library;
}

/** Both, in a folder of their own. */
export async function makeFake(): Promise<Fake> {
  const folder = await mkdtemp(join(tmpdir(), 'ampc-fake-cuda-'));
  const [library, nvcc] = [await buildDriver(folder, 'libcuda'), join(folder, 'nvcc')];
  await writeFile(nvcc, `#!/bin/sh\nexec "${process.execPath}" "${NVCC}" "$@"\n`);
  await chmod(nvcc, 0o755);
  return {
    folder,
    library,
    env: { AMPC_LIBCUDA: library, AMPC_CUDA_COMPILER: nvcc, AMPC_FAKE_CUDA: '' },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Sets variables of this process, where C sees them too; what is returned puts back what they were. */
export function setEnvironment(env: Readonly<Record<string, string>>): () => void {
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, env);
  return () => {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  };
}

/** Both, for the tests of a suite, which is skipped where there is no compiler for them. */
export function useFake(): {
  readonly folder: string;
  /** Does something in a process that finds them, with more variables. */
  within<T>(env: Readonly<Record<string, string>>, work: () => Promise<T>): Promise<T>;
} {
  let fake: Fake | undefined;
  before(async function () {
    await needCompiler(this);
    fake = await makeFake();
  });
  after(() => fake?.remove());
  return {
    get folder() {
      return fake!.folder;
    },
    async within(env, work) {
      const restore = setEnvironment({ ...fake!.env, ...env });
      try {
        return await work();
      } finally {
        restore();
      }
    },
  };
}
