import type { DatasetSpec } from '../ir/program.js';
import { trainStep } from '../plan/facts.js';
import type { Footprint } from '../plan/footprint.js';
import type { Plan } from '../plan/plan.js';
import { dataBytes } from '../training/data/open.js';
import { averageBytes, keptBytes, largestStateBytes } from '../training/states.js';

/** Bytes that a process takes which trains a plan on the processor. */
export interface ProcessMemory {
  /** States, arena and workspace: the total of `ampc plan`. */
  readonly plan: number;
  /**
   * A copy of the states: what an overflow is explained from, and what checkpoints are written from. Without a loss scale the largest
   * parameter once more, in which each is looked through for what is not finite. Where averages are kept, these and what they are averages
   * of: while they are evaluated they change places.
   */
  readonly copy: number;
  /** The images of both splits. */
  readonly data: number;
  /** The program itself: the JavaScript engine, ampc, and what it knows of the plan. */
  readonly program: number;
  readonly total: number;
}

/** Node with ampc, its libraries and the C of a small plan; measured on Linux with Node 20. */
const PROGRAM = 120 << 20;

/** What it takes besides for each node of a plan. */
const NODE = 12 << 10;

/** What training takes beside the plan's own memory and the program. */
export function besidePlan(plan: Plan, dataset: DatasetSpec): Pick<ProcessMemory, 'copy' | 'data'> {
  const isGuarded = trainStep(plan).graph.outputs.ok !== undefined;
  const swapped = 2 * averageBytes(plan);
  return { copy: keptBytes(plan) + (isGuarded ? 0 : largestStateBytes(plan)) + swapped, data: dataBytes(dataset) };
}

/** What training a plan takes in all; `memory` is that of the plan with its workspace. Data sets count as published. */
export function processMemory(plan: Plan, memory: Footprint, dataset: DatasetSpec): ProcessMemory {
  const nodes = plan.functions.reduce((sum, { graph }) => sum + graph.nodes.length, 0);
  const parts = { plan: memory.total, ...besidePlan(plan, dataset), program: PROGRAM + nodes * NODE };
  return { ...parts, total: parts.plan + parts.copy + parts.data + parts.program };
}
