import type { Node, ValueId } from '../../ir/types.js';
import { numberAttr, stringsAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import type { GroupContext } from './context.js';
import { storageType } from './formats.js';
import { type Dispatch, indent, KernelBuilder } from './kernel.js';
import { floatLiteral } from './literal.js';
import { Scope } from './scope.js';

/** New contents of a node's states: statements, and one variable for each state that it writes. */
interface NewStates {
  readonly lines: readonly string[];
  readonly values: readonly string[];
  /** Position of the operand that must be true; undefined: always written. */
  readonly ok?: number | undefined;
}

type UpdateRule = (scope: Scope, node: Node) => NewStates;

const sgd: UpdateRule = (scope, node) => {
  const momentum = numberAttr(node.attrs, 'momentum');
  const decay = numberAttr(node.attrs, 'weight_decay');
  const [w, g] = [scope.operand(node.id, 0), scope.operand(node.id, 1)];
  const lr = scope.scalar(node.inputs[2]!);
  const lines = [`let d = ${decay === 0 ? g : `${g} + ${floatLiteral(decay)} * ${w}`};`];
  const values = ['next'];
  let direction = 'd';
  if (momentum !== 0) {
    lines.push(`let kept = ${floatLiteral(momentum)} * ${scope.operand(node.id, 3)} + d;`);
    values.push('kept');
    direction = node.attrs.nesterov === true ? `(d + ${floatLiteral(momentum)} * kept)` : 'kept';
  }
  lines.push(`let next = ${w} - ${lr} * ${direction};`);
  return { lines, values, ok: node.attrs.guarded === true ? node.inputs.length - 1 : undefined };
};

const adam: UpdateRule = (scope, node) => {
  const [beta1, beta2, eps, decay] = ['beta1', 'beta2', 'eps', 'weight_decay'].map((name) => numberAttr(node.attrs, name)) as [
    number,
    number,
    number,
    number,
  ];
  const decoupled = node.op === 'adamw';
  const [w, g, m, v] = [0, 1, 2, 3].map((index) => scope.operand(node.id, index)) as [string, string, string, string];
  const lr = scope.scalar(node.inputs[4]!);
  const count = scope.let(`f32(${scope.scalar(node.inputs[5]!)} + 1)`);
  const rate = scope.let(`${lr} / one_minus_exp(${count} * ${floatLiteral(Math.log(beta1))})`);
  const root = scope.let(`1.0f / sqrt(one_minus_exp(${count} * ${floatLiteral(Math.log(beta2))}))`);
  return {
    lines: [
      `let gradient = ${decay !== 0 && !decoupled ? `${g} + ${floatLiteral(decay)} * ${w}` : g};`,
      `let mean = ${m} + ${floatLiteral(1 - beta1)} * (gradient - ${m});`,
      `let square = ${floatLiteral(beta2)} * ${v} + ${floatLiteral(1 - beta2)} * gradient * gradient;`,
      `let weight = ${decay !== 0 && decoupled ? `${w} - ${w} * (${lr} * ${floatLiteral(decay)})` : w};`,
      `let next = weight - ${rate} * mean / (sqrt(square) * ${root} + ${floatLiteral(eps)});`,
    ],
    values: ['next', 'mean', 'square'],
    ok: node.attrs.guarded === true ? 6 : undefined,
  };
};

const UPDATES: Readonly<Record<OpOfKind<'update' | 'counter'>, UpdateRule>> = {
  sgd,
  adam,
  adamw: adam,
  accumulate: (scope, node) => ({ lines: [`let next = ${scope.operand(node.id, 0)} + ${scope.operand(node.id, 1)};`], values: ['next'] }),
  reset: () => ({ lines: [], values: ['0.0f'] }),
  running_update: (scope, node) => {
    const momentum = numberAttr(node.attrs, 'momentum');
    const share = floatLiteral(momentum * numberAttr(node.attrs, 'correction'));
    const next = `${floatLiteral(1 - momentum)} * ${scope.operand(node.id, 0)} + ${share} * ${scope.operand(node.id, 1)}`;
    return { lines: [`let next = ${next};`], values: ['next'], ok: node.inputs.length > 2 ? 2 : undefined };
  },
  advance: (scope, node) => ({
    lines: [`let next = ${scope.scalar(node.inputs[0]!)} + 1;`],
    values: ['next'],
    ok: node.inputs.length > 1 ? 1 : undefined,
  }),
  update_scale: (scope, node) => {
    const [growth, backoff, interval, floor, cap] = ['growth', 'backoff', 'interval', 'floor', 'cap'].map((name) =>
      numberAttr(node.attrs, name),
    ) as [number, number, number, number, number];
    const [scale, tracker, skips, ok] = node.inputs.map((id) => scope.scalar(id)) as [string, string, string, string];
    return {
      lines: [
        `var next = ${scale};`,
        'var good = 0;',
        'var skipped = 0;',
        `if (${ok} == 0u) {`,
        `  next = max(${floatLiteral(floor)}, ${scale} * ${floatLiteral(backoff)});`,
        `  skipped = ${skips} + 1;`,
        `} else if (${tracker} + 1 == ${interval}) {`,
        `  let grown = ${scale} * ${floatLiteral(growth)};`,
        `  if (is_finite(grown)) { next = min(${floatLiteral(cap)}, grown); }`,
        '} else {',
        `  good = ${tracker} + 1;`,
        '}',
      ],
      values: ['next', 'good', 'skipped'],
    };
  },
};

/** One op that writes states, element by element. A false `ok` leaves every state alone, to the bit. */
export function emitUpdate(context: GroupContext, id: ValueId): Dispatch {
  const node = context.node(id);
  const kernel = new KernelBuilder();
  const scope = new Scope(context, kernel, { index: 'i' });
  const { lines, values, ok } = UPDATES[node.op as OpOfKind<'update' | 'counter'>](scope, node);
  const isStored = context.isStored(id);
  const before = () => (node.op === 'reset' ? '0.0f' : node.type.shape.length === 0 ? scope.scalar(node.inputs[0]!) : scope.operand(id, 0));
  if (isStored) scope.lines.push(`var result = ${before()};`);
  const stores = stringsAttr(node.attrs, 'writes').map((name, position) => {
    const { type } = context.states.slots.get(name)!;
    return `${kernel.write(context.state(name), storageType(type.dtype))}[i] = ${values[position]};`;
  });
  const guard = ok === undefined ? '{' : `if (${scope.scalar(node.inputs[ok]!)} != 0u) {`;
  scope.lines.push(guard, ...indent([...lines, ...stores, ...(isStored ? [`result = ${values[0]};`] : [])]), '}');
  if (isStored) {
    scope.set(id, 'result');
    scope.store(id);
  }
  return kernel.finishFlat(context.label([id]), context.count(id), context.target.limits, scope.lines);
}
