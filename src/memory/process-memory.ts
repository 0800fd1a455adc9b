import type { DatasetSpec } from '../ir/program.js';
import { trainStep } from '../plan/facts.js';
import type { Footprint } from '../plan/footprint.js';
import type { Plan } from '../plan/plan.js';
import { dataBytes, decodingThreads } from '../training/data/data-bytes.js';
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
  /** The images of both splits, and the threads that decode those of pictures. */
  readonly data: number;
  /** The program itself: the JavaScript engine, ampc, and what it knows of the plan. */
  readonly program: number;
  readonly total: number;
}

/** Node with ampc, its libraries and the C of a small plan; measured on Linux with Node 20. */
const PROGRAM = 120 << 20;

/** The libraries that decode pictures, and each thread of theirs; measured on Linux with one, two and six threads. */
const DECODING = { libraries: 18 << 20, thread: 10 << 20 };

/** What it takes besides for each node of a plan. */
const NODE = 12 << 10;

/** What training takes beside the plan's own memory and the program. */
export function besidePlan(plan: Plan, dataset: DatasetSpec): Pick<ProcessMemory, 'copy' | 'data'> {
  const isGuarded = trainStep(plan).graph.outputs.ok !== undefined;
  const copy = keptBytes(plan) + (isGuarded ? 0 : largestStateBytes(plan)) + 2 * averageBytes(plan);
  const threads = decodingThreads(dataset);
  const decoding = threads === 0 ? 0 : DECODING.libraries + threads * DECODING.thread;
  return { copy, data: dataBytes(dataset) + decoding };
}

/** What training a plan takes in all; `memory` is that of the plan with its workspace. Data sets count as published. */
export function processMemory(plan: Plan, memory: Footprint, dataset: DatasetSpec): ProcessMemory {
  const nodes = plan.functions.reduce((sum, { graph }) => sum + graph.nodes.length, 0);
  const parts = { plan: memory.total, ...besidePlan(plan, dataset), program: PROGRAM + nodes * NODE };
  return { ...parts, total: parts.plan + parts.copy + parts.data + parts.program };
}
