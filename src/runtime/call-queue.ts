/** What is asked of a loaded plan, one after the other in the order of the calls; what fails holds up nothing behind it. */
export class CallQueue {
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  get isClosed(): boolean {
    return this.#closed;
  }

  /** The result of the work, which begins when all before it has ended. */
  enqueue<T>(work: () => Promise<T>): Promise<T> {
    return this.#closed ? Promise.reject(new Error('the plan was disposed of')) : this.#append(work);
  }

  /** The last work, behind all that was asked for; whatever comes later is refused. Closed already: nothing. */
  async close(work: () => Promise<void>): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#append(work);
  }

  #append<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.then(
      () => {},
      () => {},
    );
    return result;
  }
}
