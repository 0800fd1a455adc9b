/** Ends a run so many seconds after it began to train; undefined: never. */
export class TimeLimit {
  readonly #controller = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly seconds: number | undefined) {}

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  start(): void {
    if (this.seconds === undefined) return;
    const reason = Object.assign(new Error('the time is over'), { name: 'AbortError' });
    this.#timer = setTimeout(() => this.#controller.abort(reason), 1000 * this.seconds);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}
