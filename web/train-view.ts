import { curveFigures, type DrawnRun } from '../src/api/run-report/curve-figures.js';
import { facts, figureGrid, note } from '../src/api/run-report/page.js';
import { join } from '../src/figures/markup.js';
import type { TrainEvent } from '../src/training/events.js';
import { onChosen, onDropped } from './dropped.js';
import type { GivenFile } from './kept-data.js';
import { byId } from './page.js';
import { PredictView } from './predict-view.js';
import { ResultsView } from './results-view.js';
import { connect, type Remote } from './rpc.js';
import { findingsOf, thinned } from './run-events.js';
import type { RunMessage, TrainFunctions } from './train-worker.js';

const REDRAW_MS = 250;
const FINDINGS_SHOWN = 5;

const isPicture = ({ file }: GivenFile): boolean => file.type.startsWith('image/');

/** Trains in a worker, and shows how that goes. */
export class TrainView {
  private readonly trainer: Remote<TrainFunctions>;
  private readonly results: ResultsView;
  private readonly predictions: PredictView;
  private readonly start = byId<HTMLButtonElement>('start');
  private readonly pause = byId<HTMLButtonElement>('pause');
  private readonly runs = byId<HTMLSelectElement>('runs');
  private readonly backend = byId<HTMLSelectElement>('backend');
  private events: readonly TrainEvent[] = [];
  /** The run that was paused here last, unless another one has been trained since, and what the page showed then. */
  private paused: { readonly run: string; readonly shown: string } | undefined;
  /** Steps that were told since `began`. */
  private told = 0;
  private began = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  private readonly ready: Promise<void>;

  /**
   * `tellPictures` is told of the paths of all pictures that are kept, and of the folder that came last, if one did. What trains begins
   * `after` what is waited for first: it takes a processor of its own for as long as a plan.
   */
  constructor(
    private readonly program: () => { readonly text: string; readonly settings: Readonly<Record<string, string | number>> },
    private readonly tellPictures: (paths: readonly string[], folder?: string) => Promise<void>,
    after: Promise<void>,
  ) {
    const open = (): Worker => new Worker('train-worker.js', { type: 'module' });
    this.trainer = connect<TrainFunctions>(open, (data) => this.take(data as RunMessage));
    const say = (text: string): void => this.say(text);
    this.results = new ResultsView(this.trainer, say);
    this.predictions = new PredictView(this.trainer, say);
    this.start.addEventListener('click', () => void this.run());
    this.pause.addEventListener('click', () => void this.trainer.pause());
    this.runs.addEventListener('change', () => this.choose(this.runs.value));
    for (const id of ['data', 'folder']) onChosen(byId(id), (files) => this.keep(files));
    onDropped((files) =>
      files.every(isPicture) && files.every(({ path }) => !path.includes('/')) ? this.predictions.show(files) : this.keep(files),
    );
    this.ready = after.then(() => this.prepare());
  }

  private async prepare(): Promise<void> {
    const devices = await this.trainer.devices();
    const usable = devices.filter(({ available }) => available);
    this.backend.replaceChildren(
      ...usable.map(({ name, device, target }) => new Option(`${device ?? name}${target.low.includes('f16') ? '' : ', no fp16'}`, name)),
    );
    const webgpu = devices.find(({ name }) => name === 'webgpu');
    if (webgpu?.available === false) this.say(`No GPU here: ${webgpu.reason}. A tiny network trains in JavaScript.`);
    else if (!webgpu?.target.low.includes('f16')) this.say('This GPU has no fp16 in WebGPU: choose precision fp32.');
    const pictures = await this.trainer.keptPictures();
    if (pictures.length > 0) await this.tellPictures(pictures);
    await this.listRuns();
  }

  private async listRuns(): Promise<void> {
    const runs = await this.trainer.runs();
    this.runs.replaceChildren(
      new Option('a new run', ''),
      ...runs.map(
        ({ run, model, updated }) => new Option(`go on: ${model ?? 'a run'}, ${updated?.slice(0, 16).replace('T', ' ') ?? ''}`, run),
      ),
    );
  }

  private async keep(files: readonly GivenFile[]): Promise<void> {
    const { cifar10, pictures, folders } = await this.trainer.keepData(files);
    if (pictures > 0) {
      await this.tellPictures(await this.trainer.keptPictures(), folders[0]);
      this.say(`${pictures} pictures kept here, as ${folders.map((folder) => `folder("${folder}")`).join(' and ')}`);
    } else if (cifar10 > 0) this.say(`${cifar10} ${cifar10 === 1 ? 'file' : 'files'} of CIFAR-10 kept here`);
    else this.say('none of these is a file of CIFAR-10 (data_batch_1.bin to test_batch.bin), or a picture in a folder of its class');
  }

  private say(text: string): void {
    byId('run-status').textContent = text;
  }

  private choose(run: string): void {
    this.results.of(run);
    this.predictions.of(run);
  }

  private setBusy(isBusy: boolean): void {
    this.start.disabled = isBusy;
    this.pause.disabled = !isBusy;
    this.results.setBusy(isBusy);
    this.predictions.setBusy(isBusy);
  }

  /** Trains what the page shows as a new run. */
  async runAnew(): Promise<void> {
    if (this.start.disabled) throw new Error('a run is being trained: pause it, or wait for its end');
    await this.ready;
    this.runs.value = '';
    await this.run();
  }

  /** Of the run that was trained last, at a loss scale or that of its last step. Throws an Error where there is none. */
  async measureGradients(scale?: number): Promise<void> {
    if (byId('run-tools').hidden) throw new Error('train it first');
    await this.results.measureGradients(scale);
  }

  /** Trains what the page shows, or goes on with the run that is chosen; whether it came to its end. */
  async run(): Promise<boolean> {
    await this.ready;
    const { text, settings } = this.program();
    const backend = this.backend.value as 'webgpu' | 'reference';
    const watchGradients = byId<HTMLInputElement>('watch-gradients').checked;
    const shown = JSON.stringify({ text, settings });
    if (this.runs.value === this.paused?.run && shown !== this.paused.shown) this.runs.value = '';
    const chosen = this.runs.value;
    // Of the run that was paused here the curves go on.
    if (chosen === '' || chosen !== this.paused?.run) {
      this.events = [];
      for (const id of ['facts', 'curves']) byId(id).replaceChildren();
    }
    this.paused = undefined;
    this.choose(chosen);
    this.setBusy(true);
    this.say('preparing …');
    let isDone = false;
    try {
      const { run, interrupted } = await (chosen === ''
        ? this.trainer.begin(text, { ...settings, backend, watchGradients })
        : this.trainer.goOn(chosen, { backend, watchGradients }));
      isDone = !interrupted;
      if (interrupted) this.paused = { run, shown };
      this.say(isDone ? 'done; the run is kept' : 'paused; the run is kept, and Train goes on with it');
    } catch (error) {
      const { message } = error as Error;
      this.say(message === 'paused' ? 'paused; the run is kept' : message);
    } finally {
      this.setBusy(false);
      this.draw();
      await this.listRuns();
      // What is trained next goes on with it.
      if (this.paused !== undefined) this.runs.value = this.paused.run;
    }
    if (isDone) await this.results.test();
    return isDone;
  }

  private take(message: RunMessage): void {
    if ('gradients' in message) this.results.showGradients(message.gradients);
    else this.takeEvent(message.event);
  }

  private takeEvent(event: TrainEvent): void {
    if (event.event === 'start') {
      [this.began, this.told] = [performance.now(), 0];
      this.say(`training ${event.model} in ${event.precision} on ${event.device}`);
      this.choose(event.run);
    }
    if (event.event === 'step') {
      this.told += 1;
      this.results.scale = event.loss_scale;
    }
    this.events = thinned([...this.events, event]);
    this.timer ??= setTimeout(() => this.draw(), REDRAW_MS);
  }

  private draw(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { events } = this;
    const last = events.findLast((event) => event.event === 'step');
    if (last === undefined) return;
    const epoch = events.findLast((event) => event.event === 'epoch');
    const skipped = events.filter((event) => event.event === 'step' && event.skipped).length;
    const rate = ((this.told - 1) / (performance.now() - this.began)) * 1000;
    const accuracy = epoch?.test_accuracy;
    byId('facts').innerHTML = join([
      facts([
        { name: 'step', value: String(last.step) },
        { name: 'loss', value: Number.isFinite(last.loss) ? last.loss.toFixed(4) : 'not finite' },
        { name: 'loss scale', value: String(last.loss_scale) },
        { name: 'skipped steps', value: String(skipped) },
        epoch === undefined
          ? { name: 'steps a second', value: Number.isFinite(rate) && rate > 0 ? rate.toFixed(1) : '–' }
          : { name: 'images a second', value: epoch.images_per_second.toFixed(0) },
        { name: 'test accuracy', value: accuracy === undefined || accuracy === null ? '–' : `${(100 * accuracy).toFixed(1)} %` },
      ]),
    ]).markup;
    const drawn: DrawnRun = { events, epochSteps: undefined, summary: { run: '' } };
    byId('curves').innerHTML = join([
      figureGrid(curveFigures([drawn], (run) => run)),
      ...findingsOf(events).slice(0, FINDINGS_SHOWN).map(note),
    ]).markup;
  }
}
