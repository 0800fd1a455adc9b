import { userError } from '../diagnostics/diagnostic.js';
import { byteLength, precisionName, stringsAttr } from '../ir/types.js';
import { opDefinition } from '../ops/index.js';
import { storageRoot } from '../plan/fuse.js';
import type { Group, GroupKind, PlanFunction } from '../plan/plan.js';
import type { KernelTime, MachineLimits } from '../runtime/backend.js';
import { findFunction, initialStates, planStates } from '../training/states.js';
import { type BenchOptions, makeInputs } from './bench.js';
import { compileToRun } from './compile.js';
import { readSource } from './source.js';

/** One group of the training step. */
export interface GroupProfile {
  readonly group: string;
  readonly kind: GroupKind;
  readonly ms: number;
  /** Of the step, 0 to 1. */
  readonly share: number;
  /** Of the convolutions and matrix products; 0 for other groups. */
  readonly gflops: number;
  /** Bytes that the plan has the group read and write, each value once; caches may serve them. */
  readonly gigabytes_per_second: number;
  /** Time at the device's limit (of arithmetic or memory, whichever takes longer) over the time taken; over 1 where caches serve. */
  readonly limit_share: number | null;
}

/** One line of `ampc bench --profile --json`. */
export interface Profile {
  readonly backend: string;
  readonly precision: string;
  readonly batch: number;
  /** One call of train_step, as the caller sees it: the groups' times and `outside_ms` add up to it. */
  readonly step_ms: number;
  /** Copying inputs, the foreign call and returning to the event loop. */
  readonly outside_ms: number;
  readonly groups: readonly GroupProfile[];
  readonly limits: MachineLimits | null;
}

interface Work {
  readonly flops: number;
  /** Whether the contractions read bf16. */
  readonly bf16: boolean;
  readonly bytes: number;
}

/** What a group does by the plan: operations of its contractions, and bytes of the values that it reads, stores and updates. */
export function groupWork({ graph }: PlanFunction, group: Group, stateBytes: ReadonlyMap<string, number>): Work {
  const inside = new Set(group.nodes);
  const read = new Set<number>();
  const written = new Set<string>();
  let flops = 0;
  let bf16 = false;
  for (const id of group.nodes) {
    const node = graph.nodes[id]!;
    const op = opDefinition(node.op);
    const types = node.inputs.map((input) => graph.nodes[input]!.type);
    if (op.kind === 'contraction') {
      flops += op.flops?.(types, node.attrs, node.type) ?? 0;
      bf16 ||= types.some(({ dtype }) => dtype === 'bf16');
    }
    if (op.effect === true) for (const name of stringsAttr(node.attrs, 'writes')) written.add(name);
    for (const input of node.inputs) {
      const root = storageRoot(graph, input);
      if (!inside.has(root) && graph.nodes[root]!.op !== 'constant') read.add(root);
    }
  }
  const sizes = [...read, ...group.stores].map((id) => byteLength(graph.nodes[id]!.type));
  const updates = [...written].map((name) => stateBytes.get(name) ?? 0);
  return { flops, bf16, bytes: [...sizes, ...updates].reduce((sum, bytes) => sum + bytes, 0) };
}

function limitSeconds({ flops, bf16, bytes }: Work, limits: MachineLimits): number {
  const arithmetic = (bf16 ? limits.bf16 : undefined) ?? limits.f32;
  return Math.max(flops / arithmetic.all, bytes / limits.memory.all) * 1e-9;
}

interface Sample {
  readonly seconds: number;
  readonly kernels: readonly KernelTime[];
}

/** The calls around the median: averaging whole calls keeps the groups' times adding up. */
export function middleThird<T extends { readonly seconds: number }>(samples: readonly T[]): readonly T[] {
  const sorted = [...samples].sort((a, b) => a.seconds - b.seconds);
  const cut = Math.floor(sorted.length / 3);
  return sorted.slice(cut, sorted.length - cut);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Where the time of the training step goes, kernel by kernel. Every profiled call times its kernels; the calls around the median are averaged.
 * Throws UserError as `compile`, and AMP6012 for a backend that cannot tell.
 */
export async function profile(file: string, options: BenchOptions = {}): Promise<Profile> {
  const { plan, program, backend, info } = await compileToRun(await readSource(file), options);
  const fn = findFunction(plan, 'train_step');
  if (fn === undefined) throw new Error('the plan has no train_step');
  const load = options.threads === undefined ? {} : { threads: options.threads };
  const limits = await backend.limits?.(load);
  const executable = await backend.load(plan, load);
  try {
    if (executable.profile === undefined) {
      throw userError('AMP6012', `the ${info.name} backend cannot time its kernels`, undefined, 'use --backend cpu');
    }
    await executable.writeStates(initialStates(plan, program.recipe.train.seed));
    const inputs = makeInputs(plan, 'train_step', program.recipe.classes);
    const warmup = options.warmup ?? 10;
    const samples: Sample[] = [];
    for (let i = 0; i < warmup + (options.steps ?? 100); i += 1) {
      const started = performance.now();
      const kernels = await executable.profile('train_step', inputs);
      if (i >= warmup) samples.push({ seconds: (performance.now() - started) / 1000, kernels });
      await executable.drain();
    }
    const middle = middleThird(samples);
    const step = mean(middle.map(({ seconds }) => seconds));
    const stateBytes = new Map(planStates(plan).map((state) => [state.name, byteLength(state)]));
    const groups = fn.groups.map((group, index): GroupProfile => {
      const seconds = mean(middle.map(({ kernels }) => kernels[index]!.seconds));
      const work = groupWork(fn, group, stateBytes);
      return {
        group: group.name,
        kind: group.kind,
        ms: seconds * 1000,
        share: seconds / step,
        gflops: seconds === 0 ? 0 : (work.flops / seconds) * 1e-9,
        gigabytes_per_second: seconds === 0 ? 0 : (work.bytes / seconds) * 1e-9,
        limit_share: limits === undefined || seconds === 0 ? null : limitSeconds(work, limits) / seconds,
      };
    });
    return {
      backend: info.name,
      precision: precisionName(plan.precision),
      batch: fn.batch,
      step_ms: step * 1000,
      outside_ms: step * 1000 - groups.reduce((sum, { ms }) => sum + ms, 0),
      groups,
      limits: limits ?? null,
    };
  } finally {
    await executable.dispose();
  }
}
