import { isCast, isState } from '../ir/structure.js';
import type { DType, Graph, Loc, Node, PrecisionName, ValueId } from '../ir/types.js';
import { precisionName } from '../ir/types.js';
import { LIMITS } from '../numeric/formats.js';
import { type Phase, phaseOf, scalingFact, trainStep, valueLabel } from '../plan/facts.js';
import type { Plan, PlanFunction } from '../plan/plan.js';
import type { Exponents } from '../precision/exponents.js';
import { adviseScale, lostShare, type ScaleAdvice, type ScaleEffect, scaleEffects } from '../precision/loss-scale.js';
import { between } from '../precision/range.js';
import { type Assumptions, analyzeRanges, largestProvedScale, type ValueRange } from '../precision/ranges.js';

/** One value of the training step, as measured in f32. Gradients are without loss scale, as at the file's batch. */
export interface ValueCalibration {
  /** `conv2d of conv1`, `gradient of conv1.weight`. */
  readonly value: string;
  readonly layer: string;
  readonly op: string;
  readonly phase: Exclude<Phase, 'update'>;
  readonly place: Loc | null;
  /** The format that the plan gives it. */
  readonly dtype: DType;
  /** All that were looked at, over all steps. */
  readonly elements: number;
  readonly max: number;
  /** Smallest magnitude that is not 0. */
  readonly min_nonzero: number | null;
  readonly zeros: number;
  readonly non_finite: number;
  /** Share of the non-zero elements that f16 makes 0, gradients at the file's first loss scale. */
  readonly f16_underflow: number;
  /** Whether f16 cannot hold the largest element, gradients at the file's first loss scale. */
  readonly f16_overflow: boolean;
  /**
   * The most that it can reach with the weights after the last step, whatever the image and the labels; null where nothing is proved.
   * Gradients at the first loss scale.
   */
  readonly proved: number | null;
  /** Pairs [e, elements with a magnitude in [2^e, 2^(e+1))]. */
  readonly exponents: readonly (readonly [number, number])[];
}

/** A layer that should be in fp32, with the line that does it. */
export interface PinAdvice {
  readonly layer: string;
  readonly value: string;
  readonly max: number;
  readonly line: string;
}

export interface Calibration {
  readonly model: string;
  readonly precision: PrecisionName;
  readonly policy: string;
  readonly backend: string;
  readonly steps: number;
  /** Images of one measured step, and of one step of the file. */
  readonly batch: number;
  readonly file_batch: number;
  /** The file's first loss scale. */
  readonly scale: number;
  /** Share of the non-zero elements of f16 gradients that become 0 at that scale. */
  readonly lost: number;
  readonly values: readonly ValueCalibration[];
  readonly pins: readonly PinAdvice[];
  /** What becomes of f16 gradients at every power of two from 1 to 2^24; empty where there are none. */
  readonly scales: readonly ScaleEffect[];
  /** Null where no gradient is in f16. */
  readonly advice: ScaleAdvice | null;
  /**
   * The largest power of two that overflows no gradient whatever the image and the labels, with the weights after the last step; null where
   * none is proved.
   */
  readonly proved_scale: number | null;
}

/** Forward values that f16 cannot hold; of a layer the largest. Gradients are the loss scale's matter. */
function advisePins(values: readonly ValueCalibration[]): readonly PinAdvice[] {
  const worst = new Map<string, ValueCalibration>();
  for (const value of values) {
    if (value.phase !== 'forward' || value.dtype !== 'f16' || !value.f16_overflow) continue;
    if (value.max > (worst.get(value.layer)?.max ?? 0)) worst.set(value.layer, value);
  }
  return [...worst.values()].map(({ layer, value, max }) => ({ layer, value, max, line: `keep ${layer} in fp32` }));
}

/** What a calibration found out. */
export interface Measured {
  readonly plan: Plan;
  readonly nodes: readonly Node[];
  readonly found: ReadonlyMap<ValueId, Exponents>;
  readonly assumptions: Assumptions;
  /** The training step at the file's batch. */
  readonly whole: PlanFunction;
  readonly backend: string;
  readonly steps: number;
}

/**
 * Whether a node is a gradient of a parameter: a mean over the batch, as the loss. Other gradients belong to one image, and shrink with the
 * batch.
 */
function isParameterGradient(graph: Graph, { gradOf }: Node): boolean {
  const value = gradOf === undefined ? undefined : graph.nodes[gradOf]!;
  const root = value !== undefined && isCast(value) ? graph.nodes[value.inputs[0]!]! : value;
  return root !== undefined && isState(root);
}

/** Ranges at the file's batch by the measured graph's numbers; the two graphs differ in nothing but sizes. */
function proveRanges(graph: Graph, whole: Graph, assumptions: Assumptions, scale: number): readonly ValueRange[] | undefined {
  if (graph.nodes.length !== whole.nodes.length || graph.nodes.some(({ op }, id) => op !== whole.nodes[id]!.op)) return undefined;
  const states = new Map([...(assumptions.states ?? []), ['scaler.scale', between(scale, scale)] as const]);
  return analyzeRanges(whole, { ...assumptions, states });
}

/** Puts measurements, proofs and advice together. */
export function reportCalibration({ plan, whole, nodes, found, assumptions, backend, steps }: Measured): Calibration {
  const { graph, batch } = trainStep(plan);
  const { init: scale } = scalingFact(plan);
  const ranges = proveRanges(graph, whole.graph, assumptions, scale);
  /** What the value would be at the file's batch, over what was measured. */
  const factorOf = (node: Node) => (phaseOf(node) !== 'backward' || isParameterGradient(graph, node) ? 1 : batch / whole.batch);
  const values = nodes.map((node): ValueCalibration => {
    const exponents = found.get(node.id)!;
    const phase = phaseOf(node) === 'backward' ? 'backward' : 'forward';
    const own = factorOf(node);
    const scaled = phase === 'backward' ? own * scale : 1;
    const reach = ranges?.[node.id]?.reach ?? Infinity;
    return {
      value: valueLabel(graph, node.id),
      layer: node.layer,
      op: node.op,
      phase,
      place: node.loc ?? null,
      dtype: node.type.dtype,
      elements: exponents.count,
      max: exponents.max * own,
      min_nonzero: exponents.minNonZero === undefined ? null : exponents.minNonZero * own,
      zeros: exponents.zeros,
      non_finite: exponents.nonFinite,
      f16_underflow: lostShare([{ exponents, factor: scaled }], 1),
      f16_overflow: exponents.max * scaled >= LIMITS.f16.overflows || exponents.nonFinite > 0,
      proved: Number.isFinite(reach) ? reach : null,
      exponents: exponents.histogram().map(([exponent, elements]) => [exponent + Math.floor(Math.log2(own)), elements]),
    };
  });
  const gradients = nodes
    .filter((node) => node.gradOf !== undefined && node.type.dtype === 'f16')
    .map((node) => ({ exponents: found.get(node.id)!, factor: factorOf(node) }));
  return {
    model: plan.model,
    precision: precisionName(plan.precision),
    policy: plan.policy,
    backend,
    steps,
    batch,
    file_batch: whole.batch,
    scale,
    lost: lostShare(gradients, scale),
    values,
    pins: advisePins(values),
    scales: scaleEffects(gradients),
    advice: adviseScale(gradients) ?? null,
    proved_scale: (gradients.length === 0 ? undefined : largestProvedScale(whole.graph, assumptions)) ?? null,
  };
}
