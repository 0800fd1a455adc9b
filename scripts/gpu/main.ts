import { join } from 'node:path';
import { VERSION } from '../../src/files/version.js';
import { Deadline } from './deadline.js';
import { Findings } from './findings.js';
import { lookAround } from './machine.js';
import { type Part, parseSettings, type Settings, USAGE } from './settings.js';
import { testAll } from './tests.js';
import { timeAll } from './timings.js';
import { trainAll } from './training.js';

const PROGRAMS: { readonly [part in Part]: typeof timeAll } = { timings: timeAll, training: trainAll, tests: testAll };

async function check(settings: Settings): Promise<number> {
  const deadline = new Deadline(settings.minutes);
  const how = settings.quick ? ' `--quick`: the figures mean nothing.' : '';
  const findings = new Findings(settings.out, `ampc ${VERSION}, ${new Date().toISOString()}.${how}`);
  const machine = await lookAround(settings, findings);
  for (const part of settings.parts) {
    console.log(`\n== ${part}`);
    try {
      await PROGRAMS[part](machine, settings, findings, deadline);
    } catch (error) {
      findings.add({ kind: 'missing', what: part, why: error instanceof Error ? error.message : String(error) });
    }
  }
  console.log(`\n${findings.report()}\n${join(settings.out, 'report.md')}`);
  const { rows } = findings;
  const hasFound = rows.some(({ kind }) => kind === 'time' || kind === 'training' || kind === 'test');
  return !hasFound || rows.some((row) => row.kind === 'test' && !row.passed) ? 1 : 0;
}

async function main(): Promise<number> {
  try {
    const settings = parseSettings(process.argv.slice(2));
    process.chdir(join(import.meta.dirname, '../..'));
    if (settings !== undefined) return await check(settings);
    console.log(USAGE);
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 2;
  }
}

process.exitCode = await main();
