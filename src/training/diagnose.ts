import { scalingFact } from '../plan/facts.js';
import { parsePlan } from '../plan/parse.js';
import type { EpochEvent, StepEvent, TrainEvent, WarningEvent } from './events.js';

/** A change of the loss scale between two logged steps. */
export interface ScaleChange {
  readonly step: number;
  readonly from: number;
  readonly to: number;
}

/** What went wrong, or could go better, and what to do. */
export interface Finding {
  readonly severity: 'problem' | 'advice';
  readonly message: string;
  readonly fix: string;
}

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
  readonly epochs: readonly Pick<EpochEvent, 'epoch' | 'train_loss' | 'test_loss' | 'test_accuracy' | 'skipped_steps'>[];
  readonly scale: { readonly first: number; readonly last: number; readonly lowest: number; readonly highest: number };
  readonly scaleChanges: readonly ScaleChange[];
  /** First logged step whose loss is not finite. */
  readonly lossLostAt: number | undefined;
  readonly warnings: readonly Pick<WarningEvent, 'step' | 'message' | 'fix'>[];
  readonly findings: readonly Finding[];
}

/** Below this scale f16 gradients lose what scaling is for. */
const LOW_SCALE = 16;

function findingsOf(facts: Omit<Diagnosis, 'findings'>, planText: string): Finding[] {
  const { scale, skipped, steps, lossLostAt, scaleChanges, epochs } = facts;
  const found: Finding[] = [];
  const scaling = scalingFact(parsePlan(planText));
  if (lossLostAt !== undefined)
    found.push({
      severity: 'problem',
      message: `the loss of step ${lossLostAt} is not finite`,
      fix:
        scaling.kind === 'none'
          ? 'no loss scaling guards the update: lower the learning rate, clip the gradients, or use loss_scale dynamic()'
          : 'the forward pass overflows: no loss scale helps; find the layer with ampc verify and keep it in fp32',
    });
  if (scaling.kind === 'static' && skipped > 0)
    found.push({
      severity: 'problem',
      message: `${skipped} steps were skipped under a static loss scale of ${scaling.init}`,
      fix: 'use a smaller scale, or loss_scale dynamic(), which comes down by itself',
    });
  if (scaling.kind === 'dynamic' && scale.last <= LOW_SCALE)
    found.push({
      severity: 'problem',
      message: `the loss scale has fallen to ${scale.last}`,
      fix: 'some gradient is far larger than the rest: ampc verify names the layers; keep that layer in fp32, or clip the gradients',
    });
  const falls = scaleChanges.filter(({ from, to }) => to < from);
  if (scaling.kind === 'dynamic' && falls.length > 0 && falls.at(-1)!.step <= steps / 20 && falls.length === scaleChanges.length)
    found.push({
      severity: 'advice',
      message: `the first steps only searched for the scale: it came down from ${scale.first} to ${scale.lowest}`,
      fix: `start there: loss_scale dynamic(init: ${scale.lowest})`,
    });
  const share = steps === 0 ? 0 : skipped / steps;
  if (scaling.kind === 'dynamic' && share > 0.01)
    found.push({
      severity: 'advice',
      message: `${(100 * share).toFixed(1)} % of the steps were skipped`,
      fix: 'a longer growth interval tries large scales less often: loss_scale dynamic(interval: 4000)',
    });
  const [first, last] = [epochs[0], epochs.at(-1)];
  if (first !== undefined && last !== undefined && epochs.length > 2 && last.train_loss > 0.98 * first.train_loss)
    found.push({
      severity: 'problem',
      message: `the training loss went from ${first.train_loss.toPrecision(4)} to ${last.train_loss.toPrecision(4)} in ${epochs.length} epochs`,
      fix: 'compare with --precision fp32 for an epoch: if that learns, ampc verify shows which layer differs; if not, it is the recipe',
    });
  return found;
}

/** A line of metrics.jsonl; a line that a crash cut off is left out. */
function parseEvents(metrics: string): TrainEvent[] {
  return metrics.split('\n').flatMap((line) => {
    try {
      return line === '' ? [] : [JSON.parse(line) as TrainEvent];
    } catch {
      return [];
    }
  });
}

function scaleStory(steps: readonly StepEvent[]): Pick<Diagnosis, 'scale' | 'scaleChanges'> {
  const scales = steps.map((step) => step.loss_scale);
  const scaleChanges = steps.flatMap((step, index): ScaleChange[] => {
    const from = steps[index - 1]?.loss_scale ?? step.loss_scale;
    return from === step.loss_scale ? [] : [{ step: step.step, from, to: step.loss_scale }];
  });
  const [first, last] = [scales[0] ?? 1, scales.at(-1) ?? 1];
  return { scale: { first, last, lowest: Math.min(first, ...scales), highest: Math.max(first, ...scales) }, scaleChanges };
}

/** Tells the story of a run from the text of its metrics.jsonl and plan.txt. Scales are those of the logged steps, every 50th by default. */
export function diagnoseRun(metrics: string, plan: string): Diagnosis {
  const events = parseEvents(metrics);
  const start = events.find((event) => event.event === 'start');
  const steps = events.filter((event) => event.event === 'step');
  const epochs = events.filter((event) => event.event === 'epoch');
  const warnings = events.filter((event) => event.event === 'warning');
  const lastEpoch = events.findLastIndex((event) => event.event === 'epoch');
  const since = events.slice(lastEpoch + 1).filter((event) => event.event === 'step' && event.skipped).length;
  const done = events.findLast((event) => event.event === 'done');
  const facts = {
    model: start?.model ?? 'the model',
    precision: start?.precision ?? '',
    backend: start?.backend ?? '',
    steps: done?.steps ?? steps.at(-1)?.step ?? 0,
    skipped: epochs.reduce((sum, epoch) => sum + epoch.skipped_steps, since),
    finished: done !== undefined,
    epochs: epochs.map(({ epoch, train_loss, test_loss, test_accuracy, skipped_steps }) => {
      return { epoch, train_loss, test_loss, test_accuracy, skipped_steps };
    }),
    ...scaleStory(steps),
    // JSON has no NaN: a loss that is not finite is written as null.
    lossLostAt: steps.find((step) => !Number.isFinite((step.loss as number | null) ?? Number.NaN))?.step,
    warnings: warnings.map(({ step, message, fix }) => ({ step, message, fix })),
  };
  return { ...facts, findings: findingsOf(facts, plan) };
}
