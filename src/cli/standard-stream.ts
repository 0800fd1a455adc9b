import type { Stream } from './stream.js';

/** Codes of a pipe whose reader is gone. */
const READER_GONE = new Set(['EPIPE', 'ECONNRESET', 'ENOTCONN']);

/**
 * Stdout or stderr. Once it cannot be written to any more it swallows everything: the command goes on. A reader that goes away, and a
 * terminal that was closed, are no failure; anything else (a full disk) is, and is reported once.
 */
export class StandardStream implements Stream {
  #isBroken = false;

  constructor(
    private readonly stream: NodeJS.WriteStream,
    onFailure: (error: Error) => void,
  ) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (this.#isBroken) return;
      this.#isBroken = true;
      const isGone = READER_GONE.has(error.code ?? '') || (error.code === 'EIO' && stream.isTTY);
      if (!isGone) onFailure(error);
    });
  }

  get isTTY(): boolean {
    return !this.#isBroken && this.stream.isTTY;
  }

  get columns(): number {
    return this.stream.columns;
  }

  write(text: string): void {
    if (!this.#isBroken) this.stream.write(text);
  }
}
