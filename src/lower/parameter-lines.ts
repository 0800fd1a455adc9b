import type { DiagnosticSink } from '../diagnostics/sink.js';
import { closest, listNames } from '../diagnostics/suggest.js';
import { matchesLayer } from '../ir/pattern.js';
import { isState } from '../ir/structure.js';
import type { Graph } from '../ir/types.js';
import { INIT } from '../ops/initializers.js';
import { ConstraintError } from '../ops/op.js';
import { initAttrs } from '../ops/state-init.js';
import type { ParameterItem } from '../parser/ast.js';
import { convertLayerArg, convertSettingArg } from './convert.js';
import { evaluate } from './evaluate.js';
import type { Evaluation } from './evaluation.js';
import type { ParameterPattern } from './layer-context.js';
import { reportConstraint } from './shape-errors.js';

/** A line with the epochs, counted from 0, in which it holds: from `from` on, before `to`. */
export interface ParameterLine {
  readonly item: ParameterItem;
  readonly from: number;
  readonly to: number;
}

const EPOCHS = { kind: 'int', min: 1, max: 1_000_000, doc: 'whole epochs' } as const;

/** The lines with their epochs; a number of epochs that is none is reported, and the line then holds in all. */
export function readLines(items: readonly ParameterItem[], context: Evaluation): readonly ParameterLine[] {
  return items.map((item): ParameterLine => {
    const { when } = item;
    const always = { item, from: 0, to: Number.POSITIVE_INFINITY };
    if (when === undefined) return always;
    const { kind, epochs } = when;
    const count = convertSettingArg('freeze', { ...EPOCHS, name: kind }, evaluate(epochs, context), epochs.span, context.sink);
    if (typeof count !== 'number') return always;
    return kind === 'until' ? { ...always, to: count } : { ...always, from: count };
  });
}

const holdsIn =
  (epoch: number) =>
  ({ from, to }: ParameterLine): boolean =>
    epoch >= from && epoch < to;

/** The epochs, counted from 0, with which what is frozen changes. */
export function phasesOf(lines: readonly ParameterLine[]): readonly number[] {
  const changes = lines.flatMap(({ from, to }) => [from, to]).filter((epoch) => epoch > 0 && Number.isFinite(epoch));
  return [...new Set(changes)].sort((a, b) => a - b);
}

/**
 * What the `init` and `freeze` lines do in an epoch to the parameters that they name; of several for one parameter the last one counts.
 */
export function readPatterns(lines: readonly ParameterLine[], epoch: number, context: Evaluation): readonly ParameterPattern[] {
  return lines.filter(holdsIn(epoch)).flatMap(({ item }) => readPattern(item, context));
}

/** Statistics are meant where a pattern names them: a layer that is frozen goes on measuring its batches. */
function namesStatistics(text: string): boolean {
  return text.includes('running_');
}

function readPattern({ kind, pattern, value, span }: ParameterItem, context: Evaluation): readonly ParameterPattern[] {
  const { sink } = context;
  const matches = (name: string) => matchesLayer(pattern.text, name);
  if (kind === 'freeze') {
    const apply: ParameterPattern['apply'] = (name, _, attrs) => (matches(name) ? { ...attrs, frozen: true } : attrs);
    return [{ apply, freezesStatistic: (name) => namesStatistics(pattern.text) && matches(name) }];
  }
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

/** Reports lines that name no parameter, and files that freeze all of them, if only for some epochs. */
export function checkPatterns(lines: readonly ParameterLine[], graph: Graph, sink: DiagnosticSink): void {
  if (lines.length === 0) return;
  const parameters = graph.nodes.filter((node) => isState(node) && node.attrs.role === 'parameter');
  const names = parameters.map((node) => String(node.attrs.name));
  const statistics = graph.nodes.filter((node) => isState(node) && node.attrs.role === 'statistic').map((node) => String(node.attrs.name));
  for (const { item } of lines) {
    const { kind, pattern } = item;
    const { text } = pattern;
    const known = kind === 'freeze' && namesStatistics(text) ? [...names, ...statistics] : names;
    if (text === '' || known.some((name) => matchesLayer(text, name))) continue;
    const near = closest(text, known);
    sink.error('AMP4014', pattern.span, `\`${text}\` matches no parameter of the model`, {
      why: `\`${kind}\` names parameters, such as \`conv1.weight\`, or all of a layer, or a pattern in quotes`,
      fix: near === undefined ? `the parameters are ${listNames(names.slice(0, 8), 'and')}` : `did you mean \`${near}\`?`,
    });
  }
  for (const epoch of names.length === 0 ? [] : [0, ...phasesOf(lines)]) {
    const frozen = lines.filter(holdsIn(epoch)).filter(({ item }) => item.kind === 'freeze');
    if (!names.every((name) => frozen.some(({ item }) => matchesLayer(item.pattern.text, name)))) continue;
    sink.error('AMP4015', frozen[0]!.item.span, `all parameters are frozen${epoch === 0 ? '' : ` after ${epoch} epochs`}`, {
      why: 'there is nothing to train without one',
      fix: 'leave out the last layer, such as `fc`',
    });
    return;
  }
}
