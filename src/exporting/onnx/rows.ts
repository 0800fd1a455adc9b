import type { Emitter } from './context.js';

const softmax: Emitter = (context) => {
  const x = context.operand(0);
  if (context.attrs.causal !== true) return context.op('Softmax', [x], { axis: -1 });
  const [rows, columns] = context.type.shape.slice(-2) as [number, number];
  // What is added to row i hides the columns behind i.
  const data = Float32Array.from({ length: rows * columns }, (_, at) => (at % columns <= Math.floor(at / columns) ? 0 : -Infinity));
  return context.inSingle([x], (single, wide) => {
    const hidden = { name: `${context.node.layer}.hidden`, dtype: 'f32', shape: [rows, columns], data } as const;
    return single('Softmax', [single('Add', [wide, hidden])], { axis: -1 });
  });
};

export const rowEmitters = {
  softmax,
  log_softmax: ((context) => context.op('LogSoftmax', [context.operand(0)], { axis: -1 })) satisfies Emitter,
};
