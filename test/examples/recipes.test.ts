import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { lintSource } from '../../src/api/lint.js';
import { checkSpec, loadSpec } from '../../src/api/spec/spec.js';
import { divideEpoch, stepsOfRun, stepsPerEpoch } from '../../src/ir/epoch.js';
import { checkSource, lowerProgram } from '../../src/lower/lower.js';
import { formatAmp } from '../../src/parser/format.js';
import { learningRate, wholeCourse } from '../../src/training/schedule.js';
import { ROOT } from '../spec-runner.js';
import { STAGES } from '../spec-stages.js';

const FOLDER = `${ROOT}examples/`;
const RECIPES = ['airbench94', 'airbench94-half', 'airbench94-muon', 'airbench96', 'resnet18-94'];
/** Warnings of what a record does on purpose: eps beyond fp16, no loss scale, weights without f32 masters. */
const RISKS: Readonly<Record<string, readonly string[]>> = { 'airbench94-half': ['AMP4201', 'AMP4205', 'AMP4217'] };

const read = (path: string) => ({ path, text: readFileSync(path, 'utf8') });

describe('examples of whole recipes', () => {
  for (const recipe of RECIPES)
    it(`${recipe}: without mistakes, with warnings of its risks alone, in standard style, with the parameters of its spec`, async () => {
      const source = read(`${FOLDER}${recipe}.amp`);
      assert.deepEqual(checkSource(source), []);
      assert.deepEqual([...new Set(lintSource(source).map(({ code }) => code))].sort(), RISKS[recipe] ?? []);
      assert.equal(formatAmp(source), source.text);
      const spec = loadSpec(`${FOLDER}${recipe}.spec.yaml`);
      assert.ok(spec.spec.expect.properties?.some((property) => 'parameters' in property));
      assert.deepEqual((await checkSpec(STAGES, spec, FOLDER)).problems, []);
    });

  it('every recipe has a PyTorch side in bench/recipes', () => {
    const table = readFileSync(`${ROOT}bench/recipes/peer.py`, 'utf8');
    for (const recipe of RECIPES) assert.match(table, new RegExp(`^ {4}"${recipe}": `, 'm'));
  });

  it('airbench94 has the steps and rates of its author', () => {
    const { recipe } = lowerProgram(read(`${FOLDER}airbench94.amp`));
    const { batch, accumulate, dropLast, epochs } = recipe.train;
    const perEpoch = stepsPerEpoch(divideEpoch(50_000, batch, accumulate, dropLast));
    const total = stepsOfRun(perEpoch, epochs);
    assert.deepEqual([perEpoch, total], [48, 476]);
    // Straight from 0.2 to 1 at step int(0.23 * 476), and to 0.07 behind the last one.
    const expected = (step: number): number => (step < 109 ? 0.2 + (0.8 * step) / 109 : 1 - (0.93 * (step - 109)) / (476 - 109));
    for (let step = 0; step < total; step += 1)
      assert.ok(Math.abs(learningRate(recipe.train, step, perEpoch, wholeCourse(total)) / 1.5 - expected(step)) < 1e-12, `step ${step}`);
  });
});
