import type { MuonRate, OptimizerSpec } from '../ir/optimizer.js';
import { type Attrs, elementCount, type Shape } from '../ir/types.js';

/** The direction of an update, and the steps of Newton and Schulz that make it orthogonal. */
export type Orthogonal = Pick<Extract<OptimizerSpec, { kind: 'muon' }>, 'momentum' | 'nesterov' | 'steps' | 'eps' | 'renormalize'>;

/**
 * What an optimizer of the language becomes: the op of its name, with operands `w`, `g` and `lr`, perhaps `t` (updates applied so far),
 * `ok`, slots, and what `autodiff/` computes ahead, and attributes `weight_decay`, `guarded` and `writes` besides its own.
 */
export interface UpdateRule<Spec extends OptimizerSpec> {
  /** By operand that is a slot: what its state is called behind the parameter's name. An operand that is missing is left out. */
  slots(spec: Spec): Readonly<Record<string, string>>;
  /** The op's own attributes. `shape`: of the parameter. */
  attrs(spec: Spec, shape: Shape): Attrs;
  /** Where its direction is made orthogonal, how; that becomes operand `o`, and the norm of the weight `norm`. */
  orthogonal?(spec: Spec): Orthogonal;
}

const ADAM: UpdateRule<Extract<OptimizerSpec, { kind: 'adam' | 'adamw' }>> = {
  slots: ({ amsgrad }): Readonly<Record<string, string>> => ({ m: 'm', v: 'v', ...(amsgrad && { largest: 'v_max' }) }),
  attrs: ({ beta1, beta2, eps, amsgrad }): Attrs => ({ beta1, beta2, eps, ...(amsgrad && { amsgrad }) }),
};

/** A parameter as the matrix that is made orthogonal: its outputs, the last axis, beside everything that they are made of. */
export function matrixShape(shape: Shape): readonly [rows: number, columns: number] {
  const columns = shape.at(-1)!;
  return [elementCount(shape) / columns, columns];
}

const MUON_FACTORS = {
  original: (inputs, outputs) => Math.sqrt(Math.max(1, outputs / inputs)),
  match_rms_adamw: (inputs, outputs) => 0.2 * Math.sqrt(Math.max(inputs, outputs)),
  none: () => 1,
} as const satisfies Record<MuonRate, (inputs: number, outputs: number) => number>;

const RULES = {
  sgd: {
    slots: ({ momentum }): Readonly<Record<string, string>> => (momentum === 0 ? {} : { buf: 'momentum' }),
    attrs: ({ momentum, nesterov }) => ({ momentum, nesterov }),
  },
  adam: ADAM,
  adamw: ADAM,
  lion: { slots: () => ({ m: 'm' }), attrs: ({ beta1, beta2 }) => ({ beta1, beta2 }) },
  rmsprop: {
    slots: ({ centered, momentum }): Readonly<Record<string, string>> => {
      return { v: 'v', ...(centered && { m: 'm' }), ...(momentum !== 0 && { buf: 'momentum' }) };
    },
    attrs: ({ alpha, eps, momentum, centered }) => ({ alpha, eps, momentum, centered }),
  },
  muon: {
    slots: ({ momentum }): Readonly<Record<string, string>> => (momentum === 0 ? {} : { buf: 'momentum' }),
    attrs: ({ momentum, adjust, renormalize }, shape): Attrs => {
      const [inputs, outputs] = matrixShape(shape);
      return { momentum, factor: MUON_FACTORS[adjust](inputs, outputs), length: renormalize ? Math.sqrt(outputs) : 0 };
    },
    orthogonal: (spec) => spec,
  },
} satisfies { readonly [Kind in OptimizerSpec['kind']]: UpdateRule<Extract<OptimizerSpec, { kind: Kind }>> };

export function updateRule({ kind }: OptimizerSpec): UpdateRule<OptimizerSpec> {
  return RULES[kind];
}
