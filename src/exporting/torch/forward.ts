import type { TorchLayout } from '../../interchange/layouts.js';
import { isConstant, isInput, isState } from '../../ir/structure.js';
import { type Graph, type Node, stringAttr } from '../../ir/types.js';
import { inputName, isImage } from '../evaluation-graph.js';
import { isRefusal, type Refusal } from '../refusal.js';
import { TorchContext, type TorchEmitter, type TorchValue } from './context.js';
import { TORCH_OPS } from './emitters.js';
import { allNodes, calledGroups, type Group, isInline } from './groups.js';
import type { Construction, LayerForm } from './layers.js';
import { access, attributeName } from './python.js';

export interface Statement {
  readonly targets: readonly string[];
  readonly text: string;
  /** Of the call of another group. */
  readonly calls?: { readonly group: Group; readonly args: readonly string[] };
}

/** What a group's module does. */
export interface Forward {
  readonly group: Group;
  readonly args: readonly string[];
  readonly statements: readonly Statement[];
  readonly returns: readonly string[];
  /** By attribute: the layers of torch.nn that it has, and the statement that calls each first. */
  readonly layers: readonly { readonly attribute: string; readonly construction: Construction; readonly at: number }[];
  readonly inner: readonly Forward[];
}

const NAMES = ['x', 'y', 'z', 'u', 'v', 'w'];

interface Unit {
  readonly nodes: readonly number[];
  readonly group?: Group;
}

/** What the model's forward is called with. */
export function argumentName(node: Node): string {
  if (isImage(node)) return 'image';
  const name = attributeName(inputName(node));
  return name === 'image' ? 'image_' : name;
}

/** Writes the forward of every group. */
export class ForwardWriter {
  readonly #known = new Map<number, Omit<TorchValue, 'text'>>();
  readonly #readers: readonly (readonly number[])[];

  constructor(
    private readonly graph: Graph,
    private readonly layouts: ReadonlyMap<string, TorchLayout>,
    private readonly claims: ReadonlyMap<number, LayerForm>,
    private readonly batch: number,
  ) {
    const readers = graph.nodes.map((): number[] => []);
    for (const node of graph.nodes) if (!isInline(node)) for (const id of this.sourcesOf(node)) readers[id]!.push(node.id);
    this.#readers = readers;
  }

  /** What a node reads: through nodes that are written where they are read, without those that are constant. */
  private sourcesOf(node: Node): readonly number[] {
    const found = node.inputs.flatMap((id) => {
      const operand = this.graph.nodes[id]!;
      if (isConstant(operand)) return [];
      return isInline(operand) && operand.inputs.length > 0 ? this.sourcesOf(operand) : [id];
    });
    return [...new Set(found)];
  }

  private isWithin(group: Group, state: Node): boolean {
    return group.path === '' || stringAttr(state.attrs, 'name').startsWith(`${group.path}.`);
  }

  /** Values from outside that the nodes read, in order. */
  private needs(group: Group, nodes: readonly number[]): readonly number[] {
    const own = new Set(nodes);
    const all = [...nodes]
      .sort((a, b) => a - b)
      .flatMap((id) => (this.claims.has(id) ? this.#claimed(id) : this.sourcesOf(this.graph.nodes[id]!)));
    return [...new Set(all)].filter(
      (id) => !own.has(id) && !(isState(this.graph.nodes[id]!) && this.isWithin(group, this.graph.nodes[id]!)),
    );
  }

  /** What a module is called with: its parameters are its own. */
  #claimed(id: number): readonly number[] {
    const node = this.graph.nodes[id]!;
    return this.sourcesOf({ ...node, inputs: node.inputs.slice(0, 1) });
  }

  /** Images channels first, vectors in the order of ampc. */
  private result(group: Group, names: ReadonlyMap<number, string>): string {
    const node = this.graph.nodes[this.graph.outputs.logits!]!;
    const value = this.valueIn(group, names, node.id);
    return this.contextOf(group, node, names).ordered(value, node.type.shape, node.type.shape.length === 4 ? 'first' : 'last').text;
  }

  private isOutput(id: number): boolean {
    return this.graph.outputs.logits === id;
  }

  /** Units in an order in which each has what it reads. */
  private ordered(group: Group, units: readonly Unit[], given: ReadonlySet<number>): readonly Unit[] {
    const done = new Set(given);
    const rest = [...units].sort((a, b) => Math.min(...a.nodes) - Math.min(...b.nodes));
    const order: Unit[] = [];
    while (rest.length > 0) {
      const at = rest.findIndex((unit) =>
        this.needs(unit.group ?? group, unit.nodes).every((id) => done.has(id) || this.isOwnState(group, id)),
      );
      if (at < 0) throw new Error(`the layers of ${group.path || this.graph.name} call each other`);
      const [unit] = rest.splice(at, 1) as [Unit];
      for (const id of unit.nodes) done.add(id);
      order.push(unit);
    }
    return order;
  }

  private isOwnState(group: Group, id: number): boolean {
    const node = this.graph.nodes[id]!;
    return isState(node) && this.isWithin(group, node);
  }

  write(group: Group): Forward {
    const nodes = allNodes(group);
    const inside = new Set(nodes);
    const isRoot = group.path === '';
    const outside = isRoot ? this.graph.nodes.filter(isInput).map(({ id }) => id) : this.needs(group, nodes);
    // What the caller gives keeps its name.
    const keeps = (id: number) => isRoot && isInput(this.graph.nodes[id]!);
    const names = new Map<number, string>();
    const args: string[] = [];
    for (const id of outside) {
      const node = this.graph.nodes[id]!;
      const name = isRoot ? argumentName(node) : (NAMES[args.length] ?? `x${args.length}`);
      args.push(name);
      names.set(id, name);
      if (!this.#known.has(id)) this.#known.set(id, { order: isImage(node) ? 'first' : 'last' });
    }
    const units: Unit[] = [
      ...group.nodes.map((id) => ({ nodes: [id] })),
      ...calledGroups(group).map((child) => ({ nodes: allNodes(child), group: child })),
    ];
    const leaves = (id: number) => this.isOutput(id) || this.#readers[id]!.some((reader) => !inside.has(reader));
    const order = this.ordered(group, units, new Set(outside));
    const lastUse = new Map<number, number>();
    for (const [at, unit] of order.entries()) for (const id of this.needs(unit.group ?? group, unit.nodes)) lastUse.set(id, at);
    const returned = nodes.filter(leaves).sort((a, b) => a - b);
    for (const id of returned) lastUse.set(id, order.length);

    const statements: Statement[] = [];
    const layers: Forward['layers'][number][] = [];
    const inner: Forward[] = [];
    const live = () => [...names].filter(([id, name]) => name !== '' && id >= 0);
    for (const [at, unit] of order.entries()) {
      const results =
        unit.group === undefined
          ? unit.nodes
          : unit.nodes
              .filter((id) => this.#readers[id]!.some((reader) => !unit.nodes.includes(reader)) || this.isOutput(id))
              .sort((a, b) => a - b);
      const text = unit.group === undefined ? this.nodeText(group, unit.nodes[0]!, names, layers, at) : undefined;
      let calls: Statement['calls'];
      if (unit.group !== undefined) {
        const made = this.write(unit.group);
        inner.push(made);
        calls = { group: unit.group, args: this.needs(unit.group, unit.nodes).map((id) => this.atom(group, id, names)) };
      }
      const used = this.needs(unit.group ?? group, unit.nodes);
      const dying = used.filter((id) => lastUse.get(id) === at && names.has(id) && !keeps(id)).map((id) => names.get(id)!);
      for (const id of used) if (lastUse.get(id) === at && !keeps(id)) names.delete(id);
      const busy = new Set(live().map(([, name]) => name));
      const targets = results.map((id) => {
        const name = [...dying, ...NAMES, ...Array.from({ length: 999 }, (_, i) => `x${i + 1}`)].find((one) => !busy.has(one))!;
        busy.add(name);
        names.set(id, name);
        return name;
      });
      statements.push({ targets, text: text ?? '', ...(calls && { calls }) });
    }
    const returns = isRoot ? [this.result(group, names)] : returned.map((id) => names.get(id)!);
    return { group, args, statements, returns, layers, inner };
  }

  /** A value by its name, or a parameter by its path. */
  private atom(group: Group, id: number, names: ReadonlyMap<number, string>): string {
    const node = this.graph.nodes[id]!;
    if (!isState(node) || names.has(id)) return names.get(id)!;
    const path = stringAttr(node.attrs, 'name');
    return access('self', group.path === '' ? path : path.slice(group.path.length + 1));
  }

  private valueIn(group: Group, names: ReadonlyMap<number, string>, id: number): TorchValue {
    const node = this.graph.nodes[id]!;
    if (!isInline(node) || node.inputs.length === 0)
      return { ...(this.#known.get(id) ?? { order: 'last' }), text: this.atom(group, id, names) };
    const inlined = this.emitterOf(node)(this.contextOf(group, node, names));
    return { ...inlined, text: `(${inlined.text})` };
  }

  private contextOf(group: Group, node: Node, names: ReadonlyMap<number, string>): TorchContext {
    const value = (id: number) => this.valueIn(group, names, id);
    const batchSize = () => {
      if (group.path === '') return 'image.shape[0]';
      const batched = [...names].find(([id]) => this.graph.nodes[id]!.type.shape[0] === this.batch);
      if (batched === undefined) throw new Error(`${group.path} knows no batch`);
      return `${batched[1]}.shape[0]`;
    };
    return new TorchContext(this.graph, node, this.layouts, this.batch, value, batchSize);
  }

  private emitterOf(node: Node): TorchEmitter {
    const entry = (TORCH_OPS as Readonly<Record<string, TorchEmitter | Refusal>>)[node.op]!;
    if (isRefusal(entry)) throw new Error(`${node.op} is refused`);
    return entry;
  }

  /** The expression of a node, and in `layers` the module that it calls. */
  private nodeText(group: Group, id: number, names: ReadonlyMap<number, string>, layers: Forward['layers'][number][], at: number): string {
    const node = this.graph.nodes[id]!;
    const context = this.contextOf(group, node, names);
    const form = this.claims.get(id);
    if (form === undefined) {
      const { text, ...known } = this.emitterOf(node)(context);
      this.#known.set(id, known);
      return text;
    }
    const { argument, result } = form.call(context);
    this.#known.set(id, result);
    const attribute = group.path === '' ? node.layer : node.layer.slice(group.path.length + 1);
    layers.push({ attribute, construction: form.make(context), at });
    return `${access('self', attribute)}(${argument})`;
  }
}
