import { suggestName } from '../diagnostics/fixes.js';
import type { DiagnosticSink } from '../diagnostics/sink.js';
import { listNames } from '../diagnostics/suggest.js';
import type { Expr } from '../parser/ast.js';
import { datasetProperty } from './dataset-properties.js';
import type { Evaluation } from './evaluation.js';
import { describeKind, UNKNOWN, type Value } from './value.js';

type PropertyExpr = Extract<Expr, { kind: 'property' }>;
type IndexExpr = Extract<Expr, { kind: 'index' }>;

export const PROPERTIES: Readonly<Record<string, string>> = {
  height: 'rows of an image',
  width: 'columns of an image',
  channels: 'size of the last axis: channels of an image, or features',
};

/** `x.height`: what an expression can ask of a value of the graph. */
export function evaluateProperty(expr: PropertyExpr, read: (expr: Expr) => Value, { sink, graph, dataset }: Evaluation): Value {
  if (expr.object.kind === 'dataset') return datasetProperty(expr, dataset, sink);
  const { text, span } = expr.name;
  const names = Object.keys(PROPERTIES);
  if (!names.includes(text)) {
    if (text !== '') sink.error('AMP2013', span, `unknown property \`${text}\``, suggestName({ text, span }, names, 'properties'));
    return UNKNOWN;
  }
  const object = read(expr.object);
  if (object.kind === 'unknown') return UNKNOWN;
  if (object.kind !== 'tensor' || graph === undefined) {
    sink.error('AMP2013', span, `${describeKind(object)} has no properties`, {
      why: `values of the graph have ${listNames(names, 'and')}`,
    });
    return UNKNOWN;
  }
  const [, ...shape] = graph.shape(object);
  const axis = text === 'channels' ? shape.length - 1 : text === 'width' ? 1 : 0;
  if (text !== 'channels' && shape.length !== 3) {
    sink.error('AMP2013', span, `a value of shape [${shape.join(', ')}] has no \`${text}\``, {
      why: 'only images [height, width, channels] do',
    });
    return UNKNOWN;
  }
  return { kind: 'number', value: shape[axis] };
}

/** `paths[0]`, `paths[-1]`: an item of a list, counted from 0, or from -1 backwards. */
export function evaluateIndex({ object, indices }: IndexExpr, read: (expr: Expr) => Value, { sink }: Evaluation): Value {
  let value = read(object);
  for (const expr of indices) value = itemOf(value, object, read(expr), expr, sink);
  return value;
}

function itemOf(list: Value, object: Expr, index: Value, expr: Expr, sink: DiagnosticSink): Value {
  if (list.kind === 'unknown' || index.kind === 'unknown') return UNKNOWN;
  if (list.kind !== 'list') {
    sink.error('AMP2006', object.span, `\`[…]\` takes an item of a list, not of ${describeKind(list)}`, {
      ...(list.kind === 'tensor' && { fix: '`slice` takes a part of a value of the graph' }),
    });
    return UNKNOWN;
  }
  if (index.kind !== 'number' || !Number.isInteger(index.value)) {
    sink.error('AMP2006', expr.span, `the place of an item is a whole number, not ${describeKind(index)}`);
    return UNKNOWN;
  }
  const { items } = list;
  const item = items.at(index.value);
  if (item !== undefined) return item;
  const count = items.length;
  sink.error('AMP2010', expr.span, `there is no item ${index.value} in a list of ${count}`, {
    why: count === 0 ? 'it is empty' : `its items are 0 to ${count - 1}, or -1 (the last) to -${count}`,
  });
  return UNKNOWN;
}
