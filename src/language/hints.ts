import type { Span } from '../diagnostics/diagnostic.js';
import type { StageTrace } from '../lower/trace.js';
import { formatBytes } from '../numeric/bytes.js';
import type { Analysis } from './analysis.js';
import type { DocumentPlan } from './document-plan.js';
import { formatName, plural, resultText } from './units.js';

/** Which hints are shown: editors switch each by a setting (`server/settings.ts`), the playground shows all. */
export interface HintOptions {
  readonly shapes: boolean;
  readonly formats: boolean;
  readonly casts: boolean;
}

export interface Hint {
  /** Behind which it is shown. */
  readonly offset: number;
  readonly text: string;
  readonly kind: 'result' | 'cast';
  /** What it says at length. */
  readonly tooltip?: string;
}

/** Distinct texts that are shown of a stage which is applied several times; the rest is `…`. */
const MAX_SHOWN = 2;

function joined(texts: readonly string[]): string {
  const distinct = [...new Set(texts.filter((text) => text !== ''))];
  if (distinct.length <= MAX_SHOWN) return distinct.join(' / ');
  return `${distinct[0]} … ${distinct.at(-1)}`;
}

/**
 * What stands beside the stages within `range`: the shape and format of the result, and a mark where casts happen. Without a plan there
 * are shapes alone. The batch is left out of shapes.
 */
export function hintsIn(analysis: Analysis, plan: DocumentPlan | undefined, range: Span, options: HintOptions): readonly Hint[] {
  const hints: Hint[] = [];
  for (const place of analysis.places) {
    if (place.kind !== 'stage' && place.kind !== 'repeat') continue;
    const { stage } = place;
    if (stage.kind === 'if-stage' || stage.span.end < range.start || stage.span.start > range.end) continue;
    const traces = analysis.stages.get(stage.span.start) ?? [];
    // Of a repetition only the result: what happens inside stands there.
    const offset = stage.label?.span.end ?? stage.span.end;
    hints.push(...hintsOf(traces, plan, offset, options, stage.kind === 'repeat'));
  }
  return hints;
}

function hintsOf(
  traces: readonly StageTrace[],
  plan: DocumentPlan | undefined,
  offset: number,
  { shapes, formats, casts }: HintOptions,
  isRepeat: boolean,
): readonly Hint[] {
  const results = traces.map(({ shape, path }) =>
    resultText(shapes ? shape : undefined, formats && shape !== undefined ? plan?.at(path)?.result : undefined),
  );
  const text = joined(results);
  const hints: Hint[] =
    text === ''
      ? []
      : [{ offset, text, kind: 'result', ...(traces.length > 1 && { tooltip: `applied ${plural(traces.length, 'time')}` }) }];
  if (!casts || isRepeat || plan === undefined) return hints;
  const found = [...new Set(traces.map(({ path }) => path))].flatMap((path) => plan.at(path)?.casts ?? []);
  if (found.length === 0) return hints;
  const bytes = found.reduce((sum, cast) => sum + cast.bytesMoved, 0);
  const tooltip = found
    .slice(0, 12)
    .map(
      ({ value, from, to, phase, why, bytesMoved }) =>
        `${value}: ${formatName(from)} to ${formatName(to)} (${phase}, ${formatBytes(bytesMoved)}): ${why}`,
    )
    .join('\n');
  return [
    ...hints,
    { offset, text: `⇄ ${plural(found.length, 'cast')}${bytes === 0 ? '' : ` ${formatBytes(bytes)}`}`, kind: 'cast', tooltip },
  ];
}
