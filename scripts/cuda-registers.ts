// What nvcc says of the kernels of examples, as a table: `npx tsx scripts/cuda-registers.ts [sm_80 ...]`. It takes minutes.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { cudaSource, emitCuda } from '../src/codegen/cuda/emit.js';
import { compileProgram } from '../src/compile.js';
import { lowerProgram } from '../src/lower/lower.js';
import type { Plan } from '../src/plan/plan.js';
import { defaultTarget } from '../src/plan/target.js';

export const EXAMPLES = { SimpleCNN: 'simple-cnn', 'ResNet-18': 'resnet18', 'ViT-tiny': 'zoo/vit-tiny' } as const;
export const DEVICES = ['sm_80', 'sm_90a', 'sm_100a', 'sm_120'] as const;

/** The most registers of a thread with which two blocks of 256 are on a multiprocessor. */
const OF_TWO_BLOCKS = 128;

export function planOfExample(name: (typeof EXAMPLES)[keyof typeof EXAMPLES]): Plan {
  const path = fileURLToPath(new URL(`../examples/${name}.amp`, import.meta.url));
  return compileProgram(lowerProgram({ path, text: readFileSync(path, 'utf8') }), defaultTarget('cuda'));
}

export interface KernelFacts {
  readonly registers: number;
  /** Bytes that do not fit into registers. */
  readonly spilled: number;
}

/** What nvcc says of each kernel of a plan. Rejects where it refuses the source. */
export async function kernelFacts(plan: Plan, device: string): Promise<readonly KernelFacts[]> {
  const folder = await mkdtemp(join(tmpdir(), 'ampc-nvcc-'));
  try {
    const source = join(folder, 'kernels.cu');
    await writeFile(source, cudaSource(emitCuda(plan)));
    const flags = ['-x', 'cu', '-std=c++17', '--fmad=false', `-arch=${device}`, '-cubin', '-Xptxas', '-v', '-diag-suppress', '177'];
    const command = [...flags, source, '-o', join(folder, 'kernels.cubin')];
    const { stderr } = await promisify(execFile)('nvcc', command, { maxBuffer: 2 ** 26 });
    const found = [...stderr.matchAll(/(\d+) bytes spill stores[\s\S]*?Used (\d+) registers/g)];
    return found.map(([, spilled, registers]) => ({ spilled: Number(spilled), registers: Number(registers) }));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function main(devices: readonly string[]): Promise<void> {
  console.log(`| network | device | kernels | most registers | kernels with more than ${OF_TWO_BLOCKS} | kernels that spill: bytes |`);
  console.log('| --- | --- | --- | --- | --- | --- |');
  for (const [title, name] of Object.entries(EXAMPLES))
    for (const device of devices) {
      const all = await kernelFacts(planOfExample(name), device);
      const registers = all.map((kernel) => kernel.registers);
      const many = registers.filter((count) => count > OF_TWO_BLOCKS).length;
      const spilling = all.filter(({ spilled }) => spilled > 0);
      const spills = `${spilling.length}${spilling.length === 0 ? '' : `: ${Math.max(...spilling.map(({ spilled }) => spilled))}`}`;
      console.log(`| ${[title, device, all.length, Math.max(...registers), many, spills].join(' | ')} |`);
    }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const named = process.argv.slice(2);
  await main(named.length > 0 ? named : DEVICES);
}
