/**
 * Compares what onnxruntime-web makes of a run that is exported to ONNX with what `ampc eval` computes, for all test images:
 *
 *   AMPC_TEST_ONNXRUNTIME=DIR npx tsx scripts/check-onnx.ts RUN DATA
 *
 * In fp32 and in the run's own format: classes that differ, those of them whose two largest logits are no further apart than the two
 * sides differ (ties within rounding), and the largest difference of a logit.
 */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readRun } from '../src/api/runs.js';
import { compileToRun } from '../src/choose/plan-file.js';
import { mergeSettings } from '../src/choose/settings.js';
import { exportModel } from '../src/index.js';
import { elementCount, type PrecisionName } from '../src/ir/types.js';
import { choosePlace, openSplit } from '../src/training/data/open.js';
import { evaluate } from '../src/training/evaluate.js';
import { loadWeights } from '../src/training/init/load.js';
import { initialStates } from '../src/training/states.js';
import { findOnnxRuntime, NO_ONNXRUNTIME, runOnnx } from '../test/support/onnxruntime.js';

const [run, data] = process.argv.slice(2) as [string, string];
const ort = await findOnnxRuntime();
if (ort === undefined) throw new Error(NO_ONNXRUNTIME['onnxruntime-web']);
const TOGETHER = 500;

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

for (const precision of ['fp32', undefined] as const) {
  const { set, logits } = await logitsOfAmpc(precision);
  const out = join(mkdtempSync(join(tmpdir(), 'ampc-onnx-')), 'model.onnx');
  const { precision: exported } = await exportModel(run, { to: 'onnx', precision, out, data });
  const model = readFileSync(out);
  const size = elementCount(set.shape);
  let [different, ties, largest] = [0, 0, 0];
  for (let first = 0; first < set.count; first += TOGETHER) {
    const count = Math.min(TOGETHER, set.count - first);
    const actual = await runOnnx(ort, model, set.images.slice(first * size, (first + count) * size), [count, ...set.shape]);
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
  console.log(
    `${exported}: ${set.count} images, ${different} other classes, ${ties} of them ties, logits within ${largest.toExponential(2)}`,
  );
}
