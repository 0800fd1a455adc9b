import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Deadline, NO_TIME } from './deadline.js';
import type { Findings } from './findings.js';
import { CLI, GPU_BACKENDS, type GpuBackend, type Machine } from './machine.js';
import { lastLines, runProgram } from './program.js';
import type { Settings } from './settings.js';

interface Training {
  readonly title: string;
  readonly args: readonly string[];
  readonly backends: readonly GpuBackend[];
  readonly counts: boolean;
  readonly seconds: number;
}

/** The seeds whose mean is held against the goal; what the first of them compiles is there for all. */
const SEEDS = [0, 1, 2];

const ALL: readonly Training[] = [
  ...SEEDS.map((seed) => ({
    title: `airbench94, seed ${seed}`,
    args: ['examples/airbench94.amp', '--seed', String(seed)],
    backends: seed === 0 ? GPU_BACKENDS : (['cuda'] as const),
    counts: true,
    seconds: 90,
  })),
  {
    title: 'SimpleCNN, 10 epochs',
    args: ['examples/simple-cnn.amp', '--epochs', '10'],
    backends: GPU_BACKENDS,
    counts: false,
    seconds: 120,
  },
];

interface Done {
  readonly event: 'done';
  readonly test_accuracy: number | null;
  readonly seconds: number;
}

function doneOf(stdout: string): Done | undefined {
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as { readonly event?: string })
    .find((event): event is Done => event.event === 'done');
}

async function train(training: Training, backend: GpuBackend, data: string, findings: Findings, deadline: Deadline): Promise<void> {
  const { title, args, counts } = training;
  const [side, seconds] = [`ampc ${backend}`, deadline.limit(training.seconds)];
  if (seconds === undefined) {
    findings.add({ kind: 'missing', what: `${title}, ${side}`, why: NO_TIME });
    return;
  }
  const folder = await mkdtemp(join(tmpdir(), 'ampc-check-gpu-'));
  try {
    const log = { folder: findings.folder, name: `train-${title}-${backend}`.replace(/[^\w-]+/g, '-') };
    const command = [
      CLI,
      'train',
      ...args,
      '--backend',
      backend,
      ...(backend === 'webgpu' ? ['--precision', 'fp16'] : []),
      '--data',
      data,
      '--out',
      join(folder, 'run'),
      '--json',
    ];
    const { ok, stdout, how, last } = await runProgram(process.execPath, command, { seconds, log });
    const done = doneOf(stdout);
    if (ok && done !== undefined)
      findings.add({ kind: 'training', what: title, side, seconds: done.seconds, accuracy: done.test_accuracy, counts });
    else findings.add({ kind: 'missing', what: `${title}, ${side}`, why: `${how}: ${lastLines(last)}` });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Trains on CIFAR-10, where it is at hand: nothing is downloaded. */
export async function trainAll({ backends }: Machine, settings: Settings, findings: Findings, deadline: Deadline): Promise<void> {
  const { data, quick } = settings;
  if (quick) {
    findings.add({ kind: 'missing', what: 'training', why: 'not of --quick' });
    return;
  }
  if (data === undefined || !existsSync(join(data, 'cifar-10-batches-bin'))) {
    const why = data === undefined ? 'CIFAR-10 is not at hand: --data names a folder' : `${data} has no cifar-10-batches-bin`;
    for (const { title } of ALL) findings.add({ kind: 'missing', what: title, why });
    return;
  }
  for (const training of ALL)
    for (const backend of training.backends) if (backends[backend] === undefined) await train(training, backend, data, findings, deadline);
}
