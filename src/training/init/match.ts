import type { TorchLayout } from '../../interchange/layouts.js';
import { elementCount, type Shape, sameShape } from '../../ir/types.js';
import type { StateInfo } from '../states.js';
import type { NameRule } from './name-map.js';
import type { Source } from './sources.js';
import { isCount, isFloat, type WeightLayout } from './weight-file.js';

/** How a tensor was found: its name, `--init-map`, or its place among those of its shape. */
export type MatchKind = 'name' | 'map' | 'order';

export interface Match {
  readonly state: StateInfo;
  readonly source: Source;
  readonly kind: MatchKind;
}

export interface Matching {
  readonly matches: readonly Match[];
  /** Names agree, and shape or type do not. */
  readonly different: readonly Match[];
  /** States that nothing of the file is for. */
  readonly missing: readonly StateInfo[];
  /** Tensors that nothing of the model is for, without counts. */
  readonly unused: readonly Source[];
  /** And the counts and other integers that nothing is for. */
  readonly counts: readonly Source[];
  /** Rules that named no tensor of the file, or one that the model does not have, each as a clause. */
  readonly faults: readonly string[];
}

export type Layouts = ReadonlyMap<string, TorchLayout>;

const withoutOnes = (shape: Shape): Shape => shape.filter((size) => size !== 1);

/** The shape that a state has in a file. */
export function storedShape({ name, shape }: StateInfo, layout: WeightLayout, layouts: Layouts): Shape {
  return layout === 'torch' ? (layouts.get(name)?.shape ?? shape) : shape;
}

/** Axes of size 1 say nothing about the order of numbers. */
export function hasShape(state: StateInfo, source: Source, layout: WeightLayout, layouts: Layouts): boolean {
  return sameShape(withoutOnes(storedShape(state, layout, layouts)), withoutOnes(source.shape));
}

/** Whether the numbers of a tensor are those of a state. */
export function fits(state: StateInfo, source: Source, layout: WeightLayout, layouts: Layouts): boolean {
  return isFloat(source) && hasShape(state, source, layout, layouts);
}

const KINDS = ['weight', 'bias', 'running_mean', 'running_var'];

function signature(name: string, shape: Shape): string {
  const last = name.slice(name.lastIndexOf('.') + 1);
  return `${KINDS.includes(last) ? last : 'other'} ${withoutOnes(shape).join(',')} ${elementCount(shape)}`;
}

function countBy(keys: readonly string[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}

/**
 * Pairs what no name has paired by order and shape, where that leaves no choice: as many of each shape on both sides, and in the same
 * order; or else those shapes of which both sides have one.
 */
function byOrder(
  states: readonly StateInfo[],
  sources: readonly Source[],
  layout: WeightLayout,
  layouts: Layouts,
): readonly (readonly [StateInfo, Source])[] {
  const wanted = states.map((state) => ({ item: state, key: signature(state.name, storedShape(state, layout, layouts)) }));
  const given = sources.filter(isFloat).map((source) => ({ item: source, key: signature(source.name, source.shape) }));
  const [a, b] = [countBy(wanted.map(({ key }) => key)), countBy(given.map(({ key }) => key))];
  const pairsWhere = (holds: (key: string) => boolean) =>
    [wanted.filter(({ key }) => holds(key)), given.filter(({ key }) => holds(key))] as const;
  const [left, right] = pairsWhere((key) => a.get(key) === b.get(key));
  if (left.every(({ key }, i) => key === right[i]!.key)) return left.map(({ item }, i) => [item, right[i]!.item]);
  const [only, other] = pairsWhere((key) => a.get(key) === 1 && b.get(key) === 1);
  const byKey = new Map(other.map(({ key, item }) => [key, item]));
  return only.map(({ key, item }) => [item, byKey.get(key)!]);
}

/** Finds for each state the tensor of the file that it starts from: by the rules, by its name, by order and shape. */
export function matchWeights(
  states: readonly StateInfo[],
  sources: readonly Source[],
  rules: readonly NameRule[],
  layout: WeightLayout,
  layouts: Layouts,
): Matching {
  const matches: Match[] = [];
  const different: Match[] = [];
  const faults: string[] = [];
  const free = new Map(states.map((state) => [state.name, state]));
  const known = new Map(free);
  const left = new Set(sources);
  const take = (state: StateInfo, source: Source, kind: MatchKind): void => {
    (kind === 'order' || fits(state, source, layout, layouts) ? matches : different).push({ state, source, kind });
    free.delete(state.name);
    left.delete(source);
  };
  for (const rule of rules) {
    let speaks = false;
    for (const source of sources) {
      const name = left.has(source) ? rule.rename(source.name) : undefined;
      if (name === undefined) continue;
      speaks = true;
      const state = free.get(name);
      if (state !== undefined) take(state, source, 'map');
      else if (!isCount(source))
        faults.push(`--init-map ${rule.text}: ${name} ${known.has(name) ? 'has a tensor already' : 'is not in the model'}`);
    }
    if (!speaks) faults.push(`--init-map ${rule.text}: the file has no such name`);
  }
  for (const source of [...left]) {
    const state = free.get(source.name);
    if (state !== undefined) take(state, source, 'name');
  }
  for (const [state, source] of byOrder([...free.values()], [...left], layout, layouts)) take(state, source, 'order');
  const [unused, counts] = [[...left].filter((source) => !isCount(source)), [...left].filter(isCount)];
  return { matches, different, missing: [...free.values()], unused, counts, faults };
}
