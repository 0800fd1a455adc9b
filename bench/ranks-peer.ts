/**
 * ampc's side of ranks.ts, alone or as one of several ranks: the first one answers JSON lines on stdin (peer.ts), and tells the others what
 * it is asked.
 */
import { createInterface } from 'node:readline';
import { compileToRun } from '../src/choose/plan-file.js';
import { prepareRow, type Row } from '../src/costs/rows.js';
import { readSource } from '../src/files/source.js';
import { joinRanks, type MpiRanks } from '../src/runtime/cpu/mpi/mpi.js';
import { initialStates } from '../src/training/states.js';
import type { Prepare } from './peer.js';

interface Message extends Prepare {
  readonly command: 'prepare' | 'run';
  readonly steps: number;
}

async function prepare({ model, batch, precision, threads, warmup }: Message, peers: MpiRanks | undefined): Promise<Row> {
  const ranks = peers && { count: peers.size, rank: peers.rank };
  const source = await readSource(`examples/${model}.amp`);
  const { plan, program, backend } = await compileToRun(source, { backend: 'cpu', precision, batch, ranks });
  const executable = await backend.load(plan, { threads, peers });
  await executable.writeStates(initialStates(plan, program.recipe.train.seed));
  const row = prepareRow(executable, plan, ['train_step'], program.recipe.classes);
  await row(warmup);
  return row;
}

let row: Row | undefined;

async function answer(message: Message, peers: MpiRanks | undefined): Promise<object> {
  if (message.command === 'prepare') {
    row = await prepare(message, peers);
    return { library: peers?.library };
  }
  await row!(1);
  const before = peers?.times();
  const ms = await row!(message.steps);
  const after = peers?.times();
  if (before === undefined || after === undefined) return { ms };
  const perStep = (key: keyof typeof before): number => (1000 * (after[key] - before[key])) / message.steps;
  return { ms, travelled_ms: perStep('travelled'), waited_ms: perStep('waited') };
}

const peers = await joinRanks();
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

async function answerAll(line: string): Promise<object> {
  const [first] = peers === undefined ? [encode(line)] : await peers.gather(encode(line));
  return answer(JSON.parse(new TextDecoder().decode(first)) as Message, peers);
}

if (peers === undefined || peers.rank === 0)
  for await (const line of createInterface(process.stdin)) {
    try {
      console.log(JSON.stringify(await answerAll(line)));
    } catch (error) {
      console.log(JSON.stringify({ error: (error as Error).message }));
    }
  }
else for (;;) await answerAll('');
