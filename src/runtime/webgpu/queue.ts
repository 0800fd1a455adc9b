import { type UserError, userError } from '../../diagnostics/diagnostic.js';
import { breathe } from '../../platform/system.js';
import { dawnSays } from './dawn-says.js';

/** Work on a device, one after the other in the order of the calls. A failure of the device ends what runs and all later work. */
export class DeviceQueue {
  #failure: UserError | undefined;
  #last: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(device: GPUDevice) {
    device.addEventListener('uncapturederror', (event) => this.#fail(event.error));
    void device.lost.then(({ message }) => {
      if (!this.#closed) this.#failure ??= lostError(message);
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Refuses all work behind that which runs; what the device says from now on is no failure. */
  close(): void {
    this.#closed = true;
  }

  /** The result of the work. Throws UserError AMP6035, AMP6037 or AMP6038 when the device failed, now or before. */
  enqueue<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(async () => {
      if (this.#closed) throw new Error('the plan was disposed of');
      if (this.#failure !== undefined) throw this.#failure;
      try {
        const value = await work();
        if (this.#failure !== undefined) throw this.#failure;
        return value;
      } catch (error) {
        // A map that fails because the device went away says so only in passing; the device's own word may come a turn later.
        if (this.#failure === undefined) await breathe();
        throw this.#failure ?? error;
      }
    });
    this.#last = result.then(
      () => {},
      () => {},
    );
    return result;
  }

  #fail(error: GPUError): void {
    const says = dawnSays(error.message);
    const isMemory = error instanceof GPUOutOfMemoryError;
    this.#failure ??= isMemory
      ? userError('AMP6035', 'the GPU ran out of memory', says, 'use a smaller batch, or close other programs that use the GPU')
      : userError('AMP6037', 'the GPU refused a command', says, 'this is a bug in ampc or in the driver: report it');
  }
}

function lostError(message: string): UserError {
  return userError(
    'AMP6038',
    'the GPU was lost',
    dawnSays(message),
    'its driver was reset or removed; run again with --resume to go on from the last checkpoint',
  );
}
