import type { DType, ValueId } from '../../ir/types.js';
import { emitFinish, fusedPool } from '../gpu/contraction-finish.js';
import {
  type Contraction,
  channelsPerTap,
  decodeRow,
  slabsOf,
  tapAddress,
  termAt,
  useSlab,
  weightRowAt,
} from '../gpu/contraction-geometry.js';
import { type Dispatch, indent, spread } from '../gpu/kernel.js';
import type { Place } from '../gpu/layout.js';
import { loadExpression } from '../gpu/literal.js';
import type { WgslContext } from './context.js';
import { storageType } from './formats.js';
import { KernelBuilder } from './kernel.js';

/**
 * An invocation computes ROWS x COLUMNS results, its columns side by side. The invocations of a workgroup differ in their columns alone:
 * what they read of the rows is the same for all. A processor reads memory in a loop over the invocations of a subgroup, so each of them
 * reads another row and broadcasts it to the others.
 */
export const ROWS = 16;
export const COLUMNS = 4;
/** Invocations that a processor runs as one vector, and the most of a workgroup. */
const VECTOR = 8;
const MOST_LANES = 64;
/** Workgroups that keep all cores busy. */
const ENOUGH_WORKGROUPS = 64;
export const PARTS = ['x', 'y', 'z', 'w'] as const;

export const each = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index));

/** `sRow_Column = fma(a, b, sRow_Column)` for every accumulator. */
export function multiplyAdd(rows: number, a: (r: number) => string, b: (t: number) => string): string[] {
  return each(rows, (r) => each(COLUMNS, (t) => `s${r}_${t} = fma(${a(r)}, ${b(t)}, s${r}_${t});`).join(' '));
}

export const accumulators = (rows: number) => each(rows, (r) => each(COLUMNS, (t) => `var s${r}_${t} = 0.0f;`).join(' '));

/** How the invocations are laid over the result: blocks of columns within a workgroup, row blocks, parts and slabs over workgroups. */
export function layInvocations(context: WgslContext, columns: number, rowBlocks: number, parts = 1) {
  const across = Math.ceil(columns / COLUMNS);
  const widest = Math.min(MOST_LANES, Math.ceil(across / VECTOR) * VECTOR);
  const lanes = rowBlocks * parts * Math.ceil(across / widest) < ENOUGH_WORKGROUPS ? VECTOR : widest;
  const columnBlocks = Math.ceil(across / lanes);
  const total = columnBlocks * rowBlocks * parts;
  const { workgroups, index } = spread(total, context.target.limits);
  const lines = [
    `let group = ${index};`,
    ...(workgroups[1] > 1 ? [`if (group >= ${total}u) { return; }`] : []),
    `let first = (group % ${columnBlocks}u * ${lanes}u + lid) * ${COLUMNS}u;`,
    ...each(COLUMNS, (t) => `let l${t} = min(first + ${t}u, ${columns - 1}u);`),
  ];
  return { lanes, workgroups, lines, block: `group / ${columnBlocks}u` };
}

/** Reads `count` neighbouring elements: as one vector where `isVector`. Statements that declare `name0 ..`, or `name` as a vec4f. */
export function loadRun(
  kernel: KernelBuilder,
  place: Place,
  dtype: DType,
  isVector: boolean,
  name: string,
  at: (t: number) => string,
  count: number,
): string[] {
  if (!isVector) return each(count, (t) => `let ${name}${t} = ${loadExpression(kernel, place, dtype, at(t))};`);
  const vector = `${kernel.readVectors(place, storageType(dtype))}[(${at(0)}) / 4u]`;
  return [`let ${name} = ${dtype === 'f32' ? vector : `vec4f(${vector})`};`];
}

export const pick = (isVector: boolean, name: string, t: number) => (isVector ? `${name}.${PARTS[t]}` : `${name}${t}`);

/**
 * How often a subgroup must read to have `count` values or vectors, one an invocation; all of them where there are no subgroups to share
 * them.
 */
export const readsFor = (count: number, lanes: number | undefined) => Math.ceil(count / (lanes ?? 1));

/** Declares the values of all rows, `a0 ..`, from what was read: `reads` variables of that prefix. */
export function shareRows(rows: number, lanes: number | undefined, reads: string): string[] {
  return each(rows, (r) =>
    lanes === undefined ? `let a${r} = ${reads}${r};` : `let a${r} = subgroupBroadcast(${reads}${Math.floor(r / lanes)}, ${r % lanes}u);`,
  );
}

/** Makes subgroups known to the kernel: `lane` is the invocation's number in its own. */
export function useSubgroups(context: WgslContext, kernel: KernelBuilder): number | undefined {
  const { broadcast } = context.target;
  if (broadcast === undefined) return undefined;
  kernel.extensions.push('subgroups');
  kernel.parameters.push('@builtin(subgroup_invocation_id) lane: u32');
  return broadcast;
}

/** One step along the summed channels of a tap: `step` of them at once. */
function innerStep(context: WgslContext, kernel: KernelBuilder, c: Contraction, step: number, always: boolean): string[] {
  const channels = channelsPerTap(c);
  const isVector = step === 4;
  const [aType, bType] = [context.type(c.a).dtype, context.type(c.b).dtype];
  const lanes = context.target.broadcast;
  const lines: string[] = [];
  for (let g = 0; g < readsFor(ROWS, lanes); g += 1) {
    const name = `x${g}${isVector ? '' : '_'}`;
    lines.push(...loadRun(kernel, context.place(c.a), aType, isVector, name, () => `start${g} + k`, 1));
    const read = isVector ? name : `${name}0`;
    lines.push(`let r${g} = ${always ? read : `select(${isVector ? 'vec4f()' : '0.0f'}, ${read}, ok${g})`};`);
  }
  lines.push(...shareRows(ROWS, lanes, 'r'));
  const row = (r: number, u: number) => (isVector ? `a${r}.${PARTS[u]}` : `a${r}`);
  if (c.computes === 'x') {
    for (let t = 0; t < COLUMNS; t += 1) {
      lines.push(...loadRun(kernel, context.place(c.b), bType, isVector, `w${t}_`, () => `${weightRowAt(c, 'tap', `l${t}`)} + k`, 1));
    }
    for (let u = 0; u < step; u += 1) {
      lines.push(
        ...multiplyAdd(
          ROWS,
          (r) => row(r, u),
          (t) => pick(isVector, `w${t}_`, u),
        ),
      );
    }
    return lines;
  }
  const wide = c.n % COLUMNS === 0;
  for (let u = 0; u < step; u += 1) {
    const from = termAt(c, `(tap * ${channels}u + k + ${u}u)`);
    lines.push(...loadRun(kernel, context.place(c.b), bType, wide, `w${u}_`, (t) => `${from} + l${t}`, COLUMNS));
    lines.push(
      ...multiplyAdd(
        ROWS,
        (r) => row(r, u),
        (t) => pick(wide, `w${u}_`, t),
      ),
    );
  }
  return lines;
}

/**
 * conv2d, linear and their input gradients without barriers: a workgroup reads the rows and columns that it needs, four channels at a time.
 */
export function emitPositions(context: WgslContext, c: Contraction, nodes: readonly ValueId[]): Dispatch {
  const kernel = new KernelBuilder();
  const pooled = fusedPool(context, nodes) !== undefined;
  const channels = channelsPerTap(c);
  const step = channels % 4 === 0 ? 4 : 1;
  const subgroup = useSubgroups(context, kernel);
  const suffixes = each(readsFor(ROWS, subgroup), String);
  const addresses = suffixes.map((g) => tapAddress(c, g));
  const { always } = addresses[0]!;
  const inner = innerStep(context, kernel, c, step, always);
  const finish = emitFinish(context, kernel, c, nodes);
  const rowBlocks = Math.ceil(c.m / ROWS);
  const { lanes, workgroups, lines, block } = layInvocations(context, c.n, rowBlocks, slabsOf(c));
  const stores = finish({ rows: ROWS, columns: COLUMNS, m: 'm', column: (t) => `first + ${t}`, sum: (r, t) => `s${r}_${t}` });
  const own = (g: string) => (subgroup === undefined ? `${g}u` : `${Number(g) * subgroup}u + lane`);
  return kernel.finish(context.label(nodes), lanes, workgroups, [
    ...lines,
    ...useSlab(kernel, c, `${block} / ${rowBlocks}u`),
    slabsOf(c) === 1 ? `let m = ${block} * ${ROWS}u;` : `let m = ${block} % ${rowBlocks}u * ${ROWS}u;`,
    ...accumulators(ROWS),
    ...suffixes.flatMap((g) => [`let m${g} = min(m + ${own(g)}, ${c.m - 1}u);`, ...decodeRow(c, pooled, `m${g}`, g)]),
    `for (var tap = 0u; tap < ${c.kernelY * c.kernelX}u; tap++) {`,
    ...(always ? [] : [`  let p = i32(tap / ${c.kernelX}u);`, `  let q = i32(tap % ${c.kernelX}u);`]),
    ...indent(addresses.flatMap((address) => address.lines)),
    `  for (var k = 0u; k < ${channels}u; k += ${step}u) {`,
    ...indent(inner, 2),
    '  }',
    '}',
    ...stores,
  ]);
}
