import { type UserError, userError } from '../../diagnostics/diagnostic.js';
import { breathe } from '../../platform/system.js';
import { CallQueue } from '../call-queue.js';
import { dawnSays } from './dawn-says.js';

/** Work on a device. A failure of the device ends what runs and all later work but closing it. */
export class DeviceQueue extends CallQueue {
  #failure: UserError | undefined;

  constructor(device: GPUDevice) {
    super();
    device.addEventListener('uncapturederror', (event) => this.#fail(event.error));
    void device.lost.then(({ message }) => {
      if (!this.isClosed) this.#failure ??= lostError(message);
    });
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** The result of the work. Throws UserError AMP6035, AMP6037 or AMP6038 when the device failed, now or before. */
  override enqueue<T>(work: () => Promise<T>): Promise<T> {
    return super.enqueue(async () => {
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
