import { printNodeWith } from '../../ir/print.js';
import type { Group } from '../../plan/plan.js';
import { type Form, formOf, SELF } from './form.js';
import type { Kernel, Launch, StepContext } from './kernel.js';
import { numbersPlace, type Place } from './place.js';
import { canShare, shareCode } from './shared-code.js';
import { indent } from './text.js';

/** Parts of the file that can be compiled side by side, each with `-DAMPC_PART=n`; without the macro, the file is whole. */
export const PARTS = 4;

/** Plan lines that lead a kernel; the update of a deep network has thousands. */
const COMMENTED = 64;

/**
 * So many kernels whose code differs in numbers alone share it: a network that is that deep waits for the compiler, not for a few
 * additions.
 */
const MANY = 8;

/** What runs a kernel: known when all kernels of the file are. */
export interface KernelCode {
  readonly run: string;
  /** Behind its buffers; undefined where its numbers are in its code. */
  readonly numbers: Place | undefined;
}

/** The kernels of equal code, named after the first of them. */
class Section implements KernelCode {
  run = '';
  numbers: Place | undefined;
  readonly form: Form;

  constructor(
    readonly code: string,
    /** Its functions that are called with its buffers, of which there are so many. */
    readonly entries: ReadonlySet<string>,
    readonly buffers: number,
    readonly step: StepContext,
    readonly group: Group,
  ) {
    this.form = formOf(code);
  }
}

/**
 * The kernels of a file: each has a name, a section with its code, and a function that runs it. Kernels whose code is equal are one, and
 * many whose code differs in numbers alone share it. The sections are dealt out to the parts of the file.
 */
export class Sections {
  readonly #sections = new Map<string, Section>();
  readonly #texts: string[] = [];
  readonly #declarations: string[] = [];
  readonly #used = new Set<string>();
  readonly #filled = new Array<number>(PARTS).fill(0);
  readonly #numbers: string[] = [];
  #length = 0;

  /** Adds the kernel of a group, whose code has SELF for its name. `buffers`: the length of its table. */
  add(step: StepContext, group: Group, { code, launches }: Kernel, buffers: number): KernelCode {
    const whole = [code, launchFunction(launches)].join('\n');
    const known = this.#sections.get(whole);
    if (known !== undefined) return known;
    const section = new Section(whole, new Set([...launches.map(({ name }) => name), `${SELF}_launch`]), buffers, step, group);
    this.#sections.set(whole, section);
    return section;
  }

  /** Gives all kernels their code; to be called when all are added. */
  close(): void {
    const forms = new Map<string, Section[]>();
    for (const section of this.#sections.values()) {
      if (!canShare(section.code, section.entries)) continue;
      const key = `${section.buffers}\n${section.form.key}`;
      const alike = forms.get(key);
      if (alike === undefined) forms.set(key, [section]);
      else alike.push(section);
    }
    const shared = new Map(
      [...forms.values()].filter((alike) => alike.length >= MANY).flatMap((alike) => alike.map((one) => [one, alike])),
    );
    for (const section of this.#sections.values()) {
      const alike = shared.get(section);
      if (alike === undefined) this.#place(section.code, [section]);
      else if (alike[0] === section) this.#share(alike);
    }
  }

  #share(alike: readonly Section[]): void {
    const [{ entries, buffers }] = alike as readonly [Section];
    const forms = alike.map(({ form }) => form);
    const { code, numbers } = shareCode(forms, entries, buffers);
    this.#place(code, alike);
    for (const [i, section] of alike.entries()) {
      section.numbers = numbersPlace(this.#length);
      this.#numbers.push(`  ${numbers[i]!.join(', ')}, /* ${section.group.name} */`);
      this.#length += numbers[i]!.length;
    }
  }

  /** Writes the code of kernels that share it. */
  #place(code: string, sections: readonly Section[]): void {
    const [{ step, group }] = sections as readonly [Section];
    const name = this.#nameFor(step, group);
    const text = code.replaceAll(SELF, name);
    const part = this.#filled.indexOf(Math.min(...this.#filled));
    this.#filled[part]! += text.length;
    this.#declarations.push(`HIDDEN void ${name}_launch(ampc_context *ctx, void *const *p);`);
    this.#texts.push([planComment(step, group, sections.length - 1), `#if IN_PART(${part})`, text, '#endif', ''].join('\n'));
    for (const section of sections) section.run = `${name}_launch`;
  }

  /** A name that no kernel has yet. */
  #nameFor({ fn }: StepContext, group: Group): string {
    const plain = `k_${group.name}`;
    const name = this.#used.has(plain) ? `k_${fn.name}_${group.name}` : plain;
    this.#used.add(name);
    return name;
  }

  emit(): readonly string[] {
    return [...this.#declarations, '', ...this.#texts];
  }

  /** The numbers of all kernels that share their code. */
  emitNumbers(): string {
    return ['static const int numbers[] = {', ...(this.#length === 0 ? ['  0,'] : this.#numbers), '};', ''].join('\n');
  }
}

function launchFunction(launches: readonly Launch[]): string {
  return [
    `HIDDEN void ${SELF}_launch(ampc_context *ctx, void *const *p) {`,
    '  (void)ctx, (void)p;',
    ...indent(launches.map(launchStatement)),
    '}',
  ].join('\n');
}

function launchStatement({ name, tasks }: Launch): string {
  return tasks === undefined ? `${name}(p, 0);` : `parallel_for(ctx, ${name}, p, ${tasks});`;
}

function planComment({ fn, names }: StepContext, group: Group, alike: number): string {
  const lines = group.nodes.slice(0, COMMENTED).map((id) => ` *   ${printNodeWith(fn.graph.nodes[id]!, names)}`.replaceAll('*/', '* /'));
  const more = group.nodes.length > COMMENTED ? [` *   and ${group.nodes.length - COMMENTED} more`] : [];
  const others = alike > 0 ? [` * and ${alike} more, with numbers of their own`] : [];
  return ['/*', ` * ${fn.name}: ${group.name} (${group.kind})`, ...lines, ...more, ...others, ' */'].join('\n');
}
