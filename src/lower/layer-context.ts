import type { GraphBuilder } from '../ir/builder.js';
import type { OpName } from '../ir/op-names.js';
import { type Attrs, elementCount, type Loc, type Shape, type StateRole, sameShape, type ValueId } from '../ir/types.js';
import { emit } from '../ops/emit.js';
import { opDefinition } from '../ops/index.js';
import type { ArgValue, LayerContext } from '../ops/layer.js';
import { constrain } from '../ops/op.js';
import { type Initializer, initAttrs, type StateInit } from '../ops/state-init.js';
import { formatShape } from '../ops/window.js';
import { fnv1a32 } from '../random/threefry.js';

/** What differs between the layers of one graph. */
export type LayerCall = Pick<LayerContext, 'input' | 'values' | 'args' | 'path' | 'loc'>;

/** What the file says of the parameters whose names a pattern means. */
export interface ParameterPattern {
  /** The attributes of parameter `name`, from what they are without this. */
  apply(name: string, shape: Shape, attrs: Attrs): Attrs;
  /** As `apply`, of running statistics. */
  applyToStatistic?(name: string, attrs: Attrs): Attrs;
}

/** How a parameter starts by an argument of its layer; undefined where that does not say. */
function initialOf(given: ArgValue | undefined, shape: Shape): StateInit | undefined {
  return typeof given === 'function' ? given(shape) : undefined;
}

interface NewState {
  readonly name: string;
  readonly role: StateRole;
  readonly shape: Shape;
  readonly init: StateInit;
  readonly layer: string;
  readonly loc: Loc;
}

/** What the layers of one graph get to build themselves with. A shared layer is built for each use, and finds its states there. */
export class LayerContexts {
  private stepInput: ValueId | undefined;
  private readonly states = new Map<string, ValueId>();
  /** How often each layer was built. */
  private readonly uses = new Map<string, number>();

  constructor(
    private readonly graph: Pick<LayerContext, 'builder' | 'mode' | 'seed' | 'share'>,
    private readonly patterns: readonly ParameterPattern[] = [],
  ) {}

  for(call: LayerCall): LayerContext {
    const { builder } = this.graph;
    const { path: layer, loc } = call;
    const use = (this.uses.get(layer) ?? 0) + 1;
    this.uses.set(layer, use);
    const given = new Map([
      ['weight', call.args.init],
      ['bias', call.args.shift_init],
    ]);
    const state = (role: StateRole, name: string, shape: Shape, init: StateInit) =>
      this.state({
        name: `${layer}.${name}`,
        role,
        shape,
        init: initialOf(given.get(name), shape) ?? init,
        layer,
        loc,
      });
    return {
      ...this.graph,
      ...call,
      // Each use of a shared layer has random numbers of its own.
      salt: fnv1a32(use === 1 ? layer : `${layer}#${use}`),
      emit: (op, inputs, attrs = {}) => emit(builder, op, inputs, { ...attrs, ...this.placeInBatch(op, inputs) }, { layer, loc }),
      part: (name) => this.for({ ...call, path: `${layer}.${name}` }),
      parameter: (name, shape, init) => state('parameter', name, shape, init),
      statistic: (name, shape, init) => state('statistic', name, shape, init),
      step: () => this.step(builder),
      type: (id) => builder.type(id),
    };
  }

  /** Where in the batch of all ranks what drops elements by their places begins; nothing where there is one rank. */
  private placeInBatch(op: OpName, inputs: readonly ValueId[]): Attrs {
    const { builder, share } = this.graph;
    if (share === undefined || opDefinition(op).dropsElements !== true) return {};
    return { first: (share.from * elementCount(builder.type(inputs[0]!).shape)) / share.batch };
  }

  /** A learned value `path` by itself, the same for every image of a batch. */
  learned(path: string, shape: Shape, init: Initializer, batch: number, loc: Loc): ValueId {
    const id = this.state({ name: path, role: 'parameter', shape, init: init(shape), layer: path, loc });
    return emit(this.graph.builder, 'broadcast', [id], { shape: [batch, ...shape] }, { layer: path, loc });
  }

  private state({ name, role, shape, init, layer, loc }: NewState): ValueId {
    const known = this.states.get(name);
    if (known !== undefined) return this.again(name, known, shape);
    let attrs: Attrs = { name, role, ...initAttrs(init) };
    for (const pattern of this.patterns) {
      if (role === 'parameter') attrs = pattern.apply(name, shape, attrs);
      else if (role === 'statistic') attrs = pattern.applyToStatistic?.(name, attrs) ?? attrs;
    }
    const id = this.graph.builder.add({ op: 'state', attrs, type: { dtype: 'f32', shape }, layer, loc });
    this.states.set(name, id);
    return id;
  }

  private again(name: string, id: ValueId, shape: Shape): ValueId {
    const first = this.graph.builder.type(id).shape;
    constrain(
      sameShape(first, shape),
      'shared_c1',
      () => `\`${name}\` would be ${formatShape(shape)} in this use, and is ${formatShape(first)} in the first one`,
    );
    return id;
  }

  private step(builder: GraphBuilder): ValueId {
    this.stepInput ??= builder.add({ op: 'input', attrs: { name: 'step' }, type: { dtype: 'i32', shape: [] } });
    return this.stepInput;
  }
}
