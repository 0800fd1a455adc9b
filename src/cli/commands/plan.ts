import {
  type CompileOptions,
  compile,
  type DiffLine,
  diffPlans,
  emitC,
  type FunctionSummary,
  type PlanSummary,
  printPlan,
  summarizePlan,
} from '../../index.js';
import { oneOf, options } from '../options.js';
import { formatBytes, formatCount, type Output } from '../output.js';
import type { AddCommand } from './command.js';

interface PlanOptions extends CompileOptions {
  readonly dump: boolean;
  readonly emit?: 'c';
  readonly diff?: readonly string[];
}

export const addPlan: AddCommand = (program, output) => {
  const command = program
    .command('plan')
    .description('show what would run: formats, casts, kernels, memory')
    .argument('[file]', '.amp file')
    .option('--dump', 'the whole plan in its text form', false)
    .option('--emit <language>', 'the generated source: c', oneOf(['c']))
    .option('--diff <files...>', 'compare the plans of two .amp files or dumped plans')
    .addOption(options.json())
    .addOption(options.backend())
    .addOption(options.precision())
    .addOption(options.policy())
    .addOption(options.batch())
    .addOption(options.set());
  command.action(async (file: string | undefined, choices: PlanOptions) => {
    if (choices.diff !== undefined) {
      const [a, b, ...rest] = [...(file === undefined ? [] : [file]), ...choices.diff];
      if (a === undefined || b === undefined || rest.length > 0) command.error('error: --diff compares two files: ampc plan --diff A B');
      else printDiff(await diffPlans(a, b, choices), output);
      return;
    }
    if (file === undefined) {
      command.error("error: missing required argument 'file'");
      return;
    }
    const { plan } = await compile(file, choices);
    if (choices.emit !== undefined) output.product(await emitC(plan));
    else if (choices.dump) output.product(printPlan(plan));
    else {
      const summary = summarizePlan(plan);
      output.event(summary);
      if (!output.json) printSummary(summary, output);
    }
  });
};

const MARKS = { same: ' ', removed: '-', added: '+' } as const;
const CONTEXT = 2;

/** Changed lines with a little context, as a unified comparison. */
function printDiff(lines: readonly DiffLine[], output: Output): void {
  const changed = lines.flatMap(({ kind }, index) => (kind === 'same' ? [] : [index]));
  if (changed.length === 0) {
    output.line('the plans are the same');
    return;
  }
  const shown = new Set(changed.flatMap((index) => Array.from({ length: 2 * CONTEXT + 1 }, (_, step) => index + step - CONTEXT)));
  let previous = -1;
  lines.forEach(({ kind, text }, index) => {
    if (!shown.has(index)) return;
    if (index > previous + 1) output.line(output.style('cyan', '...'));
    previous = index;
    const line = `${MARKS[kind]} ${text}`;
    output.line(kind === 'same' ? line : output.style(kind === 'removed' ? 'red' : 'green', line));
  });
}

function printSummary(summary: PlanSummary, output: Output): void {
  const { model, policy, precision, backend, parameters, stateBytes, functions } = summary;
  output.line(`${output.style('bold', model)}: ${precision}, policy ${policy}, backend ${backend}`);
  output.line(`${formatCount(parameters)} parameters, ${formatBytes(stateBytes)} of masters, optimizer state and statistics`);
  for (const fn of functions) printFunction(fn, output);
  output.line();
  output.line(output.style('dim', 'The whole plan, with the reason of every cast: ampc plan --dump'));
}

function printFunction(fn: FunctionSummary, output: Output): void {
  output.line();
  output.line(
    `${output.style('bold', fn.name)}, batch ${fn.batch}: ${fn.ops} ops in ${fn.kernels} kernels, ${fn.casts} casts, ` +
      `${formatBytes(fn.arenaBytes)} arena, ${(fn.flops / 1e9).toFixed(2)} GFLOP`,
  );
  output.table(
    ['layer', 'op', 'operands', 'result', 'shape', 'MFLOP'],
    fn.contractions.map(({ layer, op, operands, result, shape, flops }) => [
      layer,
      op,
      operands.join(' '),
      result,
      `[${shape.join(',')}]`,
      (flops / 1e6).toFixed(1),
    ]),
  );
}
