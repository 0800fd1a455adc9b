import { inlineFigure } from '../src/figures/figure.js';
import { lineChart, type Point } from '../src/figures/line-chart.js';
import { element, join } from '../src/figures/markup.js';
import type { EpochEvent, StepEvent, TrainEvent } from '../src/training/events.js';
import { onFiles } from './dropped.js';
import { connect, type Remote } from './rpc.js';
import type { RunMessage, TrainFunctions } from './train-worker.js';

export interface TrainElements {
  readonly start: HTMLButtonElement;
  readonly pause: HTMLButtonElement;
  readonly runs: HTMLSelectElement;
  readonly backend: HTMLSelectElement;
  readonly data: HTMLInputElement;
  readonly facts: HTMLElement;
  readonly curves: HTMLElement;
  readonly status: HTMLElement;
}

/** Steps of which the bold curve is the mean. */
const SMOOTH = 25;
const REDRAW_MS = 250;

function means(points: readonly Point[]): readonly Point[] {
  let sum = 0;
  return points.map(([x, y], index): Point => {
    sum += y - (index >= SMOOTH ? points[index - SMOOTH]![1] : 0);
    return [x, sum / Math.min(index + 1, SMOOTH)];
  });
}

/** Trains in a worker, and shows how that goes. */
export class TrainView {
  private readonly trainer: Remote<TrainFunctions>;
  private steps: StepEvent[] = [];
  private epochs: EpochEvent[] = [];
  private overflows: string[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  private began = 0;

  constructor(
    private readonly parts: TrainElements,
    private readonly program: () => { readonly text: string; readonly settings: Readonly<Record<string, string | number>> },
  ) {
    this.trainer = connect<TrainFunctions>(new Worker('train-worker.js', { type: 'module' }), (data) =>
      this.take((data as RunMessage).event),
    );
    parts.start.addEventListener('click', () => void this.run());
    parts.pause.addEventListener('click', () => void this.trainer.pause());
    onFiles(parts.data, (files) => this.keep(files));
    void this.prepare();
  }

  private async prepare(): Promise<void> {
    const devices = await this.trainer.devices();
    const usable = devices.filter(({ available }) => available);
    this.parts.backend.replaceChildren(
      ...usable.map(({ name, device, target }) => new Option(`${device ?? name}${target.low.includes('f16') ? '' : ', no fp16'}`, name)),
    );
    const webgpu = devices.find(({ name }) => name === 'webgpu');
    if (webgpu?.available === false) this.say(`No GPU here: ${webgpu.reason}. A tiny network trains in JavaScript.`);
    else if (!webgpu?.target.low.includes('f16')) this.say('This GPU has no fp16 in WebGPU: choose precision fp32.');
    await this.listRuns();
  }

  private async listRuns(): Promise<void> {
    const runs = await this.trainer.runs();
    this.parts.runs.replaceChildren(
      new Option('a new run', ''),
      ...runs.map(
        ({ run, model, updated }) => new Option(`go on: ${model ?? 'a run'}, ${updated?.slice(0, 16).replace('T', ' ') ?? ''}`, run),
      ),
    );
  }

  private async keep(files: readonly File[]): Promise<void> {
    const kept = await this.trainer.keepData(files);
    const what = kept.length === 1 ? 'file' : 'files';
    this.say(
      kept.length === 0
        ? 'none of these is a file of CIFAR-10: data_batch_1.bin to test_batch.bin'
        : `${kept.length} ${what} of CIFAR-10 kept here`,
    );
  }

  private say(text: string): void {
    this.parts.status.textContent = text;
  }

  private async run(): Promise<void> {
    const { start, pause, runs, backend } = this.parts;
    const { text, settings } = this.program();
    const chosen = { ...settings, backend: backend.value as 'webgpu' | 'reference' };
    this.steps = [];
    this.epochs = [];
    this.overflows = [];
    start.disabled = true;
    pause.disabled = false;
    this.say('preparing …');
    try {
      const { testAccuracy } = await (runs.value === ''
        ? this.trainer.begin(text, chosen)
        : this.trainer.goOn(runs.value, { backend: chosen.backend }));
      this.say(testAccuracy === undefined || testAccuracy === null ? 'paused; the run is kept' : 'done; the run is kept');
    } catch (error) {
      const { message } = error as Error;
      this.say(message === 'paused' ? 'paused; the run is kept' : message);
    } finally {
      start.disabled = false;
      pause.disabled = true;
      this.draw();
      await this.listRuns();
    }
  }

  private take(event: TrainEvent): void {
    if (event.event === 'start') {
      this.began = performance.now();
      this.say(`training ${event.model} in ${event.precision} on ${event.device}`);
    } else if (event.event === 'step') this.steps.push(event);
    else if (event.event === 'epoch') this.epochs.push(event);
    else if (event.event === 'overflow') this.overflows.push(`step ${event.step}: ${event.value} left its format`);
    this.timer ??= setTimeout(() => this.draw(), REDRAW_MS);
  }

  private draw(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { steps, epochs, overflows } = this;
    const last = steps.at(-1);
    if (last === undefined) return;
    const rate = ((steps.length - 1) / (performance.now() - this.began)) * 1000;
    const accuracy = epochs.at(-1)?.test_accuracy;
    const speed = epochs.at(-1)?.images_per_second;
    const facts: readonly (readonly [string, string])[] = [
      ['step', String(last.step)],
      ['loss', last.loss?.toFixed(4) ?? 'not finite'],
      ['loss scale', String(last.loss_scale)],
      ['skipped steps', String(steps.filter(({ skipped }) => skipped).length)],
      speed === undefined ? ['steps a second', Number.isFinite(rate) ? rate.toFixed(1) : '–'] : ['images a second', speed.toFixed(0)],
      ['test accuracy', accuracy === undefined || accuracy === null ? '–' : `${(100 * accuracy).toFixed(1)} %`],
    ];
    this.parts.facts.innerHTML = join(
      facts.map(([name, value]) => element('div', { class: 'fact' }, element('b', {}, value), element('span', {}, name))),
    ).markup;
    const losses = steps.filter(({ skipped, loss }) => !skipped && loss !== null).map(({ step, loss }): Point => [step, loss]);
    const marks = steps.filter(({ skipped }) => skipped).map(({ step }) => ({ x: step, what: 'skipped: a gradient overflowed' }));
    const charts = [
      lineChart({
        title: 'Loss',
        x: 'step',
        marks,
        series: [
          { name: 'step', points: losses, colour: 0, isFaint: true },
          { name: `mean of ${SMOOTH}`, points: means(losses), colour: 0 },
        ],
      }),
      lineChart({
        title: 'Loss scale',
        x: 'step',
        isLog: true,
        series: [
          { name: 'loss scale', points: steps.map(({ step, loss_scale }): Point => [step, loss_scale]), colour: 2, isStepped: true },
        ],
      }),
    ];
    this.parts.curves.innerHTML = join([
      ...charts.map((chart) => chart && element('figure', {}, element('figcaption', {}, chart.title), inlineFigure(chart))),
      ...overflows.slice(-5).map((text) => element('p', { class: 'note' }, text)),
    ]).markup;
  }
}
