import type { ValueId } from '../../ir/types.js';
import type { GroupContext } from './context.js';
import { emitDepthwise, emitDepthwiseGradient, isDepthwise } from './contraction-depthwise.js';
import { type Contraction, contractionOf, slabsOf } from './contraction-geometry.js';
import { emitPositions } from './contraction-lanes.js';
import { emitWeightGradient, linesInARow } from './contraction-lanes-gradient.js';
import { emitMatrix, usesMatrix } from './contraction-matrix.js';
import { emitTiles } from './contraction-tiles.js';
import { type Dispatch, KernelBuilder } from './kernel.js';
import { bufferBytes } from './layout.js';
import { Locals } from './locals.js';
import { joinParts, type PartialSums, TERMS_IN_A_ROW } from './partial-sums.js';
import type { WgslLimits } from './target.js';

/** Terms of a sum that are worth a part of their own. */
const TERMS_PER_PART = 512;
const MOST_PARTS = 64;
/** Invocations of 4 x 4 results, workgroups of 64 x 64, or invocations of one, that keep a device busy without cutting sums. */
const ENOUGH = { lanes: 4096, tiles: 512, depthwise: 65536 } as const;

/** How a weight gradient is computed: the form of its parts. */
type Form = keyof typeof ENOUGH;

/** What a form counts as one in `ENOUGH`, of all slabs. */
const UNITS: Readonly<Record<Form, (c: Contraction) => number>> = {
  lanes: (c) => (c.m / 4) * Math.ceil(c.n / 4),
  tiles: (c) => Math.ceil(c.m / 64) * Math.ceil(c.n / 64),
  depthwise: (c) => c.m * c.n,
};

/**
 * Into how many parts the sum over pixels is cut; depends on shape and target alone, as the order of additions does. One binding holds them
 * all.
 */
function partsOf(c: Contraction, form: Form, limits: WgslLimits): number {
  const slabs = slabsOf(c);
  const blocks = slabs * UNITS[form](c);
  const wanted = Math.ceil(ENOUGH[form] / Math.max(1, blocks));
  const held = Math.floor(Math.min(limits.bindingBytes, bufferBytes(limits)) / (slabs * c.m * c.n * 4));
  const units = form === 'lanes' ? c.batch : Math.ceil(c.k / TERMS_PER_PART);
  return Math.max(1, Math.min(wanted, units, MOST_PARTS, held));
}

function emitParts(context: GroupContext, c: Contraction, partial: PartialSums, form: Form): Dispatch {
  if (form === 'depthwise') return emitDepthwiseGradient(context, c, partial);
  if (form === 'lanes') return emitWeightGradient(context, c, partial);
  return usesMatrix(context, c) ? emitMatrix(context, c, { partial }) : emitTiles(context, c, { partial });
}

/** A weight gradient: sums over parts of the pixels, then the sum of the parts. */
function emitGradient(context: GroupContext, c: Contraction): Dispatch[] {
  const { limits } = context.target;
  const onMatrix = usesMatrix(context, c);
  const form = isDepthwise(c) ? 'depthwise' : onMatrix ? 'tiles' : context.target.contractions;
  const units = form === 'lanes' ? c.batch : c.k;
  const length = Math.ceil(units / partsOf(c, form, limits));
  const parts = Math.ceil(units / length);
  const id = c.node.id;
  const paired = form === 'lanes' ? length * c.rows > linesInARow(c) : length > TERMS_IN_A_ROW;
  const direct = parts === 1 && !paired && c.node.type.dtype === 'f32';
  const count = slabsOf(c) * c.m * c.n;
  const reserve = () => context.reserve(parts * count * 4);
  const partial: PartialSums = { parts, place: direct ? context.place(id) : reserve(), rest: paired ? reserve() : undefined };
  const first = emitParts(context, c, partial, form);
  context.markDone(id);
  if (direct) return [first];
  const kernel = new KernelBuilder();
  const locals = new Locals(context, kernel, { index: 'i' });
  locals.lines.push(...joinParts(kernel, partial, count));
  locals.define(id, `${kernel.helper('sum_of')}(sum)`);
  locals.store(id);
  return [first, kernel.finishFlat(`${context.label([id])}, parts`, count, limits, locals.lines)];
}

/**
 * A contraction with everything that the plan fused behind it; alone, its result left in memory, where the fused ops read more buffers than
 * one kernel may.
 */
export function emitContraction(context: GroupContext, id: ValueId): Dispatch[] {
  const c = contractionOf(context, id);
  if (c.computes === 'w') return emitGradient(context, c);
  const emit = (nodes: readonly ValueId[]) => {
    if (isDepthwise(c)) return emitDepthwise(context, c, nodes);
    if (usesMatrix(context, c)) return emitMatrix(context, c, { fused: nodes });
    return context.target.contractions === 'lanes' ? emitPositions(context, c, nodes) : emitTiles(context, c, { fused: nodes });
  };
  const fused = emit(context.group.nodes);
  if (fused.bindings.length <= context.target.limits.storageBuffers) {
    for (const node of context.group.nodes) context.markDone(node);
    return [fused];
  }
  context.markDone(id);
  return [emit([id])];
}
