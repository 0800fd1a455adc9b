import type { Expression, FormulaFunction, Operation, ValueType } from '../formula/expression.js';
import type { Renderer } from '../formula/render.js';
import { ALIKE, atom, BINDS, inside, join, named, type OperationText, prefix, type Text } from '../formula/text.js';
import type { HelperName, Take } from '../gpu/helper.js';
import { indent, literal, TYPES } from '../gpu/text.js';

/** Names of WGSL's own functions, whose accuracy is the driver's. */
const TAKEN: ReadonlySet<string> = new Set(['exp', 'log', 'tanh']);

const logical =
  (symbol: string): OperationText =>
  ([a, b]) => ({ text: `${inside(a!, BINDS.comparison)} ${symbol} ${inside(b!, BINDS.comparison)}`, binds: BINDS.logic });

const shift =
  (symbol: string): OperationText =>
  ([a, b]) => ({ text: `${inside(a!, BINDS.atom)} ${symbol} ${b!.text}`, binds: BINDS.loose });

/** Told of what a text takes: a helper, whose name it gives, or a function of the kernel language. */
export interface Uses {
  readonly helper: Take;
  readonly call: (callee: FormulaFunction) => void;
}

/** Operations that are a helper's. */
type HelperOperation = 'keep' | 'in_order' | 'is_positive_or_nan' | 'is_nan' | 'is_finite' | 'random_word';

/** All others. */
const BY_ITSELF: Readonly<Record<Exclude<Operation, HelperOperation>, OperationText>> = {
  ...ALIKE,
  abs: named('abs'),
  sqrt: named('sqrt'),
  min: named('min'),
  max: named('max'),
  clamp: named('clamp'),
  // Contracted or not, as the driver likes.
  fma: ([a, b, c]) => {
    const product = join(a!, '*', b!, BINDS.product);
    return c!.magnitude === undefined ? join(product, '+', c!, BINDS.sum) : join(product, '-', atom(c!.magnitude), BINDS.sum);
  },
  fms: ([a, b, c]) => join(join(a!, '*', b!, BINDS.product), '-', c!, BINDS.sum),
  not: prefix('!'),
  and: logical('&&'),
  or: logical('||'),
  select: ([condition, yes, no]) => atom(`select(${no!.text}, ${yes!.text}, ${condition!.text})`),
  or_zero: ([condition, value]) => atom(`select(0.0f, ${value!.text}, ${condition!.text})`),
  nearest: ([a]) => atom(`i32(round(${a!.text}))`),
  power_of_two: ([a]) => atom(`bitcast<f32>(u32(${inside(a!, BINDS.sum)} + 127) << 23u)`),
  with_sign: ([magnitude, x]) => atom(`select(${magnitude!.text}, -${inside(magnitude!, BINDS.atom)}, ${x!.text} < 0.0f)`),
  shift_left: shift('<<'),
  shift_right: shift('>>'),
  mask: ([a, b]) => ({ text: `${inside(a!, BINDS.prefix)} & ${b!.text}`, binds: BINDS.loose }),
  bits: ([a]) => atom(`bitcast<u32>(${a!.text})`),
  from_bits: ([a]) => atom(`bitcast<f32>(${a!.text})`),
  to_f32: named('f32'),
  to_i32: named('i32'),
  to_u32: named('u32'),
};

/** Renders formulas as WGSL: every value is a number of one invocation. Helpers and functions stand in `prelude.ts`. */
export class WgslRenderer implements Renderer {
  readonly transparent = true;
  readonly operations: Renderer['operations'];

  constructor(private readonly uses: Uses) {
    const taken =
      (name: HelperName): OperationText =>
      (args, value) =>
        named(uses.helper(name))(args, value);
    this.operations = {
      ...BY_ITSELF,
      keep: taken('keep'),
      in_order: taken('keep'),
      is_positive_or_nan: taken('is_positive_or_nan'),
      is_nan: taken('is_nan'),
      is_finite: taken('is_finite'),
      random_word: taken('random_word'),
    };
  }

  number(value: number, type: ValueType, computed: boolean): Text {
    const { helper } = this.uses;
    return {
      ...atom(literal(value, type, computed, helper)),
      ...(value < 0 && { magnitude: literal(-value, type, computed, helper) }),
    };
  }

  spread(value: Text): Text {
    return value;
  }

  declare(name: string, _value: Expression, text: string, changes: boolean): string {
    return `${changes ? 'var' : 'let'} ${name} = ${text};`;
  }

  nameOf(callee: FormulaFunction): string {
    this.uses.call(callee);
    return TAKEN.has(callee.name) ? `${callee.name}_` : callee.name;
  }

  functionText({ doc, parameters, result: { type } }: FormulaFunction, name: string, body: readonly string[], result: string): string {
    const list = parameters.map(({ type: of, form }) => `${form.name}: ${TYPES[of]}`).join(', ');
    const head = `fn ${name}(${list}) -> ${TYPES[type]} {`;
    const lines = [...body, `return ${result};`];
    const comment = doc === undefined ? [] : [`/* ${doc} */`];
    if (lines.length === 1 && head.length + lines[0]!.length < 138) return [...comment, `${head} ${lines[0]} }`].join('\n');
    return [...comment, head, ...indent(lines), '}'].join('\n');
  }
}
