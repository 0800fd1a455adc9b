import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { schemaProblem } from '../../src/files/schemas.js';
import { readSafetensors } from '../../src/training/safetensors.js';
import { ampc } from '../support/cli.js';
import { TINY, useTiny } from '../support/tiny.js';

const HEADS = TINY.replace(
  'image |> avg_pool2d(8) |> flatten',
  'let trunk = image |> avg_pool2d(8)\n  let early = trunk |> global_avg_pool |> linear(10) as head\n  trunk |> flatten',
)
  .replace('loss cross_entropy', 'loss cross_entropy  aux_loss early huber(delta: 0.5, weight: 0.3)')
  .replace('batch 8', 'batch 4  accumulate 2');

interface Line {
  readonly event: string;
  readonly loss: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly train_loss: number;
  readonly train_losses: Readonly<Record<string, number>>;
}

describe('losses of further values', () => {
  const work = useTiny(HEADS, 5);
  const linesOf = (run: string): Line[] =>
    readFileSync(join(run, 'metrics.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('are in every line beside their sum, in the weights, and not in evaluation', async () => {
    const run = work.path('run');
    const { code, stdout, stderr } = await ampc(...work.args('train', work.program), '--out', run, '--log-every', '1');
    assert.equal(code, 0, stderr);
    assert.match(stdout, /epoch 1 {2}step 1 {2}loss \d\.\d{4} \(model \d\.\d{4}, early 0\.\d{4}\)/);
    const lines = linesOf(run);
    for (const line of lines) assert.equal(schemaProblem('events', line), undefined);
    const parts = lines.flatMap(({ event, loss, losses, train_loss, train_losses }) =>
      event === 'step' ? [[loss, losses] as const] : event === 'epoch' ? [[train_loss, train_losses] as const] : [],
    );
    assert.ok(parts.length > 6);
    for (const [sum, { model, early }] of parts) assert.ok(Math.abs(sum - (model! + 0.3 * early!)) < 1e-5, `${sum} of ${model}, ${early}`);
    const { tensors } = await readSafetensors(join(run, 'last.safetensors'));
    assert.ok(tensors.has('head.weight'));
    const plan = readFileSync(join(run, 'plan.txt'), 'utf8');
    assert.match(plan.slice(0, plan.indexOf('fn eval_step')), /%head\.weight/);
    assert.doesNotMatch(plan.slice(plan.indexOf('fn eval_step')), /head|early/);
  });

  it('have their names in tables: the op of a loss in the plan, and its settings in comparisons', async () => {
    const plan = (await ampc('plan', work.program, '--backend', 'reference')).stdout;
    assert.match(plan, /^loss_early +huber +f32/m);
    assert.match(plan, /^loss +cross_entropy +f32/m);
    const [one, two] = [work.path('one'), work.path('two')];
    const other = work.file('other.amp', HEADS.replace('delta: 0.5', 'delta: 2'));
    await ampc(...work.args('train', work.program), '--out', one, '--max-steps', '1');
    await ampc(...work.args('train', other), '--out', two, '--max-steps', '1');
    const { stdout } = await ampc('compare', one, two);
    assert.match(stdout, /^train\.aux_loss\.early\.delta +0\.5 +2$/m);
    assert.doesNotMatch(stdout, /auxLosses|\[\{/);
  });

  it('go on from a checkpoint to the same lines and the same weights', async () => {
    const [whole, parted] = [work.path('whole'), work.path('parted')];
    const options = ['--log-every', '1'];
    await ampc(...work.args('train', work.program), '--out', whole, ...options);
    await ampc(...work.args('train', work.program), '--out', parted, ...options, '--max-steps', '2');
    const { code, stderr } = await ampc(...work.args('train', work.program), '--resume', parted, ...options);
    assert.equal(code, 0, stderr);
    const measured = new Set(['seconds', 'images_per_second', 'data_share']);
    const bare = (run: string) =>
      linesOf(run)
        .filter(({ event }) => event === 'step' || event === 'epoch')
        .map((line) => Object.entries(line).filter(([key]) => !measured.has(key)));
    assert.deepEqual(bare(parted), bare(whole));
    assert.deepEqual(readFileSync(join(parted, 'last.safetensors')), readFileSync(join(whole, 'last.safetensors')));
  });
});
