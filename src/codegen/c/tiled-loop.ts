import { emit, fixed } from '../code.js';
import { TAP } from '../formula/gathers.js';
import { Locals } from './expression.js';
import { termAt } from './gathers.js';
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
  const { node, term } = tiling;
  const { rows, columns } = tiling.window;
  const { height, width } = tiling.pooled;
  const imageWidth = width * columns;
  const prologue = new Prologue();
  const body = eachVector(channels, context.target.lanes, ({ channel, lanes }) => {
    const at = { channel, ...(lanes !== undefined && { lanes }) };
    const pooled = new Locals(context, { ...at, index: '(r + c)' }, { ...options, prologue, suffix: 'p' });
    const terms = Array.from({ length: rows * columns }, (_, tap) => termAt(pooled, node, term, [TAP, `${tap}.0f`]));
    const lines = [...pooled.statements];
    for (let tap = 0; tap < rows * columns; tap += 1) {
      const offset = (Math.floor(tap / columns) * imageWidth + (tap % columns)) * channels;
      const locals = new Locals(
        context,
        { ...at, index: emit`(corner + ${offset} + c)` },
        {
          ...options,
          prologue,
          suffix: `_${tap}`,
          gather: (_locals, id) => (id === node.id ? terms[tap] : undefined),
        },
      );
      for (const root of roots) root.body(locals);
      lines.push(...locals.statements);
    }
    return lines;
  });
  const lines = [
    'for (int64_t row = begin; row < end; row++) {',
    emit`  const int64_t y = row / ${fixed(width)}, x = row % ${fixed(width)}, r = row * ${channels};`,
    emit`  const int64_t corner = (y * ${rows * imageWidth} + x * ${columns}) * ${channels};`,
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
