import type { GraphBuilder } from '../ir/builder.js';
import type { LossScaling } from '../ir/program.js';
import { assertNever, type TensorType, type ValueId } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import { declareState } from './state.js';

const SCALAR: TensorType = { dtype: 'f32', shape: [] };
const COUNT: TensorType = { dtype: 'i32', shape: [] };

/** The loss scale of a step; undefined: there is none. */
export interface Scaler {
  readonly scale: ValueId | undefined;
  readonly scaling: LossScaling;
}

function firstScale(scaling: LossScaling): number | undefined {
  switch (scaling.kind) {
    case 'none':
      return undefined;
    case 'static':
      return scaling.scale;
    case 'dynamic':
      return scaling.init;
    default:
      return assertNever(scaling);
  }
}

export function declareScaler(builder: GraphBuilder, scaling: LossScaling): Scaler {
  const first = firstScale(scaling);
  if (first === undefined) return { scale: undefined, scaling };
  return { scale: declareState(builder, 'scaler.scale', SCALAR, 'scaler', first, 'loss scaling: the factor of the next step'), scaling };
}

/** What becomes of the scale after a step; `ok`: whether its gradients were finite. */
export function addScaleUpdate(builder: GraphBuilder, { scale, scaling }: Scaler, ok: ValueId): void {
  if (scale === undefined) return;
  switch (scaling.kind) {
    case 'none':
    case 'static':
      return;
    case 'dynamic': {
      const { growth, backoff, interval, floor, cap } = scaling;
      const tracker = declareState(builder, 'scaler.tracker', COUNT, 'scaler', 0, 'steps since the last overflow or growth');
      const skips = declareState(builder, 'scaler.skips', COUNT, 'scaler', 0, 'skipped steps in a row');
      const writes = ['scaler.scale', 'scaler.tracker', 'scaler.skips'];
      const attrs = { growth, backoff, interval, floor, cap, writes };
      const why = 'GradScaler: grow after a quiet interval, back off on overflow';
      emit(builder, 'update_scale', [scale, tracker, skips, ok], attrs, { why });
      return;
    }
    default:
      assertNever(scaling);
  }
}
