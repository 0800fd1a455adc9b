import { note } from '../src/api/run-report/page.js';
import { byId } from './page.js';
import type { Remote } from './rpc.js';
import type { TrainFunctions } from './train-worker.js';

const TOOLS = ['test', 'gradients', 'save-run', 'save-weights', 'save-report'] as const;

function download(content: BlobPart, type: string, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([content], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** What is known of a run beyond its curves, in sections as reports have them, and its files to take away. */
export class ResultsView {
  /** The loss scale of the last step that was told. */
  scale: number | undefined;
  private run = '';
  private isBusy = false;

  constructor(
    private readonly trainer: Remote<TrainFunctions>,
    private readonly say: (text: string) => void,
  ) {
    const onClick = (id: (typeof TOOLS)[number], act: () => Promise<void>): void =>
      byId(id).addEventListener('click', () => void this.busily(act));
    onClick('test', () => this.test());
    onClick('gradients', () => this.measureGradients());
    onClick('save-run', async () => download((await trainer.archive(this.run)).slice(), 'application/zip', `${this.name}.zip`));
    onClick('save-weights', async () =>
      download((await trainer.weights(this.run)).slice(), 'application/octet-stream', `${this.name}.safetensors`),
    );
    onClick('save-report', async () => download(await trainer.report(this.run), 'text/html', `${this.name}.html`));
    this.of('');
  }

  private get name(): string {
    return `run-${this.run.split('/').at(-1)}`;
  }

  /** Which run it is about; an empty name: none. */
  of(run: string): void {
    if (run !== this.run) {
      this.scale = undefined;
      for (const id of ['test-result', 'gradients-result']) byId(id).replaceChildren();
    }
    this.run = run;
    byId('run-tools').hidden = run === '';
    this.setBusy(this.isBusy);
  }

  setBusy(isBusy: boolean): void {
    this.isBusy = isBusy;
    for (const id of TOOLS) byId<HTMLButtonElement>(id).disabled = isBusy;
  }

  /** Tests the run: the confusion matrix, classes, the worst mistakes. */
  test(): Promise<void> {
    return this.busily(async () => {
      byId('test-result').innerHTML = note('testing …').markup;
      byId('test-result').innerHTML = await this.trainer.test(this.run);
    });
  }

  /** Measures the gradients of a step: at the scale that was told last, or that runs begin with, unless another is asked for. */
  measureGradients(scale = this.scale): Promise<void> {
    return this.busily(async () => {
      byId('gradients-result').innerHTML = note('measuring …').markup;
      this.showGradients(await this.trainer.gradients(this.run, scale));
    });
  }

  showGradients(markup: string): void {
    byId('gradients-result').innerHTML = markup;
  }

  private async busily(act: () => Promise<void>): Promise<void> {
    const before = this.isBusy;
    this.setBusy(true);
    try {
      await act();
    } catch (error) {
      this.say((error as Error).message);
      for (const id of ['test-result', 'gradients-result']) if (byId(id).textContent?.endsWith(' …')) byId(id).replaceChildren();
    } finally {
      this.setBusy(before);
    }
  }
}
