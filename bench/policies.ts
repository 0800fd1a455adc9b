/** Policy `fastest` against fp32, autocast and mixed: what it takes, what that costs, and how well it was predicted. */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { PRECISIONS } from '../src/choose/settings.js';
import { type Tuning, tune } from '../src/measure/tune.js';
import { type PolicyRounds, policyTable } from './policy-table.js';

const MODELS: Readonly<Record<string, string>> = {
  'simple-cnn': 'examples/simple-cnn.amp',
  resnet18: 'examples/resnet18.amp',
  'wide-mlp': 'bench/models/wide-mlp.amp',
  gates: 'bench/models/gates.amp',
  tail: 'bench/models/tail.amp',
};

const USAGE = `npx tsx bench/policies.ts [--models ${Object.keys(MODELS).join(',')}] [--precision fp16|bf16]
                          [--rounds N] [--tries N] [--steps N] [--json]

Every round times all kernels, lets policy fastest choose, and then times the plans in turns. Run it on a machine that does nothing else.
`;

/** Of the processors' time, what may go to other processes during a round that counts. */
const FOREIGN = 0.05;

function busySeconds(): number {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;
}

/** The share of all processors' time that other processes took while `work` ran; compilers count as such. */
async function withForeignShare<T>(work: () => Promise<T>): Promise<readonly [T, number]> {
  const [busy, own, started] = [busySeconds(), process.cpuUsage(), performance.now()];
  const result = await work();
  const { user, system } = process.cpuUsage(own);
  const foreign = busySeconds() - busy - (user + system) / 1e6;
  return [result, Math.max(0, foreign) / ((cpus().length * (performance.now() - started)) / 1000)];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      models: { type: 'string', default: Object.keys(MODELS).join(',') },
      precision: { type: 'string', default: 'fp16' },
      rounds: { type: 'string', default: '3' },
      tries: { type: 'string' },
      steps: { type: 'string' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const precision = PRECISIONS.find((name) => name === values.precision);
  if (precision === undefined || precision === 'fp32') throw new Error(`--precision is fp16 or bf16\n${USAGE}`);
  const all: PolicyRounds[] = [];
  let worst = 0;
  for (const name of values.models.split(',')) {
    const file = MODELS[name];
    if (file === undefined) throw new Error(`no model ${name}\n${USAGE}`);
    const options = { backend: 'cpu', precision, ...(values.steps !== undefined && { steps: Number(values.steps) }) } as const;
    const wanted = Number(values.rounds);
    // Of rounds that are disturbed the least disturbed ones count.
    const most = Number(values.tries ?? 2 * wanted);
    const tried: { readonly tuning: Tuning; readonly foreign: number }[] = [];
    const quiet = () => tried.filter(({ foreign }) => foreign <= FOREIGN).length;
    while (quiet() < wanted && tried.length < most) {
      const [tuning, foreign] = await withForeignShare(() => tune(file, options));
      tried.push({ tuning, foreign });
      process.stderr.write(`${name}, ${precision}, try ${tried.length}: others took ${(100 * foreign).toFixed(1)} % of the processors\n`);
    }
    const counted = tried.sort((a, b) => a.foreign - b.foreign).slice(0, wanted);
    worst = Math.max(worst, ...counted.map(({ foreign }) => foreign));
    const rounds = counted.map(({ tuning }) => tuning);
    all.push({ model: rounds[0]!.model, rounds });
  }
  process.stdout.write(values.json ? `${JSON.stringify(all)}\n` : `${policyTable(all)}\n`);
  process.stderr.write(`In the rounds that count, others took at most ${(100 * worst).toFixed(1)} % of the processors.\n`);
}

await main().catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
