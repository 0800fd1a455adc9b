import { compileProgram } from '../compile.js';
import { userError } from '../diagnostics/diagnostic.js';
import type { Pin, PrecisionSpec, Program } from '../ir/program.js';
import type { LowType, PrecisionName } from '../ir/types.js';
import { precisionName } from '../ir/types.js';
import { type GroupTimes, layerCosts, OUTSIDE, pinsOfChoice } from '../plan/costs.js';
import { phaseOf, trainStep } from '../plan/facts.js';
import type { Plan } from '../plan/plan.js';
import { chooseFormats, costOf } from '../precision/min-cut.js';
import type { Backend, BackendInfo, Executable, Inputs, LoadOptions } from '../runtime/backend.js';
import { initialStates } from '../training/states.js';
import { makeInputs } from './bench.js';
import { type CompileOptions, compileToRun } from './compile.js';
import { readSource } from './source.js';

export interface TuneOptions extends CompileOptions {
  /** Timed steps of every plan; default 30. */
  readonly steps?: number | undefined;
  readonly threads?: number | undefined;
}

/** What one layer costs in either format, and which one was chosen. */
export interface LayerChoice {
  readonly layer: string;
  /** Milliseconds of a step; null where the format is not allowed. */
  readonly low_ms: number | null;
  readonly full_ms: number | null;
  readonly chosen: PrecisionName;
}

export interface Candidate {
  readonly name: 'fp32' | 'autocast' | 'mixed' | 'fastest';
  /** By the costs of the layers; null for autocast, which they do not describe. */
  readonly predicted_ms: number | null;
  readonly measured_ms: number;
}

export interface Tuning {
  readonly model: string;
  readonly backend: string;
  readonly precision: PrecisionName;
  readonly batch: number;
  readonly layers: readonly LayerChoice[];
  /** Milliseconds of a step that belong to no layer, in f32 and with low formats. */
  readonly rest: { readonly low_ms: number; readonly full_ms: number };
  /** 10^9 bytes a second, the price of a cast. */
  readonly bandwidth: number;
  readonly candidates: readonly Candidate[];
  /** The candidate that measured best. */
  readonly best: Candidate['name'];
  /** Lines of the precision section that make the best plan. */
  readonly lines: readonly string[];
}

interface Setup {
  readonly program: Program;
  readonly backend: Backend;
  readonly info: BackendInfo;
  readonly load: LoadOptions;
  readonly steps: number;
}

function compileWith({ program, info }: Setup, change: Partial<PrecisionSpec>): Plan {
  const { recipe } = program;
  const precision: PrecisionSpec = { ...recipe.precision, ...change };
  return compileProgram(
    { ...program, recipe: { ...recipe, precision } },
    { backend: info.name, low: info.capabilities?.low ?? [], staged: info.capabilities?.staged },
  );
}

/** Loads plans, hands their executables over, and disposes of them. */
async function withLoaded<T>(
  { backend, load, program }: Setup,
  plans: readonly Plan[],
  use: (executables: readonly Executable[]) => Promise<T>,
): Promise<T> {
  const executables: Executable[] = [];
  try {
    for (const plan of plans) {
      const executable = await backend.load(plan, load);
      executables.push(executable);
      await executable.writeStates(initialStates(plan, program.recipe.train.seed));
    }
    return await use(executables);
  } finally {
    for (const executable of executables) await executable.dispose();
  }
}

const WARMUP = 3;

/** The mean over the fastest third: whatever else the machine does only adds time. */
function typical(times: readonly number[]): number {
  const fastest = [...times].sort((a, b) => a - b).slice(0, Math.ceil(times.length / 3));
  return fastest.reduce((sum, time) => sum + time, 0) / fastest.length;
}

/** Seconds of each kernel of each plan's training step. The plans take turns, so that a disturbance meets all of them. */
async function kernelTimes(executables: readonly Executable[], inputs: Inputs, steps: number): Promise<readonly GroupTimes[]> {
  const times = executables.map(() => new Map<string, number[]>());
  for (let i = 0; i < WARMUP + steps; i += 1) {
    for (const [index, executable] of executables.entries()) {
      const started = performance.now();
      const kernels = await executable.profile!('train_step', inputs);
      await executable.drain();
      if (i < WARMUP) continue;
      const outside = (performance.now() - started) / 1000 - kernels.reduce((sum, { seconds }) => sum + seconds, 0);
      for (const { group, seconds } of [...kernels, { group: OUTSIDE, seconds: outside }])
        times[index]!.set(group, [...(times[index]!.get(group) ?? []), seconds]);
    }
  }
  return times.map((byGroup) => new Map([...byGroup].map(([group, seconds]) => [group, typical(seconds)])));
}

/** Milliseconds of a step of each plan, taking turns. */
async function stepTimes(setup: Setup, plans: readonly Plan[], inputs: Inputs): Promise<readonly number[]> {
  return withLoaded(setup, plans, async (executables) => {
    const times = plans.map((): number[] => []);
    for (let i = 0; i < WARMUP + setup.steps; i += 1) {
      for (const [index, executable] of executables.entries()) {
        const started = performance.now();
        await executable.call('train_step', inputs);
        await executable.drain();
        if (i >= WARMUP) times[index]!.push(performance.now() - started);
      }
    }
    return times.map(typical);
  });
}

/** Which layers a plan computes in the low format. */
function formatsOf(plan: Plan, layers: readonly string[], format: LowType): readonly boolean[] {
  const { nodes } = trainStep(plan).graph;
  const found = nodes.filter((node) => node.type.dtype === format && node.op !== 'cast' && phaseOf(node) === 'forward');
  const low = new Set(found.map(({ layer }) => layer));
  return layers.map((layer) => low.has(layer));
}

const milliseconds = (seconds: number): number | null => (Number.isFinite(seconds) ? seconds * 1000 : null);

/**
 * Finds the formats that make the training step fastest on this machine. Every kernel is timed in f32 and in the low format; a minimum cut chooses the
 * format of every layer, with casts priced by the device's bandwidth; then fp32, autocast, mixed and the choice are timed as they are, and the best
 * is returned with the lines that make it. Losses and softmax stay in f32, and pins of the file hold. Throws UserError as `bench`, and AMP6012 for
 * a backend that cannot time its kernels.
 */
export async function tune(file: string, options: TuneOptions = {}): Promise<Tuning> {
  const { program, backend, info, plan: filePlan } = await compileToRun(await readSource(file), options);
  const { compute, pins } = program.recipe.precision;
  const format = compute === 'f32' ? 'f16' : compute;
  const load = options.threads === undefined ? {} : { threads: options.threads };
  const setup: Setup = { program, backend, info, load, steps: options.steps ?? 30 };
  const fp32 = compileWith(setup, { compute: 'f32', lossScaling: { kind: 'none' }, pins: [] });
  const mixed = compileWith(setup, { compute: format, policy: 'mixed' });
  const autocast = compileWith(setup, { compute: format, policy: 'autocast' });

  const bandwidth = ((await backend.limits?.({ ...load, seconds: 0.5 }))?.memory.all ?? 10) * 1e9;
  const inputs = makeInputs(filePlan, 'train_step', program.recipe.classes);
  const [fullTimes, lowTimes] = await withLoaded(setup, [fp32, mixed], async (executables) => {
    if (executables[0]!.profile === undefined)
      throw userError('AMP6012', `the ${info.name} backend cannot time its kernels`, undefined, 'use --backend cpu');
    return (await kernelTimes(executables, inputs, setup.steps)) as [GroupTimes, GroupTimes];
  });
  const costs = layerCosts({ full: trainStep(fp32), low: trainStep(mixed), fullTimes, lowTimes, pins, bandwidth });
  const { problem, layers, rest } = costs;
  const { low } = chooseFormats(problem);
  const compileMixed = (extra: readonly Pin[]) => compileWith(setup, { compute: format, policy: 'mixed', pins: [...extra, ...pins] });
  const chosenPins = pinsOfChoice(costs, low, format, (extra) => trainStep(compileMixed(extra)));
  const predict = (choices: readonly boolean[]) => milliseconds(costOf(problem, choices) + (choices.includes(true) ? rest.low : rest.full));

  const choice = { name: 'fastest', plan: compileMixed(chosenPins), predicted_ms: predict(low) } as const;
  const plans = [
    { name: 'fp32', plan: fp32, predicted_ms: predict(layers.map(() => false)) },
    { name: 'autocast', plan: autocast, predicted_ms: null },
    { name: 'mixed', plan: mixed, predicted_ms: predict(formatsOf(mixed, layers, format)) },
    // Without pins it is mixed itself.
    ...(chosenPins.length === 0 ? [] : [choice]),
  ] as const;
  const times = await stepTimes(
    setup,
    plans.map(({ plan }) => plan),
    inputs,
  );
  const candidates = plans.map(({ name, predicted_ms }, index): Candidate => ({ name, predicted_ms, measured_ms: times[index]! }));
  const best = [...candidates].sort((a, b) => a.measured_ms - b.measured_ms)[0]!.name;
  const computing = `compute ${precisionName(format)}`;
  const keeps = chosenPins.map(({ pattern, dtype }) => `keep ${pattern} in ${precisionName(dtype)}`);
  const lines = { fp32: ['compute fp32'], autocast: [computing, 'policy autocast'], mixed: [computing], fastest: [computing, ...keeps] }[
    best
  ];
  return {
    model: filePlan.model,
    backend: info.name,
    precision: precisionName(format),
    batch: trainStep(filePlan).batch,
    layers: layers.map((layer, unit): LayerChoice => {
      const { low: fast, full } = problem.units[unit]!;
      return { layer, low_ms: milliseconds(fast), full_ms: milliseconds(full), chosen: low[unit] ? precisionName(format) : 'fp32' };
    }),
    rest: { low_ms: rest.low * 1000, full_ms: rest.full * 1000 },
    bandwidth: bandwidth * 1e-9,
    candidates,
    best,
    lines,
  };
}
