import type { OptimizerSpec } from '../ir/optimizer.js';
import type { Attrs } from '../ir/types.js';

/**
 * What an optimizer of the language becomes: the op of its name, with operands `w`, `g` and `lr`, perhaps `t` (updates applied so far),
 * `ok`, and slots, and attributes `weight_decay`, `guarded` and `writes` besides its own.
 */
export interface UpdateRule<Spec extends OptimizerSpec> {
  /** By operand that is a slot: what its state is called behind the parameter's name. An operand that is missing is left out. */
  slots(spec: Spec): Readonly<Record<string, string>>;
  /** The op's own attributes. */
  attrs(spec: Spec): Attrs;
}

const ADAM: UpdateRule<Extract<OptimizerSpec, { kind: 'adam' | 'adamw' }>> = {
  slots: ({ amsgrad }): Readonly<Record<string, string>> => ({ m: 'm', v: 'v', ...(amsgrad && { largest: 'v_max' }) }),
  attrs: ({ beta1, beta2, eps, amsgrad }): Attrs => ({ beta1, beta2, eps, ...(amsgrad && { amsgrad }) }),
};

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
} satisfies { readonly [Kind in OptimizerSpec['kind']]: UpdateRule<Extract<OptimizerSpec, { kind: Kind }>> };

export function updateRule({ kind }: OptimizerSpec): UpdateRule<OptimizerSpec> {
  return RULES[kind];
}
