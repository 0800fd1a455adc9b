import {
  type CastReport,
  type Explanation,
  formatBytes,
  type LayerReport,
  MEMORY_CLASSES,
  type PlanReport,
  RULES,
  type RuleId,
} from '../index.js';
import { eachRow, type FoldedRow, type Folding, foldRows } from './fold.js';
import { formatCount, formatMs, type Output } from './output.js';
import { printExchanges } from './ranks-view.js';
import { printSettings } from './settings-view.js';

type Place = { readonly line: number; readonly column: number } | null;

function at(place: Place): string {
  return place === null ? '-' : `${place.line}:${place.column}`;
}

/** `+5.0 %`; `x 12` for much more, `new` where nothing was before, `same`, and `< +0.1 %` for a little. */
export function formatChange(before: number, after: number): string {
  if (before === after) return 'same';
  if (before === 0) return 'new';
  if (after > 10 * before) return `x ${Math.round(after / before).toLocaleString('en-US')}`;
  const percent = (100 * (after - before)) / before;
  if (Math.abs(percent) < 0.05) return percent < 0 ? '> -0.1 %' : '< +0.1 %';
  return `${percent < 0 ? '' : '+'}${percent.toFixed(1)} %`;
}

/** `4.21 GFLOP`, or what is smaller. */
export function formatFlops(flops: number): string {
  const [unit, size] = flops >= 1e9 ? ['GFLOP', 1e9] : flops >= 1e6 ? ['MFLOP', 1e6] : ['kFLOP', 1e3];
  return `${(flops / size).toFixed(2)} ${unit}`;
}

/** What a column is called, and its cell in a row. */
type Column<T> = readonly [title: string, cell: (row: FoldedRow<T>) => string];

/** A column of what is the same in all that a row stands for. */
function column<T>(title: string, cell: (item: T) => string): Column<T> {
  return [title, ({ items: [item] }) => cell(item)];
}

/** Of one of the items that a row stands for, on average. */
const PREDICTED: Column<{ readonly ms: number | null }> = [
  'predicted',
  ({ items }) => {
    const known = items.flatMap(({ ms }) => ms ?? []);
    return known.length === 0 ? '' : formatMs(known.reduce((sum, ms) => sum + ms, 0) / known.length);
  },
];

const TIMES: Column<unknown> = ['times', ({ items }) => String(items.length)];

const LAYERS: Folding<LayerReport> = {
  path: ({ layer }) => layer,
  name: ({ layer }) => layer,
  facts: ({ layer: _, why: __, ms: ___, ...facts }) => [facts],
};

const CASTS: Folding<CastReport> = {
  path: ({ layer }) => layer,
  name: ({ value }) => value,
  facts: ({ from, to, shape, phase, why, place }) => [from, to, shape, phase, why, place],
};

/** A table of items, each in a row of its own or with others that it is equal to. Whether a row stands for several. */
function printRows<T>(rows: readonly FoldedRow<T>[], title: string, columns: readonly Column<T>[], output: Output): boolean {
  const isFolded = rows.some(({ items }) => items.length > 1);
  const shown = isFolded ? [TIMES, ...columns] : columns;
  output.table(
    [title, ...shown.map(([head]) => head)],
    rows.map((row) => [row.name, ...shown.map(([, cell]) => cell(row))]),
  );
  return isFolded;
}

function printLayers({ layers, predicted }: PlanReport, all: boolean, output: Output): void {
  const columns: Column<LayerReport>[] = [
    column('op', ({ op }) => op),
    column('reads', ({ reads }) => reads.join(' ')),
    column('gives', ({ result }) => result),
    column('gradient', ({ gradient }) => gradient ?? '-'),
    column('of parameters', ({ parameterGradients }) => parameterGradients.join(' ') || '-'),
    column('rule', ({ rule }) => rule),
    column('at', ({ place }) => at(place)),
    column('casts', ({ casts }) => String(casts)),
    column('moved', ({ castBytes }) => formatBytes(castBytes)),
    column('saved', ({ savedBytes }) => formatBytes(savedBytes)),
    ...(predicted === null ? [] : [PREDICTED]),
  ];
  const isFolded = printRows(all ? eachRow(layers, LAYERS) : foldRows(layers, LAYERS), 'layer', columns, output);
  if (isFolded)
    output.line(output.style('dim', 'times: equal blocks are shown once, with the numbers of one of them; each by itself: --all'));
}

function printCasts(casts: readonly CastReport[], all: boolean, output: Output): void {
  const columns: Column<CastReport>[] = [
    column('from', ({ from }) => from),
    column('to', ({ to }) => to),
    column('shape', ({ shape }) => `[${shape.join(',')}]`),
    column('moved', ({ bytesMoved }) => formatBytes(bytesMoved)),
    ...(casts.some(({ ms }) => ms !== null) ? [PREDICTED] : []),
    column('pass', ({ phase }) => phase),
    column('why', ({ why }) => why),
    column('at', ({ place }) => at(place)),
  ];
  printRows(all ? eachRow(casts, CASTS) : foldRows(casts, CASTS), 'cast', columns, output);
}

/** Which parameters are updated how, where that is not one way for all. */
function printUpdates({ updates }: PlanReport, output: Output): void {
  if (updates.every(({ group }) => group === null)) return;
  const shown = (names: readonly string[]): string =>
    `${names.slice(0, 3).join(', ')}${names.length > 3 ? `, … ${names.length} in all` : ''}`;
  output.table(
    ['update', 'group', 'line', 'rate', 'numbers', 'elements', 'parameters'],
    updates.map(({ op, group, line, rate, numbers, elements, parameters }) => [
      op,
      group ?? '-',
      line === null ? '-' : String(line),
      rate,
      Object.entries(numbers)
        .map(([name, value]) => `${name}=${value}`)
        .join(' '),
      formatCount(elements),
      shown(parameters),
    ]),
  );
  output.line();
}

function printMemory({ memory, fp32Memory, processMemory, backend }: PlanReport, output: Output): void {
  const names = MEMORY_CLASSES.filter((name) => memory[name] > 0 || fp32Memory[name] > 0);
  output.table(
    ['memory', 'this plan', 'in fp32', 'change'],
    [...names, 'total' as const].map((name) => [
      name,
      formatBytes(memory[name]),
      formatBytes(fp32Memory[name]),
      formatChange(fp32Memory[name], memory[name]),
    ]),
  );
  output.line(output.style('dim', 'activations, gradients and workspace share one arena: each row is the most that is alive at once'));
  if (backend !== 'cpu') return;
  const { copy, data, program, total } = processMemory;
  const parts = [
    `${formatBytes(copy)} for a copy of the states`,
    `${formatBytes(data)} for the data set`,
    `${formatBytes(program)} for the program`,
  ];
  output.line(`training takes about ${output.style('bold', formatBytes(total))}: the total above, ${parts.join(', ')}`);
}

function printRules(ids: readonly RuleId[], output: Output): void {
  for (const id of ids) output.line(output.style('dim', `  ${id}: ${RULES[id].title}`));
}

function printTimes({ predicted }: PlanReport, output: Output): void {
  if (predicted === null) {
    output.line(output.style('dim', 'step time not measured here: ampc tune FILE times the kernels, and plans then say what they take'));
    return;
  }
  const { stepMs, restMs, estimatedKernels, costs, candidates } = predicted;
  const guessed = estimatedKernels === 0 ? '' : `, ${estimatedKernels} kernels estimated by its rates`;
  output.line(
    `${output.style('bold', formatMs(stepMs))} a step predicted, ${formatMs(restMs)} of it outside of layers (costs of ${costs}${guessed})`,
  );
  if (candidates.length === 0) return;
  const list = candidates.map(({ name, stepMs: ms }) => `${name} ${formatMs(ms)}`).join(', ');
  output.line(`policy fastest compared ${list} and took ${output.style('bold', candidates.find(({ taken }) => taken)?.name ?? 'none')}`);
}

/** A place of a run in a few digits, not before it. */
const placeText = (epoch: number): string => String(Math.ceil(epoch * 100 - 1e-6) / 100);

/** Says that a run has other plans too, where what is frozen changes in its course. */
function printPhases({ epoch, phases }: PlanReport, output: Output): void {
  if (phases.length === 0) return;
  const from = phases.findLast((start) => start <= epoch) ?? 1;
  const next = phases.find((start) => start > epoch);
  const others = [1, ...phases].filter((start) => start !== from).map((start) => `--epoch ${placeText(start)}`);
  const own = ownText(from, next);
  output.line(`plan ${own}; others, with other parameters frozen: ${others.join(', ')}`);
}

/** For which part of the run a plan is that holds from `from` on, and before `next`; whole numbers are epochs. */
function ownText(from: number, next: number | undefined): string {
  if (next === undefined) return `from epoch ${placeText(from)} on`;
  if (!Number.isInteger(from) || !Number.isInteger(next)) return `from epoch ${placeText(from)} on, before ${placeText(next)}`;
  return next === from + 1 ? `of epoch ${from}` : `of epochs ${from} to ${next - 1}`;
}

/** The plan for a person: layers, casts, memory, sizes. `all`: also of blocks that are equal to the one before. */
export function printReport(report: PlanReport, all: boolean, output: Output): void {
  const { model, policy, precision, backend, batch, parameters, scaling, functions, casts } = report;
  output.line(`${output.style('bold', model)}: ${precision}, policy ${policy}, backend ${backend}, batch ${batch}`);
  const scale = scaling.kind === 'none' ? 'no loss scaling' : `${scaling.kind} loss scale from ${formatCount(scaling.init)}`;
  output.line(`${formatCount(parameters)} parameters, ${scale}`);
  printSettings(report, output);
  printPhases(report, output);
  printTimes(report, output);
  output.line();
  printLayers(report, all, output);
  output.line(
    output.style('dim', 'reads, gives: formats of the operands and of the result; gradient: of what it passes back; rule: what decided'),
  );
  output.line(
    output.style('dim', 'casts, moved: in both passes, and the bytes that they alone move; saved: bytes kept for the backward pass'),
  );
  printRules([...new Set(report.layers.map(({ rule }) => rule))], output);
  output.line();
  const own = casts.filter((cast) => cast.function === 'train_step');
  if (own.length === 0) output.line('no casts');
  else printCasts(own, all, output);
  output.line();
  printExchanges(report, output);
  printUpdates(report, output);
  printMemory(report, output);
  output.line();
  for (const fn of functions)
    output.line(
      `${output.style('bold', fn.name)}, batch ${fn.batch}: ${fn.ops} ops in ${fn.kernels} kernels, ${fn.casts} casts, ` +
        `${formatBytes(fn.arenaBytes)} arena, ${formatFlops(fn.flops)}`,
    );
  output.line(output.style('dim', 'every line of it: --dump; one layer in words: --explain LAYER'));
}

/** One layer's story, line by line. */
export function printExplanation({ layer, place, lines, rules }: Explanation, output: Output): void {
  output.line(`${output.style('bold', layer)}${place === null ? '' : ` (${at(place)})`}`);
  for (const phase of ['forward', 'backward', 'update'] as const) {
    const own = lines.filter((line) => line.phase === phase);
    if (own.length === 0) continue;
    output.line();
    output.line(output.style('bold', phase));
    for (const { computation, says } of own) {
      output.line(`  ${computation}`);
      output.line(`      ${says}`);
    }
  }
  output.line();
  output.line(output.style('bold', 'rules'));
  for (const { id, title, meaning } of rules) output.line(`  ${id}: ${title}. ${meaning}`);
}
