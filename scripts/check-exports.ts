/**
 * Exports every example with random weights to ONNX, PyTorch and C, and compares the logits of onnxruntime, of model.py and of the C
 * program for one random image:
 *
 *   npx tsx scripts/check-exports.ts [NAME...]       needs a C compiler, and `$AMPC_TEST_PYTHON` with torch, safetensors, onnx, onnxruntime
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile, exportModel } from '../src/index.js';
import type { Plan } from '../src/plan/plan.js';
import { uniformAt } from '../src/random/threefry.js';
import { initialStates, modelStates } from '../src/training/states.js';
import { saveWeights } from '../src/training/weights.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PYTHON = process.env.AMPC_TEST_PYTHON ?? join(ROOT, '.peers/bin/python');

/** Initial weights of which nothing is neutral: norms scale and shift, and their statistics are not those at the start. */
export function randomStates(plan: Plan): Map<string, Float32Array> {
  const initial = initialStates(plan, 1);
  const states = new Map<string, Float32Array>();
  for (const [index, { name, init, value }] of modelStates(plan).entries()) {
    const elements = Float32Array.from(initial.get(name)!);
    const center = name.endsWith('running_var') ? 1 : value === 1 ? 1 : 0;
    if (init === 'constant') for (let i = 0; i < elements.length; i += 1) elements[i] = center + 0.4 * (uniformAt(5, index, i, 0) - 0.5);
    states.set(name, elements);
  }
  return states;
}

async function check(path: string, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const { plan, program } = await compile(path, { batch: 2, precision: 'fp32', set: ['train.accumulate=1'] }).catch(() =>
    compile(path, { batch: 2, precision: 'fp32' }),
  );
  const weights = join(folder, 'w.safetensors');
  await saveWeights(weights, plan, randomStates(plan));
  const [height, width, channels] = program.recipe.inputShape as readonly [number, number, number];
  const pixels = Uint8Array.from({ length: height * width * channels }, (_, i) => 256 * uniformAt(9, 1, i, 0));
  writeFileSync(join(folder, 'image.bin'), pixels);
  const shared = { weights, force: true, backend: 'cpu' as const };
  const lines: string[] = [];
  await exportModel(path, { ...shared, to: 'torch', precision: 'fp32', out: join(folder, 'torch') });
  for (const precision of ['fp32', 'fp16', 'bf16'] as const)
    await exportModel(path, { ...shared, to: 'onnx', precision, out: join(folder, `${precision}.onnx`) });
  const args = [join(ROOT, 'scripts/check_exports.py'), folder, String(height), String(width), String(channels)];
  const hasClasses = program.eval.nodes[program.eval.outputs.logits!]!.type.shape.length === 2;
  if (hasClasses) {
    await exportModel(path, { ...shared, to: 'c', precision: 'fp32', out: join(folder, 'c') });
    const program = join(folder, 'c/model');
    execFileSync('cc', ['-O1', '-std=gnu11', `${program}.c`, '-o', program, '-lm', '-pthread']);
    const logits = execFileSync(program, ['--logits', join(folder, 'image.bin')], { encoding: 'utf8' });
    writeFileSync(join(folder, 'c.txt'), logits.slice(logits.indexOf(':') + 1));
  }
  lines.push(execFileSync(PYTHON, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim());
  return lines.join(' ');
}

const EXAMPLES = [
  ...readdirSync(join(ROOT, 'examples')).map((file) => join(ROOT, 'examples', file)),
  ...readdirSync(join(ROOT, 'examples/zoo')).map((file) => join(ROOT, 'examples/zoo', file)),
].filter((path) => path.endsWith('.amp'));

const asked = process.argv.slice(2);
const work = mkdtempSync(join(tmpdir(), 'ampc-exports-'));
for (const path of EXAMPLES) {
  const name = basename(path, '.amp');
  if (asked.length > 0 && !asked.includes(name)) continue;
  try {
    console.log(name.padEnd(22), await check(path, join(work, name)));
  } catch (error) {
    process.exitCode = 1;
    const { message, stderr } = error as Error & { stderr?: string };
    console.log(name.padEnd(22), 'FAILED', (stderr ?? message).trim().split('\n').slice(-6).join('\n    '));
  }
}
