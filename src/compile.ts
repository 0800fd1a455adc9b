import type { Exchange } from './autodiff/exchange.js';
import { buildAccumulateStep, buildEvalStep, buildTrainStep, ofWholeStep } from './autodiff/step.js';
import { type UserError, userError } from './diagnostics/diagnostic.js';
import type { Pin } from './ir/pin.js';
import type { LossScaling, PolicyName, PrecisionSpec, Program, Recipe } from './ir/program.js';
import type { RankShare, WireType } from './ir/ranks.js';
import { isInput } from './ir/structure.js';
import { type ComputeType, type Graph, isLow, precisionName } from './ir/types.js';
import { validateGraph } from './ir/validate.js';
import { hasShortRange } from './numeric/formats.js';
import { opRules } from './ops/rules.js';
import { placeExchanges } from './plan/place-exchanges.js';
import type { Plan, PlanFunction } from './plan/plan.js';
import { planGraph } from './plan/plan-graph.js';
import { simplify } from './plan/simplify.js';
import type { PlanTarget } from './plan/target.js';
import { assignPrecision } from './precision/assign.js';
import { checkPins } from './precision/pins.js';
import { resolveScaling } from './precision/scaling.js';

export interface PassOptions {
  /** Override what the file says. */
  readonly precision?: ComputeType;
  readonly policy?: PolicyName;
  /** Called after every pass, e.g. to print the graph. */
  readonly onPass?: (pass: string, graph: Graph) => void;
}

function resolvePrecision(program: Program, target: PlanTarget, options: PassOptions): PrecisionSpec {
  const spec = program.recipe.precision;
  const compute = options.precision ?? spec.compute;
  const resolved = { ...spec, compute, policy: options.policy ?? spec.policy };
  // An override of the format takes the scaling that the format needs, not the one written for another, and stores all states in f32.
  const { masters, optimizerState, ...others } = resolved;
  const precision = compute === spec.compute ? resolved : { ...others, lossScaling: hasShortRange(compute) ? spec.lossScaling : undefined };
  if (target.lowStates !== true && (precision.masters ?? precision.optimizerState) !== undefined) throw cannotStore(target.backend);
  for (const format of [compute, precision.masters, precision.optimizerState, ...spec.pins.map((pin) => pin.dtype)]) {
    if (format === undefined || !isLow(format) || target.low.includes(format)) continue;
    throw userError(
      'AMP6001',
      `the ${target.backend} backend cannot compute in ${precisionName(format)} here`,
      `it offers ${(['f32', ...target.low] as const).map(precisionName).join(', ')}; \`ampc backends\` says what it lacks for more`,
      `${format === compute ? 'choose another --precision' : 'change the line that keeps a value in this format'}, or another --backend`,
    );
  }
  return precision;
}

/** The name of the pass that is done; whoever takes it may go on, or leave the rest. */
type Passes<T> = Generator<string, T, undefined>;

/** The passes in order; every one's result is validated. */
function* planStep(
  step: Graph,
  precision: PrecisionSpec,
  batch: number,
  target: PlanTarget,
  { onPass }: PassOptions,
): Passes<PlanFunction> {
  let validated: Graph | undefined;
  const check = (pass: string, graph: Graph): Graph => {
    if (graph !== validated) validateGraph(graph, opRules);
    validated = graph;
    onPass?.(pass, graph);
    return graph;
  };
  check('autodiff', step);
  // An evaluation is compiled for other tools as well, which know no copies, and casts once for many images.
  const copies = target.copies === true && step.name !== 'eval_step';
  yield 'autodiff';
  const assigned = check('precision', assignPrecision(step, precision, { copies }));
  yield 'precision';
  const simplified = check('simplify', simplify(assigned));
  yield 'simplify';
  const placed = check('exchange', placeExchanges(simplified));
  const fn = planGraph(placed, batch, target);
  check('plan', fn.graph);
  yield 'plan';
  return fn;
}

function cannotStore(backend: string): UserError {
  return userError(
    'AMP6015',
    `the ${backend} backend cannot store states in a low format`,
    'its kernels for updates read and write f32 alone',
    'choose --backend cpu, or leave `masters` and `optimizer_state` of the precision section out',
  );
}

/** The batch of a forward graph: the leading size of its `image` input. */
function batchOf(graph: Graph): number {
  const image = graph.nodes.find((node) => isInput(node) && node.attrs.name === 'image');
  if (image === undefined) throw new Error('the forward graph has no image input');
  return image.type.shape[0]!;
}

function cannotExchange(backend: string, ranks: number): UserError {
  return userError(
    'AMP6501',
    `the ${backend} backend cannot train on ${ranks} ranks`,
    'its plans hold nothing that ranks exchange: it has no kernel for all_reduce of several',
    'choose --backend cpu',
  );
}

interface TailStep {
  readonly graph: Graph;
  readonly batch: number;
}

/** What of the micro-batch this rank has, and how gradients travel; undefined: there is one rank. */
function exchangeOf(share: RankShare | undefined, { communicate }: PrecisionSpec): Exchange | undefined {
  const wire: WireType = communicate ?? 'f32';
  return share && { ...share, wire };
}

/** The step on the images that fill no whole one: each micro-batch counts as much as its share of their images. */
function tailSteps({ train, tail, ranks }: Program, recipe: Recipe, scaling: LossScaling): readonly TailStep[] {
  if (tail === undefined) return [];
  const [batch, last] = [batchOf(train), batchOf(tail.train)];
  const { share } = tail;
  // Of all ranks.
  const [whole, rest] = ranks === undefined || share === undefined ? [batch, last] : [recipe.train.batch, share.images];
  const images = tail.before * whole + rest;
  const isAccumulated = tail.before > 0;
  const end = { name: 'tail_step', share: rest / images, isAccumulated, part: exchangeOf(share, recipe.precision) };
  const step = { graph: buildTrainStep(tail.train, recipe, scaling, last, end), batch: last };
  if (tail.before === 0) return [step];
  const part = exchangeOf(ranks?.share, recipe.precision);
  const start = { name: 'tail_accumulate_step', share: whole / images, isAccumulated, part };
  return [{ graph: buildAccumulateStep(train, recipe, scaling, batch, start), batch }, step];
}

/**
 * Compiles a lowered program to the plan that the target runs: the training step (and, with gradient accumulation, the step for the
 * micro-batches before the last), the step on what is left of an epoch, and the evaluation step, each at the batch size of its forward
 * graph. Throws UserError when the backend lacks the format or a pin matches nothing.
 */
export function compileProgram(program: Program, target: PlanTarget, options: PassOptions = {}): Plan {
  const passes = compilePasses(program, target, options);
  for (;;) {
    const next = passes.next();
    if (next.done === true) return next.value;
  }
}

/** As `compileProgram`, pass by pass: whoever has something else to do between two of them, or wants the plan no more, can. */
export function* compilePasses(program: Program, target: PlanTarget, options: PassOptions = {}): Passes<Plan> {
  const precision = resolvePrecision(program, target, options);
  const recipe = { ...program.recipe, precision };
  const scaling = resolveScaling(precision);
  const trainBatch = batchOf(program.train);
  const evalBatch = batchOf(program.eval);
  const plan = (graph: Graph, batch: number) => planStep(graph, precision, batch, target, options);
  const part = exchangeOf(program.ranks?.share, precision);
  if (part !== undefined && target.exchanges !== true) throw cannotExchange(target.backend, part.ranks);
  const trainStep = buildTrainStep(program.train, recipe, scaling, trainBatch, ofWholeStep('train_step', recipe, part));
  // Once, and here: the evaluation step lacks the layers that only training has.
  checkPins(trainStep, precision.pins);
  const functions = [yield* plan(trainStep, trainBatch)];
  if (recipe.train.accumulate > 1) {
    const before = ofWholeStep('accumulate_step', recipe, part);
    functions.push(yield* plan(buildAccumulateStep(program.train, recipe, scaling, trainBatch, before), trainBatch));
  }
  for (const { graph, batch } of tailSteps(program, recipe, scaling)) functions.push(yield* plan(graph, batch));
  functions.push(yield* plan(buildEvalStep(program.eval, recipe, evalBatch), evalBatch));
  return { model: recipe.model, policy: precision.policy, precision: precision.compute, target, functions };
}

/**
 * The pins of the file without all of which every value of the training step would have the format that it has with them. What policy
 * `fastest` chooses without a pin nobody knows before it is timed: there are none.
 */
export function idlePins({ recipe, train }: Program): readonly Pin[] {
  const { precision } = recipe;
  const pins = precision.pins.filter(({ origin }) => origin.kind === 'file');
  if (pins.length === 0 || precision.policy === 'fastest') return [];
  const step = buildTrainStep(train, recipe, resolveScaling(precision), batchOf(train));
  const formatsOf = (kept: readonly Pin[]): string => {
    const { nodes } = assignPrecision(step, { ...precision, pins: kept });
    return nodes.map(({ op, type }) => `${op} ${type.dtype}`).join('\n');
  };
  const formats = formatsOf(precision.pins);
  let kept = precision.pins;
  // Of two that say the same only one can go: the later one.
  for (const pin of pins.toReversed()) {
    const others = kept.filter((other) => other !== pin);
    if (formatsOf(others) === formats) kept = others;
  }
  return pins.filter((pin) => !kept.includes(pin));
}
