import type { FunctionLayout } from './layout.js';

const BLOCK: Readonly<Record<string, string>> = { states: 'IN_STATES', arena: 'IN_ARENA', inputs: 'IN_INPUTS' };

/** The C constant for a place such as `arena + 4096`; `work + 64` lies 64 bytes behind `work` in the arena. */
function placeConstant(place: string, work: number): string {
  const [block, offset] = place.split(' + ') as [string, string];
  const macro = block === 'work' ? 'IN_ARENA' : BLOCK[block];
  if (macro === undefined) throw new Error(`no block ${block}`);
  return `${macro}(${Number(offset) + (block === 'work' ? work : 0)})`;
}

/**
 * Where the buffers of all kernels are, as one constant table of the file. A context turns it into pointers once, so the step's code neither
 * builds tables on its stack nor grows with the plan.
 */
export class BufferTable {
  readonly #rows: string[] = [];
  readonly #single = new Map<string, number>();
  #length = 0;

  /** Adds the buffers of one kernel. `work`: where in the arena its workspace is. Returns the place of the first. */
  add(places: readonly string[], work: number, comment: string): number {
    const start = this.#length;
    this.#length += places.length;
    if (places.length > 0) this.#rows.push(`  ${places.map((place) => placeConstant(place, work)).join(', ')}, /* ${comment} */`);
    return start;
  }

  /** The place in the table of one buffer, which values that are read by themselves share. */
  single(place: string, comment: string): number {
    const known = this.#single.get(place);
    if (known !== undefined) return known;
    const index = this.add([place], 0, comment);
    this.#single.set(place, index);
    return index;
  }

  /** Pointers that a context holds. */
  get length(): number {
    return this.#length;
  }

  emit(): string {
    return ['static const int64_t places[PLACES] = {', ...(this.#length === 0 ? ['  IN_ARENA(0),'] : this.#rows), '};', ''].join('\n');
  }
}

/** The functions of a file by number, as one C function: `call_function`. */
export function callFunction(layouts: readonly FunctionLayout[]): string {
  return [
    'static int call_function(ampc_context *ctx, int function, char *inputs, double *outputs, int trace) {',
    '  place_buffers(ctx, places, inputs);',
    '  switch (function) {',
    ...layouts.map(({ name }, i) => `    case ${i}: return run_${name}(ctx, outputs, trace);`),
    '    default: return -1;',
    '  }',
    '}',
  ].join('\n');
}
