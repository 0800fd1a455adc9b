import { userError } from '../../diagnostics/diagnostic.js';
import { fromTorch, torchLayouts } from '../../interchange/layouts.js';
import { elementCount, formatType } from '../../ir/types.js';
import type { Plan } from '../../plan/plan.js';
import type { InitEvent } from '../events.js';
import type { Tensor } from '../safetensors.js';
import { brokenState, countNonFinite, modelStates, type StateInfo, type StateValues } from '../states.js';
import { listed } from '../weights.js';
import { decideLayout } from './layout.js';
import { fits, hasShape, type Layouts, type Match, type Matching, matchWeights, storedShape } from './match.js';
import { parseNameRule } from './name-map.js';
import { type Source, sourcesOf } from './sources.js';
import { isFloat, openWeights, type WeightFile, type WeightLayout } from './weight-file.js';

export interface InitOptions {
  /** `FILE=MODEL`: names of the file, and what the model calls them; see `parseNameRule`. */
  readonly map?: readonly string[];
  /** What fits is taken, and the rest of the model starts as the file says. */
  readonly partial?: boolean;
  /** Default: what the file says, or what its shapes fit. */
  readonly layout?: WeightLayout;
}

export interface InitialWeights {
  readonly values: StateValues;
  readonly report: InitEvent;
}

function describe({ dtype, shape }: Pick<Source, 'dtype' | 'shape'>): string {
  return `${dtype === 'F32' || dtype === 'I32' ? dtype.toLowerCase() : dtype}[${shape.join(',')}]`;
}

function wanted(state: StateInfo, layout: WeightLayout, layouts: Layouts): string {
  const type = formatType({ dtype: state.dtype, shape: storedShape(state, layout, layouts) });
  return layout === 'torch' && layouts.get(state.name)?.text !== undefined ? `${type} (PyTorch's order of axes)` : type;
}

function difference({ state, source }: Match, layout: WeightLayout, layouts: Layouts): string {
  const name = source.entry === state.name ? state.name : `${source.entry} for ${state.name}`;
  return `${name} is ${describe(source)} and should be ${wanted(state, layout, layouts)}`;
}

/** All that keeps a file from being the weights of a model, each as a clause. */
function clausesOf(
  { different, missing, unused, counts, faults }: Matching,
  layout: WeightLayout,
  layouts: Layouts,
  partial: boolean,
): readonly string[] {
  const clauses = [...faults];
  const wrong = partial ? different.filter(({ kind }) => kind === 'map') : different;
  const whole = integersFor(missing, counts, layout, layouts);
  if (!partial && missing.length > 0) clauses.push(`missing: ${listed(missing.map(({ name }) => name))}`);
  if (!partial && unused.length > 0) clauses.push(`not in the model: ${listed(unused.map(({ entry }) => entry))}`);
  if (!partial && whole.length > 0)
    clauses.push(
      `of their shapes, but of integers, which are not taken: ${listed(whole.map((source) => `${source.entry} ${describe(source)}`))}`,
    );
  if (wrong.length > 0) clauses.push(`different: ${listed(wrong.map((match) => difference(match, layout, layouts)))}`);
  if (wrong.some(({ source }) => !isFloat(source))) clauses.push('numbers of these types are not taken as weights');
  return clauses;
}

/** Tensors of integers with the shape of a state that nothing is for: a quantized model has them. */
function integersFor(missing: readonly StateInfo[], counts: readonly Source[], layout: WeightLayout, layouts: Layouts): readonly Source[] {
  return counts.filter((source) => missing.some((state) => hasShape(state, source, layout, layouts)));
}

function fixFor(matching: Matching, last: StateInfo | undefined, layout: WeightLayout, layouts: Layouts, partial: boolean): string {
  const { missing, unused, different, counts } = matching;
  const areIntegers = different.some(({ source }) => !isFloat(source)) || integersFor(missing, counts, layout, layouts).length > 0;
  if (areIntegers) return 'save the weights as floats: those of a quantized model before it was quantized, or dequantized';
  const pairs = missing.flatMap((state) => {
    const source = unused.find((tensor) => fits(state, tensor, layout, layouts));
    return source === undefined ? [] : [`${source.name}=${state.name}`];
  });
  if (pairs.length > 0) return `name pairs that belong together, as --init-map ${pairs[0]!}, or take what fits with --init-partial`;
  const head = otherClasses(matching, last, layout, layouts);
  if (!partial && head !== undefined) return `${head}; --init-partial takes what fits, and the rest starts as the file says`;
  if (!partial && (missing.length > 0 || unused.length > 0 || different.length > 0))
    return 'give weights that were saved from this model; names and shapes must be the same. --init-partial takes what fits';
  return 'correct --init-map: the name in the file, =, and the name in the model';
}

/** A tensor that differs from the weight of the last layer in the number of results alone: one for other classes. */
function otherClasses(
  { missing, unused, different }: Matching,
  last: StateInfo | undefined,
  layout: WeightLayout,
  layouts: Layouts,
): string | undefined {
  const pairs = [
    ...different.map(({ state, source }) => [state, source] as const),
    ...missing.flatMap((state) => unused.map((source) => [state, source] as const)),
  ];
  for (const [state, source] of pairs) {
    const shape = storedShape(state, layout, layouts);
    const axis = layout === 'torch' ? 0 : shape.length - 1;
    const isHead = state === last && shape.length === 2 && source.shape.length === 2 && shape[1 - axis] === source.shape[1 - axis];
    if (isHead)
      return `${source.entry} is ${describe(source)}, and ${state.name} is [${shape.join(',')}]: they differ in their number of classes`;
  }
  return undefined;
}

function convert({ state, source }: Match, tensor: Tensor, layout: WeightLayout, layouts: Layouts): Float32Array {
  const all = tensor.data as Float32Array;
  const row = elementCount(source.shape.slice(1));
  const data = source.rows === undefined ? all : all.slice(source.rows[0] * row, source.rows[1] * row);
  const form = layouts.get(state.name);
  return layout === 'torch' && form !== undefined ? fromTorch(form, data) : data;
}

function reportOf(file: WeightFile, matching: Matching, layout: WeightLayout, layouts: Layouts, prefix: string): InitEvent {
  const { matches, different, missing, unused } = matching;
  const order = (name: string) => (layout === 'torch' ? layouts.get(name)?.text : undefined);
  return {
    event: 'init',
    file: file.path,
    layout,
    ...(file.key !== undefined && { part: file.key }),
    ...(prefix !== '' && { prefix }),
    tensors: matches.map(({ state, source, kind }) => {
      const text = order(state.name);
      return {
        name: state.name,
        from: source.entry,
        by: kind,
        ...(source.rows !== undefined && { rows: source.rows }),
        ...(text !== undefined && { order: `${text.torch} -> ${text.ampc}` }),
        ...(source.dtype !== 'F32' && { dtype: source.dtype }),
      };
    }),
    kept: [
      ...different.map((match) => ({ name: match.state.name, why: difference(match, layout, layouts) })),
      ...missing.map(({ name }) => ({ name, why: 'not in the file' })),
    ],
    unused: unused.map((source) => ({ name: source.entry, type: describe(source) })),
  };
}

function refuseBroken(path: string, plan: Plan, values: StateValues): void {
  const broken = brokenState(plan, values);
  if (broken === undefined) return;
  throw userError(
    'AMP7305',
    `${path} holds weights that are not finite`,
    `${countNonFinite(values.get(broken)!)} of the ${values.get(broken)!.length} elements of ${broken} are infinite or NaN`,
    'give weights from before: the run that made these had lost its loss, and `ampc doctor RUN` says where',
  );
}

/**
 * Reads weights for a model from a file of ampc or of PyTorch (`openWeights`), and says which tensor each parameter and statistic is
 * from, what was converted, and what is left over on both sides. Counts, indices and masks that the model does not have are passed over.
 * Throws UserError AMP7201 for a damaged file, AMP7202 with all that does not fit, AMP7214 for an order of axes that nothing tells,
 * AMP6214 for a rule that is none, and AMP7305 for values that are not finite.
 */
export async function loadInitial(path: string, plan: Plan, options: InitOptions = {}): Promise<InitialWeights> {
  const rules = (options.map ?? []).map(parseNameRule);
  const states = modelStates(plan);
  const file = await openWeights(path);
  const layouts = torchLayouts(plan.functions.map(({ graph }) => graph));
  const { sources, prefix } = sourcesOf(file, new Set(states.map(({ name }) => name)));
  const layout = decideLayout(file, options.layout, states, sources, rules, layouts);
  const matching = matchWeights(states, sources, rules, layout, layouts);
  const partial = options.partial === true;
  const wrong = clausesOf(matching, layout, layouts, partial);
  // Of a file that has nothing for the model, all is said.
  const clauses = wrong.length > 0 || matching.matches.length > 0 ? wrong : clausesOf(matching, layout, layouts, false);
  if (clauses.length > 0)
    throw userError(
      'AMP7202',
      `${path} does not hold the weights of ${plan.model}`,
      clauses.join('; '),
      fixFor(
        matching,
        states.findLast(({ shape }) => shape.length === 2),
        layout,
        layouts,
        partial,
      ),
    );
  const tensors = await file.read(new Set(matching.matches.map(({ source }) => source.entry)));
  const values = new Map(
    matching.matches.map((match) => [match.state.name, convert(match, tensors.get(match.source.entry)!, layout, layouts)]),
  );
  refuseBroken(path, plan, values);
  return { values, report: reportOf(file, matching, layout, layouts, prefix) };
}

/** The weights of a model, all of them: `loadInitial` where nothing is to be said about it. */
export async function loadWeights(path: string, plan: Plan): Promise<StateValues> {
  return (await loadInitial(path, plan)).values;
}
