import type { UserError } from '../../diagnostics/diagnostic.js';
import { CallQueue } from '../call-queue.js';
import { failureOf, isLost } from './failures.js';

/** Work on a device. When the device is lost, all later work fails as that did; closing it does not. */
export class DeviceQueue extends CallQueue {
  #lost: UserError | undefined;

  /** The result of the work. Throws UserError AMP6035, AMP6037 or AMP6038 where the driver refused something. */
  override enqueue<T>(work: () => Promise<T>): Promise<T> {
    return super.enqueue(async () => {
      if (this.#lost !== undefined) throw this.#lost;
      try {
        return await work();
      } catch (error) {
        const failure = failureOf(error);
        if (isLost(error)) this.#lost = failure as UserError;
        throw failure;
      }
    });
  }
}
