import { printNodeWith } from '../../ir/print.js';
import type { Group } from '../../plan/plan.js';
import type { Kernel, Launch, StepContext } from './kernel.js';
import { indent } from './text.js';

/** Parts of the file that can be compiled side by side, each with `-DAMPC_PART=n`; without the macro, the file is whole. */
export const PARTS = 4;

/** Plan lines that lead a kernel; the update of a deep network has thousands. */
const COMMENTED = 64;

/**
 * The kernels of a file: each has a name, a section with its code, and a function that runs it. The sections are dealt out to the parts of
 * the file.
 */
export class Sections {
  readonly #texts: string[] = [];
  readonly #declarations: string[] = [];
  readonly #used = new Set<string>();
  readonly #filled = new Array<number>(PARTS).fill(0);

  /** A name that no kernel has yet. */
  nameFor({ fn }: StepContext, group: Group): string {
    const plain = `k_${group.name}`;
    return this.#used.has(plain) ? `k_${fn.name}_${group.name}` : plain;
  }

  /** Adds the kernel of a name. Returns the function that runs it. */
  add(step: StepContext, group: Group, name: string, { code, launches }: Kernel): string {
    this.#used.add(name);
    const part = this.#filled.indexOf(Math.min(...this.#filled));
    this.#filled[part]! += code.length;
    const signature = `HIDDEN void ${name}_launch(ampc_context *ctx, void *const *p)`;
    this.#declarations.push(`${signature};`);
    this.#texts.push(
      [
        planComment(step, group),
        `#if IN_PART(${part})`,
        code,
        `${signature} {`,
        '  (void)ctx, (void)p;',
        ...indent(launches.map(launchStatement)),
        '}',
        '#endif',
        '',
      ].join('\n'),
    );
    return `${name}_launch`;
  }

  emit(): readonly string[] {
    return [...this.#declarations, '', ...this.#texts];
  }
}

function launchStatement({ name, tasks }: Launch): string {
  return tasks === undefined ? `${name}(p, 0);` : `parallel_for(ctx, ${name}, p, ${tasks});`;
}

function planComment({ fn, names }: StepContext, group: Group): string {
  const lines = group.nodes.slice(0, COMMENTED).map((id) => ` *   ${printNodeWith(fn.graph.nodes[id]!, names)}`.replaceAll('*/', '* /'));
  const more = group.nodes.length > COMMENTED ? [` *   and ${group.nodes.length - COMMENTED} more`] : [];
  return ['/*', ` * ${fn.name}: ${group.name} (${group.kind})`, ...lines, ...more, ' */'].join('\n');
}
