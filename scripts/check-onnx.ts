/**
 * Compares what ONNX Runtime makes of a run that is exported to ONNX with what `ampc eval` computes, for all test images:
 *
 *   npx tsx scripts/check-onnx.ts RUN DATA [PRECISION...]        fp32, fp16 and bf16 where none is named
 *
 * By each of onnxruntime-web, onnxruntime-node (where test/support/onnxruntime.ts finds them) and onnxruntime of `$AMPC_TEST_PYTHON` that
 * is there: classes that differ, those of them whose two largest logits are no further apart than twice what the two sides differ (ties
 * within rounding), and the largest difference of a logit.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readRun } from '../src/api/runs.js';
import { compileToRun } from '../src/choose/plan-file.js';
import { mergeSettings } from '../src/choose/settings.js';
import { exportModel } from '../src/index.js';
import { elementCount, type PrecisionName } from '../src/ir/types.js';
import { choosePlace, openSplit } from '../src/training/data/open.js';
import { evaluate } from '../src/training/evaluate.js';
import { loadWeights } from '../src/training/init/load.js';
import { initialStates } from '../src/training/states.js';
import { findOnnxRuntime, NO_ONNXRUNTIME, ONNX_RUNTIMES, runOnnx } from '../test/support/onnxruntime.js';

const [run, data, ...named] = process.argv.slice(2) as [string, string, ...PrecisionName[]];
const PYTHON = process.env.AMPC_TEST_PYTHON ?? fileURLToPath(new URL('../.peers/bin/python', import.meta.url));
const TOGETHER = 1000;

/** The logits of images by one runtime. */
type Runtime = (model: string, images: Uint8Array, shape: readonly number[]) => Promise<Float32Array>;

async function runtimes(folder: string): Promise<ReadonlyMap<string, Runtime>> {
  const found = new Map<string, Runtime>();
  for (const name of ONNX_RUNTIMES) {
    const ort = await findOnnxRuntime(name);
    if (ort === undefined) console.log(NO_ONNXRUNTIME[name]);
    else found.set(name, (model, images, shape) => runOnnx(ort, readFileSync(model), images, shape));
  }
  const script = fileURLToPath(new URL('check_onnx.py', import.meta.url));
  if (!existsSync(PYTHON)) console.log('no Python with onnxruntime: $AMPC_TEST_PYTHON');
  else
    found.set('python', async (model, images, shape) => {
      const [given, made] = [join(folder, 'images.bin'), join(folder, 'logits.bin')];
      writeFileSync(given, images);
      execFileSync(PYTHON, [script, model, given, made, ...shape.map(String)], { stdio: ['ignore', 'ignore', 'inherit'] });
      const bytes = readFileSync(made);
      return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    });
  return found;
}

async function logitsOfAmpc(precision: PrecisionName | undefined) {
  const { source, choices } = await readRun(run);
  const settings = mergeSettings(choices.settings, precision === undefined ? {} : { precision });
  const { plan, backend, program } = await compileToRun(source, { ...settings, backend: choices.backend, data }, 'evaluation');
  const executable = await backend.load(plan);
  await executable.writeStates(initialStates(plan, program.recipe.train.seed));
  await executable.writeStates(await loadWeights(join(run, 'last.safetensors'), plan));
  const { dataset } = program.recipe;
  const set = await openSplit(dataset, 'test', { place: await choosePlace(dataset, data, choices.data, source), classes: choices.classes });
  const logits: Float32Array[] = [];
  await evaluate(executable, plan, set, {
    onResult: (values, index) => {
      logits[index] = values.slice();
    },
  });
  await executable.dispose();
  return { set, logits };
}

const best = (values: Float32Array): number => values.indexOf(Math.max(...values));

const folder = mkdtempSync(join(tmpdir(), 'ampc-onnx-'));
const all = await runtimes(folder);
for (const precision of named.length > 0 ? named : (['fp32', 'fp16', 'bf16'] as const)) {
  const { set, logits } = await logitsOfAmpc(precision);
  const model = join(folder, `${precision}.onnx`);
  await exportModel(run, { to: 'onnx', precision, out: model, data });
  const size = elementCount(set.shape);
  for (const [name, logitsBy] of all) {
    let [different, ties, largest] = [0, 0, 0];
    for (let first = 0; first < set.count; first += TOGETHER) {
      const count = Math.min(TOGETHER, set.count - first);
      const actual = await logitsBy(model, set.images.slice(first * size, (first + count) * size), [count, ...set.shape]);
      const width = actual.length / count;
      for (let i = 0; i < count; i += 1) {
        const [theirs, ours] = [actual.subarray(i * width, (i + 1) * width), logits[first + i]!];
        const off = Math.max(...theirs.map((value, k) => Math.abs(value - ours[k]!)));
        largest = Math.max(largest, off);
        if (best(theirs) === best(ours)) continue;
        different += 1;
        const [one, two] = [...ours].sort((a, b) => b - a) as [number, number];
        if (one - two <= 2 * off) ties += 1;
      }
    }
    const off = largest.toExponential(2);
    console.log(`${precision} ${name}: ${set.count} images, ${different} other classes, ${ties} of them ties, logits within ${off}`);
  }
}
rmSync(folder, { recursive: true });
