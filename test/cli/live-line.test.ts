import assert from 'node:assert/strict';
import { Output } from '../../src/cli/output.js';
import { TrainReport } from '../../src/cli/train-report.js';

/** What a terminal shows: lines that wrap at its width, whose cursor can return, and erase from where it is. */
class Screen {
  readonly isTTY = true;
  columns: number;
  /** Logical lines; the window shows each on as many rows as it needs. */
  #lines = [''];
  #at = 0;
  #listeners: (() => void)[] = [];

  constructor(columns: number) {
    this.columns = columns;
  }

  write(text: string): boolean {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: what a terminal is sent.
    for (const [part] of text.matchAll(/\u001b\[\??\d*[a-zA-Z]|[\s\S]/g)) {
      const last = this.#lines.length - 1;
      const line = this.#lines[last]!;
      if (part === '\n') this.#lines.push('');
      if (part === '\n' || part === '\r') this.#at = 0;
      else if (part === '\u001b[J' || part === '\u001b[K') this.#lines[last] = line.slice(0, this.#at);
      else if (!part.startsWith('\u001b')) {
        this.#lines[last] = line.slice(0, this.#at).padEnd(this.#at) + part + line.slice(this.#at + 1);
        this.#at += 1;
      }
    }
    return true;
  }

  on(_: 'resize', listener: () => void): void {
    this.#listeners.push(listener);
  }

  off(_: 'resize', listener: () => void): void {
    this.#listeners = this.#listeners.filter((other) => other !== listener);
  }

  resize(columns: number): void {
    this.columns = columns;
    for (const listener of this.#listeners) listener();
  }

  get lines(): readonly string[] {
    return this.#lines;
  }
}

const PROGRESS = {
  phase: 'train',
  epoch: 1,
  epochs: 2,
  done: 50,
  total: 100,
  step: 50,
  loss: 1.5,
  accuracy: 0.5,
  leftOut: 0,
  lossScale: 1,
  skipped: 0,
  imagesPerSecond: 100,
  dataShare: 0,
  secondsLeft: undefined,
} as const;

describe('the line of progress', () => {
  it('stays below what is printed, and leaves nothing behind', () => {
    const screen = new Screen(100);
    const output = new Output(false, screen, screen);
    const report = new TrainReport(output);
    report.onProgress(PROGRESS);
    assert.match(screen.lines.at(-1)!, /^epoch 1\/2 =+-+ 50% {2}loss 1\.5000 /);
    screen.write('^C');
    output.error('finishing the step and saving');
    report.onProgress({ ...PROGRESS, done: 60 });
    assert.equal(screen.lines.at(-2), 'finishing the step and saving');
    report.finish();
    output.line('interrupted after step 60; continue with: ampc train net.amp --resume runs/net-1');
    report.stop();
    assert.deepEqual(screen.lines, [
      'finishing the step and saving',
      'interrupted after step 60; continue with: ampc train net.amp --resume runs/net-1',
      '',
    ]);
  });

  it('keeps JSON lines whole', () => {
    const screen = new Screen(100);
    const output = new Output(true, screen, screen);
    const report = new TrainReport(output);
    report.onProgress(PROGRESS);
    output.event({ event: 'a' });
    report.onProgress({ ...PROGRESS, done: 70 });
    output.event({ event: 'b' });
    report.stop();
    assert.deepEqual(screen.lines, ['{"event":"a"}', '{"event":"b"}', '']);
  });

  it('fits the window anew when that changes', () => {
    const screen = new Screen(120);
    const report = new TrainReport(new Output(false, screen, screen));
    report.onProgress(PROGRESS);
    for (const columns of [60, 30, 10, 90]) {
      screen.resize(columns);
      assert.equal(screen.lines.length, 1);
      assert.ok(screen.lines[0]!.length < columns, `${columns}: ${screen.lines[0]}`);
    }
    report.stop();
    assert.deepEqual(screen.lines, ['']);
  });

  it('touches no stream that is no terminal', () => {
    const written: string[] = [];
    const screen = new Screen(80);
    const output = new Output(true, { write: (text) => written.push(text) }, screen);
    output.progress(() => 'working');
    output.event({ event: 'a' });
    output.endProgress();
    assert.deepEqual(written, ['{"event":"a"}\n']);
  });
});
