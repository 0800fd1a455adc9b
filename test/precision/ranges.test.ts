import assert from 'node:assert/strict';
import type { Graph } from '../../src/ir/types.js';
import { elementCount, isFloat, numberAttr, stringAttr } from '../../src/ir/types.js';
import { LIMITS } from '../../src/numeric/formats.js';
import { between, contains, type Range } from '../../src/precision/range.js';
import { type Assumptions, analyzeRanges, largestProvedScale, possibleOverflows } from '../../src/precision/ranges.js';
import { type InitialKind, initialState } from '../../src/random/initial.js';
import { evaluateGraph } from '../../src/runtime/reference/evaluate.js';
import type { Elements } from '../../src/runtime/reference/kernel.js';
import { opCases, SAMPLED_OPS } from '../ops/cases.js';
import { namedRandom } from '../ops/random.js';
import { configuration } from '../support/configurations.js';
import { layerNorms, miniResnet, randomModel, simpleCnn } from '../support/models.js';
import { planOf, programOf } from '../support/network.js';
import { randomInputs } from '../support/run.js';

type States = Map<string, Float32Array | Int32Array>;

/** First values of a graph's states, floats times `factor`; what starts at zero gets small numbers, so that it matters. */
function statesOf(graph: Graph, factor = 1, seed = 7): States {
  const random = namedRandom('states', seed);
  return new Map<string, Float32Array | Int32Array>(
    graph.nodes
      .filter(({ op }) => op === 'state')
      .map(({ attrs, type }) => {
        const name = stringAttr(attrs, 'name');
        const count = elementCount(type.shape);
        if (type.dtype === 'i32') return [name, Int32Array.from({ length: count }, () => 3)] as const;
        const info = { name, init: attrs.init as InitialKind, value: numberAttr(attrs, 'value') };
        const first = Float32Array.from(initialState(info, type.shape, seed));
        if (attrs.role === 'scaler') return [name, first] as const;
        const low = /\.v$|variance|running_var/.test(name) ? 0 : -0.1;
        return [name, info.value === 0 ? first.map(() => random.real(low, 0.1)) : first.map((x) => x * factor)] as const;
      }),
  );
}

function rangesOf(states: States): Map<string, Range> {
  return new Map(
    [...states].map(([name, elements]) => [
      name,
      between(Math.min(...(elements as Float32Array)), Math.max(...(elements as Float32Array))),
    ]),
  );
}

/** Throws where an element of a value is outside its proved range. Returns how many float values have finite bounds. */
function checkSound(
  graph: Graph,
  inputs: Readonly<Record<string, Elements>>,
  states: States,
  assumptions: Assumptions,
  name: string,
): number {
  const ranges = analyzeRanges(graph, assumptions);
  const { values } = evaluateGraph(graph, inputs, states, { keep: 'all' });
  let bounded = 0;
  for (const node of graph.nodes) {
    const { range, reach } = ranges[node.id];
    for (const x of values.get(node.id)!) {
      if (contains(range, x)) continue;
      const proved = `[${range.low}, ${range.high}]${range.nan ? ' or NaN' : ''}`;
      assert.fail(`${name}: %${node.id} ${node.op} of ${node.layer} is ${x}, proved to be in ${proved}`);
    }
    if (isFloat(node.type.dtype) && Number.isFinite(reach)) bounded += 1;
  }
  return bounded;
}

describe('range analysis', () => {
  it('bounds what every op gives, in every format', () => {
    for (const op of SAMPLED_OPS) {
      for (const dtype of ['f32', 'f16', 'bf16'] as const) {
        for (const { graph, node, inputs, states } of opCases(op, dtype, 300, 3)) {
          const given = new Map(states) as States;
          for (const elements of [given, rangesOf(given)]) {
            const inputRanges = Object.fromEntries(
              Object.entries(inputs).map(([name, x]) => [
                name,
                between(Math.min(...(x as Float32Array)), Math.max(...(x as Float32Array))),
              ]),
            );
            const assumptions = { inputs: inputRanges, states: elements };
            checkSound(graph, inputs, given, assumptions, `${op} in ${dtype}`);
            const { reach } = analyzeRanges(graph, assumptions)[node];
            assert.ok(Number.isFinite(reach), `${op} in ${dtype}: bounded operands bound the result`);
          }
        }
      }
    }
  });

  it('holds for every value of random networks, weights and images, forward and backward', () => {
    let bounded = 0;
    for (let seed = 0; seed < 24; seed += 1) {
      const options = configuration(seed * 7 + 3);
      const graph = planOf(randomModel(seed), options).functions[0].graph;
      const inputs = randomInputs(programOf(randomModel(seed), options), seed);
      const states = statesOf(graph, [1, 0.1, 30, 3000][seed % 4], seed);
      const inputRanges = { lr: between(0, inputs.lr[0]), step: between(0, 1000), label: between(-1, 9) };
      const known = checkSound(graph, inputs, states, { inputs: inputRanges, states }, `seed ${seed}`);
      const ranged = checkSound(graph, inputs, states, { inputs: inputRanges, states: rangesOf(states) }, `seed ${seed}, ranges`);
      checkSound(graph, inputs, states, {}, `seed ${seed}, nothing given`);
      assert.ok(known >= ranged);
      bounded += known;
    }
    assert.ok(bounded > 800, `${bounded} bounded values`);
  });

  it('needs no assumption for the image, and knows the span of the loss scale', () => {
    const { graph } = planOf(simpleCnn).functions[0];
    const ranges = analyzeRanges(graph);
    const of = (op: string) => ranges[graph.nodes.find((node) => node.op === op)!.id];
    assert.ok(of('normalize').reach >= 1 && of('normalize').reach < 1.00001);
    assert.equal(of('conv2d').reach, Infinity);
    const scale = graph.nodes.find((node) => node.op === 'state' && node.attrs.name === 'scaler.scale')!;
    assert.deepEqual(ranges[scale.id].range, between(1, 2 ** 24));
  });

  it('bounds a gradient through softmax and batch norm, which no weight bound could', () => {
    const { graph } = planOf(miniResnet, { precision: { compute: 'f16' } }).functions[0];
    const ranges = analyzeRanges(graph, { states: statesOf(graph) });
    const logits = graph.nodes.find((node) => node.op === 'cross_entropy_grad')!;
    assert.ok(ranges[logits.id].reach <= (2 ** 24 / 2) * 1.001, 'at most the largest scale over the batch');
    const norm = graph.nodes.find((node) => node.op === 'batch_norm')!;
    const count = elementCount(norm.type.shape) / norm.type.shape.at(-1)!;
    assert.ok(ranges[norm.id].reach <= Math.sqrt(count) * 1.01, 'no z-score exceeds the root of the number of elements');
  });

  it('bounds what layer norms give whatever comes in, and holds for all that they do, forward and backward', () => {
    for (const [seed, factor] of [1, 30, 300].entries()) {
      const options = { ...configuration(seed), precision: { compute: 'f16' } } as const;
      const graph = planOf(layerNorms, options).functions[0].graph;
      const states = statesOf(graph, factor, seed);
      const assumptions = { inputs: { lr: between(0, 1), step: between(0, 1000), label: between(-1, 9) }, states };
      checkSound(graph, randomInputs(programOf(layerNorms, options), seed), states, assumptions, `factor ${factor}`);
      const norm = graph.nodes.find((node) => node.op === 'layer_norm')!;
      const { reach } = analyzeRanges(graph, { states })[norm.id];
      assert.ok(reach <= Math.sqrt(21) * factor * 1.2 + 0.1, `${reach}: no number is further from the mean than the root of their number`);
    }
  });

  it('names what may overflow f16, and the largest loss scale that cannot', () => {
    const { graph } = planOf(simpleCnn, { precision: { compute: 'f16' } }).functions[0];
    const tame = { states: statesOf(graph) };
    assert.deepEqual(
      possibleOverflows(graph, analyzeRanges(graph, tame)).filter(({ node }) => node.gradOf === undefined),
      [],
    );
    const wild = { states: statesOf(graph, 500) };
    const found = possibleOverflows(graph, analyzeRanges(graph, wild)).filter(({ node }) => node.gradOf === undefined);
    assert.ok(found.some(({ node }) => node.layer === 'conv2'));
    for (const { reach } of found) assert.ok(reach >= LIMITS.f16.overflows);

    const scale = largestProvedScale(graph, tame)!;
    assert.ok(scale >= 1 && Number.isInteger(Math.log2(scale)), `${scale}`);
    const at = (s: number) =>
      analyzeRanges(graph, { states: new Map<string, Range | ArrayLike<number>>([...tame.states, ['scaler.scale', between(s, s)]]) });
    const overflows = (s: number) => possibleOverflows(graph, at(s)).length;
    assert.equal(overflows(scale), 0);
    assert.ok(overflows(2 * scale) > 0);
    assert.equal(largestProvedScale(planOf(simpleCnn, { precision: { compute: 'f32' } }).functions[0].graph, tame), undefined);
  });
});
