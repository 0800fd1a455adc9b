import { isCast } from '../ir/structure.js';
import { isLow, type Node, numberAttr } from '../ir/types.js';
import { hasShortRange, LIMITS } from '../numeric/formats.js';
import { boundsOf } from './bounds.js';
import { formatNumber, type LintFinding, type LintInput, type LintRule, sourceOf } from './rule.js';

const LARGEST = LIMITS.f16.largest;

export const beyondF16: LintRule = {
  title: 'exponential or power beyond fp16',
  meaning: `It is computed in fp32, and rounded to fp16 for what reads it: nothing keeps it below ${formatNumber(LARGEST)}.`,
  check,
};

interface Growth {
  readonly what: string;
  /** Of which operands it is too large, and what keeps them from that. */
  readonly limit: string;
  readonly bound: string;
}

/** Undefined for other ops, and for squares, which few networks overflow. */
function growthOf({ op, attrs }: Node): Growth | undefined {
  const of = (what: string, limit: number): Growth => ({
    what,
    limit: `of more than ${limit.toFixed(2)}`,
    bound: `minimum(${Math.floor(limit)})`,
  });
  if (op === 'exp') return of('the exponential', Math.log(LARGEST));
  if (op !== 'pow') return undefined;
  const exponent = numberAttr(attrs, 'exponent');
  if (exponent > 2) return of(`the power of ${exponent}`, LARGEST ** (1 / exponent));
  return exponent < 0 ? { what: `the power of ${exponent}`, limit: 'of what comes near 0', bound: 'maximum(0.01)' } : undefined;
}

function check({ assigned }: LintInput): readonly LintFinding[] {
  if (assigned === undefined) return [];
  const bounds = boundsOf(assigned);
  const found = new Map<Node, LintFinding>();
  for (const node of assigned.nodes) {
    const { dtype } = node.type;
    if (!isCast(node) || !isLow(dtype) || !hasShortRange(dtype)) continue;
    const source = sourceOf(assigned, node);
    const growth = growthOf(source);
    const { high } = bounds[source.id]!;
    if (growth === undefined || high <= LARGEST) continue;
    const { what, limit, bound } = growth;
    const reads = node.layer === source.layer ? 'rounded' : `read by ${node.layer} in fp16, and so rounded`;
    found.set(source, {
      message: `${source.layer} is ${reads} to fp16, which may be infinite`,
      why: `${what} ${limit} is above ${formatNumber(LARGEST)}, the largest fp16, and nothing bounds what it is taken of`,
      fix: `bound that before, such as with \`${bound}\`, or \`keep ${node.layer} in fp32\``,
      place: source.loc && { kind: 'layer', loc: source.loc },
    });
  }
  return [...found.values()];
}
