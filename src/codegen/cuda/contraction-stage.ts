import type { ValueId } from '../../ir/types.js';
import type { GroupContext } from '../gpu/context.js';
import { type Contraction, channelsPerTap } from '../gpu/contraction-geometry.js';
import { addressOfA, addressOfB, type Order } from '../gpu/contraction-operands.js';
import type { Kernel } from '../gpu/kernel.js';

/** Codes of 16 bits that are copied at once. */
export const GROUP = 8;

/** Whether groups of eight elements lie together in memory, on multiples of their size, and within one tap of the window. */
function areTogether(c: Contraction): { readonly a: boolean; readonly b: boolean } {
  const along = c.computes === 'w' ? c.inputs : channelsPerTap(c);
  const inB = c.computes === 'x' ? c.outputs : c.n;
  return { a: along % GROUP === 0, b: inB % GROUP === 0 };
}

/** Eight elements one by one, from the loader of an operand. */
function oneByOne(load: (j: string) => string): string[] {
  return [`for (u32 j = 0; j < ${GROUP}u; j++) { to[j] = ${load('j')}; }`];
}

/**
 * Functions `stage_a(m, k, k_end, to)` and `stage_b(k, n, k_end, to)`: eight elements of an operand to shared memory, zeros outside;
 * asynchronously, where they lie together in memory. In the operand's own order, along the sum or across it.
 */
export function emitStages(
  context: GroupContext,
  kernel: Kernel,
  c: Contraction,
  pooled: boolean,
  orders: { readonly a: Order; readonly b: Order },
): void {
  const together = areTogether(c);
  const head = (name: string, [first, second]: readonly [string, string], id: ValueId) => ({
    name,
    parameters: [
      [first, 'u32'],
      [second, 'u32'],
      ['k_end', 'u32'],
      ['to', `${context.storage(id)} *`],
    ] as const,
  });
  const copy = (id: ValueId, at: string, when: string) =>
    `copy_async(to, &${kernel.read(context.place(id), context.storage(id), at)}, ${when});`;
  const none = (id: ValueId, condition: string) => `if (${condition}) { ${copy(id, '0', 'false')} return; }`;
  const a = addressOfA(c, pooled);
  kernel.function(
    head('stage_a', ['m', 'k'], c.a),
    together.a
      ? [none(c.a, `m >= ${c.m}u || k >= k_end`), ...a.lines, copy(c.a, a.at, a.always ? 'true' : 'ok')]
      : oneByOne((j) => (orders.a === 'along' ? `load_a(m, k + ${j}, k_end)` : `load_a(m + ${j}, k, k_end)`)),
  );
  kernel.function(
    head('stage_b', ['k', 'n'], c.b),
    together.b
      ? [none(c.b, `n >= ${c.n}u || k >= k_end`), copy(c.b, addressOfB(c), 'true')]
      : oneByOne((j) => (orders.b === 'along' ? `load_b(k + ${j}, n, k_end)` : `load_b(k, n + ${j}, k_end)`)),
  );
}
