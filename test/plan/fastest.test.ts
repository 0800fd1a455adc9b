import assert from 'node:assert/strict';
import { compileProgram } from '../../src/compile.js';
import type { Pin } from '../../src/ir/pin.js';
import type { PrecisionSpec } from '../../src/ir/program.js';
import { type CostTable, functionTimes, kernelKey, stepCost } from '../../src/plan/cost-table.js';
import { castFacts, phaseOf, trainStep } from '../../src/plan/facts.js';
import { chooseFastest } from '../../src/plan/fastest.js';
import type { Plan } from '../../src/plan/plan.js';
import { printPlan } from '../../src/plan/print.js';
import { defaultTarget } from '../../src/plan/target.js';
import { planTimes } from '../../src/plan/times.js';
import { costOf } from '../../src/precision/min-cut.js';
import { namedRandom } from '../ops/random.js';
import { DEAR_CASTS, madeUpCosts, SLOW_LOW } from '../support/costs.js';
import { miniResnet, randomModel, simpleCnn } from '../support/models.js';
import { type Model, type ProgramOptions, planOf, programOf } from '../support/network.js';

function choose(model: Model, costs: CostTable, options: ProgramOptions = {}) {
  const program = programOf(model, { image: [16, 16, 3], batch: 4, ...options });
  const { recipe } = program;
  const compile = (precision: PrecisionSpec): Plan =>
    compileProgram({ ...program, recipe: { ...recipe, precision } }, defaultTarget('reference'));
  const choice = chooseFastest({ spec: recipe.precision, accumulate: recipe.train.accumulate, compile, costs });
  return { ...choice, program, plan: compile(choice.best.precision) };
}

/** A table that knows every kernel of every candidate, each with a time of its own. */
function randomCosts(model: Model, seed: number): CostTable {
  const random = namedRandom('costs', seed);
  let table = madeUpCosts();
  for (let round = 0; round < 3; round += 1) {
    const { candidates } = choose(model, table);
    const kernels = { ...table.kernels };
    for (const { plan } of candidates) {
      const fn = trainStep(plan);
      for (const group of fn.groups) kernels[kernelKey(fn, group)] ??= { kernel: group.name, seconds: random.real(1e-6, 1e-3) };
    }
    table = { ...table, kernels };
  }
  return table;
}

const lowResults = (plan: Plan) =>
  trainStep(plan).graph.nodes.filter((node) => node.type.dtype === 'f16' && phaseOf(node) === 'forward' && node.op !== 'cast');

describe('policy fastest', () => {
  it('computes in f32 where casts are dear, and says why', () => {
    const { best, plan } = choose(simpleCnn, DEAR_CASTS);
    assert.equal(best.name, 'fp32');
    assert.deepEqual([plan.policy, plan.precision], ['fastest', 'f32']);
    assert.equal(castFacts(trainStep(plan)).length, 0);
    assert.match(printPlan(plan), /layer="conv1" why="fastest: [\d.]+ ms a step in f32, [\d.]+ ms with f16"/);
    assert.ok(!printPlan(plan).includes('scaler'), 'f32 needs no loss scale');
  });

  it('computes low where that is faster', () => {
    const { best, plan } = choose(simpleCnn, madeUpCosts());
    assert.notEqual(best.name, 'fp32');
    const low = new Set(lowResults(plan).map(({ layer }) => layer));
    for (const layer of ['conv1', 'conv2', 'fc1']) assert.ok(low.has(layer), layer);
  });

  it('gives each layer its own format where that pays', () => {
    const uneven = madeUpCosts();
    // Everything that conv2 does is slow in f16.
    const { candidates } = choose(simpleCnn, uneven);
    const fn = trainStep(candidates.find(({ name }) => name === 'mixed')!.plan);
    const slow = fn.groups
      .filter(({ name }) => name.startsWith('conv2'))
      .map((group) => [kernelKey(fn, group), { kernel: group.name, seconds: 1 }]);
    const { best, plan } = choose(simpleCnn, { ...uneven, kernels: Object.fromEntries(slow) });
    assert.equal(best.name, 'min-cut');
    const conv2 = trainStep(plan).graph.nodes.find((node) => node.op === 'conv2d' && node.layer === 'conv2')!;
    assert.equal(conv2.type.dtype, 'f32');
    assert.equal(conv2.why!.rule, 'fastest');
    assert.match(conv2.why!.text, /^[\d.]+ ms in f32, [\d.]+ ms in f16$/);
    assert.ok(lowResults(plan).some(({ layer }) => layer === 'conv1'));
  });

  it('is never predicted to be slower than mixed, autocast and fp32 by more than the margin that simpler plans get', () => {
    for (let seed = 0; seed < 6; seed += 1) {
      const model = [simpleCnn, miniResnet, randomModel(seed)][seed % 3];
      const table = randomCosts(model, seed);
      const { best, candidates, program, costs, low } = choose(model, table);
      for (const { name, seconds, plan } of candidates) {
        assert.ok(best.seconds <= seconds * 1.0102, `seed ${seed}: ${best.name} ${best.seconds}, ${name} ${seconds}`);
        assert.equal(seconds, stepCost(plan, program.recipe.train.accumulate, table).seconds);
      }
      const all = (value: boolean) => costs.problem.units.map((unit) => (value ? unit.low !== Infinity : unit.full === Infinity));
      for (const other of [all(true), all(false)]) assert.ok(costOf(costs.problem, low) <= costOf(costs.problem, other) * (1 + 1e-12));
    }
  });

  it('cuts as cheaply as any choice by layer, by the costs that it has for a plan', () => {
    let tried = 0;
    for (let seed = 20; tried < 5; seed += 1) {
      const model = randomModel(seed);
      const { costs, low } = choose(model, randomCosts(model, seed));
      const { units } = costs.problem;
      if (units.length > 12) continue;
      tried += 1;
      let least = Infinity;
      for (let bits = 0; bits < 2 ** units.length; bits += 1)
        least = Math.min(
          least,
          costOf(
            costs.problem,
            units.map((_, unit) => ((bits >> unit) & 1) === 1),
          ),
        );
      assert.ok(costOf(costs.problem, low) <= least * (1 + 1e-12), `seed ${seed}`);
    }
  });

  it('keeps what a pin says, whatever it costs', () => {
    const full: Pin = { pattern: 'conv2', dtype: 'f32', origin: { kind: 'file', line: 5 } };
    const { plan } = choose(simpleCnn, madeUpCosts(), { precision: { pins: [full] } });
    assert.ok(lowResults(plan).every(({ layer }) => layer !== 'conv2'));
    const lowPin: Pin = { pattern: 'conv2', dtype: 'f16', origin: { kind: 'file', line: 5 } };
    const pinned = choose(simpleCnn, SLOW_LOW, { precision: { pins: [lowPin] } });
    assert.notEqual(pinned.best.name, 'fp32', 'fp32 would break the pin');
    const layers = new Set(lowResults(pinned.plan).map(({ layer }) => layer));
    assert.ok(layers.has('conv2') && !layers.has('conv1'));
    assert.ok(printPlan(pinned.plan).includes('why="pin: keep conv2 in fp16 (line 5)"'));
  });

  it('keeps losses in f32', () => {
    const { plan } = choose(simpleCnn, madeUpCosts({ cast: 1e15, flops: { f32: 1, f16: 1e15, bf16: 1e15 } }));
    const loss = trainStep(plan).graph.nodes.find(({ op }) => op === 'cross_entropy')!;
    assert.deepEqual(
      loss.inputs.slice(0, 1).map((id) => trainStep(plan).graph.nodes[id].type.dtype),
      ['f32'],
    );
  });

  it('gives equal plans for equal tables', () => {
    for (const table of [madeUpCosts(), DEAR_CASTS, randomCosts(miniResnet, 3)])
      assert.equal(printPlan(choose(miniResnet, table).plan), printPlan(choose(miniResnet, table).plan));
  });

  it('counts the micro-batches of a step', () => {
    const once = choose(simpleCnn, madeUpCosts());
    const four = choose(simpleCnn, madeUpCosts(), { train: { accumulate: 4 } });
    const mixed = ({ candidates }: typeof once) => candidates.find(({ name }) => name === 'mixed')!.seconds;
    assert.ok(mixed(four) > 3 * mixed(once));
  });
});

describe('times of a plan', () => {
  const plan = planOf(simpleCnn, { image: [16, 16, 3], batch: 4 });
  const table = randomCosts(simpleCnn, 1);

  it('add up to the step: layers, and what belongs to none', () => {
    const { layers, restMs, stepMs } = planTimes(plan, 1, table);
    const sum = [...layers.values()].reduce((total, ms) => total + ms, restMs);
    assert.ok(Math.abs(sum - stepMs) < 1e-9 * stepMs);
  });

  it('of casts: a kernel of its own takes its measured time, in the middle of a kernel it takes what it moves', () => {
    const fn = trainStep(plan);
    const { groups } = functionTimes(fn, table);
    const { casts } = planTimes(plan, 1, table);
    const facts = castFacts(fn);
    const weight = facts.findIndex(({ value }) => value === 'conv1.weight');
    assert.equal(casts[weight], groups.get(facts[weight].kernel)! * 1000);
    const logits = facts.findIndex(({ value }) => value === 'linear of fc2');
    assert.equal(casts[logits], (facts[logits].bytesMoved / table.rates.cast) * 1000);
  });

  it('are shared by kernels of the same content, in any layer and any plan', () => {
    const keys = (model: Model, options: ProgramOptions = {}) => {
      const fn = trainStep(planOf(model, { image: [16, 16, 3], batch: 4, ...options }));
      return new Map(fn.groups.map((group) => [group.name, kernelKey(fn, group)]));
    };
    const twice: Model = ({ image, call }) => {
      let x = call('conv2d', image, { channels: 4, kernel: 3, padding: 1 }, { as: 'first' });
      for (const as of ['a', 'b', 'c']) x = call('relu', call('conv2d', x, { channels: 4, kernel: 3, padding: 1 }, { as }));
      return call('linear', call('flatten', x), { features: 10 }, { as: 'fc' });
    };
    const [here, again, low] = [keys(twice), keys(twice, { train: { seed: 5 } }), keys(twice, { precision: { compute: 'bf16' } })];
    assert.equal(here.get('a_weight_grad'), here.get('b_weight_grad'));
    assert.deepEqual(here, again);
    assert.notEqual(here.get('a_weight_grad'), here.get('fc_weight_grad'));
    assert.notEqual(here.get('a_weight_grad'), low.get('a_weight_grad'));
    assert.equal(new Set([here.get('a'), here.get('b')]).size, 1);
  });
});
