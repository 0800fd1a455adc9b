import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export const PARTS = ['timings', 'training', 'tests'] as const;
export type Part = (typeof PARTS)[number];

export interface Settings {
  readonly out: string;
  /** A folder that holds cifar-10-batches-bin. */
  readonly data: string | undefined;
  readonly minutes: number;
  readonly parts: readonly Part[];
  /** Whether a software adapter passes, to try the script. */
  readonly software: boolean;
  /** A few steps of one network; the figures mean nothing. */
  readonly quick: boolean;
  /** Where PyTorch runs: `cpu` to try the script. */
  readonly torch: 'cuda' | 'cpu';
  readonly rounds: number;
  readonly threads: number;
}

export const USAGE = `node scripts/check-gpu.mjs [options]

Times ampc on cuda and webgpu beside PyTorch's automatic mixed precision, trains, and tests, on the GPU of this machine. What is found out
is in results.jsonl and report.md of the output folder as it comes.

  --out DIR          where results go (default: check-gpu-results)
  --data DIR         holds cifar-10-batches-bin (default: $AMPC_DATA)
  --minutes N        after which what is left is listed as not run (default: 14)
  --only PARTS       of ${PARTS.join(',')}
  --rounds N         turns of each side (default: 5)
  --software         a software adapter passes for webgpu, to try the script
  --torch-device D   cuda, or cpu to try the script (default: cuda)
  --quick            a few steps of one network; the figures mean nothing
`;

function number(text: string | undefined, otherwise: number, option: string): number {
  if (text === undefined) return otherwise;
  if (!/^\d+(\.\d+)?$/.test(text) || Number(text) <= 0) throw new Error(`--${option}: ${text} is no number above 0`);
  return Number(text);
}

/** Throws an Error that says what is wrong; undefined where help was asked for. */
export function parseSettings(args: readonly string[]): Settings | undefined {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const { values } = parseArgs({
    args: [...args],
    strict: true,
    options: {
      ...{ out: text, data: text, minutes: text, only: text, rounds: text, 'torch-device': text },
      ...{ software: flag, quick: flag, help: flag },
    },
  });
  if (values.help) return undefined;
  const only = values.only?.split(',') ?? PARTS;
  for (const part of only)
    if (!(PARTS as readonly string[]).includes(part)) throw new Error(`--only: ${part} is none of ${PARTS.join(', ')}`);
  const torch = values['torch-device'] ?? 'cuda';
  if (torch !== 'cuda' && torch !== 'cpu') throw new Error(`--torch-device: ${torch} is neither cuda nor cpu`);
  const data = values.data ?? process.env.AMPC_DATA;
  return {
    out: resolve(values.out ?? 'check-gpu-results'),
    data: data === undefined || data === '' ? undefined : resolve(data),
    minutes: number(values.minutes, 14, 'minutes'),
    parts: PARTS.filter((part) => only.includes(part)),
    software: values.software,
    quick: values.quick,
    torch,
    rounds: number(values.rounds, values.quick ? 1 : 5, 'rounds'),
    threads: availableParallelism(),
  };
}
