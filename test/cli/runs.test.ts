import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { schemaProblem } from '../../src/files/schemas.js';
import type { RunList } from '../../src/index.js';
import { ampc, startAmpc } from '../support/cli.js';
import { useTiny } from '../support/tiny.js';

describe('ampc runs', () => {
  const work = useTiny();
  const runs = () => work.path('runs');

  async function train(name: string, ...options: readonly string[]): Promise<string> {
    const run = join(runs(), name);
    const { code, stderr } = await ampc(...work.args('train', work.program, '--out', run, ...options));
    assert.equal(code, 0, stderr);
    return run;
  }

  async function listed(...options: readonly string[]): Promise<{ readonly list: RunList; readonly stderr: string }> {
    const { code, stdout, stderr } = await ampc('runs', runs(), '--json', ...options);
    assert.equal(code, 0, stderr);
    const list = JSON.parse(stdout) as RunList;
    assert.equal(schemaProblem('runs', list), undefined);
    return { list, stderr };
  }

  const stateOf = ({ runs: all }: RunList, name: string) => all.find(({ run }) => run === join(runs(), name))?.state;

  before(async () => {
    await train('net-2', '--seed', '1');
    await train('net-10', '--set', 'train.optimizer=sgd(lr: 0.1)');
    await train('deeper/fp32', '--precision', 'fp32', '--epochs', '1');
  });

  it('lists runs by name with their results and the settings that differ', async () => {
    const { code, stdout, stderr } = await startAmpc(['runs'], {}, { cwd: work.dir }).result;
    assert.deepEqual([code, stderr], [0, '']);
    const [head, ...lines] = stdout.trimEnd().split('\n');
    assert.match(head!, /^run +state +accuracy +best \(epoch\) +test loss +epochs +time +compute +optimizer +lr +seed$/);
    assert.match(lines[0]!, /^deeper\/fp32 +complete +\d+\.\d\d % +\d+\.\d\d % \(1\) +\d\.\d{4} +1\/1 +\d+s +fp32 +adam +0\.001 +0$/);
    assert.match(lines[1]!, /^net-2 +complete .* 2\/2 .* fp16 +adam +0\.001 +1$/);
    assert.match(lines[2]!, /^net-10 +complete .* sgd +0\.1 +0$/);
    assert.equal(lines.length, 3);
  });

  it('has the numbers of the metrics, and every setting, in its JSON', async () => {
    const { list } = await listed();
    assert.deepEqual([...list.differing].slice(0, 4), ['precision.compute', 'train.optimizer', 'train.optimizer.lr', 'train.seed']);
    assert.ok(list.differing.includes('train.optimizer.momentum') && !list.differing.includes('train.batch'));
    const run = list.runs.find(({ settings }) => settings['train.seed'] === '1')!;
    const lines = readFileSync(join(run.run, 'metrics.jsonl'), 'utf8').trimEnd().split('\n');
    const events = lines.map((line) => JSON.parse(line));
    const done = events.at(-1);
    assert.deepEqual([run.accuracy, run.loss, run.seconds, run.steps], [done.test_accuracy, done.test_loss, done.seconds, done.steps]);
    const accuracies = events.filter(({ event }) => event === 'epoch').map((event) => event.test_accuracy as number);
    assert.equal(run.best?.accuracy, Math.max(...accuracies));
    assert.equal(run.best?.epoch, accuracies.indexOf(Math.max(...accuracies)) + 1);
    assert.deepEqual([run.epochs, run.epochsAsked, run.parameters, run.settings.file], [2, 2, 490, 'tiny.amp']);
  });

  it('sorts, and --all shows the settings of some runs alone', async () => {
    const { list } = await listed('--sort', 'accuracy');
    const accuracies = list.runs.map(({ best }) => best?.accuracy ?? 0);
    assert.deepEqual(
      accuracies,
      [...accuracies].sort((a, b) => b - a),
    );
    const { stdout } = await ampc('runs', runs(), '--all');
    assert.match(stdout.split('\n')[0]!, / beta1 .* momentum .* nesterov/);
  });

  it('tells runs that run, were interrupted, or lost their numbers', async () => {
    const copy = (name: string) => {
      const run = join(runs(), name);
      cpSync(join(runs(), 'net-2'), run, { recursive: true });
      return run;
    };
    const [running, left, lost] = [copy('running'), copy('left'), copy('lost')];
    try {
      const metrics = join(left, 'metrics.jsonl');
      const lines = readFileSync(metrics, 'utf8').trimEnd().split('\n');
      writeFileSync(metrics, `${lines.slice(0, 3).join('\n')}\n{"event":"st`);
      const end = { event: 'warning', step: 11, code: 'AMP7302', message: 'm', why: 'w', fix: 'f', ends_run: true };
      writeFileSync(join(lost, 'metrics.jsonl'), `${[...lines.slice(0, 3), JSON.stringify(end)].join('\n')}\n`);
      const lock = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
      writeFileSync(join(running, 'run-1.lock'), JSON.stringify(lock));
      const { list, stderr } = await listed();
      assert.deepEqual(
        ['running', 'left', 'lost'].map((name) => stateOf(list, name)),
        ['running', 'interrupted', 'lost'],
      );
      assert.match(stderr, /left: a line of metrics\.jsonl cannot be read, and left out/);
      assert.match((await ampc('runs', runs())).stdout, /left +interrupted .* 1\/2 /);
    } finally {
      for (const run of [running, left, lost]) rmSync(run, { recursive: true });
    }
  });

  it('tells of folders that are damaged or hold no run, and lists the others', async () => {
    const [damaged, foreign, none] = [join(runs(), 'damaged'), join(runs(), 'foreign'), join(runs(), 'notes', 'old')];
    for (const folder of [damaged, foreign, none]) mkdirSync(folder, { recursive: true });
    try {
      writeFileSync(join(damaged, 'metrics.jsonl'), '');
      writeFileSync(join(foreign, 'config.json'), '{"lr": 1}');
      const { code, stdout, stderr } = await ampc('runs', runs());
      assert.deepEqual([code, stdout.trimEnd().split('\n').length], [0, 4]);
      assert.equal(
        stderr,
        `${damaged} is no run that can be read: it has no config.json\n` +
          `${foreign} is no run that can be read: its config.json is not what ampc train writes\n` +
          `not runs: ${join(runs(), 'notes')}\n`,
      );
      const { list } = await listed();
      assert.deepEqual(
        list.others.map((other) => other.damaged),
        [true, true, false],
      );
    } finally {
      for (const folder of [damaged, foreign, join(runs(), 'notes')]) rmSync(folder, { recursive: true });
    }
  });

  it('answers mistakes', async () => {
    const nowhere = await ampc('runs', work.path('nowhere'));
    assert.equal(nowhere.code, 1);
    assert.match(nowhere.stderr, /^error\[AMP6204\]: there is no folder .*nowhere\n = fix: name the folder that holds the runs/);
    const unsorted = await ampc('runs', '--sort', 'acuracy');
    assert.equal(unsorted.code, 2);
    assert.match(unsorted.stderr, /Did you mean accuracy\? Choose from name, accuracy/);
    const empty = await ampc('runs', work.data);
    assert.deepEqual([empty.code, empty.stdout], [0, `no runs in ${work.data}\n`]);
  });
});
