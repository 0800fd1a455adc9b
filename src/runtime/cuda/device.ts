import { setImmediate, setTimeout } from 'node:timers/promises';
import koffi from 'koffi';
import { type CallName, type Calls, checked, DriverError, given, type Handle, RESULT } from './calls.js';
import type { OpenDriver } from './driver.js';

/** Memory of the host that the device copies from and to by itself. */
export interface Pinned {
  readonly address: Handle;
  readonly bytes: Uint8Array;
}

/** A copy that is larger goes in parts. */
const STAGING_BYTES = 8 << 20;

/** A stream that does not wait for the default one; events that keep no time; capture that other threads do not disturb. */
const NON_BLOCKING = 1;
const NO_TIMING = 2;
const RELAXED = 2;

/** How often the device is asked whether it is done before the host sleeps in between. */
const EAGER = 50;

/** Where a number of bytes behind an address is. */
export function behind(address: Handle, bytes: number): Handle {
  return typeof address === 'bigint' ? address + BigInt(bytes) : address + bytes;
}

/** One device with its context and one stream, on which everything is done in order. Calls throw DriverError where the driver refuses. */
export class Device {
  readonly #calls: Calls;
  readonly #device: Handle;
  readonly #stream: Handle;
  readonly #done: Handle;
  readonly #staging: Pinned;
  readonly #allocated = new Set<Handle>();
  /** Round trips so far in which the host waited for what the device has. */
  reads = 0;

  constructor(
    readonly driver: OpenDriver,
    readonly ordinal: number,
  ) {
    this.#calls = driver.calls;
    this.#device = this.given('deviceAt', ordinal);
    const context = this.given('retainContext', this.#device);
    try {
      this.call('useContext', context);
      this.#stream = this.given('createStream', NON_BLOCKING);
      this.#done = this.given('createEvent', NO_TIMING);
      this.#staging = this.pinned(STAGING_BYTES);
    } catch (error) {
      // With the context goes what was made in it.
      this.#calls.releaseContext(this.#device);
      throw error;
    }
  }

  /** Major and minor number without a point, such as 90. */
  get architecture(): number {
    return Number(this.driver.devices[this.ordinal]!.capability.replace('.', ''));
  }

  call(name: CallName, ...args: readonly unknown[]): void {
    checked(this.#calls, name, ...args);
  }

  given(name: CallName, ...args: readonly unknown[]): Handle {
    return given(this.#calls, name, ...args);
  }

  /** Gives something back: a device that is lost refuses, which no longer matters. */
  forget(name: 'destroyEvent' | 'destroyRun' | 'freeHost' | 'unloadModule', what: Handle): void {
    this.#calls[name](what);
  }

  free(address: Handle): void {
    if (this.#allocated.delete(address)) this.#calls.free(address);
  }

  get freeMemory(): number {
    const [free, total] = [[0], [0]];
    this.call('freeMemory', free, total);
    return Number(free[0]);
  }

  /** Memory on the device, zeroed. */
  allocate(bytes: number): Handle {
    const address = this.given('allocate', bytes);
    this.#allocated.add(address);
    this.call('fill', address, 0, bytes, this.#stream);
    return address;
  }

  pinned(bytes: number): Pinned {
    const address = this.given('allocateHost', bytes, 0);
    return { address, bytes: new Uint8Array(koffi.view(BigInt(address), bytes)) };
  }

  copyFrom(pinned: Pinned, bytes: number, to: Handle): void {
    this.call('upload', to, pinned.address, bytes, this.#stream);
  }

  /** Copies to the device; the host may change `data` as soon as it resolves. */
  async write(to: Handle, data: Uint8Array): Promise<void> {
    for (let at = 0; at < data.length; at += STAGING_BYTES) {
      const part = data.subarray(at, at + STAGING_BYTES);
      await this.settled();
      this.#staging.bytes.set(part);
      this.copyFrom(this.#staging, part.length, behind(to, at));
    }
    await this.settled();
  }

  async read(from: Handle, length: number): Promise<Uint8Array> {
    this.reads += 1;
    const data = new Uint8Array(length);
    for (let at = 0; at < length; at += STAGING_BYTES) {
      const bytes = Math.min(STAGING_BYTES, length - at);
      this.call('download', this.#staging.address, behind(from, at), bytes, this.#stream);
      await this.settled();
      data.set(this.#staging.bytes.subarray(0, bytes), at);
    }
    return data;
  }

  event(timed = false): Handle {
    return this.given('createEvent', timed ? 0 : NO_TIMING);
  }

  record(event: Handle): void {
    this.call('recordEvent', event, this.#stream);
  }

  /** Seconds between two events that the device has passed. */
  seconds(from: Handle, to: Handle): number {
    return Number(this.given('elapsed', from, to)) / 1000;
  }

  /** Waits until the device has passed an event, or all that was asked of it. Other work of the process goes on meanwhile. */
  async settled(event?: Handle): Promise<void> {
    if (event === undefined) this.record(this.#done);
    for (let tries = 0; ; tries += 1) {
      const code = this.#calls.queryEvent(event ?? this.#done);
      if (code === 0) return;
      if (code !== RESULT.notReady) throw new DriverError(this.#calls, 'queryEvent', code);
      await (tries < EAGER ? setImmediate() : setTimeout(1));
    }
  }

  launch(kernel: Handle, blocks: number, threads: number, parameters: BigUint64Array): void {
    this.call('launch', kernel, blocks, 1, 1, threads, 1, 1, 0, this.#stream, parameters, null);
  }

  /** What `issue` launches, as one graph: nothing runs yet. */
  capture(issue: () => void): Handle {
    this.call('beginCapture', this.#stream, RELAXED);
    try {
      issue();
    } catch (error) {
      this.#calls.endCapture(this.#stream, [0]);
      throw error;
    }
    const graph: [Handle] = [0];
    this.call('endCapture', this.#stream, graph);
    try {
      return this.given('instantiate', graph[0], 0);
    } finally {
      this.#calls.destroyGraph(graph[0]);
    }
  }

  run(graph: Handle): void {
    this.call('launchGraph', graph, this.#stream);
  }

  /** Gives back all memory of the device and what it has itself. */
  close(): void {
    for (const address of this.#allocated) this.#calls.free(address);
    this.#allocated.clear();
    this.#calls.destroyEvent(this.#done);
    this.#calls.freeHost(this.#staging.address);
    this.#calls.destroyStream(this.#stream);
    this.#calls.releaseContext(this.#device);
  }
}
