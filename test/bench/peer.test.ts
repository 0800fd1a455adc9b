import assert from 'node:assert/strict';
import { startTorch } from '../../bench/measure.js';
import { Peer } from '../../bench/peer.js';
import { findPython } from '../../bench/python.js';
import { takeTurns } from '../../bench/rounds.js';
import { skip } from '../support/skip.js';

/** Answers with what it was told; `die` and `hang` do so, `fail` is an error, and every answer follows a line of noise. */
const ECHO = `
const readline = require('node:readline');
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const { command } = JSON.parse(line);
  if (command === 'die') { console.error('out of luck'); process.exit(3); }
  if (command === 'hang') return;
  console.log('noise');
  console.log(JSON.stringify(command === 'fail' ? { error: 'no such model' } : { command }));
});`;

describe('a side of the benchmark', () => {
  let peer: Peer;

  beforeEach(() => {
    peer = new Peer('echo', process.execPath, ['-e', ECHO]);
  });

  afterEach(() => peer.close());

  it('answers one message at a time', async () => {
    assert.deepEqual(await peer.request({ command: 'a' }), { command: 'a' });
    assert.deepEqual(await peer.request({ command: 'b' }), { command: 'b' });
  });

  it('reports its own errors and goes on', async () => {
    await assert.rejects(peer.request({ command: 'fail' }), /^Error: echo: no such model$/);
    assert.deepEqual(await peer.request({ command: 'a' }), { command: 'a' });
  });

  it('that ends says what it printed last', async () => {
    await assert.rejects(peer.request({ command: 'die' }), /echo: it ended with 3: out of luck/);
    await assert.rejects(peer.request({ command: 'a' }), /it ended with 3/);
  });

  it('that takes too long is ended', async () => {
    await assert.rejects(peer.request({ command: 'hang' }, 0.1), /no answer in 0\.1 s/);
  });

  it('that cannot be started says so', async () => {
    const absent = new Peer('absent', 'no-such-program-anywhere', []);
    await assert.rejects(absent.request({ command: 'a' }), /absent: .*ENOENT/);
    await absent.close();
  });
});

describe('rounds', () => {
  it('alternate, with every second one in the opposite order', async () => {
    const order: string[] = [];
    const side = (label: string, steps: number) => ({
      label,
      steps,
      run: async (count: number) => {
        order.push(label);
        return { ms: Array.from({ length: count }, (_, i) => i), ...(label === 'a' ? { step_ms: 0.5 } : {}) };
      },
    });
    const times = await takeTurns([side('a', 2), side('b', 1)], 3, 0);
    assert.equal(order.join(''), 'abbaab');
    assert.deepEqual(times.get('a'), { ms: [0, 1, 0, 1, 0, 1], stepMs: [0.5, 0.5, 0.5] });
    assert.deepEqual(times.get('b'), { ms: [0, 0, 0], stepMs: [] });
  });
});

describe('PyTorch as a side', () => {
  for (const [kind, precision] of [
    ['step', 'fp32'],
    ['step', 'fp16'],
    ['eval', 'bf16'],
    ['epoch', 'bf16'],
  ] as const) {
    it(`runs ${kind} in ${precision}`, async function () {
      this.timeout(120_000);
      const python = await findPython();
      if (python.command === undefined) skip(this, `PyTorch: ${python.reason}`);
      const peer = startTorch(python.command, 'eager', 1);
      try {
        const message = {
          model: 'simple-cnn',
          optimizer: 'adam',
          kind,
          precision,
          batch: 4,
          threads: 1,
          warmup: 1,
          images: 12,
          batches: 2,
          mode: 'eager',
        } as const;
        assert.equal((await peer.prepare<{ torch: string }>(message)).torch, python.torch);
        const { ms } = await peer.run(2);
        assert.equal(ms.length, 2);
        assert.ok(ms.every((time) => time > 0));
      } finally {
        await peer.close();
      }
    });
  }

  it('is looked for where the variable says, and nowhere else then', async () => {
    assert.deepEqual(await findPython({ AMPC_BENCH_PYTHON: '/no/such/python' }), {
      command: undefined,
      reason: 'no torch and numpy in /no/such/python',
    });
  });
});
