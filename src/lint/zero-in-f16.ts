import { isLow, type Node, numberAttr } from '../ir/types.js';
import { hasShortRange, LIMITS } from '../numeric/formats.js';
import { boundsOf } from './bounds.js';
import { type LintFinding, type LintInput, type LintRule, sourceOf } from './rule.js';

export const zeroInF16: LintRule = {
  title: 'root, logarithm or quotient at 0 in fp16',
  meaning: 'What is small is 0 in fp16, where their gradients are infinite.',
  check,
};

const SMALLEST = LIMITS.f16.smallestSubnormal.toExponential(0);

/** The operand at whose zeros an op, or its gradient, is infinite, and how the op is spoken of. */
function singular({ op, attrs }: Node): { readonly operand: number; readonly what: string } | undefined {
  if (op === 'sqrt') return { operand: 0, what: 'takes the root of' };
  if (op === 'log') return { operand: 0, what: 'takes the logarithm of' };
  if (op === 'div') return { operand: 1, what: 'divides by' };
  if (op !== 'pow') return undefined;
  const exponent = numberAttr(attrs, 'exponent');
  return exponent < 1 && exponent !== 0 ? { operand: 0, what: `takes the power of ${exponent} of` } : undefined;
}

function check({ assigned }: LintInput): readonly LintFinding[] {
  if (assigned === undefined) return [];
  const bounds = boundsOf(assigned);
  return assigned.nodes.flatMap((node): LintFinding[] => {
    const found = singular(node);
    if (found === undefined) return [];
    const source = sourceOf(assigned, assigned.nodes[node.inputs[found.operand]!]!);
    const { dtype } = source.type;
    const { low, high } = bounds[source.id]!;
    if (!isLow(dtype) || !hasShortRange(dtype) || low > 0 || high < 0) return [];
    return [
      {
        message: `${node.layer} ${found.what} fp16 numbers that may be 0`,
        why: `below ${SMALLEST} they are 0, where ${node.op === 'sqrt' ? 'its gradient is' : 'it and its gradient are'} infinite`,
        fix: `add to ${source.layer} what fp16 holds, such as 1e-4, take its \`maximum(1e-4)\`, or \`keep ${source.layer} in fp32\``,
        place: node.loc && { kind: 'layer', loc: node.loc },
      },
    ];
  });
}
