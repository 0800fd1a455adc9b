import type { Stream } from './stream.js';

/** Gives the text for a terminal of so many columns. */
export type LiveText = (columns: number) => string;

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
/** From the start of the line to the end of the screen: what a narrower window has wrapped goes as well. */
const ERASE = '\r\u001b[J';

/** Milliseconds between two drawings. */
const INTERVAL = 100;

/**
 * The last line of a terminal, which changes while something runs. The cursor stays at its start, where a window that gets narrower
 * and wraps the line leaves it; all else is printed through `around`, above it.
 */
export class LiveLine {
  readonly #stream: Stream;
  #text: LiveText | undefined;
  #drawnAt = 0;
  readonly #draw = (): void => {
    if (this.#text === undefined) return;
    const columns = this.#stream.columns ?? 80;
    this.#drawnAt = Date.now();
    this.#stream.write(`${HIDE_CURSOR}${ERASE}${this.#text(columns).slice(0, columns - 1)}\r`);
  };
  readonly #leave = (): void => this.hide();

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** Draws the line, or remembers it where it was drawn only just now. */
  show(text: LiveText): void {
    const first = this.#text === undefined;
    this.#text = text;
    if (first) {
      this.#stream.on?.('resize', this.#draw);
      process.on('exit', this.#leave);
    }
    if (first || Date.now() - this.#drawnAt >= INTERVAL) this.#draw();
  }

  hide(): void {
    if (this.#text === undefined) return;
    this.#text = undefined;
    this.#stream.off?.('resize', this.#draw);
    process.off('exit', this.#leave);
    this.#stream.write(`${ERASE}${SHOW_CURSOR}`);
  }

  /** Runs `write`, which prints whole lines to the same terminal. */
  around(write: () => void): void {
    if (this.#text !== undefined) this.#stream.write(ERASE);
    write();
    this.#draw();
  }
}

/** `====----`: how much of `total` is done. */
export function progressBar(done: number, total: number, width: number): string {
  const full = total > 0 ? Math.round(Math.min(1, done / total) * width) : 0;
  return '='.repeat(full) + '-'.repeat(width - full);
}

/** `37%` */
export function progressShare(done: number, total: number): string {
  return `${total > 0 ? Math.floor(100 * Math.min(1, done / total)) : 0}%`;
}
