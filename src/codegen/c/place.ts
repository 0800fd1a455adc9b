/** The blocks of a context, and `work`: what one kernel needs for itself, wherever in the arena that is. */
export type Block = 'states' | 'arena' | 'inputs' | 'work';

/** An address: so many bytes behind the start of a block. */
export interface BlockPlace<B extends Block = Block> {
  readonly block: B;
  readonly offset: number;
  /** Equal for equal places. */
  readonly key: string;
}

/** Where kernels that cannot write a constant into their code find it: `count` times the number `value`, in f32. */
export interface ConstantPlace {
  readonly block: 'constant';
  readonly count: number;
  readonly value: number;
  readonly key: string;
}

/** The numbers of a kernel that shares its code with others: where they start among all of the file. */
export interface NumbersPlace {
  readonly block: 'numbers';
  readonly start: number;
  readonly key: string;
}

export type Place = BlockPlace | ConstantPlace | NumbersPlace;

export function blockPlace<B extends Block>(block: B, offset: number): BlockPlace<B> {
  return { block, offset, key: `${block} ${offset}` };
}

export function constantPlace(count: number, value: number): ConstantPlace {
  return { block: 'constant', count, value, key: `constant ${count} ${value}` };
}

export function numbersPlace(start: number): NumbersPlace {
  return { block: 'numbers', start, key: `numbers ${start}` };
}
