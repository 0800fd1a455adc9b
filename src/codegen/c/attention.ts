import { elementCount, type ValueId } from '../../ir/types.js';
import { type Attention, attentionNodes, attentionOf, isDropout } from '../../plan/attention-pattern.js';
import { type Code, emit, joined } from '../code.js';
import { dropped, emitBack, emitExchange, emitRows, emitSoftmax, emitSoftmaxGrad, type KeyRow } from './attention-parts.js';
import { emitProduct, productTile } from './attention-product.js';
import { type Compute, STAGED } from './contraction-unit.js';
import type { Kernel, KernelContext } from './kernel.js';
import { called, head, note } from './kernel-code.js';

/** Floats of a block of scores: they stay in the processor's second cache, beside what they are made of. */
const BLOCK_FLOATS = 2 ** 14;

/** Sizes of one head, and of its rows in scratch, which fill whole vectors. */
interface Sizes extends KeyRow {
  readonly heads: number;
  readonly queries: number;
  readonly features: number;
  readonly columns: number;
  /** Padded. */
  readonly featureRow: number;
  readonly columnRow: number;
  /** Queries whose scores are in scratch at a time. */
  readonly block: number;
}

function sizesOf(context: KernelContext, { scores }: Attention, v: ValueId): Sizes {
  const [queries, keys] = scores.type.shape.slice(-2) as [number, number];
  const features = context.type(scores.inputs[0]!).shape.at(-1)!;
  const columns = context.type(v).shape.at(-1)!;
  const { lanes } = context.target;
  const padded = (size: number) => Math.ceil(size / lanes) * lanes;
  const keyRow = padded(keys);
  const block = Math.min(queries, Math.max(16, Math.floor(BLOCK_FLOATS / keyRow)));
  const heads = elementCount(scores.type.shape) / (queries * keys);
  const rows = { keyRow, featureRow: padded(features), columnRow: padded(columns) };
  return { heads, queries, keys, features, columns, ...rows, block };
}

/** Areas of a thread's scratch, one behind the other, of four-byte elements. */
class Scratch {
  elements = 0;
  readonly declarations: Code[] = [];

  constructor(private readonly base: Code) {}

  area(name: string, type: Code, elements: number): void {
    this.declarations.push(emit`  ${type} *restrict ${name} = (${type} *)${this.base} + ${this.elements};`);
    this.elements += Math.ceil(elements / 16) * 16;
  }
}

/** What the products run on: pairs of bf16 where all factors are bf16 and the processor multiplies such. */
function computeOf({ target, step }: KernelContext, attention: Attention): Compute {
  const types = attention.scores.inputs.map((id) => step.fn.graph.nodes[id]!.type.dtype);
  const weights = [attention.softmax, ...attention.after].at(-1)!.type.dtype;
  const others =
    attention.kind === 'forward'
      ? [step.fn.graph.nodes[attention.sums.inputs[1]!]!]
      : [...attention.weightsGrad.inputs.map((id) => step.fn.graph.nodes[id]!), [attention.softmaxGrad, ...attention.rounded].at(-1)!];
  const all = [...types, weights, ...others.map(({ type }) => type.dtype)];
  return target.bf16Dot && all.every((dtype) => dtype === 'bf16') ? 'bf16' : 'f32';
}

/** C of one attention: a task is a head, whose scores are in scratch some queries at a time. */
export function emitAttention(context: KernelContext): Kernel {
  const attention = attentionOf(context.step.fn.graph, context.group.nodes);
  const compute = computeOf(context, attention);
  const { name } = context;
  const [q, k] = attention.scores.inputs as [ValueId, ValueId];
  const [dy, v] =
    attention.kind === 'forward' ? [undefined, attention.sums.inputs[1]!] : (attention.weightsGrad.inputs as [ValueId, ValueId]);
  const s = sizesOf(context, attention, v);
  const { queries, keys, features, columns, keyRow, featureRow, columnRow, block } = s;
  const { type, depth } = STAGED[compute];
  const scratch = new Scratch(context.scratch(0));
  const half = (count: number | string) => (depth === 1 ? count : typeof count === 'number' ? Math.ceil(count / 2) : `(${count} + 1) / 2`);

  /** Brings rows of a value into scratch. */
  const rows = (id: ValueId, at: Code, to: Code, count: number | string, length: number, row: number) => {
    const { dtype } = context.type(id);
    const area = compute === 'f32' ? to : emit`(uint16_t *)${to}`;
    return emit`${called(name.and(`_rows_${dtype}`), emit`${context.pointer(id)} + ${at}, ${area}, ${count}, ${length}, ${row}`)};`;
  };
  const backOf = (id: ValueId) => name.and(`_back_${context.type(id).dtype}`);
  const back = (id: ValueId, from: Code, at: Code, count: number | string, length: number, row: number) =>
    emit`${called(backOf(id), from, emit`${context.output(id)} + ${at}, ${count}, ${length}, ${row}`)};`;
  /** The matrix whose columns are rows of `from`. */
  const exchange = (from: Code, to: Code, count: number, row: number) =>
    emit`${called(name.and('_exchange'), emit`${from}, ${to}, ${count}, ${row / depth}, ${row / depth}, ${keyRow}`)};`;
  /** The rows of `from` as terms of a product: themselves, or pairs of them. */
  const terms = (from: string, count: number | string, row: number, at: Code[]): string => {
    if (compute === 'f32') return from;
    scratch.area(`${from}_pairs`, type, Math.ceil((typeof count === 'number' ? count : block) / 2) * row);
    at.push(emit`${called(name.and('_pairs'), emit`(const uint16_t *)${from}, ${from}_pairs, ${count}, ${row}`)};`);
    return `${from}_pairs`;
  };
  const matrix = (area: string, count: number, row: number) => {
    scratch.area(area, type, (count * row) / depth);
  };
  type Size = readonly [rows: number | string, terms: number | string, columns: number];
  const operands = (aRow: number, aColumn: number, row: number) => emit`&(${name.and('_operands')}){${aRow}, ${aColumn}, ${row}, ${row}}`;
  const product = (a: Code, [aRow, aColumn]: readonly [number, number], b: Code, c: Code, size: Size, add = '0') =>
    emit`${called(name.and('_product'), operands(aRow, aColumn, size[2]), a, b, c, joined(size, ', '), add)};`;
  const along = (row: number) => [row / depth, 1] as const;
  const across = (row: number) => [1, row] as const;

  matrix('key', keys, featureRow);
  scratch.area('key_columns', type, (featureRow / depth) * keyRow);
  matrix('value', keys, columnRow);
  matrix('query', block, featureRow);
  matrix('w', block, keyRow);
  scratch.area('prob', 'float', block * keyRow);
  scratch.area('out', 'float', block * Math.max(columnRow, featureRow));
  const load = [
    rows(k, emit`head * ${keys * features}`, 'key', keys, features, featureRow),
    exchange('key', 'key_columns', keys, featureRow),
    rows(v, emit`head * ${keys * columns}`, 'value', keys, columns, columnRow),
  ];
  const rowAt = emit`(head * ${queries} + from + r) * ${keys}`;
  const probabilities = emit`prob + r * ${keyRow}`;
  const weightsAt = emit`w + r * ${keyRow / depth}`;
  const counted = called(name.and('_counted'), 'from + r');
  const inBlock = [
    rows(q, emit`(head * ${queries} + from) * ${features}`, 'query', 'count', features, featureRow),
    product('query', along(featureRow), 'key_columns', 'prob', ['count', half(features), keyRow]),
    'for (int64_t r = 0; r < count; r++) {',
    emit`  ${called(name.and('_softmax'), probabilities, weightsAt, counted, ...dropped(attention.after, rowAt).args)};`,
    '}',
  ];
  const after: Code[] = [];
  if (attention.kind === 'forward') {
    const { id } = attention.sums;
    inBlock.push(
      product('w', along(keyRow), terms('value', keys, columnRow, load), 'out', ['count', half(keys), columnRow]),
      back(id, 'out', emit`(head * ${queries} + from) * ${columns}`, 'count', columns, columnRow),
    );
  } else {
    const { gradients } = attention;
    scratch.area('value_columns', type, (columnRow / depth) * keyRow);
    matrix('dy', block, columnRow);
    matrix('ds', block, keyRow);
    scratch.area('d', 'float', block * keyRow);
    scratch.area('dk', 'float', keys * featureRow);
    scratch.area('dv', 'float', keys * columnRow);
    load.push(exchange('value', 'value_columns', keys, columnRow));
    const dsAt = emit`ds + r * ${keyRow / depth}`;
    const ofKeys = terms('key', keys, featureRow, load);
    inBlock.push(
      rows(dy!, emit`(head * ${queries} + from) * ${columns}`, 'dy', 'count', columns, columnRow),
      product('dy', along(columnRow), 'value_columns', 'd', ['count', half(columns), keyRow]),
      'for (int64_t r = 0; r < count; r++) {',
      emit`  float *const of_weights = d + r * ${keyRow};`,
      emit`  ${called(name.and('_softmax_grad'), probabilities, 'of_weights', dsAt, ...dropped(attention.widened, rowAt).args)};`,
      '}',
    );
    const [w, ds] = [terms('w', 'count', keyRow, inBlock), terms('ds', 'count', keyRow, inBlock)];
    const [ofDy, ofQueries] = [terms('dy', 'count', columnRow, inBlock), terms('query', 'count', featureRow, inBlock)];
    inBlock.push(
      product(w, across(keyRow), ofDy, 'dv', [keys, half('count'), columnRow], 'from > 0'),
      product(ds, across(keyRow), ofQueries, 'dk', [keys, half('count'), featureRow], 'from > 0'),
      product('ds', along(keyRow), ofKeys, 'out', ['count', half(keys), featureRow]),
      back(gradients.q.id, 'out', emit`(head * ${queries} + from) * ${features}`, 'count', features, featureRow),
    );
    after.push(
      back(gradients.k.id, 'dk', emit`head * ${keys * features}`, keys, features, featureRow),
      back(gradients.v.id, 'dv', emit`head * ${keys * columns}`, keys, columns, columnRow),
    );
  }
  const dropout = attentionNodes(attention).find(isDropout);
  const step = dropout === undefined ? '' : `  const uint32_t step = (uint32_t)*${context.pointer(dropout.inputs[1]!)};\n`;
  context.scratch(scratch.elements * 4);
  const formats = (ids: readonly ValueId[]) => [...new Set(ids.map((id) => context.type(id).dtype))];
  const read = formats([q, k, v, ...(dy === undefined ? [] : [dy])]).map((dtype) => emitRows(name, compute, dtype));
  const results = attention.kind === 'forward' ? [attention.sums] : Object.values(attention.gradients);
  const written = formats(results.map(({ id }) => id)).map((dtype) => emitBack(name, dtype));
  const lines = (statements: readonly Code[], indent: string) => joined(statements.map((line) => emit`${indent}${line}\n`));
  const code = emit`${emitProduct(name, compute, productTile(context.target, block))}
${emitExchange(name, compute)}${joined(read)}${joined(written)}
${emitSoftmax(name, compute, attention, s)}${attention.kind === 'gradient' ? emitSoftmaxGrad(name, compute, attention, s) : ''}
${note`${s.heads} heads of ${queries} queries and ${keys} keys, ${block} queries at a time.`}
${head('static void', name, 'void *const *p, int64_t head')}
${step}${joined(scratch.declarations, '\n')}
${lines(load, '  ')}  for (int64_t from = 0; from < ${queries}; from += ${block}) {
    const int64_t count = min64(${block}, ${queries} - from);
${lines(inBlock, '    ')}  }
${lines(after, '  ')}}
`;
  return { code, launches: [{ name, tasks: s.heads }] };
}
