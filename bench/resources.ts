import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startTorch } from './measure.js';
import type { Options } from './options.js';
import type { Python } from './python.js';
import { isLarge, type Precision, type Work } from './works.js';

const CLI = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const REPORT_RSS = new URL('report-rss.mjs', import.meta.url).href;

/** Images of the data set `shapes`, training and test: what `ampc train` holds in memory, and so what PyTorch gets. */
const SHAPES_IMAGES = 12_000;

/** Memory and start-up of one model in one precision, with the built command line that users run. */
export interface Resources {
  readonly model: Work['model'];
  readonly precision: Precision;
  /** Peak resident bytes of a training run's process. */
  readonly ampcRss: number;
  readonly torchRss: number | undefined;
  /** Milliseconds of the C compiler and the code generator, nothing in the cache. */
  readonly compileMs: number;
  /**
   * Milliseconds from the start of the process until it has ended after its first step, without and with the compiled plan in the cache.
   */
  readonly coldMs: number;
  readonly cachedMs: number;
  /** What could not be measured, and why. */
  readonly notes: readonly string[];
}

interface Finished {
  readonly stdout: string;
  readonly ms: number;
  readonly rss: number;
}

function runCli(args: readonly string[], cache: string): Promise<Finished> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const env = { ...process.env, AMPC_CACHE: cache };
    execFile(process.execPath, ['--import', REPORT_RSS, CLI, ...args], { env, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const rss = Number(/^peak rss (\d+)$/m.exec(stderr)?.[1] ?? Number.NaN);
      if (error !== null) reject(new Error(`ampc ${args.join(' ')}: ${stderr.trim()}`));
      else resolve({ stdout, ms: performance.now() - started, rss });
    });
  });
}

async function torchPeak(command: string, work: Work, precision: Precision, steps: number, threads: number): Promise<number> {
  // With malloc as it comes: the settings that make it fast also make it keep more.
  const peer = startTorch(command, 'eager', threads, {});
  try {
    const { model, optimizer, batch } = work;
    const images = SHAPES_IMAGES;
    await peer.prepare({ model, optimizer, kind: 'epoch', batch, precision, threads, images, batches: steps, warmup: 0, mode: 'eager' });
    await peer.run(1);
    return (await peer.request<{ readonly peak_rss: number }>({ command: 'memory' })).peak_rss;
  } finally {
    await peer.close();
  }
}

/** Throws when the command line is not built or fails; PyTorch's failures become notes. */
export async function measureResources(work: Work, precision: Precision, python: Python, options: Options): Promise<Resources> {
  if (!existsSync(CLI)) throw new Error('memory and start-up need the built command line: npm run build');
  const { threads, quick } = options;
  const { model, batch } = work;
  const steps = quick ? 1 : isLarge(work) ? 4 : 150;
  const file = `examples/${model}.amp`;
  const folder = await mkdtemp(join(tmpdir(), 'ampc-bench-'));
  try {
    const cache = join(folder, 'cache');
    const chosen = [file, '--backend', 'cpu', '--precision', precision, '--batch', String(batch), '--threads', String(threads)];
    const first = ['bench', ...chosen, '--warmup', '0', '--steps', '1', '--json'];
    const cold = await runCli(first, cache);
    const cached = await runCli(first, cache);
    const run = ['--set', 'dataset=shapes', '--max-steps', String(steps), '--out', join(folder, 'run'), '--json'];
    const trained = await runCli(['train', ...chosen, ...run], cache);
    const { compile_ms } = JSON.parse(cold.stdout) as { readonly compile_ms: number };
    const notes: string[] = [];
    let torchRss: number | undefined;
    // PyTorch's fp16 is emulated and slow: seconds a step for a large network.
    if (python.command !== undefined && precision !== 'fp16') {
      torchRss = await torchPeak(python.command, work, precision, steps, threads).catch((error: Error) => {
        notes.push(`memory of ${model}, ${precision}: ${error.message}`);
        return undefined;
      });
    }
    return { model, precision, ampcRss: trained.rss, torchRss, compileMs: compile_ms, coldMs: cold.ms, cachedMs: cached.ms, notes };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
