import assert from 'node:assert/strict';
import { C_RENDERER } from '../../src/codegen/c/render.js';
import { add, call, computed, fma, mul, number, parameter, scalar, toF32, toF64 } from '../../src/codegen/formula/build.js';
import { ELEMENTWISE } from '../../src/codegen/formula/elementwise.js';
import { renderFunction } from '../../src/codegen/formula/render.js';
import { EXP } from '../../src/codegen/formula/special-functions.js';
import { endsInProduct, isOperandItself } from '../../src/codegen/formula/traits.js';
import { WgslRenderer } from '../../src/codegen/wgsl/render.js';
import { isOfKind } from '../../src/ops/index.js';
import { opCase, SAMPLED_OPS } from '../ops/cases.js';

const WGSL_RENDERER = new WgslRenderer({ helper: (name) => name, call: () => undefined });

const formulas = SAMPLED_OPS.filter((op) => isOfKind(op, 'elementwise', 'scalar')).map((op) => {
  const { graph, node } = opCase(op, 'f32', 1);
  return { op, formula: ELEMENTWISE[op as keyof typeof ELEMENTWISE](graph.nodes[node]!) };
});

describe('the kernel language', () => {
  it('tells which ops give an operand as it is', () => {
    const exact = formulas.filter(({ formula }) => isOperandItself(formula)).map(({ op }) => op);
    assert.deepEqual(exact.sort(), ['cast', 'clamp_grad', 'relu', 'relu6', 'relu6_grad', 'relu_grad']);
  });

  it('tells which ops end in a product that a sum behind them could swallow', () => {
    const products = (renderer: typeof C_RENDERER) =>
      formulas.filter(({ formula }) => endsInProduct(formula, renderer)).map(({ op }) => op);
    // In C a choice between lanes is made of bit operations, which no compiler contracts; WGSL's select is transparent.
    const transparent = products(WGSL_RENDERER).filter((op) => !products(C_RENDERER).includes(op));
    assert.deepEqual(transparent.sort(), [
      'dropout',
      'elu',
      'exp',
      'hardsigmoid_grad',
      'leaky_relu',
      'leaky_relu_grad',
      'maximum_grad',
      'minimum_grad',
      'prelu',
      'prelu_grad',
      'prelu_slope_grad',
      'softplus_grad',
    ]);
    assert.ok(['mul', 'scale', 'gelu', 'unscale', 'clip_by_norm'].every((op) => products(C_RENDERER).includes(op as 'mul')));
    assert.ok(['add', 'sub', 'batch_norm', 'tanh', 'sigmoid'].every((op) => !products(WGSL_RENDERER).includes(op as 'add')));
  });

  it('writes one function in each language', () => {
    const [x, y] = [parameter('x', 'f32', 'element'), parameter('y', 'f32', 'scalar')];
    const callee = { name: 'curve', parameters: [x, y], result: fma(mul(add(x, y), number(-0.5)), call(EXP, x), computed(0.1)) };
    assert.equal(
      renderFunction(C_RENDERER, callee),
      'INLINE vf curve(vf x, float y) { return vf_fma((x + vf_set(y)) * vf_set(-0.5f), vf_exp(x), vf_set(0.10000000149011612f)); }',
    );
    assert.equal(
      renderFunction(WGSL_RENDERER, callee),
      'fn curve(x: f32, y: f32) -> f32 { return (x + y) * -0.5f * exp_(x) + 0.10000000149011612f; }',
    );
  });

  it('refuses doubles where there are none, and operands in functions', () => {
    const y = parameter('y', 'f32', 'scalar');
    assert.throws(() => renderFunction(WGSL_RENDERER, { name: 'f', parameters: [y], result: toF32(toF64(y)) }), /no doubles/);
    assert.throws(
      () => renderFunction(C_RENDERER, { name: 'f', parameters: [y], result: add(y, scalar(0)) }),
      /reads what is no parameter/,
    );
  });
});
