import { styleText } from 'node:util';
import { LiveLine, type LiveText } from './live-line.js';
import type { Stream } from './stream.js';

export { formatCount, formatDuration, formatLoss, formatMs, formatPercent } from '../numeric/readable.js';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Colours for a terminal, unless NO_COLOR says otherwise; FORCE_COLOR asks for them anywhere. */
export function wantsColor(stream: Stream, env: Readonly<Record<string, string | undefined>> = process.env): boolean {
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  if (env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '') return env.FORCE_COLOR !== '0';
  return stream.isTTY === true && env.TERM !== 'dumb';
}

/**
 * Where the command line prints. With `json`, stdout carries JSON lines only and what a person reads goes to stderr.
 * Nothing else in ampc prints.
 */
export class Output {
  readonly json: boolean;
  /** Whether results, warnings and errors are printed alone. */
  readonly quiet: boolean;
  readonly #stdout: Stream;
  readonly #stderr: Stream;
  readonly #live: LiveLine;

  constructor(json: boolean, stdout: Stream = process.stdout, stderr: Stream = process.stderr, quiet = false) {
    this.json = json;
    this.quiet = quiet;
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#live = new LiveLine(stderr);
  }

  /** The stream for what a person reads. */
  get human(): Stream {
    return this.json ? this.#stderr : this.#stdout;
  }

  /** Whether a progress bar makes sense: bars go to stderr. */
  get terminal(): boolean {
    return !this.quiet && this.#stderr.isTTY === true && process.env.TERM !== 'dumb';
  }

  /** What is going on, as the last line of the terminal; nothing where stderr is none. */
  progress(text: LiveText): void {
    if (this.terminal) this.#live.show(text);
  }

  endProgress(): void {
    this.#live.hide();
  }

  /** Prints above the line of progress where both are on a terminal. */
  #write(stream: Stream, text: string): void {
    if (stream.isTTY === true) this.#live.around(() => stream.write(text));
    else stream.write(text);
  }

  get color(): boolean {
    return wantsColor(this.human);
  }

  get errorColor(): boolean {
    return wantsColor(this.#stderr);
  }

  style(style: Style | readonly Style[], text: string): string {
    return this.color ? styleText([...[style].flat()], text, { validateStream: false }) : text;
  }

  /** One line for a person. */
  line(text = ''): void {
    this.#write(this.human, `${text}\n`);
  }

  /** One line for a person who wants to know how it goes. */
  info(text = ''): void {
    if (!this.quiet) this.line(text);
  }

  /** A message about a failure; always to stderr. */
  error(text: string): void {
    this.#write(this.#stderr, `${text}\n`);
  }

  /** What takes a while, for a person who waits; to stderr. */
  readonly notice = (text: string): void => {
    if (!this.quiet) this.error(text);
  };

  /** One JSON line on stdout; nothing without `--json`. */
  event(value: object): void {
    if (this.json) this.#write(this.#stdout, `${JSON.stringify(value)}\n`);
  }

  /** The command's product (a plan, a source text): stdout, byte for byte. */
  product(text: string): void {
    this.#write(this.#stdout, text);
  }

  /** A table with its columns aligned; numbers are expected to be formatted already and are set flush right. */
  table(header: readonly string[], rows: readonly (readonly string[])[]): void {
    const widths = header.map((title, column) => Math.max(...[title, ...rows.map((row) => row[column] ?? '')].map(displayWidth)));
    const right = header.map(
      (_, column) => rows.length > 0 && rows.every((row) => /^([-+]?[\d.,]+( ?[a-zA-Z%/]+)?|-|)$/.test(row[column] ?? '')),
    );
    const format = (row: readonly string[]) =>
      row
        .map((cell, column) => {
          const blank = ' '.repeat(widths[column]! - displayWidth(cell));
          return right[column] ? blank + cell : cell + blank;
        })
        .join('  ')
        .trimEnd();
    this.line(this.style('bold', format(header)));
    for (const row of rows) this.line(format(row));
  }
}

const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3001-\u303e\uff01-\uff60]/u;
const MARK = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** Columns of a terminal that a text takes: two for each wide character of East Asia and each emoji, none for marks above letters. */
export function displayWidth(text: string): number {
  if (!/[^ -~]/.test(text)) return text.length;
  return [...text].reduce((width, character) => width + (MARK.test(character) ? 0 : WIDE.test(character) ? 2 : 1), 0);
}
