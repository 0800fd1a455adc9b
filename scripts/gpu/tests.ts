import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Deadline, NO_TIME } from './deadline.js';
import type { Findings } from './findings.js';
import type { GpuBackend, Machine } from './machine.js';
import { lastLines, runProgram } from './program.js';
import type { Settings } from './settings.js';

const ROOT = join(import.meta.dirname, '../..');
const MOCHA = 'node_modules/mocha/bin/mocha.js';

interface Test {
  readonly what: string;
  readonly backend: GpuBackend;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly seconds: number;
}

/** test/cuda/device.test.ts a group at a time: what one of them takes is not taken from the others. */
const ON_DEVICE = ['self-check', 'trains', 'batches', 'contractions', 'rows', 'every op'];

function all(quick: boolean): readonly Test[] {
  const device = (group: string): Test => ({
    what: `cuda: ${group}`,
    backend: 'cuda',
    args: ['test/cuda/device.test.ts', '--grep', group],
    env: { AMPC_TEST_CUDA: 'device' },
    seconds: 120,
  });
  if (quick) return [device('self-check')];
  const files = readdirSync(join(ROOT, 'test/webgpu')).filter((name) => name.endsWith('.test.ts'));
  const webgpu = files.map(
    (name): Test => ({ what: `webgpu: ${name}`, backend: 'webgpu', args: [`test/webgpu/${name}`], env: {}, seconds: 90 }),
  );
  return [...ON_DEVICE.map(device), ...webgpu];
}

/** Tests on the device, each with a limit of its own. */
export async function testAll({ backends }: Machine, { quick }: Settings, findings: Findings, deadline: Deadline): Promise<void> {
  for (const { what, backend, args, env, seconds } of all(quick)) {
    if (backends[backend] !== undefined) continue;
    const limit = deadline.limit(seconds);
    if (limit === undefined) {
      findings.add({ kind: 'missing', what, why: NO_TIME });
      continue;
    }
    const log = { folder: findings.folder, name: `test-${what}`.replace(/[^\w-]+/g, '-') };
    const result = await runProgram(process.execPath, [join(ROOT, MOCHA), ...args], { seconds: limit, log, env });
    const counts = /^ *(\d+) passing/m.exec(result.stdout);
    // A suite that found nothing to test has shown nothing.
    const passed = result.ok && Number(counts?.[1] ?? 0) > 0;
    const says = passed ? `${counts![1]} passed` : `${result.how}: ${lastLines(result.last)}`;
    findings.add({ kind: 'test', what, passed, seconds: result.seconds, says });
  }
}
