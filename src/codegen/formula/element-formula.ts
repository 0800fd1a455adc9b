import type { Node } from '../../ir/types.js';
import { numberAttr } from '../../ir/types.js';
import { computed, letIn, operand } from './build.js';
import type { F32 } from './expression.js';

/** The f32 result, before it is rounded to the node's format. */
export type ElementFormula = (node: Node) => F32;

export const attribute = (node: Node, name: string): F32 => computed(numberAttr(node.attrs, name));

const [first, second] = [operand(0), operand(1)];

/** Formulas of an operand and of two, which are read in their order. */
export const unary =
  (formula: (x: F32, node: Node) => F32): ElementFormula =>
  (node) =>
    formula(first, node);
export const binary =
  (formula: (a: F32, b: F32, node: Node) => F32): ElementFormula =>
  (node) =>
    letIn([first, second], formula(first, second, node));
