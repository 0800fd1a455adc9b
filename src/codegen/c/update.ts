import type { Node } from '../../ir/types.js';
import { numberAttr, stringsAttr } from '../../ir/types.js';
import type { OpOfKind } from '../../ops/index.js';
import type { Scope } from './expression.js';
import type { KernelContext } from './kernel.js';
import type { Root } from './loops.js';
import { floatLiteral, indent } from './text.js';

type UpdateRule = (scope: Scope, node: Node) => void;

const literal = (value: number) => `vf_set(${floatLiteral(value)})`;

function storeState(scope: Scope, name: string, variable: string): string {
  const address = `${scope.context.state(name)} + ${scope.at.index}`;
  return scope.at.lanes === undefined
    ? `store_f32(${address}, ${variable});`
    : `store_f32_part(${address}, ${variable}, ${scope.at.lanes});`;
}

/** New contents of the states that a node writes, in a block that a false `ok` skips. */
function writeStates(scope: Scope, node: Node, ok: number | undefined, lines: readonly string[], values: readonly string[]): void {
  const stores = stringsAttr(node.attrs, 'writes').map((name, i) => storeState(scope, name, values[i]!));
  const guard = ok === undefined ? '{' : `if (${scope.scalar(node.inputs[ok]!)}) {`;
  const isRead = scope.context.isStored(node.id);
  const result = `result${scope.context.member(node.id)}${scope.suffix}`;
  if (isRead) scope.statements.push(`vf ${result} = ${scope.operand(node.id, 0)};`);
  scope.statements.push(guard, ...indent([...lines, ...stores, ...(isRead ? [`${result} = ${values[0]};`] : [])]), '}');
  if (!isRead) return;
  scope.set(node.id, result);
  scope.store(node.id);
}

const sgd: UpdateRule = (scope, node) => {
  const momentum = numberAttr(node.attrs, 'momentum');
  const decay = numberAttr(node.attrs, 'weight_decay');
  const w = scope.operand(node.id, 0);
  const g = scope.operand(node.id, 1);
  const lr = scope.scalar(node.inputs[2]!);
  const ok = node.attrs.guarded === true ? node.inputs.length - 1 : undefined;
  const lines = [`const vf d = ${decay === 0 ? g : `vf_fma(${literal(decay)}, ${w}, ${g})`};`];
  const values = ['next'];
  let direction = 'd';
  if (momentum !== 0) {
    lines.push(`const vf kept = vf_fma(${literal(momentum)}, ${scope.operand(node.id, 3)}, d);`);
    values.push('kept');
    direction = node.attrs.nesterov === true ? `vf_fma(${literal(momentum)}, kept, d)` : 'kept';
  }
  lines.push(`const vf next = ${w} - vf_set(${lr}) * ${direction};`);
  writeStates(scope, node, ok, lines, values);
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
  const t = scope.scalar(node.inputs[5]!);
  const ok = node.attrs.guarded === true ? 6 : undefined;
  const rate = scope.once(`adam_rate(${lr}, ${beta1}, ${t} + 1)`, 'float');
  const root = scope.once(`adam_root(${beta2}, ${t} + 1)`, 'float');
  const lines = [
    `const vf gradient = ${decay !== 0 && !decoupled ? `vf_fma(${literal(decay)}, ${w}, ${g})` : g};`,
    `const vf mean = vf_fma(${literal(1 - beta1)}, gradient - ${m}, ${m});`,
    `const vf square = vf_fma(${literal(1 - beta2)} * gradient, gradient, ${literal(beta2)} * ${v});`,
    `const vf weight = ${decay !== 0 && decoupled ? `${w} * vf_set((float)(1.0 - (double)${lr} * ${decay}))` : w};`,
    `const vf next = weight - vf_set(${rate}) * mean / vf_fma(vf_sqrt(square), vf_set(${root}), ${literal(eps)});`,
  ];
  writeStates(scope, node, ok, lines, ['next', 'mean', 'square']);
};

const UPDATES: Readonly<Record<OpOfKind<'update'>, UpdateRule>> = {
  sgd,
  adam,
  adamw: adam,
  accumulate: (scope, node) => {
    const sum = `${scope.operand(node.id, 0)} + ${scope.operand(node.id, 1)}`;
    writeStates(scope, node, undefined, [`const vf next = ${sum};`], ['next']);
  },
  reset: (scope, node) => writeStates(scope, node, undefined, [], ['vf_set(0.0f)']),
  running_update: (scope, node) => {
    const momentum = numberAttr(node.attrs, 'momentum');
    const share = literal(momentum * numberAttr(node.attrs, 'correction'));
    const next = `vf_fma(${share}, ${scope.operand(node.id, 1)}, ${literal(1 - momentum)} * ${scope.operand(node.id, 0)})`;
    writeStates(scope, node, node.inputs.length > 2 ? 2 : undefined, [`const vf next = ${next};`], ['next']);
  },
};

export function updateRoot(context: KernelContext, id: number): Root {
  const node = context.node(id);
  return { id, reads: node.inputs, body: (scope) => UPDATES[node.op as OpOfKind<'update'>](scope, node) };
}

/** Ops on the step's counters, as plain C statements. */
const SERIAL: Readonly<Record<OpOfKind<'counter'>, (context: KernelContext, node: Node) => string[]>> = {
  advance: (context, node) => {
    const [name] = stringsAttr(node.attrs, 'writes') as [string];
    const ok = node.inputs[1];
    const guard = ok === undefined ? '' : `if (*${context.pointer(ok)}) `;
    return [`${guard}*${context.state(name)} += 1;`];
  },
  update_scale: (context, node) => {
    const [growth, backoff, interval, floor, cap] = ['growth', 'backoff', 'interval', 'floor', 'cap'].map((name) =>
      numberAttr(node.attrs, name),
    ) as [number, number, number, number, number];
    const [scale, tracker, skips] = stringsAttr(node.attrs, 'writes').map((name) => context.state(name)) as [string, string, string];
    const f = floatLiteral;
    return [
      `float *const scale = ${scale};`,
      `int32_t *const tracker = ${tracker}, *const skips = ${skips};`,
      `if (!*${context.pointer(node.inputs[3]!)}) {`,
      `  const float less = *scale * ${f(backoff)};`,
      `  *scale = less > ${f(floor)} ? less : ${f(floor)};`,
      '  *tracker = 0;',
      '  *skips += 1;',
      `} else if (*tracker + 1 == ${interval}) {`,
      `  const float more = *scale * ${f(growth)};`,
      `  if (more <= FLT_MAX) *scale = more < ${f(cap)} ? more : ${f(cap)};`,
      '  *tracker = 0;',
      '  *skips = 0;',
      '} else {',
      '  *tracker += 1;',
      '  *skips = 0;',
      '}',
    ];
  },
};

export function serialStatements(context: KernelContext, id: number): string[] {
  const node = context.node(id);
  const [state] = stringsAttr(node.attrs, 'writes');
  const result = context.isStored(id) ? [`*${context.output(id)} = *${context.state(state!)};`] : [];
  return [...SERIAL[node.op as OpOfKind<'counter'>](context, node), ...result];
}
