import assert from 'node:assert/strict';
import type { Attrs } from '../../src/ir/types.js';
import { elementCount } from '../../src/ir/types.js';
import { type ContractionGeometry, mostTerms } from '../../src/ops/contraction-geometry.js';
import { isOfKind, OPS, type OpName } from '../../src/ops/index.js';
import type { SampleRandom } from '../../src/ops/op.js';
import { contract } from '../../src/runtime/reference/contraction.js';
import { opCase } from './cases.js';
import { evaluateOp, float } from './evaluate-op.js';
import { namedRandom } from './random.js';

const CONTRACTIONS = (Object.keys(OPS) as OpName[]).filter((op) => isOfKind(op, 'contraction'));

type Tensors = Record<'x' | 'w' | 'y', Float64Array>;

/** Elements of each tensor, by the table of the normal form. */
function sizes({ batch, images, image, positions, window, groups, inputs, outputs }: ContractionGeometry) {
  const each = elementCount(batch);
  return {
    x: each * images * elementCount(image) * groups * inputs,
    w: each * elementCount(window) * inputs * groups * outputs,
    y: each * images * elementCount(positions) * groups * outputs,
  };
}

/** A geometry with groups, dilation and batch axes whose window fits its padded image. */
function randomGeometry(random: SampleRandom, computes: ContractionGeometry['computes']): ContractionGeometry {
  const pair = (low: number, high: number) => [random.int(low, high), random.int(low, high)] as const;
  for (;;) {
    const [image, window, stride, dilation] = [pair(1, 7), pair(1, 3), pair(1, 3), pair(1, 3)];
    const padding = [random.int(0, 3), random.int(0, 3), random.int(0, 3), random.int(0, 3)] as const;
    const along = (axis: 0 | 1) => {
      const reach = (window[axis] - 1) * dilation[axis] + 1;
      return Math.floor((image[axis] + padding[2 * axis] + padding[2 * axis + 1] - reach) / stride[axis]) + 1;
    };
    const positions = [along(0), along(1)] as const;
    if (positions.some((size) => size < 1)) continue;
    return {
      computes,
      operands: computes === 'y' ? ['x', 'w'] : computes === 'x' ? ['y', 'w'] : ['x', 'y'],
      spatial: 2,
      batch: random.pick([[], [2], [2, 3]]),
      images: random.int(1, 3),
      image,
      positions,
      window,
      stride,
      dilation,
      padding,
      groups: random.int(1, 3),
      inputs: random.int(1, 3),
      outputs: random.int(1, 3),
    };
  }
}

function randomTensors(g: ContractionGeometry, random: SampleRandom): Tensors {
  const elements = (size: number) => Float64Array.from({ length: size }, () => random.int(-3, 3));
  const { x, w, y } = sizes(g);
  return { x: elements(x), w: elements(w), y: elements(y) };
}

/** The relation of the normal form, term by term over all of its indices. */
function naive(g: ContractionGeometry, tensors: Tensors): Float64Array {
  const result = new Float64Array(sizes(g)[g.computes]);
  const at = (indices: readonly number[], extents: readonly number[]) => indices.reduce((sum, index, i) => sum * extents[i] + index, 0);
  const extents = [elementCount(g.batch), g.images, ...g.positions, ...g.window, g.groups, g.inputs, g.outputs];
  for (let term = 0; term < elementCount(extents); term += 1) {
    let rest = term;
    const indices = extents.toReversed().map((extent) => {
      const index = rest % extent;
      rest = Math.floor(rest / extent);
      return index;
    });
    const [b, n, i, j, p, q, group, c, o] = indices.toReversed();
    const u = i * g.stride[0] + p * g.dilation[0] - g.padding[0];
    const v = j * g.stride[1] + q * g.dilation[1] - g.padding[2];
    if (u < 0 || v < 0 || u >= g.image[0] || v >= g.image[1]) continue;
    const places = {
      x: at([b, n, u, v, group, c], [1, g.images, ...g.image, g.groups, g.inputs]),
      w: at([b, p, q, c, group, o], [1, ...g.window, g.inputs, g.groups, g.outputs]),
      y: at([b, n, i, j, group, o], [1, g.images, ...g.positions, g.groups, g.outputs]),
    };
    const [one, other] = (['x', 'w', 'y'] as const).filter((name) => name !== g.computes);
    result[places[g.computes]] += tensors[one][places[one]] * tensors[other][places[other]];
  }
  return result;
}

function evaluate(g: ContractionGeometry, tensors: Tensors): Float64Array {
  const operands = g.operands.map((name) => tensors[name as 'x' | 'w' | 'y']);
  return contract(g, operands, sizes(g)[g.computes]);
}

describe('the normal form of contractions', () => {
  for (const op of CONTRACTIONS) {
    it(`of ${op} has the sizes of its tensors`, () => {
      for (let seed = 0; seed < 20; seed += 1) {
        const { graph, node } = opCase(op, 'f32', seed);
        const { inputs, attrs, type } = graph.nodes[node];
        const types = inputs.map((id) => graph.nodes[id].type);
        const g = OPS[op].geometry(types, attrs, type);
        const expected = { ...sizes(g), bias: g.groups * (g.computes === 'x' ? g.inputs : g.outputs) };
        assert.deepEqual(
          [...types, type].map(({ shape }) => elementCount(shape)),
          [...g.operands, g.computes].map((name) => expected[name]),
        );
      }
    });
  }

  for (const computes of ['y', 'x', 'w'] as const) {
    it(`is what the reference computes for ${computes}, with groups, dilation and batch axes`, () => {
      for (let seed = 0; seed < 60; seed += 1) {
        const random = namedRandom(`geometry ${computes}`, seed);
        const g = randomGeometry(random, computes);
        const tensors = randomTensors(g, random);
        assert.deepEqual(evaluate(g, tensors), naive(g, tensors), JSON.stringify(g));
      }
    });
  }
});

describe('the most terms of a sum', () => {
  for (const computes of ['y', 'x', 'w'] as const) {
    it(`bound the terms of each element of ${computes}, and are reached`, () => {
      let reached = 0;
      for (let seed = 0; seed < 60; seed += 1) {
        const g = randomGeometry(namedRandom(`terms ${computes}`, seed), computes);
        const { x, w, y } = sizes(g);
        const ones = (size: number) => new Float64Array(size).fill(1);
        const terms = Math.max(...naive(g, { x: ones(x), w: ones(w), y: ones(y) }));
        assert.ok(terms <= mostTerms(g), JSON.stringify(g));
        const isGeneral = g.dilation.some((step, axis) => step > 1 && g.stride[axis] > 1 && g.window[axis] > 1);
        if (isGeneral && terms === mostTerms(g)) reached += 1;
      }
      assert.ok(reached > 0);
    });
  }
});

describe('contractions in general form', () => {
  const random = namedRandom('general contractions', 1);
  const plain: ContractionGeometry = {
    ...{ computes: 'y', operands: ['x', 'w'], spatial: 2, batch: [], images: 2 },
    ...{ image: [6, 5], positions: [4, 3], window: [3, 3], stride: [1, 1], dilation: [1, 1], padding: [0, 0, 0, 0] },
    ...{ groups: 1, inputs: 4, outputs: 6 },
  };
  const attrs: Attrs = { stride: [1, 1], padding: [0, 0, 0, 0] };

  it('are convolutions of each group of channels by itself', () => {
    const g: ContractionGeometry = { ...plain, groups: 2, inputs: 2, outputs: 3 };
    const tensors = randomTensors(g, random);
    const whole = evaluate(g, tensors);
    for (const group of [0, 1]) {
      const part = (elements: Float64Array, channels: number) =>
        [...elements].filter((_, i) => Math.floor((i % (2 * channels)) / channels) === group);
      const y = evaluateOp('conv2d', [float([2, 6, 5, 2], part(tensors.x, 2)), float([3, 3, 2, 3], part(tensors.w, 3))], attrs);
      assert.deepEqual(part(whole, 3), [...y.elements]);
    }
  });

  it('are convolutions with a window that has zeros between its taps', () => {
    const g: ContractionGeometry = { ...plain, positions: [2, 2], window: [3, 2], dilation: [2, 3] };
    const tensors = randomTensors(g, random);
    const spread = new Float64Array(5 * 4 * 24);
    for (let tap = 0; tap < 6; tap += 1) {
      spread.set(tensors.w.subarray(tap * 24, (tap + 1) * 24), (Math.floor(tap / 2) * 2 * 4 + (tap % 2) * 3) * 24);
    }
    const y = evaluateOp('conv2d', [float([2, 6, 5, 4], [...tensors.x]), float([5, 4, 4, 6], [...spread])], attrs);
    assert.deepEqual([...evaluate(g, tensors)], [...y.elements]);
  });

  it('are matrix products, one for each element of the batch, also with the transposed matrix', () => {
    const one = [1, 1] as const;
    const product = { ...plain, spatial: 0, batch: [3], image: one, positions: one, window: one } as const;
    const forward: ContractionGeometry = { ...product, operands: ['x', 'w'] };
    const transposed: ContractionGeometry = { ...product, computes: 'x', operands: ['y', 'w'] };
    const tensors = randomTensors(forward, random);
    const [y, x] = [evaluate(forward, tensors), evaluate(transposed, tensors)];
    for (let b = 0; b < 3; b += 1) {
      const part = (elements: Float64Array, size: number) => [...elements.subarray(b * size, (b + 1) * size)];
      const w = float([4, 6], part(tensors.w, 24));
      assert.deepEqual(part(y, 12), [...evaluateOp('linear', [float([2, 4], part(tensors.x, 8)), w]).elements]);
      assert.deepEqual(part(x, 8), [...evaluateOp('linear_input_grad', [float([2, 6], part(tensors.y, 12)), w]).elements]);
    }
  });
});
