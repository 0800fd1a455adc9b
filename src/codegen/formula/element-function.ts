import { parameter } from './build.js';
import type { F32, FormulaFunction } from './expression.js';

/** The element that a function of one number is called with. */
export const x = parameter('x', 'f32', 'element');

/** A function of one number; `doc` becomes a comment of the generated code. */
export function ofElement(name: string, result: F32, doc?: string): FormulaFunction<'f32'> {
  return { name, parameters: [x], result, ...(doc !== undefined && { doc }) };
}
