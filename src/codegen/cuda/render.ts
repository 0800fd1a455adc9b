import type { Expression, FormulaFunction, Operation, ValueType } from '../formula/expression.js';
import type { Renderer } from '../formula/render.js';
import { ALIKE, atom, BINDS, digits, inside, named, type OperationText, prefix, type Text } from '../formula/text.js';
import { floatLiteral, indent } from '../gpu/text.js';

const TYPES: Readonly<Record<ValueType, string>> = { f32: 'f32', f64: 'no type', i32: 'i32', u32: 'u32', bool: 'bool', index: 'u32' };

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

function literal(value: number, type: ValueType, computed: boolean): string {
  switch (type) {
    case 'f32':
      return computed ? floatLiteral(value, (name) => name) : `${digits(value)}f`;
    case 'i32':
      return String(value);
    case 'u32':
      return computed || value < 2 ** 16 ? `${value}u` : `0x${value.toString(16)}u`;
    case 'f64':
    case 'bool':
    case 'index':
      throw new Error(`no literal of type ${type}`);
  }
}

/**
 * Formulas as CUDA C++: every value is a number of one thread. Without doubles: a device may have a 64th of the units for them that it has
 * for f32.
 */
export const CUDA_RENDERER: Renderer = {
  operations: OPERATIONS,
  transparent: false,
  number: (value, type, computed): Text => atom(value < 0 ? `(${literal(value, type, computed)})` : literal(value, type, computed)),
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
