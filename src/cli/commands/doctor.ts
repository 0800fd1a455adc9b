import { type Diagnosis, diagnose } from '../../index.js';
import { leftOutNote, trainLossCell } from '../epoch-losses.js';
import { EXIT } from '../failure.js';
import { options } from '../options.js';
import { formatCount, formatLoss, formatPercent, type Output } from '../output.js';
import type { AddCommand } from './command.js';

/** Changes of the scale that are shown; the ones between are counted. */
const SHOWN = 8;

function printScale({ scale, scaleChanges }: Diagnosis, output: Output): void {
  if (scale.highest === 1) {
    output.line('no loss scale');
    return;
  }
  if (scale.lowest === scale.highest) output.line(`loss scale ${scale.first} throughout`);
  else output.line(`loss scale ${scale.first} at first, ${scale.last} at last, between ${scale.lowest} and ${scale.highest}`);
  for (const { step, from, to } of scaleChanges.slice(0, SHOWN)) output.line(`  by step ${step}: ${from} -> ${to}`);
  const more = scaleChanges.length - SHOWN;
  if (more > 0) output.line(`  and ${more} more ${more === 1 ? 'change' : 'changes'}`);
}

function printOverflows({ overflows, traced, skipped, replans }: Diagnosis, output: Output): void {
  if (overflows.length > 0) {
    output.line();
    output.line(
      output.style('bold', 'what overflowed first') +
        (traced < skipped ? `, in ${formatCount(traced)} of ${formatCount(skipped)} skips` : ''),
    );
    output.table(
      ['value', 'pass', 'line', 'times', 'steps', 'largest', 'at scale'],
      overflows.map(({ value, phase, place, times, firstStep, lastStep, largest, lowestScale }) => [
        value,
        phase,
        place === null ? '-' : `${place.line}:${place.column}`,
        formatCount(times),
        firstStep === lastStep ? String(firstStep) : `${firstStep} to ${lastStep}`,
        largest === null ? '-' : formatCount(Math.round(largest)),
        formatCount(lowestScale),
      ]),
    );
  }
  for (const { step, replan, pins } of replans)
    output.line(
      `step ${step}: the run went on with ${pins.map(({ target }) => target).join(', ')} in fp32 (plan-${replan}.txt is the plan ` +
        `before, replan-${replan}.json the difference)`,
    );
}

function printLines(lines: readonly string[], output: Output): void {
  if (lines.length === 0) return;
  output.line();
  output.line('to paste:');
  output.line(`precision {\n${lines.map((line) => `  ${line}\n`).join('')}}`);
}

function printDiagnosis(found: Diagnosis, output: Output): void {
  const { model, precision, backend, steps, skipped, finished, epochs, keep, warnings, selfCheck, findings } = found;
  output.line(
    `${output.style('bold', model)}: ${precision} on ${backend}, ${formatCount(steps)} steps, ${finished ? 'finished' : 'not finished'}`,
  );
  output.line(`${formatCount(skipped)} skipped ${skipped === 1 ? 'step' : 'steps'}`);
  if (selfCheck !== undefined) output.line(`self-check of the device here: ${selfCheck}`);
  printScale(found, output);
  printOverflows(found, output);
  if (epochs.length > 0) {
    output.line();
    output.table(
      ['epoch', 'train loss', 'test loss', 'test accuracy', 'skipped'],
      epochs.map((epoch) => [
        String(epoch.epoch),
        trainLossCell(epoch),
        formatLoss(epoch.test_loss),
        epoch.test_accuracy === null ? '-' : formatPercent(epoch.test_accuracy),
        String(epoch.skipped_steps),
      ]),
    );
    const note = leftOutNote(epochs);
    if (note !== undefined) output.line(note);
  }
  output.line();
  for (const { step, message, why, fix } of warnings)
    output.line(`${output.style('yellow', 'warning')} of step ${step}: ${message}\n = why: ${why}\n = fix: ${fix}`);
  for (const { severity, message, fix } of findings)
    output.line(`${output.style(severity === 'problem' ? 'red' : 'yellow', severity)}: ${message}\n = fix: ${fix}`);
  if (steps === 0) output.line('its metrics.jsonl has no step: there is nothing to tell');
  else if (warnings.length + findings.length === 0) output.line('nothing is wrong with its numbers');
  printLines(keep, output);
}

export const addDoctor: AddCommand = (program, output, exitWith) => {
  program
    .command('doctor')
    .description("tell a run's story: skipped steps, the loss scale over time, what to change")
    .argument('<run>', 'run folder')
    .addOption(options.json())
    .action(async (run: string) => {
      const found = await diagnose(run);
      output.event({ event: 'doctor', ...found });
      if (!output.json) printDiagnosis(found, output);
      if (found.findings.some(({ severity }) => severity === 'problem')) exitWith(EXIT.failed);
    });
};
