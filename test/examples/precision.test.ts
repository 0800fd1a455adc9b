import assert from 'node:assert/strict';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TrainEvent } from '../../src/index.js';
import type { BackendName } from '../../src/plan/target.js';
import { selectBackend } from '../../src/runtime/select.js';
import { ampc, type CliResult } from '../support/cli.js';
import { skip } from '../support/skip.js';
import { makeWorkspace, type Workspace } from '../support/tiny.js';
import { useBuiltAddon } from '../tensorflow/support.js';

const FOLDER = fileURLToPath(new URL('../../examples/precision/', import.meta.url));
const PAGE = readFileSync(join(FOLDER, 'README.md'), 'utf8');

/** Numbers and the space around them are a machine's own. */
function shape(line: string): string {
  return line
    .replace(/\d[\d,.]*(e[+-]?\d+)?/g, '#')
    .replace(/\s+/g, ' ')
    .trim();
}

interface Shown {
  readonly command: readonly string[];
  readonly lines: readonly string[];
}

/** The commands of the page, with the lines that it shows of their outputs. */
function shownCommands(): readonly Shown[] {
  return [...PAGE.matchAll(/```console\n([\s\S]*?)```/g)].flatMap(([, block]) =>
    block
      .split(/^\$ ampc /m)
      .slice(1)
      .map((text): Shown => {
        const [command, ...lines] = text.trimEnd().split('\n');
        return { command: command.split(' '), lines: lines.filter((line) => line !== '…' && line.trim() !== '') };
      }),
  );
}

describe('examples/precision', () => {
  let work: Workspace;
  const here = process.cwd();

  before(() => {
    work = makeWorkspace();
    cpSync(FOLDER, join(work.dir, 'examples', 'precision'), { recursive: true });
    process.chdir(work.dir);
  });

  after(() => {
    process.chdir(here);
    work.remove();
  });

  /** Every command of the page runs once. */
  const performed = new Map<string, Promise<CliResult>>();
  function perform(command: string): Promise<CliResult> {
    const running = performed.get(command) ?? ampc(...command.split(' '));
    performed.set(command, running);
    return running;
  }

  const file = (name: string) => join(work.dir, 'examples', 'precision', `${name}.amp`);

  async function train(name: string, run: string, backend: BackendName, ...more: readonly string[]) {
    const { stdout } = await ampc('train', file(name), '--out', run, '--backend', backend, '--log-every', '1', '--json', ...more);
    const events = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as TrainEvent);
    const steps = events.filter((event) => event.event === 'step');
    const overflows = events.filter((event) => event.event === 'overflow');
    return { steps, overflows, skipped: steps.filter(({ skipped }) => skipped).map(({ step }) => step) };
  }

  describe('the page', () => {
    const shown = shownCommands();

    it('shows commands', () => assert.ok(shown.length >= 15));

    for (const { command, lines } of shown)
      it(`shows what ampc ${command.join(' ')} prints`, async () => {
        const { stdout, stderr } = await perform(command.join(' '));
        const printed = `${stdout}\n${stderr}`.split('\n').map(shape);
        let at = 0;
        for (const line of lines) {
          const found = printed.indexOf(shape(line), at);
          assert.ok(found >= 0, `${line}\nis not in\n${stdout}\n${stderr}`);
          at = found + 1;
        }
      }).timeout(60_000);
  });

  describe('claims', () => {
    /** The events of the run that a command of the page makes. */
    async function eventsOf(command: string): Promise<readonly TrainEvent[]> {
      await perform(command);
      const run = command.split(' ').at(-1)!;
      const text = readFileSync(join(work.dir, run, 'metrics.jsonl'), 'utf8');
      return text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as TrainEvent);
    }
    const overflowsOf = (events: readonly TrainEvent[]) => events.filter((event) => event.event === 'overflow');
    const lastEpoch = (events: readonly TrainEvent[]) => events.findLast((event) => event.event === 'epoch')!;

    it('forward.amp: every step overflows in energy, whatever the scale, until the run gives up', async () => {
      const events = await eventsOf('train examples/precision/forward.amp --backend cpu --out runs/energy');
      const last = events.at(-1)!;
      assert.ok(last.event === 'warning' && last.code === 'AMP7301' && last.step === 20 && last.skipped_steps === 20);
      for (const { value, phase, magnitude, keep } of overflowsOf(events)) {
        assert.deepEqual([value, phase, keep], ['mul of energy', 'forward', ['energy']]);
        assert.ok(magnitude! > 65504);
      }
    });

    it('forward.amp: --replan loses three steps and then learns as fp32 does', async () => {
      const events = await eventsOf('train examples/precision/forward.amp --backend cpu --replan --out runs/replanned');
      assert.deepEqual(
        overflowsOf(events).map(({ step }) => step),
        [1, 2, 3],
      );
      const { skipped_steps, train_loss } = lastEpoch(events);
      assert.equal(skipped_steps, 3);
      const full = await eventsOf('train examples/precision/forward.amp --backend cpu --precision fp32 --out runs/energy-fp32');
      assert.ok(Math.abs(train_loss - lastEpoch(full).train_loss) < 0.2);
      for (const name of ['plan-1.txt', 'plan.txt', 'replan-1.json'])
        assert.ok(existsSync(join(work.dir, 'runs', 'replanned', name)), name);
    });

    it('backward.amp: one gradient overflows, at 65,536 and never again', async () => {
      const events = await eventsOf('train examples/precision/backward.amp --backend cpu --out runs/temperature');
      const [{ step, value, phase, magnitude, loss_scale }] = overflowsOf(events);
      assert.deepEqual([step, value, phase, loss_scale], [1, 'gradient of linear of fc', 'backward', 65536]);
      assert.ok(magnitude! > 65504 && magnitude! <= 65536 * (64 / 40));
      assert.equal(lastEpoch(events).skipped_steps, 1);
    });

    it('underflow.amp: trains with a loss scale as in fp32, and not without one', async () => {
      const accuracy = async (more: string, run: string) => {
        const events = await eventsOf(`train examples/precision/underflow.amp --backend cpu ${more}--out runs/${run}`);
        assert.deepEqual(overflowsOf(events), []);
        assert.ok(events.every((event) => event.event !== 'epoch' || event.skipped_steps === 0));
        return lastEpoch(events).test_accuracy!;
      };
      const unscaled = await accuracy('--set precision.loss_scale=none ', 'unscaled');
      const [scaled, full] = [await accuracy('', 'scaled'), await accuracy('--precision fp32 ', 'full')];
      assert.ok(scaled > 0.22 && full > 0.22 && unscaled < 0.18, `${scaled}, ${full} and ${unscaled}`);
    });
  });

  const told = new Map<string, ReturnType<typeof tell>>();
  async function tell(name: string, on: BackendName, count: number) {
    const { skipped, overflows, steps } = await train(name, `${name}-${on}`, on, '--max-steps', String(count));
    return {
      skipped,
      values: overflows.map(({ step, value, phase, line, loss_scale }) => [step, value, phase, line, loss_scale]),
      scales: steps.map(({ loss_scale }) => loss_scale),
      magnitudes: overflows.map(({ magnitude }) => magnitude!),
    };
  }

  /** What the first steps of a file skip on a backend; each is trained once. */
  function storyOf(name: string, on: BackendName, steps: number) {
    const story = told.get(`${name} ${on}`) ?? tell(name, on, steps);
    told.set(`${name} ${on}`, story);
    return story;
  }

  for (const backend of ['reference', 'webgpu', 'tensorflow'] as const)
    describe(`on ${backend}`, () => {
      before(async function () {
        if (backend === 'tensorflow') useBuiltAddon();
        await selectBackend(backend).catch((error: Error) => skip(this, error.message));
      });

      for (const [name, steps] of [
        ['forward', 4],
        ['backward', 3],
        ['underflow', 1],
      ] as const)
        it(`${name}.amp skips the same steps for the same values as on cpu`, async () => {
          const { magnitudes: wanted, ...cpu } = await storyOf(name, 'cpu', steps);
          const { magnitudes, ...found } = await storyOf(name, backend, steps);
          assert.deepEqual(found, cpu);
          for (const [index, size] of magnitudes.entries())
            assert.ok(Math.abs(size / wanted[index] - 1) < 0.01, `${size}, not ${wanted[index]}`);
        }).timeout(180_000);
    });
});
