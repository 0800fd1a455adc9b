import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { networkOf } from '../../src/cli/network.js';
import { compileProgram } from '../../src/compile.js';
import { lowerProgram } from '../../src/lower/lower.js';
import { COSTS_FORMAT, type CostTable } from '../../src/plan/cost-table.js';
import { exchangeSeconds, type Network, networkReport } from '../../src/plan/network.js';
import type { Plan } from '../../src/plan/plan.js';
import { defaultTarget } from '../../src/plan/target.js';
import { ampc } from '../support/cli.js';

const TEXT = `dataset shapes { size(8) normalize(mean: 0.5, std: 0.25) }
model Tiny(image: [8, 8, 3]) -> [10] {
  image |> conv2d(4, kernel: 3, stride: 2) |> relu |> flatten |> linear(8192) |> relu |> linear(10)
}
precision { compute fp32 }
train { optimizer sgd(lr: 0.1) batch 8 seed 3 drop_last true }
`;

/** Every kernel takes a millisecond, and so does the call. */
function flatCosts(speed: number): CostTable {
  const rates = { launch: 1e-3, memory: speed, cast: speed, flops: { f32: speed, f16: speed, bf16: speed } };
  return { format: COSTS_FORMAT, machine: { backend: 'cpu', device: 'paper' }, rates, kernels: {} };
}

/** 1 GB/s, a message a millisecond, and each further one half of that. */
const NETWORK: Network = { bandwidth: 1e9, latency: 1e-3, perMessage: 0.5e-3 };

function planOf(ranks: number): Plan {
  const program = lowerProgram({ path: 'tiny.amp', text: TEXT }, { images: 24, ranks: { count: ranks, rank: 0 } });
  return compileProgram(program, defaultTarget('reference'));
}

function alone(): Plan {
  return compileProgram(lowerProgram({ path: 'tiny.amp', text: TEXT }, { images: 24 }), defaultTarget('reference'));
}

/** To the nanosecond. */
const round = (ms: number | null): number | null => (ms === null ? null : Math.round(ms * 1e6) / 1e6);

describe('exchanges over a network', () => {
  it('take two rounds of messages from all others, each with the longest stretch', () => {
    const us = (bytes: number, wire: 'f32' | 'bf16', ranks: number) => round(exchangeSeconds({ bytes, wire }, ranks, NETWORK) * 1e6);
    assert.equal(us(4000, 'f32', 1), 0);
    // 2 x (1000 us + 2000 B / 1 GB/s)
    assert.equal(us(4000, 'f32', 2), 2004);
    // 7 numbers among 4: stretches of 2 at most; 2 x (1000 us + 2 x 500 us + 3 x 4 B / 1 GB/s)
    assert.equal(us(14, 'bf16', 4), 4000.024);
    // One number among 1024 is the stretch of one rank: 2 x (1000 us + 1022 x 500 us + 1023 x 4 B / 1 GB/s)
    assert.equal(us(4, 'f32', 1024), 1_024_008.184);
  });

  it('pass behind the kernels that come before the first reader, one bucket after the other', () => {
    // Kernel i of 21 ends at 2 + i ms. Buckets of 81932, 294912 and 8304 floats start behind kernels 12, 15 and 19; the update, kernel 20,
    // reads all. The first is under way from 14 to 18.491592, the second from then to 24.261064, the third to 28.310888.
    const { exchanges, imagesPerRank } = networkReport(planOf(4), 1, NETWORK, flatCosts(Infinity));
    assert.equal(imagesPerRank, 2);
    assert.deepEqual(
      exchanges.map(({ function: name, bucket, ms, behindMs, hiddenMs, waitMs }) => [
        name,
        bucket,
        ...[ms, behindMs, hiddenMs, waitMs].map(round),
      ]),
      [
        ['train_step', 0, 4.491592, 7, 4.491592, 0],
        ['train_step', 1, 5.769472, 4, 2.508408, 3.261064],
        ['train_step', 2, 4.049824, 0, 0, 4.049824],
      ],
    );
  });

  it('make a step of more ranks longer: from 1 to 1,024 of them, and as many as the plan has', () => {
    const { scaling } = networkReport(planOf(3), 1, NETWORK, flatCosts(Infinity));
    assert.deepEqual(
      scaling.map(({ ranks }) => ranks),
      [1, 2, 3, 4, 8, 16, 32, 64, 128, 256, 512, 1024],
    );
    const points = networkReport(planOf(4), 1, NETWORK, flatCosts(Infinity)).scaling;
    const [alone, two, four] = points.map(({ exchangeMs, computeMs, waitMs, stepMs }) =>
      [exchangeMs, computeMs, waitMs, stepMs].map(round),
    );
    // One has no bucket to pack: three kernels fewer.
    assert.deepEqual(alone, [0, 19, 0, 19]);
    assert.deepEqual(two, [7.540592, 22, 2.033216, 24.033216]);
    assert.deepEqual(four, [14.310888, 22, 7.310888, 29.310888]);
    assert.deepEqual(
      points
        .slice(0, 3)
        .map(({ ranks, images, imagesPerSecond, efficiency }) => [ranks, images, Math.round(imagesPerSecond!), efficiency!.toFixed(4)]),
      [
        [1, 2, 105, '1.0000'],
        [2, 4, 166, '0.7906'],
        [4, 8, 273, '0.6482'],
      ],
    );
  });

  it('weigh more where ranks share the batch of the file', () => {
    // Exchanges and steps are those of 2 and 4 ranks above, for 8 images in all.
    const plans = new Map([1, 2, 4].map((ranks) => [ranks, ranks === 1 ? alone() : planOf(ranks)]));
    const { sameBatch } = networkReport(planOf(4), 1, NETWORK, flatCosts(Infinity), { plans, images: 8 });
    assert.deepEqual(
      sameBatch.map(({ ranks, images, exchangeMs, stepMs, imagesPerSecond, efficiency }) => [
        ...[ranks, images],
        ...[exchangeMs, stepMs].map(round),
        Math.round(imagesPerSecond!),
        efficiency!.toFixed(4),
      ]),
      [
        [1, 8, 0, 17, 471, '1.0000'],
        [2, 8, 7.540592, 24.033216, 333, '0.3537'],
        [4, 8, 14.310888, 29.310888, 273, '0.1450'],
      ],
    );
    assert.deepEqual(networkReport(planOf(4), 1, NETWORK, flatCosts(Infinity)).sameBatch, []);
  });

  it('take what they take, and nothing is said of computing, where no kernel was timed', () => {
    const { exchanges, scaling } = networkReport(planOf(4), 1, NETWORK, undefined);
    assert.deepEqual(
      exchanges.map(({ ms, behindMs, hiddenMs, waitMs }) => [round(ms), behindMs, hiddenMs, waitMs]),
      [
        [4.491592, null, null, null],
        [5.769472, null, null, null],
        [4.049824, null, null, null],
      ],
    );
    assert.deepEqual([round(scaling[2]!.exchangeMs), scaling[2]!.stepMs, scaling[2]!.efficiency], [14.310888, null, null]);
  });
});

describe('the text of a network', () => {
  it('has a bandwidth in bits, a latency, and what a further message takes', () => {
    assert.deepEqual(networkOf('8Gbps,50us'), { bandwidth: 1e9, latency: 50 * 1e-6, perMessage: 50 * 1e-6 });
    assert.deepEqual(networkOf('100 Mbps, 0.25ms, 2us'), { bandwidth: 12.5e6, latency: 0.25 * 1e-3, perMessage: 2 * 1e-6 });
  });

  for (const text of ['', '10Gbps', '50us,10Gbps', '0Gbps,1us', '10GB,1us', '10Gbps,1us,', '10Gbps,1us,1us,1us', '-1Gbps,1us', '1Gbps,1h'])
    it(`is not ${JSON.stringify(text)}`, () => {
      assert.throws(() => networkOf(text), /Write bandwidth and latency, such as 10Gbps,50us: kbps/);
    });
});

describe('ampc plan --network', () => {
  let folder: string;

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'ampc-network-'));
    writeFileSync(join(folder, 'tiny.amp'), TEXT);
    writeFileSync(join(folder, 'costs.json'), JSON.stringify(flatCosts(1e18)));
  });

  after(() => rmSync(folder, { recursive: true }));

  const plan = (...args: readonly string[]) => ampc('plan', join(folder, 'tiny.amp'), '--backend', 'reference', ...args);

  it('shows what is waited for, and a table with its curve', async () => {
    const { code, stdout } = await plan('--ranks', '4', '--costs', join(folder, 'costs.json'), '--network', '8Gbps,1ms,500us');
    assert.equal(code, 0);
    assert.match(stdout, /^ +1 +f32 +1\.1 MiB +1\.7 MiB +5\.769 ms +4\.000 ms +2\.508 ms +3\.261 ms +linear_1_weight_grad/m);
    assert.match(
      stdout,
      /over 8 Gbit\/s, a message 1000 us, each further one 500 us: exchanges take 14\.3 ms a step; computing hides 7\.000 ms/,
    );
    assert.match(stdout, /the batch of 8 images stays: each rank has its part of it/);
    assert.match(stdout, /^ +4 +8 +14\.3 ms +22\.0 ms +7\.311 ms +29\.3 ms +273 +64\.8 % +█{16}$/m);
  });

  it('prints it as schemas/plan.schema.json says, without costs as well', async () => {
    const schema = JSON.parse(readFileSync(new URL('../../schemas/plan.schema.json', import.meta.url), 'utf8'));
    const validate = new Ajv2020({ allErrors: true, allowUnionTypes: true }).compile(schema);
    for (const costs of [[], ['--costs', join(folder, 'costs.json')]]) {
      const { stdout } = await plan('--ranks', '4', '--network', '10Gbps,50us', ...costs, '--json');
      assert.ok(validate(JSON.parse(stdout)), JSON.stringify(validate.errors?.slice(0, 3)));
    }
  });

  it('goes with several ranks, and with nothing that is no report', async () => {
    const network = ['--network', '10Gbps,50us'];
    assert.match((await plan(...network)).stderr, /--network goes with --ranks N, from 2 on/);
    assert.match((await plan(...network, '--ranks', '2', '--dump')).stderr, /--network says nothing of --dump/);
    const { code, stderr } = await plan('--ranks', '2', '--network', 'fast');
    assert.equal(code, 2);
    assert.match(stderr, /^error: option '--network <bandwidth,latency>' argument 'fast' is invalid\. Write bandwidth/);
  });
});
