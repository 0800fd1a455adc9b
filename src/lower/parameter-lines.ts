import { matchesLayer } from '../ir/pattern.js';
import type { Attrs } from '../ir/types.js';
import { INIT } from '../ops/initializers.js';
import { ConstraintError } from '../ops/op.js';
import { initAttrs, withoutInit } from '../ops/state-init.js';
import type { ParameterItem } from '../parser/ast.js';
import type { Evaluation } from './evaluation.js';
import type { ParameterPattern } from './layer-context.js';
import { readArgument, readLayerArgument } from './read-argument.js';
import { reportConstraint } from './shape-errors.js';

/**
 * A line with the part of a run in which it holds, in epochs from its begin on, which need not be whole: from `from` on, before `to`. One
 * whose numbers are wrong holds in none.
 */
export interface ParameterLine {
  readonly item: ParameterItem;
  readonly from: number;
  readonly to: number;
  /** What stands behind `until` or `after`. */
  readonly count?: number;
}

/** Some steps of an epoch that may have any number of them. */
const SOON = 1e-6;

const COUNTS = {
  epochs: { kind: 'number', above: 0, max: 1_000_000, doc: 'epochs, which need not be whole' },
  steps: { kind: 'int', min: 1, max: 1_000_000_000, doc: 'optimizer steps' },
} as const;

/**
 * The lines with the part of a run in which they hold; a count that is none is reported. Where the steps of an epoch are not known
 * (`perEpoch` is 0), `until` some of them ends at once, and after some of them nothing freezes.
 */
export function readLines(items: readonly ParameterItem[], perEpoch: number, context: Evaluation): readonly ParameterLine[] {
  return items.map((item): ParameterLine => {
    const { when } = item;
    if (when === undefined) return { item, from: 0, to: Number.POSITIVE_INFINITY };
    const { kind, count, unit } = when;
    const read = readArgument('freeze', { ...COUNTS[unit], name: kind }, count, context);
    if (typeof read !== 'number') return { item, from: 0, to: 0 };
    const at = unit === 'epochs' ? read : perEpoch > 0 ? read / perEpoch : kind === 'until' ? SOON : Number.POSITIVE_INFINITY;
    return kind === 'until' ? { item, from: 0, to: at, count: read } : { item, from: at, to: Number.POSITIVE_INFINITY, count: read };
  });
}

/** What a line says of when it holds: `until 2`, `after 75 steps`. */
export function whenText({ item: { when }, count }: ParameterLine): string {
  if (when === undefined) return '';
  return `${when.kind} ${count ?? 0}${when.unit === 'steps' ? ' steps' : ''}`;
}

export const holdsIn =
  (epoch: number) =>
  ({ from, to }: ParameterLine): boolean =>
    epoch >= from && epoch < to;

/** Where in a run of so many epochs, counted from its begin, what is frozen may change. */
export function phasesOf(lines: readonly ParameterLine[], epochs: number): readonly number[] {
  const changes = lines.flatMap(({ from, to }) => [from, to]).filter((epoch) => epoch > 0 && epoch < epochs);
  return [...new Set(changes)].sort((a, b) => a - b);
}

/** What the `freeze` lines say, all in one; undefined where there are none. */
export function freezeText(lines: readonly ParameterLine[]): string | undefined {
  const clauses = lines.flatMap((line): string[] => {
    const { kind, pattern, when } = line.item;
    if (kind !== 'freeze') return [];
    return [when === undefined ? pattern.text : `${pattern.text} ${whenText(line)}`];
  });
  return clauses.length === 0 ? undefined : clauses.join(', ');
}

/**
 * What the `init` and `freeze` lines do at a place of a run, in epochs, to the parameters that they name; of several for one parameter the
 * last one counts.
 */
export function readPatterns(lines: readonly ParameterLine[], epoch: number, context: Evaluation): readonly ParameterPattern[] {
  return lines.filter(holdsIn(epoch)).flatMap((line) => readPattern(line, context));
}

/** Statistics are meant where a pattern names them: a layer that is frozen goes on measuring its batches. */
export function namesStatistics(text: string): boolean {
  return text.includes('running_');
}

function readPattern({ item: { kind, pattern, value, span }, from }: ParameterLine, context: Evaluation): readonly ParameterPattern[] {
  const { sink } = context;
  const matches = (name: string) => matchesLayer(pattern.text, name);
  if (kind === 'freeze') {
    const freeze = (name: string, attrs: Attrs): Attrs =>
      matches(name) ? { ...attrs, frozen: true, ...(from > 0 && { trained: true }) } : attrs;
    const apply: ParameterPattern['apply'] = (name, _, attrs) => freeze(name, attrs);
    return [namesStatistics(pattern.text) ? { apply, applyToStatistic: freeze } : { apply }];
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
