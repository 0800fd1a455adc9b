import { printNodeWith } from '../../ir/print.js';
import type { Group } from '../../plan/plan.js';
import { type Code, emit, joined, keyOf, partsOf, spelled } from '../code.js';
import { canShare, isAlike } from './form.js';
import type { Kernel, Launch, StepContext } from './kernel.js';
import { called, head, OwnName } from './kernel-code.js';
import { numbersPlace, type Place } from './place.js';
import { shareCode } from './shared-code.js';
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
  constructor(
    readonly code: Code,
    /** Its functions that are called with its buffers, of which there are so many. */
    readonly entries: ReadonlySet<string>,
    readonly buffers: number,
    readonly step: StepContext,
    readonly group: Group,
  ) {}
}

/**
 * The kernels of a file: each has a name, a section with its code, and a function that runs it. Kernels whose code is equal are one, and
 * many whose code differs in numbers alone share it. The sections are dealt out to the parts of the file.
 */
export class Sections {
  readonly #sections = new Map<string, Section>();
  /** By what runs them. */
  readonly #texts = new Map<string, string>();
  readonly #declarations: string[] = [];
  readonly #used = new Set<string>();
  readonly #filled = new Array<number>(PARTS).fill(0);
  readonly #numbers: string[] = [];
  #length = 0;

  /** Adds the kernel of a group. `buffers`: the length of its table. */
  add(step: StepContext, group: Group, { code, launches }: Kernel, buffers: number): KernelCode {
    const whole = joined([code, launchFunction(launches)], '\n');
    const text = spelled(whole);
    const known = this.#sections.get(text);
    if (known !== undefined) return known;
    const entries = [...launches.map(({ name }) => name), LAUNCH].map(({ suffix }) => suffix);
    const section = new Section(whole, new Set(entries), buffers, step, group);
    this.#sections.set(text, section);
    return section;
  }

  /** Gives all kernels their code; to be called when all are added. */
  close(): void {
    const forms = this.#forms();
    const shared = new Map<Section, readonly Section[]>();
    for (const alike of forms)
      if (alike.length >= MANY && canShare(alike[0]!.code, alike[0]!.entries)) for (const section of alike) shared.set(section, alike);
    for (const section of this.#sections.values()) {
      const alike = shared.get(section);
      if (alike === undefined) this.#place((name) => spelled(section.code, name), [section]);
      else if (alike[0] === section) this.#share(alike);
    }
  }

  /** The kernels by form. */
  #forms(): readonly (readonly Section[])[] {
    const forms: Section[][] = [];
    /** By what code of one form has in common: forms to look among. */
    const near = new Map<string, Section[][]>();
    for (const section of this.#sections.values()) {
      const key = `${section.buffers} ${partsOf(section.code).length} ${keyOf(section.code)}`;
      const known = near.get(key) ?? [];
      const form = known.find(([first]) => isAlike(first!.code, section.code));
      if (form !== undefined) form.push(section);
      else {
        const made = [section];
        forms.push(made);
        near.set(key, [...known, made]);
      }
    }
    return forms;
  }

  #share(alike: readonly Section[]): void {
    const [{ entries, buffers }] = alike as readonly [Section];
    const { code, numbers } = shareCode(
      alike.map((section) => section.code),
      entries,
      buffers,
    );
    this.#place(code, alike);
    for (const [i, section] of alike.entries()) {
      section.numbers = numbersPlace(this.#length);
      this.#numbers.push(`  ${numbers[i]!.join(', ')}, /* ${section.group.name} */`);
      this.#length += numbers[i]!.length;
    }
  }

  /** Writes the code of kernels that share it. */
  #place(code: (name: string) => string, sections: readonly Section[]): void {
    const [{ step, group }] = sections as readonly [Section];
    const name = this.#nameFor(step, group);
    const text = code(name);
    const part = this.#filled.indexOf(Math.min(...this.#filled));
    this.#filled[part]! += text.length;
    this.#declarations.push(`HIDDEN void ${name}_launch(ampc_context *ctx, void *const *p);`);
    const parts = [planComment(step, group, sections.length - 1), `#if IN_PART(${part})`, text, '#endif', ''];
    this.#texts.set(`${name}_launch`, parts.join('\n'));
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
    return [...this.#declarations, '', ...this.#texts.values()];
  }

  /** The text of the kernel that something runs, without what says into which part it goes. */
  textOf({ run }: KernelCode): string {
    return this.#texts.get(run)!.replace(/^#(if IN_PART.*|endif)\n/gm, '');
  }

  /** The numbers of all kernels that share their code. */
  emitNumbers(): string {
    return ['static const int numbers[] = {', ...(this.#length === 0 ? ['  0,'] : this.#numbers), '};', ''].join('\n');
  }
}

/** What runs a kernel's functions one after the other. */
const LAUNCH = new OwnName('_launch');

function launchFunction(launches: readonly Launch[]): Code {
  const statements = ['(void)ctx, (void)p;', ...launches.map(launchStatement)];
  return joined([head('HIDDEN void', LAUNCH, 'ampc_context *ctx, void *const *p'), ...indent(statements), '}'], '\n');
}

function launchStatement({ name, tasks, takesContext }: Launch): Code {
  if (takesContext === true) return emit`${called(name, 'ctx, p')};`;
  return tasks === undefined ? emit`${called(name, 'p, 0')};` : emit`parallel_for(ctx, ${name}, p, ${tasks});`;
}

function planComment({ fn, names }: StepContext, group: Group, alike: number): string {
  const lines = group.nodes.slice(0, COMMENTED).map((id) => ` *   ${printNodeWith(fn.graph.nodes[id]!, names)}`.replaceAll('*/', '* /'));
  const more = group.nodes.length > COMMENTED ? [` *   and ${group.nodes.length - COMMENTED} more`] : [];
  const others = alike > 0 ? [` * and ${alike} more, with numbers of their own`] : [];
  return ['/*', ` * ${fn.name}: ${group.name} (${group.kind})`, ...lines, ...more, ...others, ' */'].join('\n');
}
