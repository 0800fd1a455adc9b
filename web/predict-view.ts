import { picture } from '../src/api/run-report/picture.js';
import { percent } from '../src/api/run-report/results-sections.js';
import { type Child, element, join } from '../src/figures/markup.js';
import { onChosen } from './dropped.js';
import type { GivenFile } from './kept-data.js';
import { byId } from './page.js';
import type { Remote } from './rpc.js';
import type { Guess } from './run-results.js';
import type { TrainFunctions } from './train-worker.js';

/** Pictures that are shown; of more those that came last. */
const MOST = 24;
/** Of a picture from the camera: pixels of its longer side, and the pause behind its answer. */
const SIDE = 224;
const PAUSE_MS = 300;

function wordsOf({ why, top }: Guess): Child {
  if (why !== undefined) return element('div', { class: 'note' }, why);
  return join(
    top.map(({ name, probability }, place) => element('div', place === 0 ? {} : { class: 'note' }, `${name} ${percent(probability)}`)),
  );
}

/** What a run takes pictures for: pasted, dropped, chosen, or seen by the camera. */
export class PredictView {
  private run = '';
  private shown: string[] = [];
  private stream: MediaStream | undefined;
  private isBusy = false;
  private readonly video = byId<HTMLVideoElement>('video');
  private readonly camera = byId<HTMLButtonElement>('camera');

  constructor(
    private readonly trainer: Remote<TrainFunctions>,
    private readonly say: (text: string) => void,
  ) {
    onChosen(byId('pictures'), (files) => this.show(files));
    this.camera.addEventListener('click', () => void (this.stream === undefined ? this.watch() : this.stop()));
  }

  of(run: string): void {
    if (run === this.run) return;
    this.run = run;
    this.shown = [];
    byId('predictions').replaceChildren();
    this.stop();
  }

  setBusy(isBusy: boolean): void {
    this.isBusy = isBusy;
    if (isBusy) this.stop();
    byId<HTMLInputElement>('pictures').disabled = isBusy;
    this.camera.disabled = isBusy;
  }

  async show(files: readonly GivenFile[]): Promise<void> {
    if (this.run === '' || this.isBusy) return this.say('these are pictures: train first, or choose a run that is to say what they show');
    try {
      const all = await Promise.all(files.map(async ({ file }) => new Uint8Array(await file.arrayBuffer())));
      const guesses = await this.trainer.predict(this.run, all);
      const drawn = await Promise.all(files.map(({ path, file }) => this.small(path, file)));
      const made = guesses.map((guess, at) => element('div', {}, drawn[at], wordsOf(guess)).markup);
      this.shown = [...made, ...this.shown].slice(0, MOST);
      byId('predictions').innerHTML = this.shown.join('');
    } catch (error) {
      this.say((error as Error).message);
    }
  }

  /** A small PNG of a picture; nothing of what is none. */
  private async small(name: string, file: Blob): Promise<Child> {
    const bitmap = await createImageBitmap(file).catch(() => undefined);
    return bitmap && picture(await this.png(bitmap, bitmap.width, bitmap.height), name);
  }

  private async png(source: CanvasImageSource, width: number, height: number): Promise<Uint8Array> {
    const factor = Math.min(1, SIDE / Math.max(width, height));
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * factor)), Math.max(1, Math.round(height * factor)));
    canvas.getContext('2d')!.drawImage(source, 0, 0, canvas.width, canvas.height);
    return new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
  }

  private async watch(): Promise<void> {
    const { video } = this;
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { width: 320, height: 240 } });
      video.srcObject = this.stream;
      await video.play();
    } catch (error) {
      this.stop();
      return this.say(`there is no camera: ${(error as Error).message}`);
    }
    byId('seen').hidden = false;
    this.camera.textContent = 'Camera off';
    while (this.stream !== undefined && !this.isBusy) {
      const frame = await this.png(video, video.videoWidth, video.videoHeight);
      const [guess] = await this.trainer
        .predict(this.run, [frame])
        .catch((error: Error): readonly Guess[] => [{ why: error.message, top: [] }]);
      byId('guess').innerHTML = join([wordsOf(guess!)]).markup;
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  private stop(): void {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = undefined;
    this.video.srcObject = null;
    byId('seen').hidden = true;
    this.camera.textContent = 'Camera';
  }
}
