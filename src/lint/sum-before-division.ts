import { findConsumers } from '../ir/consumers.js';
import { elementCount, isLow, numberAttr } from '../ir/types.js';
import { hasShortRange, LIMITS } from '../numeric/formats.js';
import { formatNumber, type LintFinding, type LintInput, type LintRule } from './rule.js';

export const sumBeforeDivision: LintRule = {
  title: 'mean as a sum that overflows before it is divided',
  meaning: 'A sum is rounded to its format before what divides it; a mean is divided first.',
  check,
};

function check({ assigned }: LintInput): readonly LintFinding[] {
  if (assigned === undefined) return [];
  const consumers = findConsumers(assigned);
  return assigned.nodes.flatMap((node): LintFinding[] => {
    const { dtype, shape } = node.type;
    if (node.op !== 'sum' || !isLow(dtype) || !hasShortRange(dtype)) return [];
    const readers = consumers[node.id]!.map((id) => assigned.nodes[id]!);
    const isDivided = readers.some((reader) => reader.op === 'scale' && Math.abs(numberAttr(reader.attrs, 'factor')) < 1);
    if (!isDivided) return [];
    const count = elementCount(assigned.nodes[node.inputs[0]!]!.type.shape) / elementCount(shape);
    const { largest } = LIMITS[dtype];
    return [
      {
        message: `${node.layer} adds up ${formatNumber(count)} numbers in fp16 before they are divided`,
        why: `the sum is infinite where their mean is above ${formatNumber(largest / count)}: the largest fp16 is ${formatNumber(largest)}`,
        fix: 'write `mean`, which divides before it rounds',
        place: node.loc && { kind: 'layer', loc: node.loc },
      },
    ];
  });
}
