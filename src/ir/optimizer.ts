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

export type OptimizerSpec = SgdSpec | AdamSpec<'adam'> | AdamSpec<'adamw'> | LionSpec | RmspropSpec;
