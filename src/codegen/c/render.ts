import type { Expression, Extent, ValueType } from '../formula/expression.js';
import type { Renderer } from '../formula/render.js';
import { LOG } from '../formula/special-functions.js';
import { ALIKE, atom, BINDS, digits, inside, join, named, type OperationText, prefix, type Text } from '../formula/text.js';
import { floatLiteral, indent } from './text.js';

/** Whether a value is a vector of lanes: whatever varies along the last axis is. */
export function isVector(extent: Extent): boolean {
  return extent === 'element' || extent === 'channel';
}

const VECTORS: Readonly<Record<ValueType, string>> = { f32: 'vf', i32: 'vi', u32: 'vu', bool: 'vi', f64: 'no vector', index: 'int64_t' };
const SCALARS: Readonly<Record<ValueType, string>> = {
  f32: 'float',
  f64: 'double',
  i32: 'int32_t',
  u32: 'uint32_t',
  bool: 'int',
  index: 'int64_t',
};

/** The C type of a value. A condition on lanes is all ones or zeros in each. */
export function typeOf({ type, extent }: Pick<Expression, 'type' | 'extent'>): string {
  return (isVector(extent) ? VECTORS : SCALARS)[type];
}

/** One text for lanes and one for single numbers. */
const either =
  (lanes: OperationText, single: OperationText): OperationText =>
  (args, value) =>
    (isVector(value.extent) ? lanes : single)(args, value);

/** For what no formula asks of single numbers. */
const lanesOnly = (lanes: OperationText): OperationText =>
  either(lanes, (_args, { form }) => {
    throw new Error(`no C for ${form.kind === 'apply' ? form.operation : form.kind} of a single number`);
  });

const bitwise =
  (symbol: string): OperationText =>
  ([a, b]) => ({ text: `${inside(a!, BINDS.prefix)} ${symbol} ${inside(b!, BINDS.prefix)}`, binds: BINDS.loose });

const logical =
  (symbol: string): OperationText =>
  ([a, b]) => ({ text: `${inside(a!, BINDS.comparison)} ${symbol} ${inside(b!, BINDS.comparison)}`, binds: BINDS.logic });

const choice = (condition: Text, yes: Text, no: Text): Text => ({
  text: `${inside(condition, BINDS.choice + 1)} ? ${inside(yes, BINDS.choice + 1)} : ${inside(no, BINDS.choice)}`,
  binds: BINDS.choice,
});

const shift =
  (symbol: string): OperationText =>
  ([a, b]) => ({ text: `${inside(a!, BINDS.atom)} ${symbol} ${b!.text}`, binds: BINDS.loose });

/**
 * Renders formulas as C: `vf` for what varies along the last axis, plain numbers for what does not. Its functions stand in the preludes.
 */
export const C_RENDERER: Renderer = {
  transparent: false,
  operations: {
    ...ALIKE,
    abs: either(named('vf_abs'), named('fabsf')),
    sqrt: either(named('vf_sqrt'), (args, value) => named(value.type === 'f64' ? 'sqrt' : 'sqrtf')(args, value)),
    min: ([a, b]) => choice(join(a!, '<', b!, BINDS.comparison), a!, b!),
    max: ([a, b]) => choice(join(a!, '>', b!, BINDS.comparison), a!, b!),
    clamp: lanesOnly(named('vf_clamp')),
    fma: lanesOnly(named('vf_fma')),
    fms: lanesOnly(([a, b, c]) => atom(`vf_fma(${a!.text}, ${b!.text}, -(${c!.text}))`)),
    keep: lanesOnly(named('vf_keep')),
    in_order: ([a]) => a!,
    not: either(prefix('~'), prefix('!')),
    and: either(bitwise('&'), logical('&&')),
    or: either(bitwise('|'), logical('||')),
    select: either(
      (args, value) => named(value.type === 'f32' ? 'vf_select' : 'vi_select')(args, value),
      ([c, a, b]) => choice(c!, a!, b!),
    ),
    or_zero: either(named('vf_and'), ([c, a]) => choice(c!, a!, atom('0.0f'))),
    is_positive_or_nan: either(
      ([a]) => ({ text: `~(${inside(a!, BINDS.sum)} <= vf_set(0.0f))`, binds: BINDS.prefix }),
      ([a]) => ({ text: `!(${inside(a!, BINDS.sum)} <= 0.0f)`, binds: BINDS.prefix }),
    ),
    is_nan: ([a]) => join(a!, '!=', a!, BINDS.comparison),
    is_finite: either(named('vf_is_finite'), ([a]) => ({ text: `fabsf(${a!.text}) <= FLT_MAX`, binds: BINDS.comparison })),
    nearest: lanesOnly(named('vi_nearest')),
    power_of_two: lanesOnly(([a]) => ({ text: `(vf)((${inside(a!, BINDS.sum)} + vi_set(127)) << 23)`, binds: BINDS.prefix })),
    with_sign: lanesOnly(named('vf_with_sign')),
    shift_left: shift('<<'),
    shift_right: shift('>>'),
    mask: bitwise('&'),
    bits: lanesOnly(prefix('(vu)')),
    from_bits: lanesOnly(prefix('(vf)')),
    to_f32: either(([a]) => atom(`__builtin_convertvector(${a!.text}, vf)`), prefix('(float)')),
    to_i32: either(prefix('(vi)'), prefix('(int32_t)')),
    to_u32: either(prefix('(vu)'), prefix('(uint32_t)')),
    random_word: lanesOnly(named('random_words')),
  },
  doubles: { to_f64: prefix('(double)'), power: named('pow') },
  number: (value, type, computed) => atom(literal(value, type, computed)),
  spread: (value, from, to) =>
    isVector(from.extent) || !isVector(to) ? value : atom(`${typeOf({ ...from, extent: to })}_set(${value.text})`),
  declare: (name, value, text, changes) => `${changes ? '' : 'const '}${typeOf(value)} ${name} = ${text};`,
  nameOf: (callee, extent) => {
    const [first] = callee.parameters as [Expression];
    if (isVector(extent) && isVector(first.extent)) return callee.parameters.length === 1 ? `vf_${callee.name}` : callee.name;
    if (callee === LOG) return 'logf';
    if (isVector(first.extent)) throw new Error(`no C for ${callee.name} of a single number`);
    return callee.name;
  },
  functionText: ({ doc, parameters, result: { type } }, name, body, result) => {
    const list = parameters.map((parameter) => `${typeOf(parameter)} ${parameter.form.name}`).join(', ');
    const head = `INLINE ${typeOf({ type, extent: parameters[0]!.extent })} ${name}(${list}) {`;
    const lines = [...body, `return ${result};`];
    const short = `${head} ${lines[0]} }`;
    const comment = doc === undefined ? [] : [`/* ${doc} */`];
    if (lines.length === 1 && short.length <= 140) return [...comment, short].join('\n');
    return [...comment, head, ...indent(lines), '}'].join('\n');
  },
};

function literal(value: number, type: ValueType, computed: boolean): string {
  switch (type) {
    case 'f32':
      return computed ? floatLiteral(value) : `${digits(value)}f`;
    case 'f64':
      return digits(value);
    case 'i32':
      return String(value);
    case 'u32':
      return computed || value < 2 ** 16 ? `${value}u` : `0x${value.toString(16)}u`;
    case 'bool':
    case 'index':
      throw new Error(`no literal of type ${type}`);
  }
}
