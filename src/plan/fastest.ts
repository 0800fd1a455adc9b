import type { Pin } from '../ir/pin.js';
import type { PrecisionSpec } from '../ir/program.js';
import type { LowType } from '../ir/types.js';
import { chooseFormats } from '../precision/min-cut.js';
import { type CostTable, functionTimes, stepCost } from './cost-table.js';
import { type GroupTimes, type LayerCosts, layerCosts, milliseconds, OUTSIDE, pinsOfChoice } from './costs.js';
import { trainStep } from './facts.js';
import type { Plan, PlanFunction } from './plan.js';

/** A plan that `fastest` compares. */
export interface FormatCandidate {
  readonly name: 'mixed' | 'fp32' | 'autocast' | 'min-cut';
  /** Complete: compiled with it, the program has this plan. */
  readonly precision: PrecisionSpec;
  readonly plan: Plan;
  /** Of one optimizer step, by the costs. */
  readonly seconds: number;
  /** Kernels whose time the table does not have. */
  readonly estimated: number;
  /** Whether the table has the time of the whole step: then `seconds` is that. */
  readonly whole: boolean;
  /** False for fp32 where a pin of the file asks for a low format: it is measured, for the layers' costs, and not taken. */
  readonly allowed: boolean;
}

export interface FastestChoice {
  readonly best: FormatCandidate;
  /** In the order in which one must beat those before it. */
  readonly candidates: readonly FormatCandidate[];
  /** What each layer costs in either format, and whether the minimum cut takes the low one. */
  readonly costs: LayerCosts;
  readonly low: readonly boolean[];
}

/** A plan is taken before a simpler one only if it saves more than this share: less is noise. */
const MARGIN = 0.01;

/** The candidate to take: the first, unless a later one saves enough. */
function takeFastest(candidates: readonly FormatCandidate[]): FormatCandidate {
  return candidates.reduce((best, next) => (next.allowed && next.seconds < best.seconds * (1 - MARGIN) ? next : best));
}

interface Input {
  /** As the file has it; `compute` is the low format. */
  readonly spec: PrecisionSpec;
  readonly accumulate: number;
  /** The plan of the program with other settings. */
  readonly compile: (precision: PrecisionSpec) => Plan;
  readonly costs: CostTable;
}

function timesOf(fn: PlanFunction, table: CostTable): GroupTimes {
  const { groups, outside } = functionTimes(fn, table);
  return new Map([...groups, [OUTSIDE, outside]]);
}

/**
 * The plan that takes the least time by a table of costs: mixed, fp32, autocast, or formats by layer from an exact minimum cut. Pins of the
 * file and the rules that need f32 hold in all of them. Pure: equal programs and tables give equal plans.
 */
export function chooseFastest({ spec, accumulate, compile, costs: table }: Input): FastestChoice {
  if (spec.compute === 'f32') throw new Error('in f32 there is nothing to choose');
  const format: LowType = spec.compute;
  const candidate = (name: FormatCandidate['name'], precision: PrecisionSpec, allowed = true): FormatCandidate => {
    const plan = compile(precision);
    return { name, precision, plan, ...stepCost(plan, accumulate, table), allowed };
  };
  const base: PrecisionSpec = { ...spec, policy: 'fastest', chosen: { basis: 'mixed' } };
  const mixed = candidate('mixed', base);
  const autocast = candidate('autocast', { ...base, chosen: { basis: 'autocast' } });
  const canBeFull = spec.pins.every(({ dtype }) => dtype === 'f32');
  const fullSpec: PrecisionSpec = { ...base, compute: 'f32', lossScaling: undefined, pins: canBeFull ? spec.pins : [] };
  const timed = candidate('fp32', fullSpec, canBeFull);
  const text = `${milliseconds(timed.seconds)} a step in f32, ${milliseconds(mixed.seconds)} with ${format}`;
  const fp32 = candidate('fp32', { ...fullSpec, chosen: { basis: 'mixed', reason: { rule: 'fastest', text } } }, canBeFull);

  const [full, low] = [trainStep(fp32.plan), trainStep(mixed.plan)];
  const bandwidth = table.rates.cast;
  const costs = layerCosts({ full, low, fullTimes: timesOf(full, table), lowTimes: timesOf(low, table), pins: spec.pins, bandwidth });
  const cut = chooseFormats(costs.problem);
  const withPins = (pins: readonly Pin[]): PrecisionSpec => ({ ...base, pins: [...pins, ...spec.pins] });
  const pins = pinsOfChoice(costs, cut.low, format, (extra) => trainStep(compile(withPins(extra))));
  // Without pins it is mixed itself.
  const byLayer = pins.length === 0 ? [] : [candidate('min-cut', withPins(pins))];

  const candidates = [mixed, fp32, autocast, ...byLayer];
  return { best: takeFastest(candidates), candidates, costs, low: cut.low };
}
