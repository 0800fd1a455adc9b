import type { ValueId } from '../../ir/types.js';
import { isOfKind } from '../../ops/index.js';
import type { GroupContext } from './context.js';
import { emitDepthwise, emitDepthwiseGradient, isDepthwise } from './contraction-depthwise.js';
import { type Contraction, contractionOf, slabsOf } from './contraction-geometry.js';
import type { Destination } from './contraction-operands.js';
import { emitTiles } from './contraction-tiles.js';
import { type Dispatch, finishFlat } from './kernel.js';
import { bufferBytes } from './layout.js';
import { Locals } from './locals.js';
import { joinParts, type PartialSums, TERMS_IN_A_ROW } from './partial-sums.js';
import type { GpuLimits, GpuTarget } from './target.js';

/** Terms of a sum that are worth a part of their own. */
const TERMS_PER_PART = 512;
const MOST_PARTS = 64;
/** Invocations of 4 x 4 results, workgroups of 64 x 64, or invocations of one, that keep a device busy without cutting sums. */
const ENOUGH = { lanes: 4096, tiles: 512, depthwise: 65536 } as const;

/** Forms that a language has of its own. */
export interface OwnForms<Target extends GpuTarget = GpuTarget> {
  /** Whether the device's matrix unit takes the contraction. */
  usesMatrix(context: GroupContext<Target>, c: Contraction): boolean;
  emitMatrix(context: GroupContext<Target>, c: Contraction, destination: Destination): readonly Dispatch[];
  /** Whether the kernel of `emitMatrix` takes the sums over rows of its group as well. */
  takesSums?(context: GroupContext<Target>, c: Contraction): boolean;
  /** For targets with `lanes`. */
  readonly lanes?: {
    emitPositions(context: GroupContext<Target>, c: Contraction, nodes: readonly ValueId[]): Dispatch;
    emitWeightGradient(context: GroupContext<Target>, c: Contraction, partial: PartialSums): Dispatch;
    linesInARow(c: Contraction): number;
  };
}

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
function partsOf(c: Contraction, form: Form, limits: GpuLimits): number {
  const slabs = slabsOf(c);
  const blocks = slabs * UNITS[form](c);
  const wanted = Math.ceil(ENOUGH[form] / Math.max(1, blocks));
  const held = Math.floor(Math.min(limits.bindingBytes, bufferBytes(limits)) / (slabs * c.m * c.n * 4));
  const units = form === 'lanes' ? c.batch : Math.ceil(c.k / TERMS_PER_PART);
  return Math.max(1, Math.min(wanted, units, MOST_PARTS, held));
}

function emitParts<Target extends GpuTarget>(
  context: GroupContext<Target>,
  c: Contraction,
  partial: PartialSums,
  form: Form,
  own: OwnForms<Target>,
): readonly Dispatch[] {
  if (form === 'depthwise') return [emitDepthwiseGradient(context, c, partial)];
  if (form === 'lanes') return [lanesOf(own).emitWeightGradient(context, c, partial)];
  return own.usesMatrix(context, c) ? own.emitMatrix(context, c, { partial }) : [emitTiles(context, c, { partial })];
}

function lanesOf<Target extends GpuTarget>({ lanes }: OwnForms<Target>): NonNullable<OwnForms<Target>['lanes']> {
  if (lanes === undefined) throw new Error('the language has no kernels of lanes');
  return lanes;
}

/** A weight gradient: sums over parts of the pixels, then the sum of the parts. */
function emitGradient<Target extends GpuTarget>(context: GroupContext<Target>, c: Contraction, own: OwnForms<Target>): Dispatch[] {
  const { limits } = context.target;
  const onMatrix = own.usesMatrix(context, c);
  const form = isDepthwise(c) ? 'depthwise' : onMatrix ? 'tiles' : context.target.contractions;
  const units = form === 'lanes' ? c.batch : c.k;
  const length = Math.ceil(units / partsOf(c, form, limits));
  const parts = Math.ceil(units / length);
  const id = c.node.id;
  const paired = form === 'lanes' ? length * c.rows > lanesOf(own).linesInARow(c) : length > TERMS_IN_A_ROW;
  const direct = parts === 1 && !paired && c.node.type.dtype === 'f32';
  const count = slabsOf(c) * c.m * c.n;
  const reserve = () => context.reserve(parts * count * 4);
  const partial: PartialSums = { parts, place: direct ? context.place(id) : reserve(), rest: paired ? reserve() : undefined };
  const first = emitParts(context, c, partial, form, own);
  context.markDone(id);
  if (direct) return [...first];
  const kernel = context.newKernel();
  const locals = new Locals(context, kernel, { index: 'i' });
  locals.lines.push(...joinParts(kernel, partial, count));
  locals.define(id, `${kernel.helper('sum_of')}(sum)`);
  locals.store(id);
  return [...first, finishFlat(kernel, `${context.label([id])}, parts`, count, limits, locals.lines)];
}

/**
 * A contraction with everything that the plan fused behind it; alone, its result left in memory, where the fused ops read more buffers than
 * one kernel may.
 */
export function emitContraction<Target extends GpuTarget>(context: GroupContext<Target>, id: ValueId, own: OwnForms<Target>): Dispatch[] {
  const c = contractionOf(context, id);
  if (c.computes === 'w') return emitGradient(context, c, own);
  const emit = (nodes: readonly ValueId[]): readonly Dispatch[] => {
    if (isDepthwise(c)) return [emitDepthwise(context, c, nodes)];
    if (own.usesMatrix(context, c)) return own.emitMatrix(context, c, { fused: nodes });
    return [
      context.target.contractions === 'lanes' ? lanesOf(own).emitPositions(context, c, nodes) : emitTiles(context, c, { fused: nodes }),
    ];
  };
  const withSums = !isDepthwise(c) && own.usesMatrix(context, c) && own.takesSums?.(context, c) === true;
  // Sums that the kernel does not take have kernels behind it.
  const nodes = context.group.nodes.filter((node) => withSums || !isOfKind(context.node(node).op, 'reduce'));
  const fused = emit(nodes);
  if (fused.every(({ bindings }) => bindings.length <= context.target.limits.storageBuffers)) {
    for (const node of nodes) context.markDone(node);
    return [...fused];
  }
  context.markDone(id);
  return [...emit([id])];
}
