import type { Attrs, Shape } from '../ir/types.js';

/** How each number of a state starts by itself. `uniform` is within [-bound, bound), `truncated_normal` within [-limit, limit]. */
type DrawnInit =
  | { readonly kind: 'constant'; readonly value: number }
  | { readonly kind: 'uniform'; readonly bound: number }
  | { readonly kind: 'normal'; readonly std: number }
  | { readonly kind: 'truncated_normal'; readonly std: number; readonly limit: number };

/**
 * How a state starts. `orthogonal` has orthonormal columns or rows, times `gain`; `dirac` passes channels on, in `groups` of them, and
 * outputs beyond the inputs of a group start as `rest` says; `whiten` makes the patches of the first `images` training images white.
 */
export type StateInit =
  | DrawnInit
  | { readonly kind: 'orthogonal'; readonly gain: number }
  | { readonly kind: 'dirac'; readonly groups: number; readonly rest: DrawnInit }
  | { readonly kind: 'whiten'; readonly eps: number; readonly images: number };

export type InitKind = StateInit['kind'];

/** How a state starts, given its shape. Throws ConstraintError where the shape does not allow it. */
export type Initializer = (shape: Shape) => StateInit;

/** Whether each number of a state that starts so is drawn by itself. */
export function isDrawn(init: StateInit): init is DrawnInit {
  return init.kind !== 'orthogonal' && init.kind !== 'dirac' && init.kind !== 'whiten';
}

/** What `initAttrs` may set. */
const INIT_ATTRS = ['init', 'value', 'limit', 'rest', 'rest_value', 'images'] as const;

/** Attributes of a state without those of how it starts. */
export function withoutInit(attrs: Attrs): Attrs {
  return Object.fromEntries(Object.entries(attrs).filter(([name]) => !(INIT_ATTRS as readonly string[]).includes(name)));
}

/** The attributes of a `state` that starts so: the one number of its kind, and what else it has. */
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
    case 'dirac': {
      const { init: rest, value, ...limit } = initAttrs(init.rest);
      const isZero = init.rest.kind === 'constant' && init.rest.value === 0;
      return { init: init.kind, value: init.groups, ...(!isZero && { rest, rest_value: value, ...limit }) };
    }
    case 'whiten':
      return { init: init.kind, value: init.eps, images: init.images };
  }
}
