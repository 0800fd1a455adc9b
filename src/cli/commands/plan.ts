import {
  type CompileOptions,
  checkGates,
  compile,
  diffPlans,
  emitC,
  emitCuda,
  emitWgsl,
  explainLayers,
  explainPlan,
  GATE_NAMES,
  keptNetwork,
  type Network,
  type Plan,
  parseGates,
  plansOfSameBatch,
  printPlan,
  programWarnings,
  readSavedPlan,
  renderDiagnostics,
  withSavedPlan,
} from '../../index.js';
import { printDiff } from '../diff-view.js';
import { EXIT } from '../failure.js';
import { networkOf } from '../network.js';
import { atLeast, integer, ofCall, oneOf, options } from '../options.js';
import type { Output } from '../output.js';
import { printExplanation, printReport } from '../plan-view.js';
import type { AddCommand } from './command.js';

/** More are no plan but a mistake. */
const MOST_RANKS = 65536;

/** The languages of generated source, and the backend that each is for: where one is given, plans are for that backend. */
const EMIT = {
  c: { backend: undefined, source: emitC },
  wgsl: { backend: 'webgpu', source: emitWgsl },
  cuda: { backend: 'cuda', source: emitCuda },
} as const;

type Emitted = keyof typeof EMIT;
const EMITTED = Object.keys(EMIT) as readonly Emitted[];

interface Choices extends Omit<CompileOptions, 'ranks'> {
  readonly dump: boolean;
  readonly all: boolean;
  readonly emit?: Emitted;
  readonly explain?: string;
  readonly diff?: readonly string[];
  readonly failOn?: string;
  readonly ranks?: number;
  readonly network?: Network;
}

/** As they are written: epochs are counted from 1. */
interface PlanOptions extends Choices {
  readonly epoch?: number;
}

/** What of the choices says which plan: of so many ranks it is that of the first. */
function compileOptions(given: Choices): CompileOptions {
  const {
    ranks,
    network: _network,
    dump: _,
    all: _all,
    explain: _layer,
    emit: _language,
    diff: _sides,
    failOn: _gates,
    ...choices
  } = given;
  return { ...ofCall(choices), ...(ranks !== undefined && { ranks: { count: ranks, rank: 0 } }) };
}

export const addPlan: AddCommand = (program, output, exitWith) => {
  const command = program
    .command('plan')
    .description('show what would run: formats and their reasons, casts, memory; or how two plans differ')
    .argument('[file]', '.amp file; with --explain, --dump and --emit also a saved plan')
    .option('--dump', 'the whole plan in its text form', false)
    .option('--all', 'every layer and cast, also of blocks that are equal to the one before', false)
    .option('--explain <layer>', 'what happens in a layer (or a block, or a pattern), line by line in words')
    .option('--emit <language>', 'the generated source: c (the cpu backend), wgsl (webgpu) or cuda', oneOf(EMITTED))
    .option(
      '--diff <sides...>',
      'compare two plans: .amp files or saved plans, each with changes if need be, such as a.amp:policy=autocast; `:policy=autocast` ' +
        'is the other file with a change',
    )
    .option('--fail-on <gates>', `with --diff: exit 1 on such differences: ${GATE_NAMES.join(', ')}, casts:+N, memory:+N%`)
    .option('--ranks <n>', 'the plan of one of so many ranks that train together: what they exchange, and when', integer(1, MOST_RANKS))
    .option(
      '--network <bandwidth,latency>',
      'with --ranks: what exchanges take over such a network, such as 10Gbps,50us, what of it computing hides, and up to 1,024 ranks; ' +
        'a third number is the time of each further message (default: the latency); without it, what ampc tune --network measured',
      networkOf,
    )
    .option('--epoch <n>', 'the plan of this epoch, from 1: `freeze … until` and `after` change it, 3.5 within the third', atLeast(1))
    .addOption(options.json())
    .addOption(options.backend())
    .addOption(options.precision())
    .addOption(options.policy())
    .addOption(options.costs())
    .addOption(options.calibration())
    .addOption(options.strictRanges())
    .addOption(options.batch())
    .addOption(options.set());
  command.action(async (file: string | undefined, { epoch, ...given }: PlanOptions) => {
    const choices: Choices = epoch === undefined ? given : { ...given, epoch: epoch - 1 };
    if (choices.network !== undefined && (choices.ranks ?? 1) === 1)
      command.error('error: --network goes with --ranks N, from 2 on: one rank exchanges nothing');
    const other = (['diff', 'dump', 'emit', 'explain'] as const).find((name) => choices[name] !== undefined && choices[name] !== false);
    if (choices.network !== undefined && other !== undefined) command.error(`error: --network says nothing of --${other}`);
    if (choices.diff !== undefined) {
      const [a, b, ...rest] = [...(file === undefined ? [] : [file]), ...choices.diff];
      if (a === undefined || b === undefined || rest.length > 0) command.error('error: --diff compares two plans: ampc plan --diff A B');
      else if (!(await compare(a, b, choices, output))) exitWith(EXIT.failed);
      return;
    }
    if (choices.failOn !== undefined) command.error('error: --fail-on goes with --diff A B');
    if (file === undefined) {
      command.error("error: missing required argument 'file'");
      return;
    }
    const saved = await readSavedPlan(file, compileOptions(choices));
    if (saved !== undefined && epoch !== undefined) {
      command.error('error: --epoch goes with a .amp file: a saved plan is that of its own epoch');
      return;
    }
    if (saved !== undefined && (await withSavedPlan(file, () => view(saved, choices, output)))) return;
    // Shaders are of a plan in formats that a GPU has, whatever backend would run it here.
    const backend = choices.backend ?? (choices.emit === undefined ? undefined : EMIT[choices.emit].backend);
    await show(file, { ...compileOptions(choices), backend, onNotice: output.notice }, choices, output);
  });
};

/** Prints what of a plan needs nothing but the plan; whether that was asked for. */
async function view(plan: Plan, { emit, dump, explain }: Choices, output: Output): Promise<boolean> {
  if (emit !== undefined) output.product(await EMIT[emit].source(plan));
  else if (dump) output.product(printPlan(plan));
  else if (explain !== undefined) {
    for (const [index, explanation] of explainLayers(plan, explain).entries()) {
      output.event(explanation);
      if (output.json) continue;
      if (index > 0) output.line();
      printExplanation(explanation, output);
    }
  } else return false;
  return true;
}

async function show(file: string, options: CompileOptions, choices: Choices, output: Output): Promise<void> {
  const compiled = await compile(file, options);
  const { plan, source, program } = compiled;
  if (await view(plan, choices, output)) return;
  const network = (choices.ranks ?? 1) === 1 ? undefined : (choices.network ?? (await keptNetwork()));
  // What it has to say of how a file is planned it has said.
  const same = network && (await plansOfSameBatch(file, compiled, { ...options, onNotice: undefined }));
  const report = await explainPlan(compiled, network, same);
  output.event(report);
  if (!output.json) printReport(report, choices.all, output);
  // A hint stands beside the line that it is about.
  if (report.warnings.some(({ severity }) => severity !== 'hint'))
    output.error(`\n${renderDiagnostics(programWarnings(source, program), source, { color: output.errorColor })}`);
}

/** Prints the comparison; whether every gate holds. */
async function compare(a: string, b: string, choices: Choices, output: Output): Promise<boolean> {
  const gates = choices.failOn === undefined ? [] : parseGates(choices.failOn);
  const comparison = await diffPlans(a, b, { ...compileOptions(choices), onNotice: output.notice });
  const failed = checkGates(gates, comparison);
  output.event({ ...comparison.diff, stepMs: comparison.stepMs, failed });
  if (!output.json) printDiff(comparison.diff, comparison.stepMs, output);
  if (failed.length > 0) output.error(`\n${failed.join('\n')}`);
  return failed.length === 0;
}
