import type { LowType } from '../ir/types.js';
import type { StagedForm } from '../ops/traits.js';

export interface AttentionKernels {
  /** The most features of a query, key or value of a head that they take. */
  readonly features: number;
  /** Bytes of the scores of all heads, in f32, from which on they are worth it. */
  readonly scoreBytes: number;
}

/**
 * Below a MiB, what a kernel writes is still in the processor's cache when the next one reads it, and a product more costs more than it
 * saves.
 * On a GPU it is memory that is saved: no hardware has told yet what time it costs.
 */
const ATTENTION = {
  cpu: { features: Number.POSITIVE_INFINITY, scoreBytes: 2 ** 20 },
  webgpu: { features: 64, scoreBytes: 2 ** 26 },
} as const satisfies Readonly<Record<string, AttentionKernels>>;

/** What a backend's device can do; the planner reads it, and never the backend itself. */
export interface Capabilities {
  /** Low formats that can be stored and computed with; others are refused. f32 always can. */
  readonly low: readonly LowType[];
  /** What a contraction's kernel can make as it brings in its operand, so that it needs no memory. */
  readonly staged: readonly StagedForm[];
  /** Whether states are written with their copies in low formats, so that what is frozen has no cast in a step; left out: no. */
  readonly copies?: boolean | undefined;
  /** Whether sums over rows are taken by the kernel that makes what they add up, or several by one that reads it; left out: no. */
  readonly channelSums?: boolean | undefined;
  /** Whether a kernel reads a part of a value where it is, as it reads elements; left out: the part is copied. */
  readonly parts?: boolean | undefined;
  /** Whether updates read and write states in low formats, so that weights and the optimizer's state can live in them; left out: no. */
  readonly lowStates?: boolean | undefined;
  /** Whether it can run a plan with what ranks exchange; left out: no. */
  readonly exchanges?: boolean | undefined;
  /** Where attention runs in kernels in which scores need no memory; left out: nowhere. */
  readonly attention?: AttentionKernels | undefined;
}

/** What a plan is made for: all that the planner knows of a backend and its device. */
export interface PlanTarget extends Capabilities {
  /** Name of the backend that will run the plan; part of the plan's header. */
  readonly backend: string;
}

/** By backend: what it can do where no device says less. */
const CAPABILITIES = {
  cpu: {
    low: ['f16', 'bf16'],
    staged: ['placed_in_windows'],
    attention: ATTENTION.cpu,
    copies: true,
    channelSums: true,
    parts: true,
    lowStates: true,
    exchanges: true,
  },
  webgpu: { low: ['f16'], staged: [], attention: ATTENTION.webgpu, copies: true, lowStates: true },
  cuda: { low: ['f16', 'bf16'], staged: [], copies: true, channelSums: true, lowStates: true },
  tensorflow: { low: ['f16', 'bf16'], staged: [], copies: true },
  reference: { low: ['f16', 'bf16'], staged: [], copies: true, lowStates: true, exchanges: true },
} as const satisfies Readonly<Record<string, Capabilities>>;

export type BackendName = keyof typeof CAPABILITIES;

/** In the order in which they are listed. */
export const BACKEND_NAMES = Object.keys(CAPABILITIES) as readonly BackendName[];

export function isBackendName(name: string): name is BackendName {
  return Object.hasOwn(CAPABILITIES, name);
}

/**
 * What plans for a backend are made for without a device at hand, and what a plan that was read from its text was made for: the text names
 * the backend alone. A name that no backend has stands for one that computes in f32 and stages nothing.
 */
export function defaultTarget(backend: string): PlanTarget {
  return { backend, ...(isBackendName(backend) ? CAPABILITIES[backend] : { low: [], staged: [] }) };
}
