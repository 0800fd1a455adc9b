import type { FunctionLayout } from './layout.js';
import type { ConstantPlace, Place } from './place.js';
import { floatLiteral, indent } from './text.js';

/** Constants that kernels read from memory, in a block of the file. */
class Constants {
  readonly #places = new Map<string, ConstantPlace & { readonly offset: number }>();
  #bytes = 0;

  /** Where in the block a constant is. */
  offset(place: ConstantPlace): number {
    const known = this.#places.get(place.key);
    if (known !== undefined) return known.offset;
    const offset = this.#bytes;
    this.#places.set(place.key, { ...place, offset });
    this.#bytes += Math.ceil((place.count * 4) / 64) * 64;
    return offset;
  }

  /** The block, and the statements that fill it in. */
  emit(): { readonly block: string; readonly fill: readonly string[] } {
    const fill = [...this.#places.values()].map(
      ({ count, value, offset }) => `for (int64_t i = 0; i < ${count}; i++) constants[${offset / 4} + i] = ${floatLiteral(value)};`,
    );
    return { block: `static _Alignas(64) float constants[${Math.max(16, this.#bytes / 4)}];`, fill };
  }
}

/**
 * Where the buffers of all kernels are, as one constant table of the file. A context turns it into pointers once, so the step's code
 * neither builds tables on its stack nor grows with the plan.
 */
export class BufferTable {
  readonly #rows: string[] = [];
  readonly #single = new Map<string, number>();
  readonly #constants = new Constants();
  #length = 0;

  /** Adds the buffers of one kernel. `work`: where in the arena its workspace is. Returns the place of the first. */
  add(places: readonly Place[], work: number, comment: string): number {
    const start = this.#length;
    this.#length += places.length;
    if (places.length > 0) this.#rows.push(`  ${places.map((place) => this.#placeOf(place, work)).join(', ')}, /* ${comment} */`);
    return start;
  }

  /** The place in the table of one buffer, which values that are read by themselves share. */
  single(place: Place, comment: string): number {
    const known = this.#single.get(place.key);
    if (known !== undefined) return known;
    const index = this.add([place], 0, comment);
    this.#single.set(place.key, index);
    return index;
  }

  /** Pointers that a context holds. */
  get length(): number {
    return this.#length;
  }

  /** The table, and the function that fills a context's buffers for its inputs. */
  emit(): string {
    const { block, fill } = this.#constants.emit();
    return [
      block,
      'static const int64_t places[PLACES] = {',
      ...(this.#length === 0 ? ['  IN_ARENA(0),'] : this.#rows),
      '};',
      '',
      'static void prepare(ampc_context *ctx, char *inputs) {',
      ...indent(fill.length === 0 ? [] : ['if (!ctx->placed) {', ...indent(fill), '}']),
      '  place_buffers(ctx, places, inputs, (char *)constants, (char *)numbers);',
      '}',
      '',
    ].join('\n');
  }

  /** The C constant for a place; the kernel's workspace starts `work` bytes into the arena. */
  #placeOf(place: Place, work: number): string {
    switch (place.block) {
      case 'constant':
        return `IN_CONSTANTS(${this.#constants.offset(place)})`;
      case 'numbers':
        return `IN_NUMBERS(${place.start})`;
      case 'work':
        return `IN_ARENA(${place.offset + work})`;
      case 'arena':
        return `IN_ARENA(${place.offset})`;
      case 'states':
        return `IN_STATES(${place.offset})`;
      case 'inputs':
        return `IN_INPUTS(${place.offset})`;
    }
  }
}

/** The functions of a file by number, as one C function: `call_function`. */
export function callFunction(layouts: readonly FunctionLayout[]): string {
  return [
    'static int call_function(ampc_context *ctx, int function, char *inputs, double *outputs, int trace) {',
    '  prepare(ctx, inputs);',
    '  switch (function) {',
    ...layouts.map(({ name }, i) => `    case ${i}: return run_${name}(ctx, outputs, trace);`),
    '    default: return -1;',
    '  }',
    '}',
  ].join('\n');
}
