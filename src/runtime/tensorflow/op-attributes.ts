import type { Shape } from '../../ir/types.js';
import type { OpAttr } from './binding.js';

/** TF_AttrType of the C API. */
const [STRING, INT, FLOAT, BOOL, TYPE, SHAPE] = [0, 1, 2, 3, 4, 5] as const;

export const text = (name: string, value: string): OpAttr => ({ name, type: STRING, value });
export const ints = (name: string, value: number | readonly number[]): OpAttr => ({ name, type: INT, value });
export const float = (name: string, value: number): OpAttr => ({ name, type: FLOAT, value });
export const flag = (name: string, value: boolean): OpAttr => ({ name, type: BOOL, value });
export const type = (name: string, value: number): OpAttr => ({ name, type: TYPE, value });
export const shapeAttr = (name: string, value: Shape): OpAttr => ({ name, type: SHAPE, value });
