/** The time that is left of all that there is. */
export class Deadline {
  readonly #end: number;

  constructor(minutes: number) {
    this.#end = performance.now() + minutes * 60_000;
  }

  get secondsLeft(): number {
    return Math.max(0, (this.#end - performance.now()) / 1000);
  }

  /** So many seconds, or those that are left; undefined where fewer than `least` are. */
  limit(seconds: number, least = 5): number | undefined {
    const left = this.secondsLeft;
    return left < least ? undefined : Math.min(seconds, left);
  }
}

export const NO_TIME = 'not run: the time was up';
