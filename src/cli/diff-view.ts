import { type CastReport, type FormatChange, formatBytes, isSamePlan, type PlanComparison, type PlanDiff } from '../index.js';
import { formatMs, type Output } from './output.js';
import { formatChange } from './plan-view.js';

function place(cast: CastReport): string {
  return cast.place === null ? '' : ` at ${cast.place.line}:${cast.place.column}`;
}

function head(output: Output, title: string, count: number): void {
  output.line();
  output.line(`${output.style('bold', title)} (${count})`);
}

function printCasts(title: string, mark: '+' | '-', casts: readonly CastReport[], output: Output): void {
  if (casts.length === 0) return;
  head(output, title, casts.length);
  for (const cast of casts) {
    const line = `${mark} ${cast.value}: ${cast.from} -> ${cast.to}, moves ${formatBytes(cast.bytesMoved)}`;
    const where = cast.function === 'train_step' ? '' : `, in ${cast.function}`;
    output.line(`${output.style(mark === '+' ? 'green' : 'red', line)}  (${cast.why}${place(cast)}${where})`);
  }
}

function formats(change: FormatChange): string {
  const { before, after } = change;
  const show = ({ reads, result }: FormatChange['before']) => (reads.length === 0 ? result : `${reads.join(' ')} -> ${result}`);
  const why = before.why === after.why ? after.why : `${before.why} => ${after.why}`;
  return `${show(before)}  becomes  ${show(after)}  (${why})`;
}

function printStepTime({ before: was, after: is }: PlanComparison['stepMs'], output: Output): void {
  output.line();
  if (was !== null && is !== null) output.line(`predicted step time: ${formatMs(was)} -> ${formatMs(is)} (${formatChange(was, is)})`);
  else output.line(output.style('dim', 'predicted step time: not measured for both plans (ampc tune FILE)'));
}

/**
 * What a comparison found, by kind; evaluation is left out where training says the same. Without `stepMs` nothing is said of the time of a
 * step.
 */
export function printDiff(diff: PlanDiff, stepMs: PlanComparison['stepMs'] | undefined, output: Output): void {
  if (isSamePlan(diff)) {
    output.line('the plans are the same');
    return;
  }
  for (const { name, before, after } of diff.settings) output.line(`${name}: ${before} -> ${after}`);
  for (const { name, before, after } of diff.scaling) output.line(`loss scale ${name}: ${before} -> ${after}`);
  const isTraining = (part: { readonly function: string }) => part.function === 'train_step';
  const changed = diff.formats.filter(isTraining);
  if (changed.length > 0) head(output, 'formats', changed.length);
  for (const change of changed) {
    const what = change.role === '' ? change.op : `${change.op} (${change.role})`;
    output.line(`  ${change.layer === '' ? '' : `${change.layer} `}${what}: ${formats(change)}`);
  }
  printCasts('casts added', '+', diff.castsAdded, output);
  printCasts('casts removed', '-', diff.castsRemoved, output);
  const ops = diff.ops.filter(isTraining);
  if (ops.length > 0) head(output, 'ops', ops.length);
  for (const { kind, layer, op, role, detail } of ops)
    output.line(`  ${kind} ${[layer, op, role === '' ? '' : `(${role})`].filter((part) => part !== '').join(' ')}: ${detail}`);
  const reasons = diff.reasons.filter(isTraining);
  if (reasons.length > 0) head(output, 'same format, other reason', reasons.length);
  for (const { layer, op, before, after } of reasons)
    output.line(`  ${layer === '' ? '' : `${layer} `}${op}: ${before || 'no rule'} => ${after || 'no rule'}`);
  if (diff.memory.length > 0) {
    output.line();
    output.table(
      ['memory', 'before', 'after', 'change'],
      diff.memory.map(({ name, before, after }) => [name, formatBytes(before), formatBytes(after), formatChange(before, after)]),
    );
  }
  if (stepMs !== undefined) printStepTime(stepMs, output);
  const elsewhere = [...diff.formats, ...diff.ops, ...diff.reasons].filter((part) => !isTraining(part)).length;
  if (elsewhere > 0) output.line(output.style('dim', `and ${elsewhere} changes of the same kinds in the other functions: --json has them`));
}
