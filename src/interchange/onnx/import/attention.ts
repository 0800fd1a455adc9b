import { permuted } from '../../permuted.js';
import type { AmpBuilder, Stage, Weight } from './builder.js';
import { product, type Value } from './values.js';

/** Where each element of a value comes from: the number of its place in another. */
interface Moved {
  readonly shape: readonly number[];
  readonly from: Float32Array | Float64Array;
  /** What it is multiplied with on the way. */
  readonly factor: number;
}

const counted = (shape: readonly number[]): Moved => ({
  shape,
  from: Float64Array.from({ length: product(shape) }, (_, i) => i),
  factor: 1,
});

function option(args: readonly string[], name: string): number {
  return Number(args.find((arg) => arg.startsWith(`${name}: `))?.slice(name.length + 2));
}

/** What a layer that only moves elements, or scales them all alike, makes of them; undefined of any other. */
function moved({ layer, args }: Stage, { shape, from, factor }: Moved): Moved | undefined {
  if (layer === 'flatten') return { shape: [product(shape)], from, factor };
  if (layer === 'scale') return { shape, from, factor: factor * Number(args[0]) };
  if (layer === 'reshape') return { shape: JSON.parse(args[0]!) as number[], from, factor };
  if (layer === 'transpose') {
    const axes = JSON.parse(args[0]!) as number[];
    return { shape: axes.map((axis) => shape[axis]!), from: gathered(from, shape, axes), factor };
  }
  if (layer !== 'slice') return undefined;
  const [start, size, axis] = [Number(args[0]), option(args, 'size'), option(args, 'axis')];
  const row = product(shape.slice(axis));
  const part = product(shape.slice(axis + 1));
  const kept = from.filter((_, i) => i % row >= start * part && i % row < (start + size) * part);
  return { shape: shape.map((whole, i) => (i === axis ? size : whole)), from: kept, factor };
}

/** As `permuted`, of numbers of places, which f32 may not hold. */
function gathered(from: ArrayLike<number>, shape: readonly number[], axes: readonly number[]): Float64Array {
  const order = permuted(
    Float32Array.from({ length: from.length }, (_, i) => i),
    shape,
    axes,
  );
  return Float64Array.from(order, (i) => from[i]!);
}

const MOST_PLACES = 2 ** 24;

class Finder {
  private readonly readers = new Map<number, number[]>();

  constructor(
    private readonly builder: AmpBuilder,
    result: Value,
  ) {
    const seen = new Set<number>();
    const visit = (id: number): void => {
      if (id === 0 || seen.has(id)) return;
      seen.add(id);
      const { input, others } = this.stage(id);
      for (const read of [...(input === undefined ? [] : [input]), ...others]) {
        this.readers.set(read, [...(this.readers.get(read) ?? []), id]);
        visit(read);
      }
    };
    visit(result.id);
  }

  private stage(id: number): Stage {
    return this.builder.stages[id - 1]!;
  }

  private weight(stage: Stage, name: string): Weight | undefined {
    return stage.label === undefined ? undefined : this.builder.weights.get(`${stage.label}.${name}`);
  }

  /** The stages before one that only move elements, the last first, and what is in front of them. */
  private before(id: number | undefined): { readonly stages: readonly Stage[]; readonly source: Stage } | undefined {
    const stages: Stage[] = [];
    for (let at = id; at !== undefined && at !== 0; at = this.stage(at).input) {
      const stage = this.stage(at);
      if (!['reshape', 'flatten', 'transpose', 'slice', 'scale'].includes(stage.layer)) return { stages, source: stage };
      stages.push(stage);
    }
    return undefined;
  }

  private trace(stages: readonly Stage[], shape: readonly number[]): Moved | undefined {
    if (product(shape) > MOST_PLACES) return undefined;
    return stages.reduceRight<Moved | undefined>((at, stage) => at && moved(stage, at), counted(shape));
  }

  /** The linear layer whose features, from `offset` on, a branch has by head, [heads, positions, size]. */
  private branch(id: number, heads: number, positions: number, size: number) {
    const found = this.before(id);
    const weight = found?.source.layer === 'linear' ? this.weight(found.source, 'weight') : undefined;
    if (found === undefined || weight === undefined || this.weight(found.source, 'bias') === undefined) return undefined;
    const width = weight.shape[1]!;
    const at = this.trace(found.stages, [positions, width]);
    const offset = at?.from[0] ?? 0;
    const isByHead = at?.from.every((from, i) => {
      const [head, position, place] = [Math.floor(i / (positions * size)), Math.floor(i / size) % positions, i % size];
      return from === position * width + offset + head * size + place;
    });
    if (isByHead !== true || at!.from.length !== heads * positions * size) return undefined;
    return { offset, factor: at!.factor, source: found.source, parts: [...found.stages, found.source] };
  }

  /** Self-attention that ends in this linear layer, as one layer in its place. */
  replace(out: Stage): void {
    const weight = this.weight(out, 'weight');
    const features = weight?.shape[0] ?? 0;
    const joined = this.before(out.input);
    const summed = joined?.source;
    if (weight?.shape[1] !== features || this.weight(out, 'bias') === undefined || summed?.layer !== 'matmul') return;
    if (summed.args.length !== 1) return;
    const scores = this.before(summed.input);
    const weights = scores?.stages.length === 0 && scores.source.layer === 'softmax' ? scores.source : undefined;
    const scaled = weights?.args.length === 0 ? this.before(weights.input) : undefined;
    const multiplied = scaled?.source;
    if (scaled?.stages.some(({ layer }) => layer !== 'scale') !== false || multiplied?.layer !== 'matmul') return;
    if (multiplied.args[1] !== 'transpose: true' || multiplied.input === undefined) return;
    const shape = summed.sizes.slice(1);
    if (shape.length !== 3 || shape[0]! * shape[2]! !== features) return;
    const [heads, positions, size] = shape as [number, number, number];
    const back = this.trace(joined!.stages, shape);
    const isWhole = back?.from.every((from, i) => {
      const [position, head, place] = [Math.floor(i / features), Math.floor((i % features) / size), i % size];
      return from === (head * positions + position) * size + place;
    });
    if (isWhole !== true || back!.factor !== 1) return;
    const branches = [multiplied.input, multiplied.others[0]!, summed.others[0]!].map((id) => this.branch(id, heads, positions, size));
    const [q, k, v] = branches;
    if (q === undefined || k === undefined || v === undefined) return;
    const factor = scaled!.stages.reduce((all, { args }) => all * Number(args[0]), q.factor * k.factor);
    const isScaled = Math.abs(factor * Math.sqrt(size) - 1) < 1e-4 && v.factor === 1;
    const x = q.source.input;
    const isSelf = x !== undefined && [k, v].every(({ source }) => source.input === x);
    if (!isScaled || !isSelf || this.weight(q.source, 'weight')!.shape[0] !== features) return;
    const parts = new Set(
      [out, ...joined!.stages, summed, weights!, ...scaled!.stages, multiplied, ...branches.flatMap((one) => one!.parts)].map(
        ({ id }) => id,
      ),
    );
    const isAlone = [...parts].every((id) => id === out.id || this.readers.get(id)!.every((reader) => parts.has(reader)));
    if (isAlone) this.write(out, { q, k, v }, x, heads);
  }

  private write(
    out: Stage,
    branches: Readonly<Record<'q' | 'k' | 'v', { readonly offset: number; readonly source: Stage }>>,
    x: number,
    heads: number,
  ): void {
    const { builder } = this;
    const [weight, bias] = [this.weight(out, 'weight')!, this.weight(out, 'bias')!];
    const label = builder.label(out.label!.replace(/_?(out_proj|out|proj)(_\d+)?$/, '') || undefined, 'attention');
    const [features] = weight.shape as [number];
    for (const [name, { offset, source }] of Object.entries(branches)) {
      const [whole, biases] = [this.weight(source, 'weight')!, this.weight(source, 'bias')!];
      const width = whole.shape[1]!;
      const isOf = (_: number, i: number) => i % width >= offset && i % width < offset + features;
      builder.weight(label, `${name}.weight`, [features, features], whole.data.filter(isOf));
      builder.weight(label, `${name}.bias`, [features], biases.data.slice(offset, offset + features));
    }
    builder.weight(label, 'out.weight', weight.shape, weight.data);
    builder.weight(label, 'out.bias', bias.shape, bias.data);
    builder.stages[out.id - 1] = { ...out, input: x, others: [], layer: 'attention', args: [`heads: ${heads}`], label };
  }
}

/** Writes self-attention that is taken apart into linear layers, products and a softmax as its layer, where it is exactly that. */
export function recognizeAttention(builder: AmpBuilder, result: Value): void {
  const finder = new Finder(builder, result);
  for (const stage of [...builder.stages]) if (stage.layer === 'linear') finder.replace(stage);
}
