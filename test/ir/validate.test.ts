import assert from 'node:assert/strict';
import { parseGraph } from '../../src/ir/parse.js';
import type { Graph, Node } from '../../src/ir/types.js';
import { validateGraph } from '../../src/ir/validate.js';
import { opRules } from '../../src/ops/rules.js';

/** A sound step: y = relu(x + w), then w and its momentum move. */
const SOUND = `fn f(%x: f32[2], %lr: f32[]) -> (y: %1) {
  %w = state {role="parameter", init="constant", value=0} : f32[2]
  %b = state {role="optimizer", init="constant", value=0} : f32[2]
  %0 = add %x, %w : f32[2]
  %1 = relu %0 : f32[2]
  %2 = sgd %w, %1, %lr, %b {momentum=0.9, nesterov=false, weight_decay=0, guarded=false, writes=["w", "b"]} : f32[2]
}`;

function changed(id: number, change: Partial<Node>): Graph {
  const graph = parseGraph(SOUND);
  return { ...graph, nodes: graph.nodes.map((node) => (node.id === id ? { ...node, ...change } : node)) };
}

function withLine(line: string): Graph {
  return parseGraph(SOUND.replace(/\n}$/, `\n${line}\n}`));
}

const ADD = 4;
const RELU = 5;
const SGD = 6;
const attrsOf = (id: number) => parseGraph(SOUND).nodes[id].attrs;

const BROKEN: Readonly<Record<string, readonly [Graph, RegExp]>> = {
  'a node at the wrong position': [changed(RELU, { id: 9 }), /has id 9 at position 5/],
  'a read of a later value': [changed(ADD, { inputs: [0, RELU] }), /reads a value that is not defined above it/],
  'a read of itself': [changed(ADD, { inputs: [0, ADD] }), /reads a value that is not defined above it/],
  'a read of no value': [changed(ADD, { inputs: [0, -1] }), /reads a value that is not defined above it/],
  'a gradient of a later value': [changed(ADD, { gradOf: RELU }), /is the gradient of a value that is not defined above it/],
  'an input behind other nodes': [changed(ADD, { op: 'input', inputs: [], attrs: { name: 'z' } }), /inputs come first/],
  'notes on an input': [changed(0, { layer: 'conv1' }), /an input has a name and a type, nothing else/],
  'two states of one name': [changed(3, { attrs: { ...attrsOf(3), name: 'w' } }), /declares w twice/],
  'an input and a state of one name': [changed(3, { attrs: { ...attrsOf(3), name: 'x' } }), /declares x twice/],
  'a state written twice': [withLine('  %3 = accumulate %w, %0 {writes=["w"]} : f32[2]'), /writes state w a second time/],
  'a read of a state after its write': [withLine('  %3 = relu %w : f32[2]'), /reads state w after it was written/],
  'a write of an undeclared state': [
    changed(SGD, { attrs: { ...attrsOf(SGD), writes: ['w', 'c'] } }),
    /writes state c, which it does not read/,
  ],
  'too few operands': [changed(ADD, { inputs: [0] }), /takes \(a class, b class\), not \(f32\[2\]\)/],
  'too many operands': [changed(RELU, { inputs: [0, 0] }), /takes \(x class\)/],
  'an operand of the wrong format': [
    changed(0, { type: { dtype: 'i32', shape: [2] } }),
    /takes \(a class, b class\), not \(i32\[2\], f32\[2\]\)/,
  ],
  'an unknown attribute': [changed(RELU, { attrs: { slope: 1 } }), /has no attribute slope/],
  'a missing attribute': [changed(SGD, { attrs: { ...attrsOf(SGD), lr: 1 } }), /has no attribute lr/],
  'an attribute of the wrong kind': [
    changed(SGD, { attrs: { ...attrsOf(SGD), momentum: 'high' } }),
    /attribute momentum is not of kind number/,
  ],
  'a wrong result format': [changed(RELU, { type: { dtype: 'i32', shape: [2] } }), /cannot result in i32/],
  'a wrong result shape': [changed(RELU, { type: { dtype: 'f32', shape: [3] } }), /has shape \[3\], its rule says \[2\]/],
  'shapes that do not fit': [changed(0, { type: { dtype: 'f32', shape: [3] } }), /the shapes \[3\] and \[2\] differ/],
  'an output that is not there': [{ ...parseGraph(SOUND), outputs: { y: 42 } }, /output y is not defined/],
};

describe('validation', () => {
  it('accepts a sound graph', () => validateGraph(parseGraph(SOUND), opRules));

  for (const [name, [graph, message]] of Object.entries(BROKEN)) {
    it(`refuses ${name}`, () => assert.throws(() => validateGraph(graph, opRules), message));
  }

  it('names the function, the value and the op', () => {
    assert.throws(() => validateGraph(BROKEN['a wrong result shape'][0], opRules), /^Error: invalid graph f: %\d+ .*relu/);
  });
});
