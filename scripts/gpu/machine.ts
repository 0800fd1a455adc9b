import { existsSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { findPython, type Python } from '../../bench/python.js';
import type { BackendInfo } from '../../src/index.js';
import type { Findings } from './findings.js';
import { lastLines, runProgram } from './program.js';
import type { Settings } from './settings.js';

export const CLI = join(import.meta.dirname, '../../dist/cli/main.js');

export interface Machine {
  readonly python: Python;
  /** ampc's backends that are timed, or why they are not. */
  readonly backends: Readonly<{ readonly [name in GpuBackend]: string | undefined }>;
  /** Why PyTorch is not timed. */
  readonly noTorch: string | undefined;
}

export const GPU_BACKENDS = ['cuda', 'webgpu'] as const;
export type GpuBackend = (typeof GPU_BACKENDS)[number];

/** Where the driver's description for Vulkan lies on machines that have it out of the usual places. */
const ICD = [
  '/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json',
  '/usr/local/nvidia/vulkan/icd.d/nvidia_icd.json',
  '/opt/nvidia/vulkan/icd.d/nvidia_icd.json',
];

/** PyTorch's wheels bring NVRTC along; only Python knows where. */
const FIND_NVRTC = `
import glob, os, sys
for site in sys.path:
    found = sorted(glob.glob(os.path.join(site, "nvidia", "*", "lib", "libnvrtc.so.*[0-9]")))
    if found:
        print(os.path.dirname(os.path.dirname(found[-1])))
        break
`;

/** Sets what child processes need to find what this machine has. */
async function setEnvironment(python: Python, findings: Findings): Promise<void> {
  const { env } = process;
  const icd = ICD.find((path) => existsSync(path));
  if (!env.VK_DRIVER_FILES && icd !== undefined) {
    env.VK_DRIVER_FILES = icd;
    findings.add({ kind: 'machine', what: 'VK_DRIVER_FILES', value: icd });
  }
  if (env.AMPC_CUDA_COMPILER || env.CUDA_PATH || python.command === undefined) return;
  const { ok, stdout } = await runProgram(python.command, ['-c', FIND_NVRTC], { seconds: 30 });
  if (!ok || stdout.trim() === '') return;
  env.CUDA_PATH = stdout.trim();
  findings.add({ kind: 'machine', what: 'CUDA_PATH', value: env.CUDA_PATH });
}

function whyNot(info: BackendInfo | undefined, software: boolean): string | undefined {
  if (info === undefined) return 'ampc backends does not list it';
  if (!info.available) return info.reason ?? 'it is not available';
  if (info.software === true && !software) return `only a software adapter: ${info.device}`;
  return undefined;
}

/** Finds out what this machine has, and tells it. */
export async function lookAround(settings: Settings, findings: Findings): Promise<Machine> {
  const tell = (what: string, value: string) => findings.add({ kind: 'machine', what, value });
  const [smi, python] = await Promise.all([
    runProgram('nvidia-smi', ['--query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit', '--format=csv,noheader'], {
      seconds: 20,
    }),
    findPython(),
  ]);
  tell('nvidia-smi', smi.ok ? smi.stdout.trim() : smi.how);
  tell('processor', `${cpus()[0]?.model ?? 'unknown'}, ${settings.threads} threads; Node ${process.versions.node}`);
  tell('python', python.command === undefined ? python.reason : `${python.command}, torch ${python.torch}`);
  await setEnvironment(python, findings);
  const listed = await runProgram(process.execPath, [CLI, 'backends', '--json'], { seconds: 60 });
  const infos = listed.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as BackendInfo);
  if (infos.length === 0) findings.add({ kind: 'missing', what: 'ampc backends', why: `${listed.how}: ${lastLines(listed.last)}` });
  const one = (name: GpuBackend) => {
    const info = infos.find((found) => found.name === name);
    const why = whyNot(info, settings.software);
    tell(name, why ?? [info!.device, ...Object.entries(info!.details ?? {}).map((fact) => fact.join(' '))].join('; '));
    if (why !== undefined) findings.add({ kind: 'missing', what: `ampc ${name}`, why });
    return why;
  };
  const backends = { cuda: one('cuda'), webgpu: one('webgpu') };
  const noTorch = await whyNoTorch(python, settings);
  if (noTorch !== undefined) findings.add({ kind: 'missing', what: 'PyTorch', why: noTorch });
  return { python, backends, noTorch };
}

async function whyNoTorch(python: Python, { torch }: Settings): Promise<string | undefined> {
  if (python.command === undefined) return python.reason;
  if (torch === 'cpu') return undefined;
  const asked = await runProgram(python.command, ['-c', 'import torch; print(torch.cuda.is_available())'], { seconds: 60 });
  if (!asked.ok) return `${asked.how}: ${lastLines(asked.last)}`;
  return asked.stdout.trim() === 'True' ? undefined : 'torch finds no CUDA device';
}
