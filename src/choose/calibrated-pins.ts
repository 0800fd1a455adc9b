import { userError } from '../diagnostics/diagnostic.js';
import { fileReason } from '../files/reason.js';
import { schemaProblem } from '../files/schemas.js';
import type { FoundPin } from '../ir/pin.js';
import { LIMITS } from '../numeric/formats.js';
import { formatMagnitude } from '../numeric/magnitude.js';
import { phaseOf, scalingFact, trainStep, valueLabel } from '../plan/facts.js';
import type { Plan } from '../plan/plan.js';
import { pinCandidates } from '../plan/probe.js';
import { readFile } from '../platform/files.js';
import type { Calibration, ValueCalibration } from './calibration.js';

/** Reads what `ampc calibrate --json` printed or `--out` wrote. Throws UserError AMP6211 when it cannot be read or is something else. */
export async function readCalibration(path: string): Promise<Calibration> {
  const refused = (why: string) =>
    userError('AMP6211', `${path} is no calibration`, why, 'give the file that `ampc calibrate FILE --out CALIBRATION.json` wrote');
  const text = await readFile(path, 'utf8').catch((error: Error) => {
    throw refused(fileReason(error));
  });
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (error) {
    throw refused((error as Error).message);
  }
  const problem = schemaProblem('calibrate', found);
  if (problem !== undefined) throw refused(problem);
  return found as Calibration;
}

/** Why f16 is too short for a value, if it is. */
function overflowReason(value: ValueCalibration, { steps }: Calibration, scale: number, strict: boolean): string | undefined {
  const limit = `fp16 ends at ${formatMagnitude(LIMITS.f16.largest)}`;
  const isGradient = value.phase === 'backward';
  const size = value.max * (isGradient ? scale : 1);
  const times = `in ${steps} calibration ${steps === 1 ? 'step' : 'steps'}${isGradient ? ` at loss scale ${formatMagnitude(scale)}` : ''}`;
  if (size >= LIMITS.f16.overflows) return `${value.value} reached ${formatMagnitude(size)} ${times}, ${limit}`;
  if (value.non_finite > 0) return `${value.value} was infinite or NaN ${times}`;
  if (!strict || isGradient) return undefined;
  if (value.proved === null) return `no bound is proved for ${value.value}, ${limit}`;
  return value.proved >= LIMITS.f16.overflows
    ? `${value.value} may reach ${formatMagnitude(value.proved)} with the calibrated weights, ${limit}`
    : undefined;
}

/**
 * Pins that keep in f32 what a calibration says f16 cannot hold: forward values, and under a static loss scale gradients as well; a dynamic
 * one adapts to them. With `strict` also forward values that are not proved to fit. `planWith` compiles the file with pins: what a pinned
 * layer hands on may overflow where the next one reads it, so that has to be pinned as well. Throws UserError AMP6212 for a calibration of
 * another model.
 */
export function calibratedPins(
  calibration: Calibration,
  strict: boolean,
  path: string,
  planWith: (pins: readonly FoundPin[]) => Plan,
): readonly FoundPin[] {
  const pins: FoundPin[] = [];
  const plan = planWith(pins);
  const { graph } = trainStep(plan);
  const known = new Set(graph.nodes.map(({ id }) => valueLabel(graph, id)));
  const foreign = calibration.values.find(({ value }) => !known.has(value));
  if (calibration.model !== plan.model || foreign !== undefined) {
    const why = calibration.model !== plan.model ? `it is of ${calibration.model}` : `${plan.model} has no ${foreign?.value}`;
    throw userError('AMP6212', `${path} is the calibration of another model`, why, 'calibrate again after a change of the model');
  }
  const { kind, init } = scalingFact(plan);
  const reasons = new Map<string, string>();
  for (const value of calibration.values) {
    if (value.phase === 'backward' && kind !== 'static') continue;
    const reason = overflowReason(value, calibration, init, strict);
    if (reason !== undefined && !reasons.has(value.value)) reasons.set(value.value, reason);
  }
  for (let current = graph; ; current = trainStep(planWith(pins)).graph) {
    const pinned = new Set(pins.map(({ pattern }) => pattern));
    const next = current.nodes.flatMap((node): FoundPin[] => {
      const reason = node.type.dtype === 'f16' && phaseOf(node) !== 'update' ? reasons.get(valueLabel(current, node.id)) : undefined;
      const pattern = reason === undefined ? undefined : pinCandidates(current, node).find((layer) => !pinned.has(layer));
      return reason === undefined || pattern === undefined
        ? []
        : [{ pattern, dtype: 'f32', origin: { kind: 'calibration', text: reason } }];
    })[0];
    if (next === undefined) return pins;
    pins.push(next);
  }
}
