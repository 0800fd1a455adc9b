import type { Attrs, Shape } from '../ir/types.js';

/**
 * How a state starts. `uniform` is within [-bound, bound), `truncated_normal` within [-limit, limit]; `orthogonal` has orthonormal columns
 * or rows, times `gain`; `dirac` passes channels on, in `groups` of them.
 */
export type StateInit =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'truncated_normal'; readonly std: number; readonly limit: number }
  | { readonly kind: 'orthogonal'; readonly gain: number }
  | { readonly kind: 'dirac'; readonly groups: number };

export type InitKind = StateInit['kind'];

/** How a state starts, given its shape. Throws ConstraintError where the shape does not allow it. */
export type Initializer = (shape: Shape) => StateInit;

/** The attributes of a `state` that starts so: the one number of its kind, and the limit of a truncated distribution. */
export function initAttrs(init: StateInit): Attrs {
  switch (init.kind) {
    case 'constant':
      return { init: init.kind, value: init.value };
    case 'uniform':
      return { init: init.kind, value: init.bound };
    case 'normal':
      return { init: init.kind, value: init.std };
    case 'truncated_normal':
      return { init: init.kind, value: init.std, limit: init.limit };
    case 'orthogonal':
      return { init: init.kind, value: init.gain };
    case 'dirac':
      return { init: init.kind, value: init.groups };
  }
}
