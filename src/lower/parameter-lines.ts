import type { DiagnosticSink } from '../diagnostics/sink.js';
import { closest, listNames } from '../diagnostics/suggest.js';
import { matchesLayer } from '../ir/pattern.js';
import { isState } from '../ir/structure.js';
import type { Graph } from '../ir/types.js';
import { INIT } from '../ops/initializers.js';
import { ConstraintError } from '../ops/op.js';
import { initAttrs } from '../ops/state-init.js';
import type { ParameterItem } from '../parser/ast.js';
import { convertLayerArg } from './convert.js';
import { evaluate } from './evaluate.js';
import type { Evaluation } from './evaluation.js';
import type { ParameterPattern } from './layer-context.js';
import { reportConstraint } from './shape-errors.js';

/** What the `init` and `freeze` lines do to the parameters that they name; of several for one parameter the last one counts. */
export function readPatterns(items: readonly ParameterItem[], context: Evaluation): readonly ParameterPattern[] {
  return items.flatMap((item) => readPattern(item, context));
}

function readPattern({ kind, pattern, value, span }: ParameterItem, context: Evaluation): readonly ParameterPattern[] {
  const { sink } = context;
  const matches = (name: string) => matchesLayer(pattern.text, name);
  if (kind === 'freeze') return [{ apply: (name, _, attrs) => (matches(name) ? { ...attrs, frozen: true } : attrs) }];
  const init = value && convertLayerArg('train', { ...INIT, doc: 'how a weight starts' }, evaluate(value, context), value.span, sink);
  if (typeof init !== 'function') return [];
  return [
    {
      apply: (name, shape, attrs) => {
        if (!matches(name)) return attrs;
        try {
          const { limit: _, ...others } = attrs;
          return { ...others, ...initAttrs(init(shape)) };
        } catch (error) {
          if (!(error instanceof ConstraintError)) throw error;
          // Of a layer, or of all that a star stands for, the weights are meant.
          if (shape.length < 2 && name !== pattern.text) return attrs;
          reportConstraint(error, { name: `init ${pattern.text}`, span }, [], undefined, sink);
          return attrs;
        }
      },
    },
  ];
}

/** Reports lines that name no parameter, and files that freeze all of them. */
export function checkPatterns(items: readonly ParameterItem[], graph: Graph, sink: DiagnosticSink): void {
  if (items.length === 0) return;
  const parameters = graph.nodes.filter((node) => isState(node) && node.attrs.role === 'parameter');
  const names = parameters.map((node) => String(node.attrs.name));
  for (const { kind, pattern } of items) {
    const { text } = pattern;
    if (text === '' || names.some((name) => matchesLayer(text, name))) continue;
    const near = closest(text, names);
    sink.error('AMP4014', pattern.span, `\`${text}\` matches no parameter of the model`, {
      why: `\`${kind}\` names parameters, such as \`conv1.weight\`, or all of a layer, or a pattern in quotes`,
      fix: near === undefined ? `the parameters are ${listNames(names.slice(0, 8), 'and')}` : `did you mean \`${near}\`?`,
    });
  }
  const [frozen] = items.filter((item) => item.kind === 'freeze');
  if (frozen !== undefined && parameters.length > 0 && parameters.every((node) => node.attrs.frozen === true))
    sink.error('AMP4015', frozen.span, 'all parameters are frozen', {
      why: 'there is nothing to train without one',
      fix: 'leave out the last layer, such as `fc`',
    });
}
