import { userError } from '../diagnostics/diagnostic.js';
import type { Attr, Node } from '../ir/types.js';
import type { AttributeTable } from '../ops/kernel-attributes.js';
import type { Plan } from '../plan/plan.js';

function isAmong(value: Attr, known: readonly Attr[]): boolean {
  const text = JSON.stringify(value);
  return known.some((one) => JSON.stringify(one) === text);
}

function refuse(backend: string, { op, layer }: Node, what: string, known: readonly string[]): never {
  throw userError(
    'AMP6011',
    `the ${backend} backend does not implement ${what} of ${op}${layer === '' ? '' : ` (${layer})`}`,
    `its kernel knows ${known.length === 0 ? 'none' : known.join(', ')}`,
    'choose another --backend',
  );
}

/**
 * Refuses a plan with an attribute, or a value of one, that a backend's kernels do not implement: they would compute something else. Throws
 * UserError AMP6011 with the op, the attribute and the backend's name.
 */
export function checkAttributes({ functions }: Plan, backend: string, table: AttributeTable): void {
  for (const { graph } of functions) {
    for (const node of graph.nodes) {
      const implemented = table[node.op];
      for (const [name, value] of Object.entries(node.attrs)) {
        const values = Object.hasOwn(implemented, name) ? implemented[name]! : [];
        if (values === 'any' || isAmong(value, values)) continue;
        if (values.length === 0) refuse(backend, node, `attribute ${name}`, Object.keys(implemented));
        refuse(backend, node, `${name}=${JSON.stringify(value)}`, values.map(String));
      }
    }
  }
}
