/** `npm run bench`: ampc and PyTorch in turns on this machine, and what the machine could do. See README.md. */

import type { BackendInfo, MachineLimits } from '../src/runtime/backend.js';
import { createBackend } from '../src/runtime/cpu/index.js';
import { type Measurement, measure } from './measure.js';
import { type Options, parseOptions, USAGE } from './options.js';
import { findPython, type Python } from './python.js';
import { measureResources, type Resources } from './resources.js';
import { bestLimits, limitsLine, memoryTable, resourceTable, timingTable } from './table.js';
import { findWork } from './works.js';

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

async function measureLimits({ threads, quick }: Options, before?: MachineLimits): Promise<MachineLimits> {
  const limits = await createBackend().limits!({ threads, seconds: quick ? 0.2 : 2 });
  return before === undefined ? limits : bestLimits(before, limits);
}

interface Report {
  readonly machine: string;
  readonly limits: MachineLimits;
  readonly measurements: readonly Measurement[];
  readonly resources: readonly Resources[];
  readonly notes: readonly string[];
}

function machineLine(info: BackendInfo, python: Python, { threads, quick }: Options): string {
  const torch = python.command === undefined ? `PyTorch not compared (${python.reason})` : `PyTorch ${python.torch}`;
  const compiler = info.details?.compiler ?? 'no compiler';
  return (
    `${info.device}; ${threads} threads; ${process.platform} ${process.arch}; Node ${process.versions.node}; ${compiler}; ` +
    `${torch}${quick ? '; QUICK, the figures mean nothing' : ''}`
  );
}

function markdownReport({ machine, limits, measurements, resources, notes }: Report): string {
  const parts = [machine, limitsLine(limits)];
  if (measurements.length > 0) {
    parts.push('Medians, with the fastest in brackets.', timingTable(measurements, limits));
    for (const { precision, pipeline } of measurements) {
      if (pipeline !== undefined) parts.push(`The data pipeline takes ${(100 * pipeline).toFixed(1)} % of ampc's ${precision} epoch.`);
    }
    parts.push(memoryTable(measurements));
  }
  if (resources.length > 0) parts.push(resourceTable(resources));
  if (notes.length > 0) parts.push(['Notes:', ...notes.map((note) => `- ${note}`)].join('\n'));
  return `${parts.join('\n\n')}\n`;
}

async function main(options: Options): Promise<void> {
  const python = await findPython();
  if (python.command === undefined) say(`PyTorch is not compared with: ${python.reason} (bench/README.md says how to install it)`);
  const info = await createBackend().probe();
  if (!info.available) throw new Error(info.reason);
  let limits = await measureLimits(options);
  const measurements: Measurement[] = [];
  const resources: Resources[] = [];
  const notes: string[] = [];
  const works = options.works.map(findWork);
  for (const work of works) {
    for (const precision of options.precisions.filter((name) => work.goals[name] !== undefined)) {
      say(`${work.title}, ${precision} ...`);
      const measurement = await measure(work, precision, python, options);
      measurements.push(measurement);
      notes.push(...measurement.notes.map((note) => `${work.title}, ${precision}: ${note}`));
    }
    limits = await measureLimits(options, limits);
  }
  for (const work of options.resources ? works.filter(({ model }, i) => works.findIndex((other) => other.model === model) === i) : []) {
    for (const precision of options.precisions.filter((name) => work.goals[name] !== undefined)) {
      say(`${work.model}, ${precision}: memory and start-up ...`);
      const measured = await measureResources(work, precision, python, options);
      resources.push(measured);
      notes.push(...measured.notes);
    }
  }
  const report: Report = { machine: machineLine(info, python, options), limits, measurements, resources, notes };
  process.stdout.write(options.json ? `${JSON.stringify(report)}\n` : markdownReport(report));
}

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === undefined) process.stdout.write(USAGE);
  else await main(options);
} catch (error) {
  say((error as Error).message);
  process.exitCode = 1;
}
