import assert from 'node:assert/strict';
import { ATTRIBUTE_TYPES, decodeModel, encodeModel, type OnnxModel, TENSOR_TYPES } from '../../src/interchange/onnx/schema.js';

const MODEL: OnnxModel = {
  irVersion: 10,
  producerName: 'ampc',
  graph: {
    name: 'g',
    node: [
      {
        input: ['x', 'w'],
        output: ['y'],
        name: 'n',
        opType: 'Conv',
        attribute: [
          { name: 'group', i: 1, type: ATTRIBUTE_TYPES.int },
          { name: 'pads', ints: [0, -1, 2, 3], type: ATTRIBUTE_TYPES.ints },
          { name: 'alpha', f: 0.5, type: ATTRIBUTE_TYPES.float },
          { name: 'mode', s: Buffer.from('tanh'), type: ATTRIBUTE_TYPES.string },
        ],
      },
    ],
    initializer: [{ name: 'w', dims: [2, 1], dataType: TENSOR_TYPES.float, rawData: Buffer.from([1, 2, 3, 4, 5, 6, 7, 8]) }],
    input: [{ name: 'x', type: { tensorType: { elemType: 1, shape: { dim: [{ dimParam: 'batch' }, { dimValue: 3 }] } } } }],
    output: [{ name: 'y' }],
  },
  opsetImport: [{ version: 22 }],
  metadataProps: [{ key: 'classes', value: '["a"]' }],
};

describe('the messages of ONNX', () => {
  it('come back as they were written', () => {
    const back = decodeModel(encodeModel(MODEL));
    assert.deepEqual(JSON.parse(JSON.stringify(back)), JSON.parse(JSON.stringify(MODEL)));
  });

  it('have the field numbers of onnx.proto3', () => {
    // Field 1 of the model, ir_version, as a varint; field 7, the graph, and in it field 2, its name.
    assert.deepEqual([...encodeModel({ irVersion: 10, graph: { name: 'g' } })], [8, 10, 58, 3, 18, 1, 103]);
    // Field 14 with fields 1 and 2.
    assert.deepEqual([...encodeModel({ metadataProps: [{ key: 'k', value: 'v' }] })], [114, 6, 10, 1, 107, 18, 1, 118]);
  });

  it('are refused where they are cut off', () => {
    const bytes = encodeModel(MODEL);
    assert.throws(() => decodeModel(bytes.subarray(0, bytes.length - 3)));
  });
});
