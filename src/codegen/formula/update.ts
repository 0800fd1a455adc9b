import type { Node } from '../../ir/types.js';
import { numberAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import {
  add,
  and,
  byPrecision,
  call,
  computed,
  computedDouble,
  div,
  double,
  equal,
  fma,
  greater,
  int,
  isFiniteValue,
  isNan,
  less,
  letIn,
  max,
  min,
  mul,
  named,
  neg,
  not,
  number,
  operand,
  or,
  scalar,
  scalarBool,
  scalarInt,
  select,
  sqrt,
  sub,
  toF32,
  toF64,
} from './build.js';
import type { Bool, Expression, F32 } from './expression.js';
import { ADAM_RATE, ADAM_ROOT, ONE_MINUS_EXP } from './step-functions.js';

/** New contents of the states that a node writes, in their order; undefined: as it was. */
export interface UpdateCase {
  /** A number of the whole tensor. Left out: always. */
  readonly when?: Bool | undefined;
  readonly values: readonly (Expression | undefined)[];
}

/** An op that writes states, each element from the same element of its operands. The first one of its values is its result. */
export interface Update {
  /** Computed ahead, in order, whatever case holds. */
  readonly first: readonly Expression[];
  /** The first case whose condition holds counts; where none does, every state stays as it is, to the bit. */
  readonly cases: readonly UpdateCase[];
}

type UpdateFormula = (node: Node) => Update;

const attribute = ({ attrs }: Node, name: string) => numberAttr(attrs, name);
const one = number(1);

/** One case, guarded by operand `ok` if there is one. */
const guarded = (first: readonly Expression[], ok: number | undefined, values: readonly Expression[]): Update => ({
  first,
  cases: [{ when: ok === undefined ? undefined : scalarBool(ok), values }],
});

const sgd: UpdateFormula = (node) => {
  const [momentum, decay] = [attribute(node, 'momentum'), attribute(node, 'weight_decay')];
  const [w, g, lr] = [operand(0), operand(1), scalar(2)];
  const d = named('d', decay === 0 ? g : fma(computed(decay), w, g));
  const kept = named('kept', fma(computed(momentum), operand(3), d));
  const direction = momentum === 0 ? d : node.attrs.nesterov === true ? fma(computed(momentum), kept, d) : kept;
  const next = named('next', letIn([d, ...(momentum === 0 ? [] : [kept])], sub(w, mul(lr, direction))));
  const ok = node.attrs.guarded === true ? node.inputs.length - 1 : undefined;
  return guarded([w, g, lr], ok, momentum === 0 ? [next] : [next, kept]);
};

/** lr / (1 - beta1^t) and 1 / sqrt(1 - beta2^t) at update t, counted from 1. */
function adamFactors(node: Node, lr: F32, done: Expression<'i32'>): readonly [F32, F32] {
  const [beta1, beta2] = [attribute(node, 'beta1'), attribute(node, 'beta2')];
  const t = add(done, int(1));
  const count = named('count', toF32(t));
  const rest = (beta: number) => call(ONE_MINUS_EXP, mul(count, computed(Math.log(beta))));
  return [
    byPrecision({ double: call(ADAM_RATE, lr, computedDouble(beta1), t), single: div(lr, rest(beta1)) }),
    byPrecision({ double: call(ADAM_ROOT, computedDouble(beta2), t), single: div(one, sqrt(rest(beta2))) }),
  ];
}

/** w * (1 - lr * decay); without doubles, w - w * (lr * decay), as 1 - lr * decay would lose most of the digits of the small product. */
function decayed(w: F32, lr: F32, decay: number): F32 {
  return byPrecision({
    double: mul(w, toF32(sub(double(1), mul(toF64(lr), computedDouble(decay))))),
    single: sub(w, mul(w, mul(lr, computed(decay)))),
  });
}

/** The larger one; a NaN in the first stays one. */
const larger = (a: F32, b: F32): F32 => select(or(greater(a, b), isNan(a)), a, b);

const adam =
  (decoupled: boolean): UpdateFormula =>
  (node) => {
    const [beta1, beta2, decay] = [attribute(node, 'beta1'), attribute(node, 'beta2'), attribute(node, 'weight_decay')];
    const [w, g, m, v, lr, done] = [operand(0), operand(1), operand(2), operand(3), scalar(4), scalarInt(5)];
    const [rate, root] = adamFactors(node, lr, done);
    const gradient = named('gradient', decay !== 0 && !decoupled ? fma(computed(decay), w, g) : g);
    const mean = named('mean', fma(computed(1 - beta1), sub(gradient, m), m));
    const square = named('square', fma(mul(computed(1 - beta2), gradient), gradient, mul(computed(beta2), v)));
    const weight = named('weight', decay !== 0 && decoupled ? decayed(w, lr, decay) : w);
    const most = node.attrs.amsgrad === true ? named('most', larger(square, operand(6))) : undefined;
    const divisor = fma(sqrt(most ?? square), root, computed(attribute(node, 'eps')));
    const before = [gradient, mean, square, ...(most === undefined ? [] : [most]), weight];
    const next = named('next', letIn(before, sub(weight, div(mul(rate, mean), divisor))));
    const ok = node.attrs.guarded === true ? node.inputs.length - 1 : undefined;
    return guarded([w, g, m, v, lr, done, rate, root], ok, [next, mean, square, ...(most === undefined ? [] : [most])]);
  };

const rmsprop: UpdateFormula = (node) => {
  const [alpha, momentum, decay] = [attribute(node, 'alpha'), attribute(node, 'momentum'), attribute(node, 'weight_decay')];
  const isCentered = node.attrs.centered === true;
  const [w, g, v, lr] = [operand(0), operand(1), operand(2), scalar(3)];
  const gradient = named('gradient', decay === 0 ? g : fma(computed(decay), w, g));
  const square = named('square', fma(mul(computed(1 - alpha), gradient), gradient, mul(computed(alpha), v)));
  const mean = isCentered ? named('mean', fma(computed(1 - alpha), sub(gradient, operand(4)), operand(4))) : undefined;
  const variance = mean && named('variance', fma(neg(mean), mean, square));
  const spread = variance === undefined ? square : select(less(variance, number(0)), number(0), variance);
  const quotient = named('quotient', div(gradient, add(sqrt(spread), computed(attribute(node, 'eps')))));
  const kept = momentum === 0 ? undefined : named('kept', fma(computed(momentum), operand(isCentered ? 5 : 4), quotient));
  const slots = [mean, kept].filter((slot) => slot !== undefined);
  const centre = mean === undefined || variance === undefined ? [] : [mean, variance];
  const before = [gradient, square, ...centre, quotient, ...(kept === undefined ? [] : [kept])];
  const next = named('next', letIn(before, sub(w, mul(lr, kept ?? quotient))));
  return guarded([w, g, v, lr], node.attrs.guarded === true ? node.inputs.length - 1 : undefined, [next, square, ...slots]);
};

/** -1, 0 or 1; a NaN stays one. */
const sign = (x: F32): F32 => select(isNan(x), x, select(greater(x, number(0)), one, select(less(x, number(0)), number(-1), number(0))));

const lion: UpdateFormula = (node) => {
  const [beta1, beta2, decay] = [attribute(node, 'beta1'), attribute(node, 'beta2'), attribute(node, 'weight_decay')];
  const [w, g, m, lr] = [operand(0), operand(1), operand(2), scalar(3)];
  const mixed = (beta: number) => fma(computed(1 - beta), g, mul(computed(beta), m));
  const blend = named('blend', mixed(beta1));
  const direction = decay === 0 ? sign(blend) : fma(computed(decay), w, sign(blend));
  const next = named('next', letIn([blend], sub(w, mul(lr, direction))));
  return guarded([w, g, m, lr], node.attrs.guarded === true ? 4 : undefined, [next, named('mean', mixed(beta2))]);
};

const muon: UpdateFormula = (node) => {
  const names = ['momentum', 'factor', 'length', 'weight_decay'] as const;
  const [momentum, factor, length, decay] = names.map((name) => attribute(node, name)) as [number, number, number, number];
  const [w, g, lr, o] = [operand(0), operand(1), scalar(2), operand(3)];
  const norm = scalar(momentum === 0 ? 4 : 5);
  const stretch = length === 0 ? undefined : named('stretch', div(computed(length), max(norm, number(1e-12))));
  const begun = stretch === undefined ? w : named('begun', mul(w, stretch));
  const shrunk = named('shrunk', decay === 0 ? begun : decayed(begun, lr, decay));
  const before = [...(stretch === undefined ? [] : [stretch, begun as typeof stretch]), shrunk];
  const next = named('next', letIn(before, sub(shrunk, mul(mul(lr, computed(factor)), o))));
  const kept = momentum === 0 ? [] : [named('kept', fma(computed(momentum), operand(4), g))];
  const ok = node.attrs.guarded === true ? node.inputs.length - 1 : undefined;
  const read = [w, ...(momentum === 0 ? [] : [g]), lr, o, ...(length === 0 ? [] : [norm])];
  return guarded(read, ok, [next, ...kept]);
};

/** a + s (b - a), from the nearer end: as torch.lerp. */
const lerp = (a: F32, b: F32, s: F32): F32 => select(less(s, number(0.5)), fma(s, sub(b, a), a), fma(sub(s, one), sub(b, a), b));

/** Whether an average is due, and is not skipped: `share` is above 0, and `ok`, if it is there, true. */
const isDue = ({ inputs }: Node, share: number, ok: number): Bool => {
  const due = greater(scalar(share), number(0));
  return inputs.length > ok ? and(due, scalarBool(ok)) : due;
};

const average: UpdateFormula = (node) => {
  const n = scalarInt(2);
  const later = node.attrs.mean === true ? div(one, toF32(add(n, int(1)))) : scalar(3);
  const share = select(equal(n, int(0)), one, later);
  const next = named('next', lerp(operand(0), operand(1), share));
  return { first: [operand(0), operand(1)], cases: [{ when: isDue(node, 3, 4), values: [next] }] };
};

const lookahead: UpdateFormula = (node) => {
  const next = named('next', lerp(operand(0), operand(1), scalar(2)));
  return { first: [operand(0), operand(1)], cases: [{ when: isDue(node, 2, 3), values: [next, next] }] };
};

const countAverage: UpdateFormula = (node) => ({
  first: [],
  cases: [{ when: isDue(node, 1, 2), values: [add(scalarInt(0), int(1))] }],
});

const accumulate: UpdateFormula = () => guarded([], undefined, [named('next', add(operand(0), operand(1)))]);

const runningUpdate: UpdateFormula = (node) => {
  const momentum = attribute(node, 'momentum');
  const share = computed(momentum * attribute(node, 'correction'));
  const next = named('next', fma(share, operand(1), mul(computed(1 - momentum), operand(0))));
  return guarded([], node.inputs.length > 2 ? 2 : undefined, [next]);
};

const advance: UpdateFormula = ({ inputs }) => guarded([], inputs.length > 1 ? 1 : undefined, [add(scalarInt(0), int(1))]);

/** Loss scaling: backs off in a step that was skipped, grows after `interval` steps in a row that were not. */
const updateScale: UpdateFormula = (node) => {
  const [growth, backoff, floor, cap] = ['growth', 'backoff', 'floor', 'cap'].map((name) => computed(attribute(node, name))) as [
    F32,
    F32,
    F32,
    F32,
  ];
  const [scale, tracker, skips, ok] = [scalar(0), scalarInt(1), scalarInt(2), scalarBool(3)];
  const less = named('less', mul(scale, backoff));
  const more = named('more', mul(scale, growth));
  const good = add(tracker, int(1));
  return {
    first: [scale, tracker, skips, ok],
    cases: [
      { when: not(ok), values: [max(less, floor), int(0), add(skips, int(1))] },
      { when: equal(good, int(attribute(node, 'interval'))), values: [select(isFiniteValue(more), min(more, cap), scale), int(0), int(0)] },
      { values: [undefined, good, int(0)] },
    ],
  };
};

/** Ops that write states, element by element. */
export const UPDATES: Readonly<Record<OpOfKind<'update'>, UpdateFormula>> = {
  sgd,
  adam: adam(false),
  adamw: adam(true),
  lion,
  rmsprop,
  muon,
  update_average: average,
  look_ahead: lookahead,
  accumulate,
  reset: () => guarded([], undefined, [number(0)]),
  running_update: runningUpdate,
};

/** Ops that write states which are single numbers. */
export const COUNTERS: Readonly<Record<OpOfKind<'counter'>, UpdateFormula>> = {
  advance,
  update_scale: updateScale,
  count_average: countAverage,
};
