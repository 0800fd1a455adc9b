import fixture from '../fixtures/pytorch/contractions.json' with { type: 'json' };
import { assertOp, operand } from './pytorch-values.js';

describe('PyTorch semantics of contractions', () => {
  it('conv2d with groups and dilation, and its gradients', () => {
    const c = fixture.conv2d_groups;
    const [x, weight, dy] = [operand(c.x), operand(c.weight), operand(c.dy)];
    const attrs = { stride: [1, 2], padding: [2, 2, 1, 1], dilation: [2, 3], groups: 2 };
    assertOp('conv2d', [x, weight, operand(c.bias)], attrs, c.y, 'y');
    assertOp('conv2d_input_grad', [dy, weight], { ...attrs, size: [7, 6] }, c.dx, 'dx');
    assertOp('conv2d_weight_grad', [x, dy], { ...attrs, kernel: [3, 2] }, c.dweight, 'dweight');
    assertOp('sum_to_channel', [dy], {}, c.dbias, 'dbias');
  });

  it('conv2d of each channel by itself, and its gradients', () => {
    const c = fixture.conv2d_depthwise;
    const [x, weight, dy] = [operand(c.x), operand(c.weight), operand(c.dy)];
    const attrs = { stride: [2, 2], padding: [1, 1, 1, 1], groups: 3 };
    assertOp('conv2d', [x, weight], attrs, c.y, 'y');
    assertOp('conv2d_input_grad', [dy, weight], { ...attrs, size: [5, 4] }, c.dx, 'dx');
    assertOp('conv2d_weight_grad', [x, dy], { ...attrs, kernel: [3, 3] }, c.dweight, 'dweight');
  });

  it('conv_transpose2d and its gradients', () => {
    const c = fixture.conv_transpose2d;
    const [x, weight, dy] = [operand(c.x), operand(c.weight), operand(c.dy)];
    const attrs = { stride: [2, 3], padding: [1, 1, 0, 0], groups: 2 };
    assertOp('conv_transpose2d', [x, weight, operand(c.bias)], { ...attrs, size: c.y.shape.slice(1, 3) }, c.y, 'y');
    assertOp('conv2d', [dy, weight], attrs, c.dx, 'dx');
    assertOp('conv2d_weight_grad', [dy, x], { ...attrs, kernel: [3, 2] }, c.dweight, 'dweight');
    assertOp('sum_to_channel', [dy], {}, c.dbias, 'dbias');
  });

  it('matmul of batches and its gradients', () => {
    const c = fixture.matmul;
    const [a, b, dy] = [operand(c.a), operand(c.b), operand(c.dy)];
    assertOp('matmul', [a, b], { transposed: 'b' }, c.y, 'y');
    assertOp('matmul', [dy, b], {}, c.da, 'da');
    assertOp('matmul', [dy, a], { transposed: 'a' }, c.db, 'db');
  });
});
