import type { Figure, NamedFigure } from '../../figures/figure.js';
import { formatNumber, lineChart, type Point, type Series } from '../../figures/line-chart.js';
import type { EpochEvent, StepEvent, TrainEvent } from '../../training/events.js';
import type { RunFacts } from './run-facts.js';

/** What curves are drawn of. */
export type DrawnRun = Pick<RunFacts, 'events' | 'epochSteps'> & { readonly summary: { readonly run: string } };

/** `undefined` and null are gaps. */
const number = (value: number | null | undefined): number => value ?? Number.NaN;
const percent = (share: number): string => `${Number((100 * share).toFixed(1))} %`;

/** Where a step is, in epochs from 0; steps themselves, where nobody knows how many an epoch has. */
function placeOf({ epochSteps }: DrawnRun): (step: number) => number {
  return (step) => (epochSteps === undefined ? step : step / epochSteps);
}

const epochsOf = ({ events }: DrawnRun): readonly EpochEvent[] => events.filter((event) => event.event === 'epoch');
const stepsOf = ({ events }: DrawnRun): readonly StepEvent[] => events.filter((event) => event.event === 'step');

/** What was measured at the end of an epoch, or of a run that ended within one. */
type Scores = Partial<
  Pick<EpochEvent, 'train_loss' | 'validation_loss' | 'validation_accuracy' | 'test_loss' | 'test_accuracy' | 'images_per_second'>
>;

/** Epochs are told at their end; in runs whose epochs have an unknown length, by the last step that was told before. */
function epochPlaces(facts: DrawnRun): readonly { readonly x: number; readonly scores: Scores }[] {
  const at = placeOf(facts);
  let step = 0;
  return facts.events.flatMap((event: TrainEvent): { x: number; scores: Scores }[] => {
    if ('step' in event) step = event.step;
    if (event.event === 'epoch') return [{ x: facts.epochSteps === undefined ? step : event.epoch, scores: event }];
    return event.event === 'done' && event.epoch !== undefined ? [{ x: at(event.steps), scores: event }] : [];
  });
}

/** The name of a run before that of a curve, where there are several runs. */
type Naming = (run: string, curve: string) => string;

function byEpoch(facts: DrawnRun, name: string, colour: number, value: (scores: Scores) => number | null | undefined): Series {
  return { name, colour, isDotted: true, points: epochPlaces(facts).map(({ x, scores }): Point => [x, number(value(scores))]) };
}

function bySteps(facts: DrawnRun, name: string, colour: number, value: (event: StepEvent) => number | null): Series {
  const at = placeOf(facts);
  return { name, colour, isFaint: true, points: stepsOf(facts).map((event): Point => [at(event.step), number(value(event))]) };
}

/** Steps of which a curve in bold is the mean: a single step says little. */
const SMOOTHED = 25;

/** Means over the steps before, as far as these are finite; nothing of a run of few steps. */
function smoothed({ points, ...series }: Series): readonly Series[] {
  const finite = points.filter(([, value]) => Number.isFinite(value));
  if (finite.length <= SMOOTHED) return [];
  let sum = 0;
  const means = finite.map(([x, value], index): Point => {
    sum += value - (index >= SMOOTHED ? finite[index - SMOOTHED]![1] : 0);
    return [x, sum / Math.min(index + 1, SMOOTHED)];
  });
  return [{ ...series, name: `mean of ${SMOOTHED} steps`, isFaint: false, points: means }];
}

function lossSeries(facts: DrawnRun, colour: number, naming: Naming, isOnly: boolean): readonly Series[] {
  const { run } = facts.summary;
  const validated = epochsOf(facts).some(({ validation_loss }) => validation_loss !== undefined);
  const steps = bySteps(facts, naming(run, 'a step'), colour, ({ loss }) => loss);
  return [
    steps,
    ...(isOnly ? smoothed(steps) : []),
    ...(isOnly ? [byEpoch(facts, 'training', colour, ({ train_loss }) => train_loss)] : []),
    ...(isOnly && validated ? [byEpoch(facts, 'validation', colour + 2, ({ validation_loss }) => validation_loss)] : []),
    byEpoch(facts, naming(run, 'test'), isOnly ? colour + 1 : colour, ({ test_loss }) => test_loss),
  ];
}

/** Of each run the accuracy, or where several are compared that of the test images alone. */
function accuracySeries(facts: DrawnRun, colour: number, naming: Naming, isOnly: boolean): readonly Series[] {
  const validated = epochsOf(facts).some(({ validation_accuracy }) => validation_accuracy !== undefined);
  return [
    ...(isOnly && validated ? [byEpoch(facts, 'validation', colour + 2, ({ validation_accuracy }) => validation_accuracy)] : []),
    byEpoch(facts, naming(facts.summary.run, 'test'), isOnly ? colour + 1 : colour, ({ test_accuracy }) => test_accuracy),
  ];
}

/** When steps were skipped, and why, as far as that was looked into. */
function skips(facts: DrawnRun): readonly { readonly x: number; readonly what: string }[] {
  const at = placeOf(facts);
  const traced = new Map(facts.events.flatMap((event) => (event.event === 'overflow' ? [[event.step, event.message] as const] : [])));
  const skipped = new Set(stepsOf(facts).flatMap(({ step, skipped }) => (skipped ? [step] : [])));
  const steps = [...new Set([...skipped, ...traced.keys()])].sort((a, b) => a - b);
  return steps.map((step) => ({ x: at(step), what: traced.get(step) ?? `step ${step} was skipped` }));
}

/** Curves of one run, or of several over each other. */
export function curveFigures(runs: readonly DrawnRun[], nameOf: (run: string) => string): readonly NamedFigure[] {
  const isOnly = runs.length === 1;
  const naming: Naming = (run, curve) => (isOnly ? curve : nameOf(run));
  const x = runs.every(({ epochSteps }) => epochSteps !== undefined) ? 'epochs' : 'steps';
  const colour = (index: number) => index;
  const scaled = runs.filter((facts) => stepsOf(facts).some(({ loss_scale }) => loss_scale !== 1));
  const chart = (name: string, drawn: Figure | undefined): readonly NamedFigure[] => (drawn === undefined ? [] : [{ name, figure: drawn }]);
  // In a comparison the curve of the steps has no name of its own in the legend: one run is one colour.
  const losses = runs.flatMap((facts, index) => lossSeries(facts, colour(index), naming, isOnly)).filter((one) => isOnly || !one.isFaint);
  return [
    ...chart('loss', lineChart({ title: 'Loss', x, series: losses })),
    ...chart(
      'accuracy',
      lineChart({
        title: 'Accuracy',
        x,
        format: percent,
        series: runs.flatMap((facts, index) => accuracySeries(facts, colour(index), naming, isOnly)),
      }),
    ),
    ...chart(
      'learning-rate',
      lineChart({
        title: 'Learning rate',
        x,
        series: runs.map((facts, index) => ({
          ...bySteps(facts, naming(facts.summary.run, 'of the step'), colour(index), ({ lr }) => lr),
          isFaint: false,
        })),
      }),
    ),
    ...chart(
      'loss-scale',
      lineChart({
        title: 'Loss scale, and steps that were skipped (marks)',
        x,
        isLog: true,
        format: formatNumber,
        series: scaled.map((facts) => {
          const series = bySteps(
            facts,
            naming(facts.summary.run, 'loss scale'),
            colour(runs.indexOf(facts)),
            ({ loss_scale }) => loss_scale,
          );
          return { ...series, isFaint: false, isStepped: true };
        }),
        marks: scaled.flatMap(skips),
      }),
    ),
    ...chart(
      'images-per-second',
      lineChart({
        title: 'Images a second, in training',
        x,
        series: runs.map((facts, index) =>
          byEpoch(facts, naming(facts.summary.run, 'training'), colour(index), ({ images_per_second }) => images_per_second),
        ),
      }),
    ),
  ];
}
