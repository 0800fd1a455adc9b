import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import koffi from 'koffi';
import { given } from '../../given.js';

/** NVRTC, NVIDIA's compiler as a library. */
export interface Nvrtc {
  /** Such as 13.0. */
  readonly version: string;
  readonly path: string;
  /** The devices that it makes code for, such as 90. */
  readonly architectures: readonly number[];
  /** Code for a device (`sm_90`) or PTX (`compute_80`), or what it says against the source. Other work goes on meanwhile. */
  compile(source: string, flags: readonly string[]): Promise<{ readonly image: Uint8Array } | { readonly refused: string }>;
}

const CALLS = {
  version: 'int nvrtcVersion(_Out_ int *major, _Out_ int *minor)',
  count: 'int nvrtcGetNumSupportedArchs(_Out_ int *count)',
  architectures: 'int nvrtcGetSupportedArchs(_Out_ int *architectures)',
  create:
    'int nvrtcCreateProgram(_Out_ uint64_t *program, const char *source, const char *name, int count, const void *texts, const void *all)',
  compile: 'int nvrtcCompileProgram(uint64_t program, int count, const char **options)',
  logSize: 'int nvrtcGetProgramLogSize(uint64_t program, _Out_ size_t *bytes)',
  log: 'int nvrtcGetProgramLog(uint64_t program, _Out_ uint8_t *log)',
  cubinSize: 'int nvrtcGetCUBINSize(uint64_t program, _Out_ size_t *bytes)',
  cubin: 'int nvrtcGetCUBIN(uint64_t program, _Out_ uint8_t *image)',
  ptxSize: 'int nvrtcGetPTXSize(uint64_t program, _Out_ size_t *bytes)',
  ptx: 'int nvrtcGetPTX(uint64_t program, _Out_ uint8_t *image)',
  destroy: 'int nvrtcDestroyProgram(uint64_t *program)',
} as const;

type Call = ((...args: readonly unknown[]) => number) & {
  readonly async: (...args: readonly [...unknown[], (error: Error | null, code: number) => void]) => void;
};
type Calls = Readonly<Record<keyof typeof CALLS, Call>>;

const LIBRARY = process.platform === 'win32' ? /^nvrtc64_.*_0\.dll$/ : /^libnvrtc\.so\.\d+$/;
const BUILTINS = /nvrtc-builtins(?:64_\d+\.dll|\.so\.[\d.]+)$/;

/** Folders in which toolkits and Python packages of NVIDIA have it. */
function folders(env: NodeJS.ProcessEnv): readonly string[] {
  const toolkits = [env.CUDA_PATH, env.CUDA_HOME, '/usr/local/cuda'].filter((path) => path !== undefined && path !== '') as string[];
  const sites = env.VIRTUAL_ENV
    ? listed(join(env.VIRTUAL_ENV, 'lib')).map((python) => join(env.VIRTUAL_ENV!, 'lib', python, 'site-packages'))
    : [];
  const packages = sites.flatMap((site) => listed(join(site, 'nvidia')).map((name) => join(site, 'nvidia', name)));
  return [...toolkits, ...packages].flatMap((path) => [join(path, 'lib64'), join(path, 'lib'), join(path, 'bin')]);
}

function listed(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

/** Paths at which NVRTC may lie; last the name by which the loader finds it. */
export function nvrtcPaths(env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const found = folders(env).flatMap((folder) =>
    listed(folder)
      .filter((name) => LIBRARY.test(name))
      .map((name) => join(folder, name)),
  );
  return [...found, ...(process.platform === 'win32' ? [] : ['libnvrtc.so.13', 'libnvrtc.so.12', 'libnvrtc.so.11.2'])];
}

/** It looks for the library of its built-in functions only where the loader does. */
function loadBuiltins(path: string): void {
  const folder = dirname(path);
  const name = folder === '.' ? undefined : listed(folder).find((file) => BUILTINS.test(file));
  if (name !== undefined) koffi.load(join(folder, name), given({ global: true }));
}

class LoadedNvrtc implements Nvrtc {
  readonly version: string;
  readonly architectures: readonly number[];

  constructor(
    readonly path: string,
    private readonly calls: Calls,
  ) {
    const [major, minor, count] = [[0], [0], [0]];
    calls.version(major, minor);
    this.version = `${major[0]}.${minor[0]}`;
    calls.count(count);
    const architectures = new Int32Array(count[0]!);
    calls.architectures(architectures);
    this.architectures = [...architectures];
  }

  async compile(source: string, flags: readonly string[]): Promise<{ readonly image: Uint8Array } | { readonly refused: string }> {
    const { calls } = this;
    const made: [number | bigint] = [0];
    calls.create(made, source, 'ampc.cu', 0, null, null);
    const [program] = made;
    try {
      const code = await new Promise<number>((resolve, reject) => {
        calls.compile.async(program, flags.length, flags, (error, result) => (error === null ? resolve(result) : reject(error)));
      });
      if (code !== 0) return { refused: Buffer.from(this.#bytes('log', program)).toString('utf8').replace(/\0.*$/s, '') };
      return { image: this.#bytes(flags.some((flag) => flag.includes('=sm_')) ? 'cubin' : 'ptx', program) };
    } finally {
      calls.destroy(BigUint64Array.of(BigInt(program)));
    }
  }

  #bytes(what: 'log' | 'cubin' | 'ptx', program: number | bigint): Uint8Array {
    const size = [0];
    this.calls[`${what}Size`](program, size);
    const bytes = new Uint8Array(Number(size[0]));
    this.calls[what](program, bytes);
    return bytes;
  }
}

/** NVRTC at a path; undefined where it cannot be loaded. */
export function openNvrtc(path: string): Nvrtc | undefined {
  try {
    loadBuiltins(path);
    const library = koffi.load(path);
    const calls = Object.fromEntries(Object.entries(CALLS).map(([name, type]) => [name, library.func(type)])) as unknown as Calls;
    return new LoadedNvrtc(path, calls);
  } catch {
    return undefined;
  }
}
