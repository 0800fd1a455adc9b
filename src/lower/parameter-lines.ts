import { matchesLayer } from '../ir/pattern.js';
import { INIT } from '../ops/initializers.js';
import { ConstraintError } from '../ops/op.js';
import { initAttrs, withoutInit } from '../ops/state-init.js';
import type { ParameterItem } from '../parser/ast.js';
import type { Evaluation } from './evaluation.js';
import type { ParameterPattern } from './layer-context.js';
import { readArgument, readLayerArgument } from './read-argument.js';
import { reportConstraint } from './shape-errors.js';

/** A line with the epochs, counted from 0, in which it holds: from `from` on, before `to`. One whose epochs are wrong holds in none. */
export interface ParameterLine {
  readonly item: ParameterItem;
  readonly from: number;
  readonly to: number;
}

const EPOCHS = { kind: 'int', min: 1, max: 1_000_000, doc: 'whole epochs' } as const;

/** The lines with their epochs; a number of epochs that is none is reported. */
export function readLines(items: readonly ParameterItem[], context: Evaluation): readonly ParameterLine[] {
  return items.map((item): ParameterLine => {
    const { when } = item;
    if (when === undefined) return { item, from: 0, to: Number.POSITIVE_INFINITY };
    const { kind, epochs } = when;
    const count = readArgument('freeze', { ...EPOCHS, name: kind }, epochs, context);
    if (typeof count !== 'number') return { item, from: 0, to: 0 };
    return kind === 'until' ? { item, from: 0, to: count } : { item, from: count, to: Number.POSITIVE_INFINITY };
  });
}

export const holdsIn =
  (epoch: number) =>
  ({ from, to }: ParameterLine): boolean =>
    epoch >= from && epoch < to;

/** The epochs of a run of so many, counted from 0, with which what is frozen changes. */
export function phasesOf(lines: readonly ParameterLine[], epochs: number): readonly number[] {
  const changes = lines.flatMap(({ from, to }) => [from, to]).filter((epoch) => epoch > 0 && epoch < epochs);
  return [...new Set(changes)].sort((a, b) => a - b);
}

/** What the `freeze` lines say, all in one; undefined where there are none. */
export function freezeText(lines: readonly ParameterLine[]): string | undefined {
  const clauses = lines.flatMap(({ item: { kind, pattern, when }, from, to }): string[] => {
    if (kind !== 'freeze') return [];
    return [when === undefined ? pattern.text : `${pattern.text} ${when.kind} ${when.kind === 'until' ? to : from}`];
  });
  return clauses.length === 0 ? undefined : clauses.join(', ');
}

/**
 * What the `init` and `freeze` lines do in an epoch to the parameters that they name; of several for one parameter the last one counts.
 */
export function readPatterns(lines: readonly ParameterLine[], epoch: number, context: Evaluation): readonly ParameterPattern[] {
  return lines.filter(holdsIn(epoch)).flatMap(({ item }) => readPattern(item, context));
}

/** Statistics are meant where a pattern names them: a layer that is frozen goes on measuring its batches. */
export function namesStatistics(text: string): boolean {
  return text.includes('running_');
}

function readPattern({ kind, pattern, value, span }: ParameterItem, context: Evaluation): readonly ParameterPattern[] {
  const { sink } = context;
  const matches = (name: string) => matchesLayer(pattern.text, name);
  if (kind === 'freeze') {
    const apply: ParameterPattern['apply'] = (name, _, attrs) => (matches(name) ? { ...attrs, frozen: true } : attrs);
    return [{ apply, freezesStatistic: (name) => namesStatistics(pattern.text) && matches(name) }];
  }
  const init = value && readLayerArgument('train', { ...INIT, doc: 'how a weight starts' }, value, context);
  if (typeof init !== 'function') return [];
  return [
    {
      apply: (name, shape, attrs) => {
        if (!matches(name)) return attrs;
        try {
          return { ...withoutInit(attrs), ...initAttrs(init(shape)) };
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
