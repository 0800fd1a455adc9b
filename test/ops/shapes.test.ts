import assert from 'node:assert/strict';
import type { Attr, Attrs, ComputeType, TensorType } from '../../src/ir/types.js';
import { validateGraph } from '../../src/ir/validate.js';
import { OPS, type OpName, opDefinition } from '../../src/ops/index.js';
import { ConstraintError, type OpDefinition } from '../../src/ops/op.js';
import { opRules } from '../../src/ops/rules.js';
import { opCases, operandsOf, SAMPLED_OPS, sampleOf } from './cases.js';
import { namedRandom } from './random.js';

const SEEDS = Array.from({ length: 40 }, (_, seed) => seed);

function otherShapes(shape: readonly number[]): number[][] {
  const larger = shape.map((_, axis) => shape.map((size, a) => (a === axis ? size + 1 : size)));
  return [[], [...shape, 1], shape.slice(0, -1), shape.slice(1), ...larger];
}

function otherAttrs(attr: Attr): Attr[] {
  if (typeof attr === 'number') return [-1, attr === 0 ? 0.9 : 0, attr + 50];
  if (typeof attr === 'string') return ['i32', 'u8'];
  if (typeof attr === 'boolean') return [!attr];
  if (typeof attr[0] === 'string') return [];
  const numbers = attr as readonly number[];
  return [numbers.map((x) => x + 20), numbers.slice(1), [...numbers, 1], numbers.map((x) => x + 1)];
}

/** Every case that differs from a good one in one operand's shape, one operand left out, or one attribute. */
function* mutations(types: readonly TensorType[], attrs: Attrs): Generator<[readonly TensorType[], Attrs]> {
  for (const [i, type] of types.entries()) {
    for (const shape of otherShapes(type.shape)) yield [types.with(i, { ...type, shape }), attrs];
  }
  for (let count = 0; count < types.length; count += 1) if (count > 2 || count === 0) yield [types.slice(0, count), attrs];
  for (const [name, attr] of Object.entries(attrs)) {
    for (const value of otherAttrs(attr)) yield [types, { ...attrs, [name]: value }];
  }
}

/** Label of the constraint that the shape rule reports, if any. */
function brokenConstraint(name: OpName, types: readonly TensorType[], attrs: Attrs): string | undefined {
  const op = opDefinition(name);
  if (types.length < op.operands.filter((spec) => spec.optional !== true && spec.variadic !== true).length) return undefined;
  try {
    op.shape(types, attrs);
    return undefined;
  } catch (error) {
    assert.ok(error instanceof ConstraintError, `${name}: ${String(error)} for ${JSON.stringify({ types, attrs })}`);
    return error.label;
  }
}

describe('op table', () => {
  it('labels constraints by the name of their op', () => {
    for (const [name, op] of Object.entries(OPS)) {
      for (const label of Object.keys(op.constraints)) assert.match(label, new RegExp(`^${name}_c[1-9]$`));
    }
  });

  it('gives a doc sentence to every op', () => {
    for (const [name, op] of Object.entries(OPS)) assert.match(op.doc, /^[A-Z].*\.$/s, name);
  });

  it('names each op of the backward pass after the forward op and operand that it belongs to', () => {
    for (const [name, { gradientOf }] of Object.entries<OpDefinition>(OPS)) {
      assert.equal(name.endsWith('_grad'), gradientOf !== undefined, name);
      if (gradientOf === undefined) continue;
      assert.match(name, new RegExp(`^${gradientOf.op}_(input_|weight_|slope_|dividend_|divisor_)?grad$`));
      assert.ok(
        opDefinition(gradientOf.op).operands.some((operand) => operand.name === gradientOf.operand),
        `${gradientOf.op} has no operand ${gradientOf.operand}`,
      );
    }
  });

  it('marks exactly the ops that write states', () => {
    for (const [name, op] of Object.entries<OpDefinition>(OPS)) {
      assert.equal(op.effect === true, 'writes' in op.attrs, name);
      assert.equal(op.kind === 'update' || op.kind === 'counter', op.effect === true, name);
    }
  });
});

describe('shape rules', () => {
  for (const name of SAMPLED_OPS) {
    it(`${name}: accepts its samples, and its constraints can all be broken`, () => {
      const op = opDefinition(name);
      const seen = new Set<string>();
      for (const seed of SEEDS) {
        const { types, attrs } = sampleOf(name, namedRandom(name, seed));
        operandsOf(op, types);
        assert.ok(op.shape(types, attrs).every((size) => Number.isInteger(size) && size > 0));
        for (const attr of Object.keys(attrs)) assert.ok(attr in op.attrs, `undeclared attribute ${attr}`);
        for (const mutated of mutations(types, attrs)) {
          const label = brokenConstraint(name, ...mutated);
          if (label !== undefined) seen.add(label);
        }
      }
      assert.deepEqual([...seen].sort(), Object.keys(op.constraints).sort());
    });

    it(`${name}: cases in every format are valid`, () => {
      for (const dtype of ['f32', 'f16', 'bf16'] satisfies ComputeType[]) {
        for (const { graph } of opCases(name, dtype, 0, 10)) validateGraph(graph, opRules);
      }
    });
  }
});
