import { assertNever } from '../../ir/types.js';
import type { Expression } from './expression.js';
import type { Renderer } from './render.js';

/** Whether the value ends in a multiplication, which a compiler may contract with an addition that follows. */
export function endsInProduct(value: Expression, renderer: Renderer): boolean {
  const { form } = value;
  switch (form.kind) {
    case 'number':
    case 'operand':
    case 'channel':
    case 'scalar':
    case 'constants':
    case 'element':
    case 'column':
    case 'of_row':
    case 'parameter':
    case 'polynomial':
      return false;
    case 'let':
      return endsInProduct(form.body, renderer);
    case 'named':
      return endsInProduct(form.value, renderer);
    case 'call':
      return endsInProduct(form.callee.result, renderer);
    case 'by_precision':
      return endsInProduct(renderer.doubles === undefined ? form.single : form.double, renderer);
    case 'apply':
      if (form.operation === 'mul') return true;
      if (form.operation !== 'select' && form.operation !== 'or_zero') return false;
      return renderer.transparent && form.args.slice(1).some((arg) => endsInProduct(arg, renderer));
    default:
      return assertNever(form);
  }
}

/**
 * Whether the value is always operand 0, or a small whole number, which every format holds: it needs no rounding where the formats agree.
 */
export function isOperandItself(value: Expression): boolean {
  const { form } = value;
  if (form.kind === 'let') return isOperandItself(form.body);
  if (form.kind === 'operand') return form.index === 0;
  if (form.kind === 'number') return Number.isInteger(form.value) && Math.abs(form.value) <= 8;
  return (
    form.kind === 'apply' && (form.operation === 'select' || form.operation === 'or_zero') && form.args.slice(1).every(isOperandItself)
  );
}
