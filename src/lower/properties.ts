import { listNames, suggestion } from '../diagnostics/suggest.js';
import type { Expr } from '../parser/ast.js';
import { datasetProperty } from './dataset-properties.js';
import type { Evaluation } from './evaluation.js';
import { describeKind, UNKNOWN, type Value } from './value.js';

type PropertyExpr = Extract<Expr, { kind: 'property' }>;

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
    if (text !== '') sink.error('AMP2013', span, `unknown property \`${text}\``, { fix: suggestion(text, names, 'properties') });
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
