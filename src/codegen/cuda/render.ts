import type { Expression, FormulaFunction, Operation } from '../formula/expression.js';
import type { Renderer } from '../formula/render.js';
import { ALIKE, atom, BINDS, inside, named, type OperationText, prefix, type Text } from '../formula/text.js';
import { indent, literal, TYPES } from '../gpu/text.js';

const infix =
  (symbol: string, least: number, binds: number): OperationText =>
  ([a, b]) => ({ text: `${inside(a!, least)} ${symbol} ${inside(b!, least)}`, binds });

/** The compiler contracts nothing of its own accord (`--fmad=false`): what a formula calls `keep` is as it stands. */
const OPERATIONS: Readonly<Record<Operation, OperationText>> = {
  ...ALIKE,
  abs: named('magnitude'),
  sqrt: named('root'),
  min: named('min'),
  max: named('max'),
  clamp: named('clamp'),
  fma: named('fma'),
  fms: ([a, b, c]) => atom(`fma(${a!.text}, ${b!.text}, -${inside(c!, BINDS.atom)})`),
  keep: ([a]) => a!,
  in_order: ([a]) => a!,
  not: prefix('!'),
  and: infix('&&', BINDS.comparison, BINDS.logic),
  or: infix('||', BINDS.comparison, BINDS.logic),
  select: ([condition, yes, no]) => atom(`select(${no!.text}, ${yes!.text}, ${condition!.text})`),
  or_zero: ([condition, value]) => atom(`select(0.0f, ${value!.text}, ${condition!.text})`),
  is_positive_or_nan: named('is_positive_or_nan'),
  is_nan: named('is_nan'),
  is_finite: named('is_finite'),
  nearest: named('nearest'),
  power_of_two: ([a]) => atom(`from_bits(u32(${inside(a!, BINDS.sum)} + 127) << 23u)`),
  with_sign: ([magnitude, x]) => atom(`select(${magnitude!.text}, -${inside(magnitude!, BINDS.atom)}, ${x!.text} < 0.0f)`),
  shift_left: infix('<<', BINDS.atom, BINDS.loose),
  shift_right: infix('>>', BINDS.atom, BINDS.loose),
  mask: infix('&', BINDS.prefix, BINDS.loose),
  bits: named('bits'),
  from_bits: named('from_bits'),
  to_f32: named('f32'),
  to_i32: named('i32'),
  to_u32: named('u32'),
  random_word: named('random_word'),
};

/**
 * Formulas as CUDA C++: every value is a number of one thread. Without doubles: a device may have a 64th of the units for them that it has
 * for f32.
 */
export const CUDA_RENDERER: Renderer = {
  operations: OPERATIONS,
  transparent: false,
  number(value, type, computed): Text {
    const text = literal(value, type, computed, (name) => name);
    return atom(value < 0 ? `(${text})` : text);
  },
  spread: (value) => value,
  declare: (name, value: Expression, text, changes) => `${changes ? '' : 'const '}${TYPES[value.type]} ${name} = ${text};`,
  nameOf: (callee) => callee.name,
  functionText: ({ doc, parameters, result: { type } }: FormulaFunction, name, body, result) => {
    const list = parameters.map(({ type: of, form }) => `${TYPES[of]} ${form.name}`).join(', ');
    const head = `DEVICE ${TYPES[type]} ${name}(${list}) {`;
    const lines = [...body, `return ${result};`];
    const comment = doc === undefined ? [] : [`/* ${doc} */`];
    if (lines.length === 1 && head.length + lines[0]!.length < 138) return [...comment, `${head} ${lines[0]} }`].join('\n');
    return [...comment, head, ...indent(lines), '}'].join('\n');
  },
};
