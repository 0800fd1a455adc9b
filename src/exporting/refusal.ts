import { TRAINING_OPS, type TrainingOp } from '../ir/op-names.js';

/** Why a format has no form of an op. */
export interface Refusal {
  readonly refused: string;
}

export function isRefusal<T extends object>(entry: T | Refusal): entry is Refusal {
  return 'refused' in entry;
}

export const TRAINING_ONLY = Object.fromEntries(
  TRAINING_OPS.map((op) => [op, { refused: 'it belongs to training, and an exported model only evaluates' }]),
) as Readonly<Record<TrainingOp, Refusal>>;
