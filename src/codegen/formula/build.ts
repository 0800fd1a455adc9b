import {
  type Bool,
  type DoubleOperation,
  type Expression,
  type Extent,
  type F32,
  type F64,
  type Form,
  type FormulaFunction,
  type I32,
  type Operation,
  type Parameter,
  type U32,
  type ValueType,
  widest,
} from './expression.js';

function make<T extends ValueType>(type: T, extent: Extent, form: Form): Expression<T> {
  return { type, extent, form };
}

function apply<T extends ValueType>(type: T, operation: Operation | DoubleOperation, ...args: readonly Expression[]): Expression<T> {
  return make(type, widest(args), { kind: 'apply', operation, args });
}

type Number_ = 'f32' | 'f64' | 'i32' | 'u32';

/** A number that the formula states. */
export const number = (value: number): F32 => make('f32', 'scalar', { kind: 'number', value, computed: false });
export const double = (value: number): F64 => make('f64', 'scalar', { kind: 'number', value, computed: false });
export const int = (value: number): I32 => make('i32', 'scalar', { kind: 'number', value, computed: false });
export const unsigned = (value: number): U32 => make('u32', 'scalar', { kind: 'number', value, computed: false });
/** A number that follows from attributes or shapes. */
export const computed = (value: number): F32 => make('f32', 'scalar', { kind: 'number', value, computed: true });
export const computedUnsigned = (value: number): U32 => make('u32', 'scalar', { kind: 'number', value, computed: true });
export const computedDouble = (value: number): F64 => make('f64', 'scalar', { kind: 'number', value, computed: true });

/** Operand `index` at the element: a tensor of the result's shape, one number per channel, or a scalar. */
export const operand = (index: number): F32 => make('f32', 'element', { kind: 'operand', index });
/** Operand `index`, one number per channel, at the element's channel. */
export const channel = (index: number): F32 => make('f32', 'channel', { kind: 'channel', index });
/** Operand `index`, one number, as f32 or in the type it has. */
export const scalar = (index: number): F32 => make('f32', 'scalar', { kind: 'scalar', index });
export const scalarInt = (index: number): I32 => make('i32', 'scalar', { kind: 'scalar', index });
export const scalarBool = (index: number): Bool => make('bool', 'scalar', { kind: 'scalar', index });
/** Number `offset` of the `of` numbers that operand `index` has for the element's row. */
export const ofRow = (index: number, offset: number, of: number): F32 => make('f32', 'row', { kind: 'of_row', index, offset, of });
/** Numbers of the channels. */
export const constants = (name: string, values: readonly number[]): F32 => make('f32', 'channel', { kind: 'constants', name, values });
/** The element's place along the last axis. */
export const column: I32 = make('i32', 'element', { kind: 'column' });
/** The row-major number of the element. */
export const element = make('index', 'element', { kind: 'element' });

export const add = <T extends Number_>(a: Expression<T>, b: Expression<T>): Expression<T> => apply(a.type, 'add', a, b);
export const sub = <T extends Number_>(a: Expression<T>, b: Expression<T>): Expression<T> => apply(a.type, 'sub', a, b);
export const mul = <T extends Number_>(a: Expression<T>, b: Expression<T>): Expression<T> => apply(a.type, 'mul', a, b);
export const div = <T extends 'f32' | 'f64'>(a: Expression<T>, b: Expression<T>): Expression<T> => apply(a.type, 'div', a, b);
export const neg = (a: F32): F32 => apply('f32', 'neg', a);
export const abs = (a: F32): F32 => apply('f32', 'abs', a);
export const sqrt = <T extends 'f32' | 'f64'>(a: Expression<T>): Expression<T> => apply(a.type, 'sqrt', a);
export const min = (a: F32, b: F32): F32 => apply('f32', 'min', a, b);
export const max = (a: F32, b: F32): F32 => apply('f32', 'max', a, b);
export const clamp = (a: F32, low: F32, high: F32): F32 => apply('f32', 'clamp', a, low, high);
export const fma = (a: F32, b: F32, c: F32): F32 => apply('f32', 'fma', a, b, c);
export const fms = (a: F32, b: F32, c: F32): F32 => apply('f32', 'fms', a, b, c);
export const keep = (a: F32): F32 => apply('f32', 'keep', a);
export const inOrder = (a: F32): F32 => apply('f32', 'in_order', a);

export const less = <T extends Number_>(a: Expression<T>, b: Expression<T>): Bool => apply('bool', 'less', a, b);
export const greater = <T extends Number_>(a: Expression<T>, b: Expression<T>): Bool => apply('bool', 'greater', a, b);
export const atLeast = <T extends Number_>(a: Expression<T>, b: Expression<T>): Bool => apply('bool', 'at_least', a, b);
export const equal = <T extends Number_>(a: Expression<T>, b: Expression<T>): Bool => apply('bool', 'equal', a, b);
export const not = (a: Bool): Bool => apply('bool', 'not', a);
export const and = (a: Bool, b: Bool): Bool => apply('bool', 'and', a, b);
export const or = (a: Bool, b: Bool): Bool => apply('bool', 'or', a, b);
export const isPositiveOrNan = (a: F32): Bool => apply('bool', 'is_positive_or_nan', a);
export const isNan = (a: F32 | F64): Bool => apply('bool', 'is_nan', a);
export const isFiniteValue = (a: F32): Bool => apply('bool', 'is_finite', a);
export const select = <T extends Number_>(condition: Bool, yes: Expression<T>, no: Expression<T>): Expression<T> =>
  apply(yes.type, 'select', condition, yes, no);
export const orZero = (condition: Bool, value: F32): F32 => apply('f32', 'or_zero', condition, value);

export const nearest = (a: F32): I32 => apply('i32', 'nearest', a);
export const powerOfTwo = (a: I32): F32 => apply('f32', 'power_of_two', a);
export const withSign = (magnitude: F32, x: F32): F32 => apply('f32', 'with_sign', magnitude, x);
export const shiftLeft = <T extends 'i32' | 'u32'>(a: Expression<T>, by: number): Expression<T> =>
  apply(a.type, 'shift_left', a, unsigned(by));
export const shiftRight = <T extends 'i32' | 'u32'>(a: Expression<T>, by: number): Expression<T> =>
  apply(a.type, 'shift_right', a, unsigned(by));
export const mask = (a: U32, by: number): U32 => apply('u32', 'mask', a, unsigned(by));
export const bits = (a: F32): U32 => apply('u32', 'bits', a);
export const fromBits = (a: U32): F32 => apply('f32', 'from_bits', a);
export const toF32 = (a: F64 | I32): F32 => apply('f32', 'to_f32', a);
export const toF64 = (a: F32): F64 => apply('f64', 'to_f64', a);
export const toI32 = (a: U32): I32 => apply('i32', 'to_i32', a);
export const toU32 = (a: I32): U32 => apply('u32', 'to_u32', a);
export const power = (a: F64, n: I32): F64 => apply('f64', 'power', a, n);
export const randomWord = (key0: U32, key1: U32, at: Expression<'index'>, step: U32): U32 =>
  apply('u32', 'random_word', key0, key1, at, step);

/** The body, with the bound values computed first, in that order. */
export const letIn = <T extends ValueType>(bound: readonly Expression[], body: Expression<T>): Expression<T> =>
  make(body.type, body.extent, { kind: 'let', bound, body });
export const named = <T extends ValueType>(name: string, value: Expression<T>): Expression<T> =>
  make(value.type, value.extent, { kind: 'named', name, value });
/** c[0] x^(n - 1) + .. + c[n - 1], by Horner's rule. `name` is the variable's. */
export const polynomial = (name: string, x: F32, coefficients: readonly number[]): F32 =>
  make('f32', x.extent, { kind: 'polynomial', name, x, coefficients });
export const byPrecision = <T extends ValueType>(formulas: {
  readonly double: Expression<T>;
  readonly single: Expression<T>;
}): Expression<T> => make(formulas.single.type, widest([formulas.double, formulas.single]), { kind: 'by_precision', ...formulas });

export const parameter = <T extends ValueType>(name: string, type: T, extent: Extent): Parameter<T> => ({
  type,
  extent,
  form: { kind: 'parameter', name },
});

export const call = <T extends ValueType>(callee: FormulaFunction<T>, ...args: readonly Expression[]): Expression<T> =>
  make(callee.result.type, widest(args), { kind: 'call', callee, args });
