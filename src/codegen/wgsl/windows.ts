import type { Node, ValueId } from '../../ir/types.js';
import { numbersAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import { axesSizes } from '../../ops/reductions.js';
import type { GroupContext } from './context.js';
import type { ElementValues } from './element-values.js';
import { indent } from './kernel.js';
import { sumOfTaps } from './taps.js';

export interface GatherRule {
  /** The f32 result at the locals' element, from operands in memory. */
  readonly expression: (locals: ElementValues, node: Node) => string;
  /** The result is an operand's value, or an integer. */
  readonly exact?: boolean;
}

interface Window {
  readonly rows: number;
  readonly columns: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly top: number;
  readonly left: number;
  /** Every window lies inside the image. */
  readonly inside: boolean;
}

function windowOf({ attrs }: Node): Window {
  const [rows, columns] = numbersAttr(attrs, 'window') as [number, number];
  const [strideY, strideX] = numbersAttr(attrs, 'stride') as [number, number];
  const padding = numbersAttr(attrs, 'padding');
  const [top, , left] = padding as [number, number, number];
  return { rows, columns, strideY, strideX, top, left, inside: padding.every((size) => size === 0) };
}

interface Image {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

function imageOf(context: GroupContext, id: ValueId): Image {
  const [, height, width, channels] = context.type(id).shape as [number, number, number, number];
  return { height, width, channels };
}

/** Batch, row, column (i32, for window arithmetic) and channel of an element of an image. */
function pixel(locals: ElementValues, { height, width, channels }: Image): { batch: string; y: string; x: string; c: string } {
  const c = locals.channel(channels);
  const key = `${height}x${width}x${channels}`;
  const row = locals.once(`pixel ${key}`, () => `(${locals.at.index}) / ${channels}u`);
  return {
    batch: locals.once(`batch ${key}`, () => `${row} / ${height * width}u`),
    y: locals.once(`y ${key}`, () => `i32(${row} / ${width}u % ${height}u)`),
    x: locals.once(`x ${key}`, () => `i32(${row} % ${width}u)`),
    c,
  };
}

function address({ height, width, channels }: Image, batch: string, y: string, x: string, c: string): string {
  return `((${batch} * ${height}u + u32(${y})) * ${width}u + u32(${x})) * ${channels}u + ${c}`;
}

/** A loop over the pixels of the window that the result's pixel sees; `tap` numbers them. */
function eachTap(locals: ElementValues, node: Node, body: (load: string) => readonly string[]): void {
  const { rows, columns, strideY, strideX, top, left, inside } = windowOf(node);
  const image = imageOf(locals.context, node.inputs[0]!);
  const { batch, y, x, c } = pixel(locals, imageOf(locals.context, node.id));
  const load = locals.loadAt(node.inputs[0]!, address(image, batch, 'y', 'x', c));
  locals.lines.push(
    `for (var tap = 0; tap < ${rows * columns}; tap++) {`,
    `  let y = ${y} * ${strideY} + tap / ${columns} - ${top};`,
    `  let x = ${x} * ${strideX} + tap % ${columns} - ${left};`,
    ...(inside ? [] : [`  if (y < 0 || y >= ${image.height} || x < 0 || x >= ${image.width}) { continue; }`]),
    ...indent(body(load)),
    '}',
  );
}

/** Maximum of the window and its first position, which the value and its index share. A NaN beats every number, and nothing beats a NaN. */
function maximum(locals: ElementValues, node: Node): { best: string; place: string } {
  const key = `maximum ${node.inputs[0]} ${JSON.stringify(node.attrs)}`;
  const known = locals.shared.get(key);
  if (known !== undefined) return { best: known, place: `${known}_at` };
  const best = locals.kernel.name('best');
  locals.shared.set(key, best);
  locals.lines.push(`var ${best} = 0.0f;`, `var ${best}_at = -1;`);
  eachTap(locals, node, (load) => takeLarger(best, load, 'tap'));
  return { best, place: `${best}_at` };
}

/** Statements that put a value into `best` and its position into `best_at` when it is larger, or the first. */
export function takeLarger(best: string, load: string, tap: string): string[] {
  return [
    '{',
    `  let candidate = ${load};`,
    `  if (${best}_at < 0 || (!is_nan(${best}) && (candidate > ${best} || is_nan(candidate)))) {`,
    `    ${best} = candidate;`,
    `    ${best}_at = ${tap};`,
    '  }',
    '}',
  ];
}

/** A sum over the results whose window holds the element's pixel; `tap` is the pixel's position in that window. */
function sumOverResults(locals: ElementValues, node: Node, term: (index: string) => string): string {
  const { rows, columns, strideY, strideX, top, left } = windowOf(node);
  const result = imageOf(locals.context, node.inputs[0]!);
  const { batch, y, x, c } = pixel(locals, imageOf(locals.context, node.id));
  const sum = locals.kernel.name('sum');
  const [py, px] = [locals.let(`${y} + ${top}`), locals.let(`${x} + ${left}`)];
  const body = [
    `let tap = (${py} - i * ${strideY}) * ${columns} + ${px} - j * ${strideX};`,
    `let at = ${address(result, batch, 'i', 'j', c)};`,
    `${sum} += ${term('at')};`,
  ];
  const isInWindow = `${py} - i * ${strideY} < ${rows} && ${px} - j * ${strideX} < ${columns}`;
  locals.lines.push(`var ${sum} = 0.0f;`);
  if (rows <= strideY && columns <= strideX) {
    // No pixel is in two windows.
    locals.lines.push(
      '{',
      `  let i = ${py} / ${strideY};`,
      `  let j = ${px} / ${strideX};`,
      `  if (i < ${result.height} && j < ${result.width} && ${isInWindow}) {`,
      ...indent(body, 2),
      '  }',
      '}',
    );
    return sum;
  }
  const firstOf = (place: string, size: number, stride: number) => `max(0, (${place} - ${size} + ${stride}) / ${stride})`;
  locals.lines.push(
    `for (var i = ${firstOf(py, rows, strideY)}; i < min(${result.height}, ${py} / ${strideY} + 1); i++) {`,
    `  for (var j = ${firstOf(px, columns, strideX)}; j < min(${result.width}, ${px} / ${strideX} + 1); j++) {`,
    `    if (!(${isInWindow})) { continue; }`,
    ...indent(body, 2),
    '  }',
    '}',
  );
  return sum;
}

function globalAverage(locals: ElementValues, node: Node): string {
  const { height, width, channels } = imageOf(locals.context, node.inputs[0]!);
  const sum = locals.kernel.name('sum');
  const c = locals.channel(channels);
  const batch = locals.let(`(${locals.at.index}) / ${channels}u`);
  locals.lines.push(
    `var ${sum} = vec2f();`,
    `for (var p = 0u; p < ${height * width}u; p++) {`,
    `  ${sum} = add_term(${sum}, ${locals.loadAt(node.inputs[0]!, `(${batch} * ${height * width}u + p) * ${channels}u + ${c}`)});`,
    '}',
  );
  return `sum_of(${sum}) / ${height * width}.0f`;
}

/** Operand `index`, which has a number for each place along the axes that are not the node's, at the element. */
function reducedOperand(locals: ElementValues, node: Node, index: number): string {
  const { length, inner } = axesSizes(node.type.shape, node.attrs);
  const i = `(${locals.at.index})`;
  const place = inner === 1 ? `${i} / ${length}u` : `${i} / ${length * inner}u * ${inner}u + ${i} % ${inner}u`;
  return locals.loadAt(node.inputs[index]!, place);
}

/** A weighted sum over places of the operand, an image. */
const taps: GatherRule = {
  expression: (locals, node) => {
    const { batch, y, x, c } = pixel(locals, imageOf(locals.context, node.id));
    const image = imageOf(locals.context, node.inputs[0]!);
    return sumOfTaps(locals, node, { y, x }, (i, j) => address(image, batch, i, j, c));
  },
};

/** Pools and their gradients. */
export const GATHERS: Readonly<Record<OpOfKind<'pool'>, GatherRule>> = {
  max_pool2d: { expression: (locals, node) => maximum(locals, node).best, exact: true },
  max_pool2d_index: { expression: (locals, node) => `f32(${maximum(locals, node).place})`, exact: true },
  max_pool2d_grad: {
    expression: (locals, node) => {
      const [dy, index] = node.inputs as [ValueId, ValueId];
      return sumOverResults(locals, node, (at) => `select(0.0f, ${locals.loadAt(dy, at)}, ${locals.loadAt(index, at)} == f32(tap))`);
    },
  },
  avg_pool2d: {
    expression: (locals, node) => {
      const { rows, columns } = windowOf(node);
      const sum = locals.kernel.name('sum');
      locals.lines.push(`var ${sum} = 0.0f;`);
      eachTap(locals, node, (load) => [`${sum} += ${load};`]);
      return `${sum} / ${rows * columns}.0f`;
    },
  },
  avg_pool2d_grad: {
    expression: (locals, node) => {
      const { rows, columns } = windowOf(node);
      return `${sumOverResults(locals, node, (at) => locals.loadAt(node.inputs[0]!, at))} / ${rows * columns}.0f`;
    },
  },
  global_avg_pool: { expression: globalAverage },
  global_avg_pool_grad: {
    expression: (locals, node) => {
      const { height, width, channels } = imageOf(locals.context, node.id);
      const c = locals.channel(channels);
      const pooled = `(${locals.at.index}) / ${height * width * channels}u * ${channels}u + ${c}`;
      return `${locals.loadAt(node.inputs[0]!, pooled)} / ${height * width}.0f`;
    },
  },
  mean_grad: {
    expression: (locals, node) => {
      const { length } = axesSizes(node.type.shape, node.attrs);
      return `${reducedOperand(locals, node, 0)} / ${length}.0f`;
    },
  },
  max_grad: {
    expression: (locals, node) => {
      const [dy, y, ties] = [0, 2, 3].map((index) => reducedOperand(locals, node, index));
      return `select(0.0f, ${dy} / ${ties}, ${locals.loadAt(node.inputs[1]!, locals.at.index)} == ${y})`;
    },
  },
  pad_grad: taps,
  upsample_nearest_grad: taps,
  upsample_bilinear: taps,
  upsample_bilinear_grad: taps,
};
