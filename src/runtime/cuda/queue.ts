import type { UserError } from '../../diagnostics/diagnostic.js';
import { failureOf, isLost } from './failures.js';

/** Work on a device, one after the other in the order of the calls. When the device is lost, all later work fails as that did. */
export class DeviceQueue {
  #last: Promise<void> = Promise.resolve();
  #lost: UserError | undefined;
  #closed = false;

  get isClosed(): boolean {
    return this.#closed;
  }

  /** Behind all work, also on a device that is lost; refuses what comes later. */
  async close(work: () => Promise<void>): Promise<void> {
    this.#closed = true;
    await this.#last;
    await work();
  }

  /** The result of the work. Throws UserError AMP6035, AMP6037 or AMP6038 where the driver refused something. */
  enqueue<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new Error('the plan was disposed of'));
    const result = this.#last.then(async () => {
      if (this.#lost !== undefined) throw this.#lost;
      try {
        return await work();
      } catch (error) {
        const failure = failureOf(error);
        if (isLost(error)) this.#lost = failure as UserError;
        throw failure;
      }
    });
    this.#last = result.then(
      () => {},
      () => {},
    );
    return result;
  }
}
