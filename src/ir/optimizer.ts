interface OptimizerBase {
  readonly lr: number;
  readonly weightDecay: number;
  /** False: only weights decay, not the scales and shifts of normalisation, nor biases. */
  readonly decayNorms?: boolean;
}

interface SgdSpec extends OptimizerBase {
  readonly kind: 'sgd';
  readonly momentum: number;
  readonly nesterov: boolean;
}

interface AdamSpec<Kind extends 'adam' | 'adamw'> extends OptimizerBase {
  readonly kind: Kind;
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  /** Divides by the largest mean of squares so far; left out: by the present one. */
  readonly amsgrad?: true;
}

interface RmspropSpec extends OptimizerBase {
  readonly kind: 'rmsprop';
  readonly alpha: number;
  readonly eps: number;
  readonly momentum: number;
  readonly centered: boolean;
}

interface LionSpec extends OptimizerBase {
  readonly kind: 'lion';
  readonly beta1: number;
  readonly beta2: number;
}

/** What the learning rate is times by the shape of the matrix, and in PyTorch's `adjust_lr_fn`. */
export const MUON_RATES = ['original', 'match_rms_adamw', 'none'] as const;
export type MuonRate = (typeof MUON_RATES)[number];

export interface MuonSpec extends OptimizerBase {
  readonly kind: 'muon';
  readonly momentum: number;
  readonly nesterov: boolean;
  /** Of Newton and Schulz. */
  readonly steps: number;
  readonly eps: number;
  readonly adjust: MuonRate;
  /** Before each step the weight is brought to the norm that an orthogonal one has: the root of its outputs. */
  readonly renormalize: boolean;
}

export type OptimizerSpec = SgdSpec | AdamSpec<'adam'> | AdamSpec<'adamw'> | LionSpec | RmspropSpec | MuonSpec;
