import type { Group, GroupKind } from '../../plan/plan.js';
import type { KernelMethod } from '../../plan/work.js';
import { emitAttention } from './attention.js';
import { emitContraction } from './contraction.js';
import { emitExchange } from './exchange.js';
import { describeGroup } from './group-key.js';
import { type Kernel, KernelContext, type StepContext } from './kernel.js';
import type { Place } from './place.js';
import type { KernelCode, Sections } from './sections.js';
import { emitSweeps } from './sweep-launch.js';

/** What runs a group, and what it needs. */
export interface EmittedKernel {
  /** Undefined where nothing is left to compute. */
  readonly code: KernelCode | undefined;
  /** How its contraction is computed, unless product by product. */
  readonly method: KernelMethod | undefined;
  /** The place of each of its buffers. */
  readonly table: readonly Place[];
  readonly workspaceBytes: number;
  readonly scratchBytes: number;
}

interface Pattern extends Omit<EmittedKernel, 'table'> {
  /** A position among the places of the group, or a place in the workspace or of a constant. */
  readonly table: readonly (number | Place)[];
}

/** Larger groups of loops are made one by one: the optimizer's, of which there is one a function. */
const MOST_NODES = 32;

const EMITTERS: Readonly<Record<GroupKind, (context: KernelContext) => Kernel>> = {
  contraction: emitContraction,
  attention: emitAttention,
  map: emitSweeps,
  rows: emitSweeps,
  reduce: emitSweeps,
  update: emitSweeps,
  scalar: emitSweeps,
  exchange: emitExchange,
};

/** Makes the kernels of a file; once for all groups that differ only in which values and states they work on. */
export class KernelMaker {
  readonly #patterns = new Map<string, Pattern>();

  constructor(private readonly sections: Sections) {}

  make(step: StepContext, group: Group): EmittedKernel {
    if (group.kind !== 'contraction' && group.nodes.length > MOST_NODES) return this.#kernel(step, group);
    const { key, places } = describeGroup(step, group);
    const known = this.#patterns.get(key);
    if (known !== undefined) return { ...known, table: known.table.map((entry) => (typeof entry === 'number' ? places[entry]! : entry)) };
    const made = this.#kernel(step, group);
    const positions = new Map(places.map((place, i) => [place.key, i]));
    const table = made.table.map((place): number | Place => positions.get(place.key) ?? place);
    if (table.some((entry) => typeof entry !== 'number' && entry.block !== 'work' && entry.block !== 'constant'))
      throw new Error(`${group.name} works on values that it does not name`);
    this.#patterns.set(key, { ...made, table });
    return made;
  }

  #kernel(step: StepContext, group: Group): EmittedKernel {
    const context = new KernelContext(step, group);
    const kernel = EMITTERS[group.kind](context);
    const { table } = context;
    const code = kernel.launches.length === 0 ? undefined : this.sections.add(step, group, kernel, table.length);
    return { code, method: kernel.method, ...needs(context) };
  }
}

function needs(context: KernelContext): Pick<EmittedKernel, 'table' | 'workspaceBytes' | 'scratchBytes'> {
  return { table: context.table, workspaceBytes: context.workspaceBytes, scratchBytes: context.scratchBytes };
}
