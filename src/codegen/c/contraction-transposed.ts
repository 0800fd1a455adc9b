import { elementCount, type Node, type ValueId } from '../../ir/types.js';
import { type ContractionGeometry, operandOf } from '../../ops/contraction-geometry.js';
import { emit, joined } from '../code.js';
import { storeAll } from './contraction-finish.js';
import { emitPack, type Packing, packTasks } from './contraction-pack.js';
import { BLOCK_TERMS, emitTile } from './contraction-tile.js';
import { type Compute, STAGED } from './contraction-unit.js';
import { Locals } from './expression.js';
import type { Kernel, KernelContext } from './kernel.js';
import { arraySize, called, head, note, pairTable } from './kernel-code.js';
import type { Target } from './target.js';
import { type Tile, tileFits } from './tile-choice.js';

/** Bytes of the packed gradient, which every row of the weight is multiplied with; stays in a first- or second-level cache. */
const PACKED = 160 * 1024;
/** Rows of the weight of one task. */
const TASK_ROWS = 128;

interface Product {
  readonly node: Node;
  readonly dy: ValueId;
  readonly weight: ValueId;
  readonly compute: Compute;
  /** Rows of dy, channels of dx, and the summed channels of dy. */
  readonly rows: number;
  readonly channels: number;
  readonly depth: number;
  /** `columns` rows of the weight by `vectors` vectors of dy's rows. */
  readonly tile: Tile;
}

function isSingle({ batch, groups }: ContractionGeometry): boolean {
  return elementCount(batch) * groups === 1;
}

/** The largest tile whose rows fill a vector and whose vectors fill dy's rows. */
function chooseTile(vectors: number, target: Target): Tile {
  let best: Tile = { rows: 1, columns: 1, vectors: 1 };
  for (let v = 1; v <= 4; v += 1) {
    for (let columns = 1; columns <= target.lanes; columns *= 2) {
      if (vectors % v !== 0 || !tileFits(columns, v, target)) continue;
      if (columns * v > best.columns * best.vectors) best = { rows: 1, columns, vectors: v };
    }
  }
  return best;
}

/**
 * The gradient of a linear layer's input with few rows, where packing the weight takes longer than multiplying with it. dx = dy *
 * transposed weight is computed as transposed: each row of the weight, read once where it is, times dy, which is small and packed instead.
 * Undefined for other contractions.
 */
export function transposedProduct(context: KernelContext, geometry: ContractionGeometry): Product | undefined {
  if (geometry.spatial !== 0 || geometry.computes !== 'x' || !isSingle(geometry)) return undefined;
  const { images: rows, inputs: channels, outputs: depth } = geometry;
  const { target, anchor: node } = context;
  const values = { dy: operandOf(geometry, node.inputs, 'y')!, weight: operandOf(geometry, node.inputs, 'w')! };
  const [dy, weight] = [context.type(values.dy), context.type(values.weight)];
  const paired = dy.dtype === 'bf16' && weight.dtype === 'bf16' && target.bf16Dot && depth % 2 === 0;
  if (!paired && weight.dtype !== 'f32') return undefined;
  const compute = paired ? 'bf16' : 'f32';
  const vectors = Math.ceil(rows / target.lanes);
  const tile = chooseTile(vectors, target);
  const packedBytes = (depth / STAGED[compute].depth) * vectors * target.lanes * 4;
  const pays = packedBytes <= PACKED && channels >= 2 * rows && tile.columns * tile.vectors >= 8;
  return pays && channels % target.lanes === 0 ? { node, ...values, compute, rows, channels, depth, tile } : undefined;
}

/** C of such a product with everything that the plan fused behind it. */
export function emitTransposedProduct(context: KernelContext, product: Product): Kernel {
  const { node, dy, weight, compute, rows, channels, depth, tile } = product;
  const { name, group, target } = context;
  const { lanes } = target;
  const { type } = STAGED[compute];
  const steps = depth / STAGED[compute].depth;
  const vectors = Math.ceil(rows / lanes);
  const packing: Packing = {
    dtype: context.type(dy).dtype,
    compute,
    k: depth,
    n: rows,
    taps: [0],
    vectors: tile.vectors,
    transposed: true,
    lanes,
    copies: { batch: 1, groups: 1 },
    size: rows * depth,
  };
  const packed = context.workspace(steps * vectors * lanes * 4);
  const locals = new Locals(context, { index: 'index', channel: 'channel' });
  locals.define(node.id, 'lines[lane]');
  storeAll(locals, context, group.nodes);
  const block = lanes * tile.vectors;
  const runs = Array.from({ length: Math.ceil(steps / BLOCK_TERMS) }, (_, b) => Math.min(BLOCK_TERMS, steps - b * BLOCK_TERMS));
  const row = emit`x + (channel + t * ${tile.columns}) * ${steps}`;
  const factor = emit`w + (g * ${steps} + k) * ${block}`;
  const sums = emit`sums + t * ${tile.columns * tile.vectors}`;
  const code = emit`${pairTable(
    name.and('_runs'),
    runs.map((length, b) => [b * BLOCK_TERMS, length] as const),
  )}

${emitPack(name.and('_pack'), packing, context.pointer(dy), packed)}
${emitTile(name.and('_tile'), compute, tile, 0, steps, block)}
${note`${lanes} rows of the weight at a time: sums by row of the weight, then turned into lines of dx.`}
${head('static void', name, 'void *const *p, int64_t task')}
  const ${type} *x = (const ${type} *)${context.pointer(weight)}, *w = (const ${type} *)${packed};
  for (int64_t channel = task * ${TASK_ROWS}; channel < min64((task + 1) * ${TASK_ROWS}, ${channels}); channel += LANES) {
    for (int64_t g = 0; g < ${vectors / tile.vectors}; g++) {
      vf sums[${arraySize(block)}];
      for (int64_t t = 0; t < ${lanes / tile.columns}; t++) {
        for (int b = 0, k = 0; b < ${runs.length}; k += ${name.and('_runs')}[b++][1])
          ${called(name.and('_tile'), emit`${row}, ${factor}, ${name.and('_runs')} + b, 1, b == 0, ${sums}`)};
      }
      for (int64_t v = 0; v < ${tile.vectors}; v++) {
        vf lines[LANES];
        for (int64_t lane = 0; lane < LANES; lane++) lines[lane] = sums[lane * ${tile.vectors} + v];
        transpose(lines);
        const int64_t first = (g * ${tile.vectors} + v) * LANES;
        for (int64_t lane = 0; lane < min64(LANES, ${rows} - first); lane++) {
          const int64_t index = (first + lane) * ${channels} + channel;
${joined(locals.statements.map((line) => emit`          ${line}\n`))}        }
      }
    }
  }
}
`;
  const launches = [
    { name: name.and('_pack'), tasks: packTasks(packing) },
    { name, tasks: Math.ceil(channels / TASK_ROWS) },
  ];
  return { code, launches };
}
