/**
 * Two ranks of one thread against one process of two threads, of ampc and of PyTorch (DistributedDataParallel over Gloo), in turns, at the
 * same batch of all ranks together: `npx tsx bench/ranks.ts [--work simple-step,resnet-step] [--precision fp32,bf16] [--rounds N]
 * [--steps N] [--launcher 'mpirun.openmpi --oversubscribe'] [--no-torch] [--json]`.
 */
import { type AddressInfo, createServer } from 'node:net';
import { loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Peer, type Prepare, type RunReply } from './peer.js';
import { findPython, MALLOC } from './python.js';
import { type Contestant, takeTurns } from './rounds.js';
import { median, summarize } from './statistics.js';
import { findWork, PRECISIONS, type Precision, type WorkName } from './works.js';

const RANKS = 2;
const PEER = fileURLToPath(new URL('ranks-peer.ts', import.meta.url));
const DDP = fileURLToPath(new URL('ranks_ddp.py', import.meta.url));

/** A port of this machine at which nobody listens. */
function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

interface RanksReply extends RunReply {
  /** Milliseconds of a step in which its buckets travelled, and for which its kernels waited for them. */
  readonly travelled_ms?: number;
  readonly waited_ms?: number;
}

/** Processes that are asked the same at once; the first one's answer counts. */
class Side implements Contestant {
  readonly replies: RanksReply[] = [];

  constructor(
    readonly label: string,
    readonly steps: number,
    private readonly peers: readonly Peer[],
  ) {}

  async prepare(message: Prepare): Promise<void> {
    await Promise.all(this.peers.map((peer) => peer.prepare({ ...message })));
  }

  async run(steps: number): Promise<RunReply> {
    const [reply] = await Promise.all(this.peers.map((peer) => peer.run(steps)));
    this.replies.push(reply!);
    return reply!;
  }

  async close(): Promise<void> {
    await Promise.all(this.peers.map((peer) => peer.close()));
  }
}

function ampcSide(ranks: number, launcher: readonly string[], steps: number): Side {
  const node = [process.execPath, '--import', 'tsx', PEER];
  const [command, ...args] = ranks === 1 ? node : [...launcher, '-n', String(ranks), ...node];
  const root = { OMPI_ALLOW_RUN_AS_ROOT: '1', OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: '1' };
  const label = ranks === 1 ? 'ampc, 1 process' : `ampc, ${ranks} ranks`;
  return new Side(label, steps, [new Peer(label, command!, args, root)]);
}

async function torchSide(ranks: number, python: string, steps: number): Promise<Side> {
  const label = ranks === 1 ? 'PyTorch, 1 process' : `PyTorch DDP, ${ranks} ranks`;
  const port = String(await freePort());
  const peers = Array.from({ length: ranks }, (_, rank) => {
    const place = { RANK: String(rank), WORLD_SIZE: String(ranks), MASTER_ADDR: '127.0.0.1', MASTER_PORT: port };
    return new Peer(label, python, ['-u', DDP], { ...MALLOC, ...place, OMP_NUM_THREADS: String(RANKS / ranks), GLOO_SOCKET_IFNAME: 'lo' });
  });
  return new Side(label, steps, peers);
}

const { values } = parseArgs({
  options: {
    work: { type: 'string', default: 'simple-step,resnet-step' },
    precision: { type: 'string', default: 'fp32' },
    rounds: { type: 'string', default: '5' },
    steps: { type: 'string' },
    launcher: { type: 'string', default: 'mpirun.openmpi --oversubscribe' },
    'no-torch': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
});

const python = values['no-torch'] ? undefined : (await findPython()).command;
const precisions = PRECISIONS.filter((name) => values.precision.split(',').includes(name));

async function measure(name: WorkName, precision: Precision): Promise<void> {
  const work = findWork(name);
  const steps = values.steps === undefined ? work.steps : Number(values.steps);
  const sides = [ampcSide(1, [], steps), ampcSide(RANKS, values.launcher.split(' '), steps)];
  if (python !== undefined) sides.push(await torchSide(1, python, steps), await torchSide(RANKS, python, steps));
  try {
    for (const [index, side] of sides.entries()) {
      const { model, optimizer, kind, batch } = work;
      // A rank of PyTorch is told its own part, one of ampc all of it.
      const [ranks, own] = index % 2 === 0 ? [1, batch] : [RANKS, index === 1 ? batch : batch / RANKS];
      await side.prepare({ model, optimizer, kind, batch: own, precision, threads: RANKS / ranks, warmup: 3, images: 0, batches: 0 });
    }
    const before = loadavg()[0]!;
    const times = await takeTurns(sides, Number(values.rounds));
    const rows = sides.map(({ label, replies }) => {
      const { median: ms, min } = summarize(times.get(label)!.ms);
      const travelled = replies.flatMap((reply) => reply.travelled_ms ?? []);
      const waited = replies.flatMap((reply) => reply.waited_ms ?? []);
      return { label, ms, min, ...(travelled.length > 0 && { travelled_ms: median(travelled), waited_ms: median(waited) }) };
    });
    const load = [before, loadavg()[0]!];
    if (values.json) {
      console.log(JSON.stringify({ work: name, precision, batch: work.batch, rows, load }));
      return;
    }
    console.log(`${work.title}, ${precision}; load ${load.map((x) => x.toFixed(1)).join(' to ')}`);
    for (const [index, { label, ms, min, travelled_ms: travelled, waited_ms: waited }] of rows.entries()) {
      const alone = rows[index - (index % 2)]!;
      const exchanges =
        travelled === undefined || waited === undefined
          ? ''
          : `; exchanges ${travelled.toFixed(2)} ms, of which computing hides ${(100 * Math.max(0, 1 - waited / travelled)).toFixed(0)} %`;
      console.log(
        `  ${label}: ${ms.toFixed(1)} ms (fastest ${min.toFixed(1)}), ${(ms / alone.ms).toFixed(3)} of its one process${exchanges}`,
      );
    }
    if (rows.length === 4) console.log(`  ampc's ranks take ${(rows[1]!.ms / rows[3]!.ms).toFixed(3)} of DDP's time`);
  } finally {
    await Promise.all(sides.map((side) => side.close()));
  }
}

for (const name of values.work.split(',')) for (const precision of precisions) await measure(name as WorkName, precision);
