import { Locals } from './expression.js';
import type { KernelContext } from './kernel.js';
import { eachVector, type LoopFunction, type LoopOptions, loopFunction, partLength, type Root } from './loops.js';
import { Prologue } from './prologue.js';
import { indent } from './text.js';
import type { Tiling } from './window-geometry.js';

/** Over pooled pixels, writing each one's whole window: the gradient of a pool with tiling windows, and elementwise work on it. */
export function tiledLoop(
  context: KernelContext,
  shape: readonly number[],
  tiling: Tiling,
  roots: readonly Root[],
  options: LoopOptions,
): LoopFunction {
  const channels = shape.at(-1)!;
  const { node, rows, columns, height, width } = tiling;
  const imageWidth = width * columns;
  const prologue = new Prologue();
  const body = eachVector(channels, context.target.lanes, ({ channel, lanes }) => {
    const at = { channel, ...(lanes !== undefined && { lanes }) };
    const pooled = new Locals(context, { ...at, index: '(r + c)' }, { ...options, prologue, suffix: 'p' });
    const dy = pooled.value(node.inputs[0]!);
    const place = pooled.value(node.inputs[1]!);
    const lines = [...pooled.statements];
    for (let tap = 0; tap < rows * columns; tap += 1) {
      const offset = (Math.floor(tap / columns) * imageWidth + (tap % columns)) * channels;
      const locals = new Locals(
        context,
        { ...at, index: `(corner + ${offset} + c)` },
        {
          ...options,
          prologue,
          suffix: `_${tap}`,
          gather: (_locals, id) => (id === node.id ? `vf_and(${place} == vf_set(${tap}.0f), ${dy})` : undefined),
        },
      );
      for (const root of roots) root.body(locals);
      lines.push(...locals.statements);
    }
    return lines;
  });
  const lines = [
    'for (int64_t row = begin; row < end; row++) {',
    `  const int64_t y = row / ${width}, x = row % ${width}, r = row * ${channels};`,
    `  const int64_t corner = (y * ${rows * imageWidth} + x * ${columns}) * ${channels};`,
    ...indent(body),
    '}',
  ];
  const range = shape[0]! * height * width;
  return {
    code: loopFunction([...prologue.statements, ...lines]),
    table: context.table,
    range,
    part: partLength(range, channels * rows * columns, 1),
  };
}
