import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import type { UserError } from '../../src/diagnostics/diagnostic.js';
import type { Outcome } from '../../src/training/data/decode-jobs.js';
import { EpochOrder } from '../../src/training/data/epoch-order.js';
import { PictureSupply } from '../../src/training/data/picture-supply.js';

const BYTES = 8;

/** Pictures whose bytes are their number; they come in any order, after some turns of the event loop. */
class Shelf {
  readonly bytes = BYTES;
  readonly isSequential = false;
  readonly isCached = true;
  loads = 0;
  readonly rejected: number[] = [];

  constructor(
    private readonly broken: ReadonlyMap<number, Outcome> = new Map(),
    private readonly turns: () => number = () => 0,
  ) {}

  load = async (requests: readonly { readonly index: number; readonly place?: number }[], memory: SharedArrayBuffer) => {
    for (let turns = this.turns(); turns > 0; turns--) await sleep(0);
    const all = new Uint8Array(memory);
    return requests.map(({ index, place = 0 }): Outcome => {
      this.loads++;
      const outcome = this.broken.get(index);
      if (outcome !== undefined) return outcome;
      all.fill(index, place * BYTES, (place + 1) * BYTES);
      return 'loaded';
    });
  };
  fileOf = (index: number): string => `/pictures/${index}.png`;
  reject = async (index: number): Promise<void> => void this.rejected.push(index);
}

const none = () => new Uint32Array(0);
const isHeld = (supply: PictureSupply, number: number): boolean =>
  supply.images.subarray(supply.placeOf(number) * BYTES, (supply.placeOf(number) + 1) * BYTES).every((byte) => byte === number);

describe('pictures that come as they are needed', () => {
  it('are there when they are held, whatever was read ahead, in a whole set and in a ring', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          count: fc.integer({ min: 1, max: 120 }),
          ring: fc.integer({ min: 1, max: 60 }),
          isWhole: fc.boolean(),
          turns: fc.array(fc.nat(3), { minLength: 1, maxLength: 7 }),
          /** Where the next batch begins: behind the last one, or anywhere. */
          jumps: fc.array(fc.option(fc.nat(119), { freq: 4 }), { maxLength: 25 }),
          batch: fc.integer({ min: 1, max: 9 }),
        }),
        async ({ count, ring, isWhole, turns, jumps, batch }) => {
          let turn = 0;
          const shelf = new Shelf(new Map(), () => turns[turn++ % turns.length]!);
          const indices = Uint32Array.from({ length: count }, (_, number) => number);
          const supply = new PictureSupply(shelf, indices, { whole: isWhole ? count * BYTES : 0, ring: ring * BYTES });
          const order = new EpochOrder(count, 3);
          const size = Math.min(batch, count);
          let at = 0;
          let epoch = 0;
          for (const jump of jumps) {
            if (jump === null) at += size;
            else at = jump % count;
            if (at + size > count) [at, epoch] = [0, epoch + 1];
            const numbers = order.of(epoch).slice(at, at + size);
            await supply.hold(numbers, (most) => order.from(epoch, at + size, most));
            for (const number of numbers) assert.ok(isHeld(supply, number), `${number} of ${count}`);
            // What is read ahead meanwhile overwrites none of them.
            await sleep(0);
            for (const number of numbers) assert.ok(isHeld(supply, number), `${number} of ${count}, later`);
          }
          if (isWhole) assert.ok(shelf.loads <= count, `${shelf.loads} loads of ${count}`);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('are read ahead once each where they come in their order, and not waited for', async () => {
    const count = 200;
    const shelf = new Shelf();
    const supply = new PictureSupply(
      shelf,
      Uint32Array.from({ length: count }, (_, number) => number),
      { whole: 0, ring: 64 * BYTES },
    );
    assert.equal(supply.room, 32);
    const order = new EpochOrder(count, 1);
    let waits = 0;
    for (let at = 0; at < count; at += 10) {
      const held = supply.hold(order.of(0).slice(at, at + 10), (most) => order.from(0, at + 10, most));
      if (held !== undefined) waits++;
      await held;
      await sleep(1);
    }
    assert.equal(waits, 1);
    assert.ok(shelf.loads <= count + 64, `${shelf.loads} loads`);
  });

  it('end a run only where one is needed that is broken or changed', async () => {
    const broken = new Map<number, Outcome>([
      [5, { why: 'it is cut short' }],
      [6, 'changed'],
    ]);
    const shelf = new Shelf(broken);
    const supply = new PictureSupply(
      shelf,
      Uint32Array.from({ length: 10 }, (_, number) => number),
    );
    const hold = (...numbers: readonly number[]) => supply.hold(Uint32Array.from(numbers), () => Uint32Array.from([4, 5, 6, 7]));
    await hold(0, 1);
    await sleep(1);
    assert.equal(await hold(4, 7), undefined);
    for (const [number, code, message] of [
      [5, 'AMP7018', /\/pictures\/5\.png turned out to be no whole picture/],
      [6, 'AMP7019', /\/pictures\/6\.png changed while it was read/],
    ] as const)
      await assert.rejects(
        async () => hold(number, 8),
        (error: UserError) => error.diagnostics[0]!.code === code && message.test(error.diagnostics[0]!.message),
      );
    assert.deepEqual(shelf.rejected, [5]);
    await hold(8, 9);
  });

  it('have more room where more are held at once', async () => {
    const supply = new PictureSupply(
      new Shelf(),
      Uint32Array.from({ length: 50 }, (_, number) => number),
      { whole: 0, ring: BYTES },
    );
    await supply.hold(Uint32Array.of(1, 2), () => Uint32Array.of(3, 4, 5));
    assert.equal(supply.room, 4);
    const many = Uint32Array.from({ length: 9 }, (_, number) => number);
    await supply.hold(many, none);
    assert.equal(supply.room, 18);
    for (const number of many) assert.ok(isHeld(supply, number));
  });
});
