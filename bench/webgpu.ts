/**
 * A training step of SimpleCNN on the WebGPU adapter at hand: ampc in fp32 and fp16, jax-js and tfjs-backend-webgpu in f32, in turns; then
 * ampc's kernels one by one. Markdown on stdout. `npx tsx bench/webgpu.ts [--batch 32] [--rounds 5] [--steps 4]`
 */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { findAdapter } from '../src/runtime/webgpu/adapter.js';
import { Peer } from './peer.js';
import { type Contestant, takeTurns } from './rounds.js';
import { median, summarize } from './statistics.js';
import type { KernelTimes, WebGpuPrepare } from './webgpu-peer.js';
import { isInstalled, WEBGPU_PEERS } from './webgpu-peers.js';

const { values } = parseArgs({
  options: { batch: { type: 'string', default: '32' }, rounds: { type: 'string', default: '5' }, steps: { type: 'string', default: '4' } },
});
const [batch, rounds, steps] = [values.batch, values.rounds, values.steps].map(Number) as [number, number, number];

const SIDE = fileURLToPath(new URL('webgpu-peer.ts', import.meta.url));
const PROFILES = 5;

async function start(side: WebGpuPrepare['side'], precision: WebGpuPrepare['precision']): Promise<Peer> {
  const peer = new Peer(`${side} ${precision}`, process.execPath, ['--import', 'tsx', SIDE]);
  const message: WebGpuPrepare = { side, precision, batch, warmup: 3 };
  const { first_ms } = await peer.request<{ first_ms: number }>({ command: 'prepare', ...message }, 600);
  process.stderr.write(`${peer.label} is ready; its first step took ${(first_ms / 1000).toFixed(1)} s\n`);
  return peer;
}

const peers: Peer[] = [];
try {
  const own = [await start('ampc', 'fp32'), await start('ampc', 'fp16')];
  peers.push(...own);
  for (const side of WEBGPU_PEERS) {
    if (!isInstalled(side)) process.stderr.write(`without ${side}: it is not installed (bench/README.md says how)\n`);
    else peers.push(await start(side, 'fp32').catch((error: Error) => Promise.reject(new Error(`${side}: ${error.message}`))));
  }
  const sides = peers.map((peer): Contestant => ({ label: peer.label, steps, run: (n) => peer.run(n) }));
  const times = await takeTurns(sides, rounds);
  const { name, driver } = await findAdapter();
  const lines = [
    `SimpleCNN training step, batch ${batch}, on ${name} (${driver}); ${rounds} rounds of ${steps} steps:`,
    '',
    '| system | median, ms | best, ms |',
    '| --- | ---: | ---: |',
    ...[...times].map(([label, { ms }]) => {
      const { median: middle, min } = summarize(ms);
      return `| ${label} | ${middle.toFixed(1)} | ${min.toFixed(1)} |`;
    }),
    '',
    '| kernel of ampc | fp32, ms | fp16, ms |',
    '| --- | ---: | ---: |',
  ];
  const columns: Map<string, number>[] = [];
  for (const peer of own) {
    const lists = new Map<string, number[]>();
    for (let i = 0; i < PROFILES; i += 1) {
      const { kernels } = await peer.request<KernelTimes>({ command: 'kernels' });
      for (const { group, ms } of kernels) lists.set(group, [...(lists.get(group) ?? []), ms]);
    }
    columns.push(new Map([...lists].map(([group, ms]) => [group, median(ms)])));
  }
  const cell = (ms: number | undefined) => (ms === undefined ? '-' : ms.toFixed(2));
  for (const group of new Set(columns.toReversed().flatMap((column) => [...column.keys()])))
    lines.push(`| ${group} | ${cell(columns[0]!.get(group))} | ${cell(columns[1]!.get(group))} |`);
  console.log(lines.join('\n'));
} finally {
  await Promise.all(peers.map((peer) => peer.close()));
}
process.exit(0);
