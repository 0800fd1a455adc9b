import type { TorchLayout } from '../../interchange/layouts.js';
import type { Forward, Statement } from './forward.js';
import { type Group, isContainer } from './groups.js';
import type { Construction } from './layers.js';
import { access, attributeName, className, tuple } from './python.js';

/** A text with places for what differs between modules of one class: each with a name and what is there. */
type Piece = string | { readonly name: string; readonly value: string };

interface Made {
  readonly group: Group;
  /** Statements of `__init__`, and whatever else of the class is text. */
  readonly pieces: readonly Piece[];
}

export interface PythonClass {
  readonly name: string;
  readonly text: string;
}

const INDENT = '    ';

function construction(attribute: string, { type, args }: Construction): readonly Piece[] {
  const written = args.flatMap(({ name, value, positional }, at): Piece[] => [
    `${at === 0 ? '' : ', '}${positional === true ? '' : `${name}=`}`,
    { name: `${attribute}_${name}`, value },
  ]);
  return [`${type}(`, ...written, ')'];
}

function attribute(part: string, pieces: readonly Piece[]): readonly Piece[] {
  return [`${INDENT}${INDENT}self.${attributeName(part)} = `, ...pieces, '\n'];
}

/** Calls of the modules of a list, one after the other, on what the last one gave. */
function loops(statements: readonly Statement[], group: Group): readonly string[] {
  const lists = new Map<string, readonly Group[]>();
  const visit = (parent: Group): void => {
    for (const child of parent.children) {
      if (!isContainer(child)) continue;
      lists.set(child.path, child.children);
      visit(child);
    }
  };
  visit(group);
  const below = (path: string) => (group.path === '' ? path : path.slice(group.path.length + 1));
  const lines: string[] = [];
  for (let at = 0; at < statements.length; ) {
    const { targets, text, calls } = statements[at]!;
    const target = targets.join(', ');
    if (calls === undefined) {
      lines.push(`${target} = ${text}`);
      at += 1;
      continue;
    }
    const parent = calls.group.path.split('.').slice(0, -1).join('.');
    const members = lists.get(parent) ?? [];
    const run = statements.slice(at, at + members.length);
    const isRun =
      members.length > 1 &&
      isList(members) &&
      members.every((member, i) => {
        const call = run[i]?.calls;
        const same = call?.group === member && run[i]!.targets.join() === targets.join() && call.args.join() === calls.args.join();
        return same && targets.length === 1 && call.args[0] === targets[0];
      });
    if (isRun) {
      lines.push(`for block in ${access('self', below(parent))}:`, `${INDENT}${target} = block(${calls.args.join(', ')})`);
      at += members.length;
    } else {
      lines.push(`${target} = ${access('self', below(calls.group.path))}(${calls.args.join(', ')})`);
      at += 1;
    }
  }
  return lines;
}

/** Whether the names of the groups are the places of a list. */
function isList(groups: readonly Group[]): boolean {
  return groups.every(({ path }, at) => path.split('.').at(-1) === String(at));
}

/** A name of Python: the number of a place in a list does not come first. */
function identifier(name: string): string {
  return /^\d/.test(name) ? `block${name}` : name;
}

/** Arguments by the name that torch.nn has for them, where only one of a class has it. */
function shorten(parameters: Map<string, string>, nameAt: Map<number, string>): void {
  const short = (name: string) => ARGUMENTS.find((argument) => name.endsWith(`_${argument}`)) ?? name;
  const counts = new Map<string, number>();
  for (const name of parameters.values()) counts.set(short(name), (counts.get(short(name)) ?? 0) + 1);
  const taken = new Set(parameters.values());
  const final = (name: string) => (counts.get(short(name)) === 1 && !taken.has(short(name)) ? short(name) : name);
  for (const [key, name] of parameters) parameters.set(key, final(name));
  for (const [at, name] of nameAt) nameAt.set(at, final(name));
}

const ARGUMENTS = [
  'in_channels',
  'out_channels',
  'kernel_size',
  'in_features',
  'out_features',
  'num_features',
  'normalized_shape',
  'stride',
];

export class ClassWriter {
  /** By path of a module: how it is made. */
  readonly #instances = new Map<string, readonly Piece[]>();
  readonly #names = new Set<string>();
  readonly classes: PythonClass[] = [];

  constructor(
    private readonly layouts: ReadonlyMap<string, TorchLayout>,
    /** States that training moves by no gradient, such as running statistics: buffers. */
    private readonly buffers: ReadonlySet<string>,
    /** What the language calls a group, if anything. */
    private readonly nameOf: (group: Group) => string | undefined,
  ) {}

  /** Writes the classes of the modules within the model, innermost first, and what the model's own class holds. */
  write(root: Forward, name: string): readonly string[] {
    this.#names.add(name);
    const levels: Forward[][] = [];
    const visit = (forward: Forward, depth: number): void => {
      levels[depth] = [...(levels[depth] ?? []), forward];
      for (const one of forward.inner) visit(one, depth + 1);
    };
    visit(root, 0);
    for (const level of levels.slice(1).reverse()) this.#share(level.map((forward) => this.#made(forward)));
    const { pieces } = this.#made(root);
    return [pieces.map((piece) => (typeof piece === 'string' ? piece : piece.value)).join('')];
  }

  /** What holds a group: how its module is made, or the list of those in it. */
  #holding(group: Group): readonly Piece[] {
    const own = group.path.split('.').at(-1)!;
    return this.#held(group).map((piece) => (typeof piece === 'string' ? piece : { ...piece, name: `${own}_${piece.name}` }));
  }

  #held(group: Group): readonly Piece[] {
    if (!isContainer(group)) return this.#instances.get(group.path)!;
    const members = group.children.map((child) => this.#holding(child));
    const texts = members.map((pieces) => pieces.map((piece) => (typeof piece === 'string' ? piece : piece.value)).join(''));
    if (isList(group.children) && texts.length > 1 && new Set(texts).size === 1)
      return ['nn.ModuleList([', ...members[0]!, ` for _ in range(${members.length})])`];
    const open = isList(group.children) ? 'nn.ModuleList([' : 'nn.ModuleDict({';
    const keys = group.children.map(({ path }) => (isList(group.children) ? '' : `"${attributeName(path.split('.').at(-1)!)}": `));
    const inner = members.flatMap((pieces, at) => [`\n${INDENT.repeat(3)}${keys[at]}`, ...pieces, ',']);
    return [open, ...inner, `\n${INDENT.repeat(2)}${isList(group.children) ? '])' : '})'}`];
  }

  #made({ group, args, statements, returns, layers }: Forward): Made {
    const below = (path: string) => path.split('.').at(-1)!;
    const parameters = group.parameters.flatMap((state) => {
      const { shape } = this.layouts.get(state)!;
      const name = below(state);
      const size = { name: `${name}_shape`, value: tuple(shape) };
      return this.buffers.has(state)
        ? [`${INDENT}${INDENT}self.register_buffer("${attributeName(name)}", torch.empty(`, size, '))\n']
        : attribute(name, ['nn.Parameter(torch.empty(', size, '))']);
    });
    const made = layers.map((layer) => ({
      at: layer.at,
      pieces: attribute(layer.attribute, construction(layer.attribute, layer.construction)),
    }));
    const held = group.children.map((child) => ({
      at: statements.findIndex(({ calls }) => calls !== undefined && `${calls.group.path}.`.startsWith(`${child.path}.`)),
      pieces: attribute(below(child.path), this.#holding(child)),
    }));
    const inOrder = [...made, ...held].sort((a, b) => a.at - b.at).flatMap(({ pieces }) => pieces);
    const body = [...loops(statements, group), `return ${returns.join(', ')}`].map((line) => `${INDENT}${INDENT}${line}\n`);
    const forward = [`\n${INDENT}def forward(self, ${args.join(', ')}):\n`, ...body];
    return { group, pieces: [...parameters, ...inOrder, ...forward] };
  }

  /** One class for modules that differ only in what they are made with. */
  #share(modules: readonly Made[]): void {
    const kinds = new Map<string, Made[]>();
    for (const made of modules) {
      const form = made.pieces.map((piece) => (typeof piece === 'string' ? piece : '\0')).join('');
      kinds.set(form, [...(kinds.get(form) ?? []), made]);
    }
    for (const alike of kinds.values()) this.#define(alike);
  }

  #define(modules: readonly Made[]): void {
    const places = modules[0]!.pieces.flatMap((piece, at) => (typeof piece === 'string' ? [] : [{ at, name: piece.name }]));
    const valuesAt = (at: number) => modules.map(({ pieces }) => (pieces[at] as { value: string }).value);
    const parameters = new Map<string, string>();
    const nameAt = new Map<number, string>();
    for (const { at, name } of places) {
      const values = valuesAt(at);
      if (new Set(values).size === 1) continue;
      const key = values.join('\0');
      const parameter = parameters.get(key) ?? identifier(name);
      parameters.set(key, parameter);
      nameAt.set(at, parameter);
    }
    shorten(parameters, nameAt);
    const names = [...parameters.values()];
    const parts = modules[0]!.group.path.split('.').filter((part) => !/^\d+$/.test(part));
    const name = this.#unique(className(this.nameOf(modules[0]!.group) ?? parts.at(-1) ?? 'Block'));
    const text = modules[0]!.pieces.map((piece, at) => (typeof piece === 'string' ? piece : (nameAt.get(at) ?? piece.value))).join('');
    const init = `${INDENT}def __init__(self${names.map((one) => `, ${one}`).join('')}):\n${INDENT}${INDENT}super().__init__()\n`;
    this.classes.push({ name, text: `class ${name}(nn.Module):\n${init}${text}` });
    for (const [index, { group }] of modules.entries()) {
      const pieces = [...parameters].flatMap(([key, parameter], at): Piece[] => [
        `${at === 0 ? '' : ', '}${parameter}=`,
        { name: parameter, value: key.split('\0')[index]! },
      ]);
      this.#instances.set(group.path, [`${name}(`, ...pieces, ')']);
    }
  }

  #unique(wanted: string): string {
    let name = wanted;
    for (let count = 2; this.#names.has(name); count += 1) name = `${wanted}${count}`;
    this.#names.add(name);
    return name;
  }
}
