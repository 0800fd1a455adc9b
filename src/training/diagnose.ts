import { precisionName } from '../ir/types.js';
import { type ScalingFact, scalingFact } from '../plan/facts.js';
import { parsePlan } from '../plan/parse.js';
import type { Plan } from '../plan/plan.js';
import { findingsOf, needsPin, type ScaleChange, waitFindings } from './diagnose-findings.js';
import { type BrokenState, type Finding, numberFindings, type RunNumbers } from './diagnose-numbers.js';
import type { EpochEvent, TrainEvent, WarningEvent } from './events.js';
import { type OverflowStory, overflowStories, type ReplanStory, replanStories } from './overflow/overflow-story.js';
import { findFunction } from './states.js';

/** The story of a run, told from its metrics and its plan. */
export interface Diagnosis {
  readonly model: string;
  readonly precision: string;
  readonly backend: string;
  /** The last step that was logged. */
  readonly steps: number;
  /** Skipped steps of finished epochs, and those logged since. */
  readonly skipped: number;
  readonly finished: boolean;
  readonly epochs: readonly Pick<EpochEvent, 'epoch' | 'train_loss' | 'left_out_steps' | 'test_loss' | 'test_accuracy' | 'skipped_steps'>[];
  /** The last test accuracy that was measured; null where none was. */
  readonly accuracy: number | null;
  readonly scale: { readonly first: number; readonly last: number; readonly lowest: number; readonly highest: number };
  readonly scaleChanges: readonly ScaleChange[];
  /** First step that is known to have a loss that is not finite. */
  readonly lossLostAt: number | undefined;
  /** Skipped steps that were looked into. */
  readonly traced: number;
  readonly overflows: readonly OverflowStory[];
  readonly replans: readonly ReplanStory[];
  /** Lines for the precision section. */
  readonly keep: readonly string[];
  readonly warnings: readonly Pick<WarningEvent, 'step' | 'message' | 'why' | 'fix'>[];
  /** What the run's checkpoint and weights hold that is not finite. */
  readonly states: readonly BrokenState[];
  /** What is known of the self-check of this machine's device, of a backend that has one. */
  readonly selfCheck?: string;
  readonly findings: readonly Finding[];
}

/** Finite losses: of logged steps, and the means of epochs. */
function finiteLosses(events: readonly TrainEvent[]): RunNumbers['losses'] {
  const losses = events.flatMap((event) => {
    if (event.event === 'step') return [{ of: `step ${event.step}`, loss: event.loss as number | null }];
    return event.event === 'epoch' ? [{ of: `epoch ${event.epoch}`, loss: event.train_loss as number | null }] : [];
  });
  return losses.flatMap(({ of, loss }) => (loss === null || !Number.isFinite(loss) ? [] : [{ of, loss }]));
}

/** Numbers that the model gives for an image. */
function classesOf(plan: Plan): number {
  const graph = findFunction(plan, 'eval_step')?.graph;
  return graph?.nodes[graph.outputs.logits!]?.type.shape.at(-1) ?? 1;
}

/** Whether a line is an event: what is none was cut off by a crash, or never written by ampc. */
function isEvent(value: unknown): value is TrainEvent {
  const { event, step } = (value ?? {}) as { readonly event?: unknown; readonly step?: unknown };
  return typeof event === 'string' && (typeof step === 'number' || !['step', 'warning', 'overflow', 'replan'].includes(event));
}

/** The lines of metrics.jsonl that are events. */
function parseEvents(metrics: string): TrainEvent[] {
  return metrics.split('\n').flatMap((line) => {
    try {
      const value: unknown = JSON.parse(line);
      return isEvent(value) ? [value] : [];
    } catch {
      return [];
    }
  });
}

interface ScalePoint {
  readonly step: number;
  readonly scale: number;
}

/** What is known of the scale, by step: from logged steps, and from skipped ones, which lower it. */
function scalePoints(events: readonly TrainEvent[], { constants }: ScalingFact): readonly ScalePoint[] {
  const points = new Map<number, number>();
  for (const event of events) {
    if (event.event === 'warning' && event.loss_scale !== undefined) points.set(event.step, event.loss_scale);
    if (event.event !== 'step' && event.event !== 'overflow') continue;
    points.set(event.step, event.loss_scale);
    if (event.event === 'overflow' && constants !== undefined)
      points.set(event.step + 1, Math.max(constants.floor, event.loss_scale * constants.backoff));
  }
  return [...points].map(([step, scale]) => ({ step, scale })).sort((a, b) => a.step - b.step);
}

function scaleStory(points: readonly ScalePoint[], init: number): Pick<Diagnosis, 'scale' | 'scaleChanges'> {
  const scales = points.map(({ scale }) => scale);
  const scaleChanges = points.flatMap(({ step, scale }, index): ScaleChange[] => {
    const from = points[index - 1]?.scale ?? scale;
    return from === scale ? [] : [{ step, from, to: scale }];
  });
  const [first, last] = [scales[0] ?? init, scales.at(-1) ?? init];
  return { scale: { first, last, lowest: Math.min(first, ...scales), highest: Math.max(first, ...scales) }, scaleChanges };
}

/**
 * Tells the story of a run from the text of its metrics.jsonl and plan.txt. Scales are those of the logged steps, every 50th by default,
 * and of the skipped steps that were looked into. `states` are what is known of the run's other files; `planPath` is for messages.
 */
export function diagnoseRun(
  metrics: string,
  plan: string,
  { planPath, states = [] }: { readonly planPath?: string; readonly states?: readonly BrokenState[] } = {},
): Diagnosis {
  const events = parseEvents(metrics);
  const parsed = parsePlan(plan, planPath);
  const scaling = scalingFact(parsed);
  const steps = events.filter((event) => event.event === 'step');
  const epochs = events.filter((event) => event.event === 'epoch');
  const warnings = events.filter((event) => event.event === 'warning');
  const traced = events.filter((event) => event.event === 'overflow');
  const lastEpoch = events.findLastIndex((event) => event.event === 'epoch');
  const since = events.slice(lastEpoch + 1).flatMap((event) => {
    const isSkip = event.event === 'overflow' || (event.event === 'step' && event.skipped);
    return isSkip ? [event.step] : [];
  });
  const done = events.findLast((event) => event.event === 'done');
  const overflows = overflowStories(events);
  const facts = {
    model: parsed.model,
    precision: precisionName(parsed.precision),
    backend: parsed.target.backend,
    steps: done?.steps ?? Math.max(0, steps.at(-1)?.step ?? 0, traced.at(-1)?.step ?? 0, warnings.at(-1)?.step ?? 0),
    skipped: epochs.reduce((sum, epoch) => sum + epoch.skipped_steps, warnings.at(-1)?.skipped_steps ?? new Set(since).size),
    finished: done !== undefined,
    epochs: epochs.map(({ epoch, train_loss, left_out_steps, test_loss, test_accuracy, skipped_steps }) => {
      return { epoch, train_loss, ...(left_out_steps !== undefined && { left_out_steps }), test_loss, test_accuracy, skipped_steps };
    }),
    accuracy: done?.test_accuracy ?? epochs.at(-1)?.test_accuracy ?? null,
    ...scaleStory(scalePoints(events, scaling), scaling.init),
    // JSON has no NaN: a loss that is not finite is written as null.
    lossLostAt: [...warnings.filter(({ code }) => code === 'AMP7302'), ...steps.filter(({ loss }) => !Number.isFinite(loss ?? Number.NaN))]
      .map(({ step }) => step)
      .sort((a, b) => a - b)[0],
    traced: traced.length,
    overflows,
    replans: replanStories(events),
    keep: [...new Set([...overflows.filter(needsPin), ...warnings.flatMap(({ cause }) => cause ?? [])].flatMap(({ keep }) => keep))].map(
      (layer) => `keep ${layer} in fp32`,
    ),
    warnings: warnings.map(({ step, message, why, fix }) => ({ step, message, why, fix })),
    states,
  };
  const end = warnings.at(-1)?.code === 'AMP7301' || warnings.at(-1)?.ends_run === true ? warnings.at(-1) : undefined;
  const last = done?.test_loss === undefined ? epochs.at(-1) : done;
  const numbers = numberFindings({ ...facts, last, losses: finiteLosses(events), classes: classesOf(parsed) });
  return { ...facts, findings: [...numbers, ...findingsOf(facts, scaling, end), ...waitFindings(epochs)] };
}
