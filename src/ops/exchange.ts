import { constrain, type OpDefinition } from './op.js';
import { f32, sampleShape } from './sample.js';

/**
 * y = the sum over all ranks of x, element by element: each rank's x rounded to the format on the wire, added up in f32 in the order of the
 * ranks from zero on, and the sum rounded to that format once more for its way back. So every rank has the same bits, and with f32 on the
 * wire they are those of one rank that adds up the same parts one after the other. Of one rank alone: its own x, rounded as on the wire.
 */
export const allReduce: OpDefinition<'exchange'> = {
  doc: 'Sum of a value over all ranks of a run, in the order of the ranks, in f32.',
  kind: 'exchange',
  conditionsGradients: true,
  constraints: {
    all_reduce_c1: 'ranks is a whole number from 1 on',
    all_reduce_c2: 'wire is f32, bf16 or f16',
    all_reduce_c3: 'there is one operand',
  },
  operands: [
    { name: 'x', format: 'f32', optional: true },
    { name: 'count', format: 'i32', optional: true },
  ],
  attrs: {
    ranks: { kind: 'number', doc: 'how many take part' },
    wire: { kind: 'string', doc: 'format in which the parts and their sum travel' },
    order: { kind: 'string', doc: 'in which parts are added up: `rank`, from rank 0 on' },
    bucket: { kind: 'number', doc: 'those of one bucket travel together, buckets one after the other', optional: true },
    urgent: { kind: 'boolean', doc: 'the step waits for it, so that it travels alone', optional: true },
  },
  precision: 'fixed',
  result: 'f32',
  shape: ([x, ...others], { ranks, wire }) => {
    constrain(x !== undefined && others.length === 0, 'all_reduce_c3', () => 'an exchange is of one value');
    constrain(Number.isInteger(ranks) && Number(ranks) >= 1, 'all_reduce_c1', () => `${ranks} is no number of ranks`);
    constrain(wire === 'f32' || wire === 'bf16' || wire === 'f16', 'all_reduce_c2', () => `${wire} does not travel between ranks`);
    return x.shape;
  },
  gradient: ({ node, dy, emit }) => [emit('all_reduce', [dy], node.attrs, 0)],
  sample: (random) => ({ types: [f32(...sampleShape(random))], attrs: { ranks: 1, wire: 'f32', order: 'rank' } }),
};
