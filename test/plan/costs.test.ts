import assert from 'node:assert/strict';
import { compileProgram } from '../../src/compile.js';
import type { Pin } from '../../src/ir/pin.js';
import { type LayerCosts, layerCosts, pinsOfChoice } from '../../src/plan/costs.js';
import { phaseOf } from '../../src/plan/facts.js';
import type { PlanFunction } from '../../src/plan/plan.js';
import { defaultTarget } from '../../src/plan/target.js';
import { chooseFormats, costOf } from '../../src/precision/min-cut.js';
import { namedRandom } from '../ops/random.js';
import { miniResnet, randomModel, simpleCnn } from '../support/models.js';
import { type Model, type ProgramOptions, programOf } from '../support/network.js';

function compiler(model: Model, options: ProgramOptions = {}) {
  return (compute: 'f32' | 'f16', pins: readonly Pin[] = []): PlanFunction => {
    const precision = { compute, pins: [...pins, ...(options.precision?.pins ?? [])] };
    return compileProgram(programOf(model, { ...options, precision }), defaultTarget('reference')).functions[0];
  };
}

/** Seconds of each kernel: `seconds` by layer, and 1 for all others. */
function timesOf({ groups, graph }: PlanFunction, seconds: Readonly<Record<string, number>>) {
  return new Map(groups.map((group) => [group.name, seconds[graph.nodes[group.nodes[0]].layer] ?? 1]));
}

function costsOf(model: Model, fast: Readonly<Record<string, number>>, options: ProgramOptions = {}, bandwidth = 1e9): LayerCosts {
  const compile = compiler(model, options);
  const [full, low] = [compile('f32'), compile('f16')];
  const pins = options.precision?.pins ?? [];
  return layerCosts({ full, low, fullTimes: timesOf(full, {}), lowTimes: timesOf(low, fast), pins, bandwidth });
}

/** The layers whose results a plan has in f16. */
function lowLayers({ graph }: PlanFunction): ReadonlySet<string> {
  const low = graph.nodes.filter((node) => node.type.dtype === 'f16' && node.op !== 'cast' && phaseOf(node) === 'forward');
  return new Set(low.map(({ layer }) => layer));
}

describe('costs of layers', () => {
  it('choose the low format where it is faster, never for the loss, and nothing where it is slower', () => {
    const quick = Object.fromEntries(['conv1', 'conv2', 'fc1', 'fc2'].map((layer) => [layer, 0.1]));
    const { problem, layers } = costsOf(simpleCnn, quick);
    const { low } = chooseFormats(problem);
    for (const layer of ['conv1', 'conv2', 'fc1', 'fc2']) assert.ok(low[layers.indexOf(layer)], layer);
    assert.equal(low[layers.indexOf('loss')], false);
    const slow = Object.fromEntries(layers.map((layer) => [layer, 5]));
    assert.deepEqual(chooseFormats(costsOf(simpleCnn, slow).problem).low.includes(true), false);
  });

  it('keep a layer in f32 that is slower low, if that pays for the casts', () => {
    const uneven = { conv1: 0.1, conv2: 9, fc1: 0.1, fc2: 0.1 };
    const cheap = costsOf(simpleCnn, uneven);
    const { low } = chooseFormats(cheap.problem);
    assert.deepEqual([low[cheap.layers.indexOf('conv1')], low[cheap.layers.indexOf('conv2')]], [true, false]);
    const dear = costsOf(simpleCnn, uneven, {}, 1);
    assert.equal(new Set(chooseFormats(dear.problem).low).size, 1, 'casts at a byte a second');
  });

  it('obey the pins of the file', () => {
    const pins: Pin[] = [
      { pattern: 'conv2', dtype: 'f32', origin: { kind: 'file', line: 1 } },
      { pattern: 'fc1', dtype: 'f16', origin: { kind: 'file', line: 2 } },
    ];
    const costs = costsOf(simpleCnn, { conv2: 0, fc1: 50 }, { precision: { pins } });
    const { low } = chooseFormats(costs.problem);
    assert.deepEqual([low[costs.layers.indexOf('conv2')], low[costs.layers.indexOf('fc1')]], [false, true]);
  });

  it('become pins under which every layer has the chosen format, for any choice', () => {
    for (const [index, model] of [simpleCnn, miniResnet, ...Array.from({ length: 5 }, (_, seed) => randomModel(seed))].entries()) {
      const compile = compiler(model);
      const costs = costsOf(model, {});
      const random = namedRandom('choice', index);
      const low = costs.problem.units.map((unit) => unit.low !== Infinity && random.pick([true, false]));
      const pins = pinsOfChoice(costs, low, 'f16', (extra) => compile('f16', extra));
      const found = lowLayers(compile('f16', pins));
      for (const [unit, layer] of costs.layers.entries()) assert.equal(found.has(layer), low[unit], `model ${index}, ${layer}`);
    }
  });

  it('need no pin for what mixed does anyway', () => {
    const compile = compiler(simpleCnn);
    const costs = costsOf(simpleCnn, {});
    const usual = lowLayers(compile('f16'));
    const low = costs.layers.map((layer) => usual.has(layer));
    assert.deepEqual(
      pinsOfChoice(costs, low, 'f16', (extra) => compile('f16', extra)),
      [],
    );
    assert.ok(costOf(costs.problem, low) >= chooseFormats(costs.problem).cost);
  });
});
